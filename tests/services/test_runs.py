"""Runs that people ask for, stop and decide on, and how they are found and counted."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict, Invalid, NotFound
from app.domain.access import Actor
from app.infra import queues, redis
from app.infra.database import db
from app.models.instance import Audit
from app.models.runs import Artifact, Attempt, Event, LogChunk, Run, Step
from app.models.tasks import Task, TaskVersion
from app.services import run_list, run_log, runs
from app.services.execution.claims import claim
from app.services.run_list import Filters
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows

LEASE = timedelta(seconds=10)


@pytest.fixture
def actor(app):
    with app.app_context():
        yield factories.owner(factories.team())


@pytest.fixture
def task(actor):
    return factories.task(actor.team_id)


@pytest.fixture
def stranger(actor):
    return Actor(actor.person_id, factories.team("elsewhere"), "owner")


def run_of(actor, task, state="succeeded", **values):
    """The number of a run in `state`."""
    run_id = factories.run(actor.team_id, task, state, **values)
    return rows(Run, Run.id == run_id)[0].number


def change(model, row_id, **values):
    with batch() as work:
        work.connection.execute(sa.update(model).where(model.id == row_id).values(**values))


def stored(actor, number):
    (row,) = rows(Run, Run.team_id == actor.team_id, Run.number == number)
    return row


def audited():
    return [row.action for row in rows(Audit)]


# --- asking


def test_a_run_that_was_asked_for_is_queued_at_once(actor, task):
    run = stored(actor, runs.start(actor, task))
    assert (run.state, run.trigger, run.requested_by_id) == ("queued", "person", actor.person_id)
    assert run.key.startswith("manual:")
    assert run.planned_at == run.queued_at
    assert queues.waiting("io") == {queues.job_id(run.id, 1)}
    assert "run_asked_for" in audited()
    assert [event.kind for event in rows(Event, Event.run_id == run.id)] == ["queued"]


def test_a_paused_task_can_be_started_by_hand(actor, task):
    change(Task, task, paused_at=ago(hours=1))
    assert stored(actor, runs.start(actor, task)).state == "queued"


def test_a_deleted_or_foreign_task_is_not_there(actor, stranger, task):
    with pytest.raises(NotFound):
        runs.start(stranger, task)
    change(Task, task, deleted_at=ago(hours=1))
    with pytest.raises(NotFound):
        runs.start(actor, task)
    assert rows(Run) == []


def test_again_runs_the_task_as_it_is_now_or_as_it_was_then(actor, task):
    first = stored(actor, run_of(actor, task))
    second = {name: value for name, value in rows(TaskVersion)[0]._mapping.items() if name != "id"} | {"number": 2}
    with batch() as work:
        newest = work.connection.execute(sa.insert(TaskVersion).values(second).returning(TaskVersion.id)).scalar_one()
    change(Task, task, version_id=newest)
    now = stored(actor, runs.again(actor, first.number))
    then = stored(actor, runs.again(actor, first.number, with_its_version=True))
    assert (now.version_id, then.version_id) == (newest, first.version_id)
    assert first.number < now.number < then.number


def test_a_deleted_task_does_not_run_again(actor, task):
    number = run_of(actor, task)
    change(Task, task, deleted_at=ago(hours=1))
    with pytest.raises(Conflict, match="was deleted"):
        runs.again(actor, number)


# --- stopping


def test_a_queued_run_is_cancelled_at_once_and_never_starts(actor, task):
    number = runs.start(actor, task)
    runs.cancel(actor, number)
    run = stored(actor, number)
    assert (run.state, run.reason, run.sentence) == ("cancelled", "person", "Cancelled by Ada Park before it started.")
    assert run.ended_at
    with batch() as work:
        assert claim(work, [(run.id, 1)], "w-1", LEASE) == []


def test_a_run_that_waits_for_its_next_try_is_cancelled_at_once(actor, task):
    number = run_of(actor, task, "waiting", reason="retry", not_before=ago(seconds=-60), started_at=ago(seconds=9))
    runs.cancel(actor, number, "after_step")
    run = stored(actor, number)
    assert (run.state, run.not_before) == ("cancelled", None)
    assert run.sentence.endswith("before it was tried again.")


def test_a_running_run_is_asked_to_stop_and_goes_on_until_its_worker_says_so(actor, task):
    number = run_of(actor, task, "running", started_at=ago(seconds=5))
    heard = redis.client().pubsub(ignore_subscribe_messages=True)
    heard.subscribe(redis.STOP)
    heard.get_message(timeout=1)
    runs.cancel(actor, number, "after_step")
    run = stored(actor, number)
    assert (run.state, run.stop_mode, run.stop_reason) == ("running", "after_step", "person")
    assert heard.get_message(timeout=2)["data"] == str(run.id).encode()
    heard.close()
    assert "run_cancelled" in audited()


def test_now_overrides_after_step_and_is_not_overridden(actor, task):
    number = run_of(actor, task, "running", started_at=ago(seconds=5))
    modes = []
    for mode in ("after_step", "now", "after_step"):
        runs.cancel(actor, number, mode)
        modes.append(stored(actor, number).stop_mode)
    assert modes == ["after_step", "now", "now"]


def test_what_has_ended_is_not_cancelled(actor, task):
    number = run_of(actor, task, "timed_out")
    with pytest.raises(Conflict, match="already ended: it is timed out"):
        runs.cancel(actor, number)


def test_another_teams_run_is_not_there_whatever_is_asked(actor, stranger, task):
    number = runs.start(actor, task)
    for ask in (
        lambda: runs.cancel(stranger, number, "nonsense"),
        lambda: runs.decide(stranger, number, "nonsense"),
        lambda: runs.again(stranger, number),
        lambda: runs.find(stranger, number),
        lambda: runs.is_over(stranger, number),
        lambda: run_log.lines(stranger, number),
        lambda: run_log.text(stranger, number),
    ):
        with pytest.raises(NotFound):
            ask()
    assert stored(actor, number).state == "queued"


def test_how_it_stops_must_be_one_of_two(actor, task):
    with pytest.raises(Invalid):
        runs.cancel(actor, runs.start(actor, task), "later")


# --- deciding


def vanished(actor, task):
    return run_of(actor, task, "waiting", reason="approval", started_at=ago(minutes=1), token=1)


def test_a_person_lets_a_run_whose_worker_vanished_run_again(actor, task):
    number = vanished(actor, task)
    runs.decide(actor, number, "again")
    run = stored(actor, number)
    assert (run.state, run.reason, run.attempt) == ("queued", "", 2)
    assert queues.waiting("io") == {queues.job_id(run.id, 2)}
    with batch() as work:
        (held,) = claim(work, [(run.id, 2)], "w-1", LEASE)
    assert held.token == 2


def test_a_person_ends_a_run_whose_worker_vanished(actor, task):
    number = vanished(actor, task)
    runs.decide(actor, number, "end")
    run = stored(actor, number)
    assert (run.state, run.reason) == ("failed", "lost")
    assert "Ada Park ended it" in run.sentence


def test_only_what_waits_for_a_decision_is_decided_and_only_once(actor, task):
    number = vanished(actor, task)
    runs.decide(actor, number, "again")
    for answer in ("again", "end"):
        with pytest.raises(Conflict):
            runs.decide(actor, number, answer)
    assert audited().count("run_decided") == 1


# --- one run


def test_a_run_is_found_with_its_attempts_steps_and_files_in_a_bounded_number_of_queries(actor, task):
    number = run_of(actor, task, started_at=ago(seconds=9), ended_at=ago(seconds=1))
    run = stored(actor, number)
    for token in (1, 2, 3):
        values = {"run_id": run.id, "number": token, "token": token, "state": "failed", "worker": "w"}
        with batch() as work:
            values |= {"isolation": {}, "started_at": work.now}
            insert = sa.insert(Attempt).values(values).returning(Attempt.id)
            attempt = work.connection.execute(insert).scalar_one()
            step = {"attempt_id": attempt, "name": "run", "state": "failed", "started_at": work.now}
            work.connection.execute(sa.insert(Step), [step | {"position": position} for position in (1, 2)])
    with batch() as work:
        file = {"team_id": actor.team_id, "run_id": run.id, "name": "a.csv", "media_type": "text/csv", "size_bytes": 1}
        work.connection.execute(sa.insert(Artifact).values(file | {"digest": "0" * 64, "created_at": work.now}))
    asked = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    found = runs.find(actor, number).run
    assert [[step.position for step in attempt.steps] for attempt in found.attempts] == [[1, 2]] * 3
    assert [file.name for file in found.artifacts] == ["a.csv"]
    assert found.task.name == "probe"
    assert len(asked) <= 7


def test_the_usual_time_is_that_of_other_runs_that_succeeded(actor, task):
    for seconds in (10, 20, 30):
        run_of(actor, task, started_at=ago(seconds=100), ended_at=ago(seconds=100 - seconds))
    run_of(actor, task, "failed", started_at=ago(seconds=100), ended_at=ago(seconds=1))
    number = run_of(actor, task, started_at=ago(seconds=100), ended_at=ago(seconds=2))
    assert runs.find(actor, number).usual_seconds == pytest.approx(20, abs=0.1)


def test_the_place_in_line_counts_the_runs_of_the_same_lane_that_were_queued_before(actor, task):
    factories.run(actor.team_id, task, lane="code")
    factories.run(actor.team_id, task, "running")
    numbers = [runs.start(actor, task) for _ in range(3)]
    assert [runs.find(actor, number).ahead for number in numbers] == [0, 1, 2]


# --- the log


@pytest.fixture
def logged(actor, task):
    """A run with 25 lines in chunks of ten."""
    number = run_of(actor, task)
    run = stored(actor, number)
    for first in (1, 11, 21):
        lines = [[n / 10, "warn" if n % 7 == 0 else "info", f"line {n}"] for n in range(first, min(first + 10, 26))]
        chunk = {"run_id": run.id, "first": first, "count": len(lines), "size_bytes": 9, "token": 1, "lines": lines}
        with batch() as work:
            work.connection.execute(sa.insert(LogChunk).values(chunk | {"at": factories.EPOCH}))
    return number


def test_a_window_of_the_log_has_exactly_its_lines(actor, logged):
    for asked, first, last in (
        ({}, 1, 25),
        ({"limit": 7}, 19, 25),
        ({"after": 0, "limit": 5}, 1, 5),
        ({"after": 9, "limit": 4}, 10, 13),
        ({"after": 20}, 21, 25),
        ({"before": 15, "limit": 6}, 9, 14),
        ({"before": 4}, 1, 3),
        ({"before": 900, "limit": 2}, 24, 25),
    ):
        lines = run_log.lines(actor, logged, **asked)
        assert [line.number for line in lines] == list(range(first, last + 1)), asked
        assert lines[0].text == f"line {first}"
        assert lines[0].at == factories.EPOCH + timedelta(seconds=first / 10)


def test_beyond_the_log_there_is_nothing(actor, logged):
    for asked in ({"after": 25}, {"before": 1}, {"after": 10**6}, {"before": 0}):
        assert list(run_log.lines(actor, logged, **asked)) == [], asked


def test_the_whole_log_is_text(actor, logged):
    lines = "".join(run_log.text(actor, logged)).splitlines()
    assert len(lines) == 25
    assert lines[6] == "2020-01-01T00:00:00.700Z warn  line 7"
    assert run_log.last_number(actor, logged) == 25


# --- the list


def period(**more):
    return Filters(ago(days=2), ago(seconds=-60), **more)


@pytest.fixture
def many(actor, task):
    """130 runs, the newest last; every tenth failed, every thirteenth was missed; ten share an instant."""
    states = ["failed" if n % 10 == 0 else "missed" if n % 13 == 0 else "succeeded" for n in range(130)]
    start, same = ago(hours=5), ago(hours=4)
    one = rows(Run, Run.number == run_of(actor, task))[0]._mapping
    made = [
        dict(one) | {"id": 1000 + n, "number": 1000 + n, "key": f"past:{n}", "state": state}
        | {"planned_at": same if 40 <= n < 50 else start + timedelta(minutes=n)}
        for n, state in enumerate(states)
    ]  # fmt: skip
    with batch() as work:
        work.connection.execute(sa.delete(Run))
        work.connection.execute(sa.insert(Run), made)


def walk(actor, filters):
    """The numbers of all pages, going down."""
    numbers, page = [], run_list.listing(actor, filters)
    while True:
        numbers += [row.number for row in page.rows]
        if not page.has_older:
            return numbers
        page = run_list.listing(actor, filters, before=numbers[-1])
        assert page.has_newer


def test_pages_show_every_run_once_the_newest_first(actor, many):
    for state in ("", "failed", "missed", "not", "succeeded"):
        expected = [run for run in rows(Run) if not state or run.state in run_list.GROUPS.get(state, {state})]
        expected.sort(key=lambda run: (run.planned_at, run.id), reverse=True)
        assert walk(actor, period(status=state)) == [run.number for run in expected], state


def test_going_up_leads_back_to_the_same_page(actor, many):
    first = run_list.listing(actor, period())
    second = run_list.listing(actor, period(), before=first.rows[-1].number)
    back = run_list.listing(actor, period(), after=second.rows[0].number)
    assert [row.number for row in back.rows] == [row.number for row in first.rows]
    assert not back.has_newer
    assert back.has_older


def test_runs_are_filtered_by_task_trigger_and_whose_they_are(actor, task, stranger):
    other = factories.task(actor.team_id, "other")
    change(Task, other, owner_id=actor.person_id)
    mine = run_of(actor, task, requested_by_id=actor.person_id)
    owned = run_of(actor, other, trigger="schedule")
    run_of(actor, task, trigger="schedule")
    factories.run(stranger.team_id, factories.task(stranger.team_id))
    assert walk(actor, period(task="other")) == [owned]
    assert walk(actor, period(trigger="person")) == [mine]
    assert walk(actor, period(is_mine=True)) == [owned, mine]
    assert len(walk(actor, period())) == 3


def test_what_is_outside_the_period_is_left_out(actor, task):
    run_of(actor, task, planned_at=ago(days=3))
    assert walk(actor, period()) == []
    assert run_list.account(actor, period()).planned == 0


def test_an_unknown_state_or_place_is_nothing(actor, many):
    for asked in (period(status="fine"), period()):
        with pytest.raises(NotFound):
            run_list.listing(actor, asked, before=9999)


def test_what_was_planned_is_accounted_for_and_folded_rows_count_for_all_they_stand_for(actor, task):
    states = ("succeeded", "failed", "unmet", "running", "queued", "cancelled", "skipped", "missed", "blocked")
    for state in states:
        run_of(actor, task, state)
    run_of(actor, task, "missed", folded_count=40)
    account = run_list.account(actor, period(status="failed"))
    assert account.planned == 49
    assert (account.ran, account.going, account.of("cancelled")) == (3, 2, 1)
    assert (account.of("skipped"), account.of("missed"), account.of("blocked"), account.did_not) == (1, 41, 1, 43)
    assert account.of("failed") == 2
    assert account.planned == account.ran + account.going + account.of("cancelled") + account.did_not
