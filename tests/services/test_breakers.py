"""Circuit breakers in the database: they hold attempts back without using up a try, and let one probe through."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from app.core.errors import NotFound
from app.engines.base import Outcome
from app.infra.database import db
from app.models.instance import Audit
from app.models.runs import Alert, Attempt, Backfill, Event, Run, Step
from app.models.teams import Breaker
from app.services.execution import breakers, claims, gates, outcomes
from app.services.execution.outcomes import StepRow
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows

LEASE = timedelta(seconds=10)
HOST = ["host:example.com"]
OK = Outcome("succeeded", "ok", "It worked.")
PASSING = Outcome("failed", "http_status", "503 Service Unavailable.", "transient")
HOPELESS = Outcome("failed", "http_status", "404 Not Found.", "permanent")
STOPPED = Outcome("cancelled", "person", "Stopped.")


@pytest.fixture
def task(team):
    return factories.task(team)


@pytest.fixture
def begun(team, task):
    """Claim a new run; returns what is held."""

    def claim(**values):
        return claimed(factories.run(team, task, **values))

    return claim


def claimed(run, attempt=1):
    with batch() as work:
        return claims.claim(work, [(run, attempt)], "one", LEASE)[0]


def try_it(held, outcome, targets=HOST):
    """Ask as `perform` does; returns the outcome of the attempt."""
    if held_back := gates.before(held, targets):
        return held_back
    gates.after(held, targets, outcome)
    return outcome


def finish(held, outcome, steps=()):
    with batch() as work:
        return outcomes.finish(work, held, outcome, steps, ())


@pytest.fixture
def broken(begun):
    """The breaker of example.com has just opened."""
    for _ in range(5):
        finish(held := begun(), try_it(held, PASSING))


def pause_is_over():
    with batch() as work:
        work.connection.execute(sa.update(Breaker).values(open_until=work.now - timedelta(seconds=1)))


def the_breaker():
    (found,) = rows(Breaker)
    return found


def the_run(held):
    (found,) = rows(Run, Run.id == held.run_id)
    return found


def test_after_five_failures_in_a_row_a_run_waits_and_has_not_been_tried(begun, broken):
    held = begun()
    assert finish(held, try_it(held, OK)) == "waiting"
    run, shut = the_run(held), the_breaker()
    assert (run.reason, run.started_at, run.lease_until) == ("breaker", None, None)
    assert run.sentence == f"Waits: example.com failed 5 times in a row; next try at {shut.open_until:%H:%M} UTC."
    assert run.not_before >= shut.open_until
    assert rows(Attempt, Attempt.run_id == held.run_id) == []
    assert [event.kind for event in rows(Event, Event.run_id == held.run_id)] == ["running", "waiting"]
    assert shut.problem == "503 Service Unavailable."


def test_what_was_held_back_keeps_all_its_tries(begun, broken):
    held = begun()
    for _ in range(4):
        finish(held, try_it(held, OK))
        with batch() as work:
            again = {"state": "queued", "attempt": Run.attempt + 1, "queued_at": work.now}
            work.connection.execute(sa.update(Run).where(Run.id == held.run_id).values(again))
        held = claimed(held.run_id)
    assert (held.attempt, held.token) == (1, 5)
    assert finish(held, PASSING) == "waiting"
    assert the_run(held).reason == "retry"
    assert len(rows(Attempt, Attempt.run_id == held.run_id)) == 1


def test_a_run_that_had_begun_keeps_its_attempt(begun, broken):
    held = begun()
    with batch() as work:
        step = StepRow(1, "Fetch", "succeeded", "", work.now, work.now)
    finish(held, try_it(held, OK), [step])
    (attempt,) = rows(Attempt, Attempt.run_id == held.run_id)
    assert (attempt.state, attempt.reason, attempt.error_class) == ("interrupted", "breaker", "")
    assert attempt.ended_at
    assert len(rows(Step)) == 1


def test_when_the_pause_is_over_one_run_tries_and_the_others_wait(begun, broken):
    pause_is_over()
    probe, other = begun(), begun()
    assert gates.before(probe, HOST) is None
    assert (the_breaker().state, the_breaker().probe_run_id) == ("half_open", probe.run_id)
    assert gates.before(other, HOST).reason == "breaker"
    assert gates.before(probe, HOST) is None  # of itself it does not wait


def test_of_many_workers_at_the_same_instant_one_run_tries(app, begun, broken):
    pause_is_over()
    together, let_through = Barrier(6), []

    def ask(held):
        with app.app_context():
            together.wait()
            if gates.before(held, HOST) is None:
                let_through.append(held.run_id)

    threads = [Thread(target=ask, args=(begun(),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert let_through == [the_breaker().probe_run_id]


def test_an_answer_closes_it_and_those_that_wait_go_on_one_after_the_other(begun, broken):
    waiting = [begun() for _ in range(3)]
    for held in waiting:
        finish(held, try_it(held, OK))
    pause_is_over()
    probe = begun()
    assert finish(probe, try_it(probe, HOPELESS)) == "failed"
    assert rows(Breaker) == []
    first, *others = sorted(the_run(held).not_before for held in waiting)
    assert [round((at - first).total_seconds(), 2) for at in others] == [0.1, 0.2]
    (alert,) = rows(Alert, Alert.kind == "breaker")
    assert alert.sentence == (
        "example.com failed 5 times in a row, so runs that need it wait. 503 Service Unavailable."
    )
    assert alert.recovery == "example.com answers again."


@pytest.mark.alike
def test_a_problem_that_names_the_host_is_told_with_how_often(begun):
    gone = Outcome("failed", "refused", "example.com refused the connection.", "transient")
    for _ in range(5):
        run = begun()
        finish(run, try_it(run, gone))
    (alert,) = rows(Alert, Alert.kind == "breaker")
    assert alert.sentence == "example.com refused the connection, 5 times in a row. Runs that need it wait."


def test_whoever_is_held_back_while_it_closes_goes_on_at_once(begun, broken):
    pause_is_over()
    probe, late = begun(), begun()
    assert gates.before(probe, HOST) is None
    held_back = gates.before(late, HOST)
    gates.after(probe, HOST, OK)
    finish(late, held_back)
    with batch() as work:
        assert the_run(late).not_before <= work.now


def test_a_probe_that_fails_leaves_it_open_for_longer_without_another_alert(begun, broken):
    pause_is_over()
    probe = begun()
    try_it(probe, PASSING)
    assert (the_breaker().state, the_breaker().failures, the_breaker().opened) == ("open", 6, 2)
    pause = (the_breaker().open_until - the_breaker().changed_at).total_seconds()
    assert 60 <= pause <= 60 * 1.25  # twice the first one, and a little more by chance
    assert len(rows(Alert, Alert.kind == "breaker")) == 1


def test_a_probe_whose_worker_dies_leaves_the_place_to_another(begun, broken):
    pause_is_over()
    probe, other = begun(), begun()
    gates.before(probe, HOST)
    assert gates.before(other, HOST)
    with batch() as work:
        outcomes.lose(work, probe.run_id, probe.token)
    assert gates.before(other, HOST) is None
    assert the_breaker().probe_run_id == other.run_id


@pytest.mark.alike
def test_a_probe_that_is_stopped_lets_the_next_one_try_at_once(begun, broken):
    pause_is_over()
    probe, other = begun(), begun()
    gates.before(probe, HOST)
    finish(other, gates.before(other, HOST))
    gates.after(probe, HOST, STOPPED)
    assert (the_breaker().state, the_breaker().probe_run_id) == ("half_open", None)
    with batch() as work:
        assert the_run(other).not_before <= work.now


@pytest.mark.alike
def test_what_is_not_of_the_target_does_not_count(begun):
    for outcome in (HOPELESS, STOPPED, Outcome("failed", "crash", "It died.", "crash"), OK):
        for _ in range(6):
            try_it(begun(), outcome)
    for _ in range(6):
        try_it(begun(), Outcome("timed_out", "timeout", "Its own limit.", "transient"), ["model:Sonnet"])
    assert rows(Breaker) == []


@pytest.mark.alike
def test_a_success_in_between_ends_the_row(begun):
    for outcome in (*[PASSING] * 4, OK, *[PASSING] * 4):
        try_it(begun(), outcome)
    assert (the_breaker().state, the_breaker().failures) == ("closed", 4)
    assert rows(Alert, Alert.kind == "breaker") == []


@pytest.mark.alike
def test_all_targets_of_a_run_must_be_there(begun, broken):
    pause_is_over()
    both = ["host:a.example", *HOST]
    for _ in range(5):
        try_it(begun(), PASSING, ["host:a.example"])
    held = begun()
    assert "a.example failed 5 times" in gates.before(held, both).sentence
    assert {row.target: row.probe_run_id for row in rows(Breaker)} == {"host:a.example": None, "host:example.com": None}


@pytest.mark.alike
def test_a_run_that_has_waited_past_its_grace_ends_as_blocked(team, begun, broken):
    held = begun(planned_at=ago(minutes=59))
    assert held.grace_until < ago(seconds=-61)
    held.grace_until = ago(seconds=1)
    assert finish(held, try_it(held, OK)) == "blocked"
    run = the_run(held)
    assert (run.reason, run.sentence) == (
        "breaker", "Not started: example.com failed 5 times in a row, until its grace had passed.",
    )  # fmt: skip


@pytest.mark.alike
def test_a_run_of_a_backfill_waits_however_old_its_date_is(team, task, begun, broken):
    with batch() as work:
        values = {"team_id": team, "task_id": task, "version_id": 1, "since": ago(days=9), "until": ago(days=8)}
        more = {"runs": 1, "concurrency": 1, "created_at": work.now}
        made = work.connection.execute(sa.insert(Backfill).values(values | more).returning(Backfill.id)).scalar_one()
    held = begun(planned_at=ago(days=9), trigger="backfill", backfill_id=made)
    assert finish(held, try_it(held, OK)) == "waiting"
    assert the_run(held).sentence.startswith("Waits: example.com failed 5 times in a row")


@pytest.mark.alike
def test_a_run_that_has_begun_waits_however_late_it_is(begun, broken):
    held = begun(planned_at=ago(minutes=50), started_at=ago(minutes=40))
    assert held.grace_until is None
    assert finish(held, try_it(held, OK)) == "waiting"
    assert the_run(held).started_at is not None


@pytest.mark.alike
def test_somebody_who_stops_a_run_that_is_held_back_ends_it(begun, broken):
    held = begun()
    with batch() as work:
        work.connection.execute(
            sa.update(Run).where(Run.id == held.run_id).values(stop_mode="now", stop_reason="person")
        )
    assert finish(held, try_it(held, OK)) == "cancelled"
    assert the_run(held).reason == "person"


@pytest.mark.alike
def test_teams_have_breakers_of_their_own(app, begun, broken):
    other = factories.team("elsewhere")
    assert gates.before(claimed(factories.run(other, factories.task(other))), HOST) is None


@pytest.mark.alike
def test_without_trouble_an_attempt_costs_one_look_and_without_targets_none(begun):
    held, asked = begun(), []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    sa.event.listen(db.engines["write"], "before_cursor_execute", lambda *call: asked.append(call[2]))
    try_it(held, OK, [])
    assert asked == []
    try_it(held, OK)
    assert [text for text in asked if not text.startswith("BEGIN")] == [asked[-1]]
    assert asked[-1].startswith("SELECT breakers.state")


def test_it_is_listed_and_closed_by_hand(team, begun, broken):
    ada = factories.owner(team)
    held = begun()
    finish(held, try_it(held, OK))
    (line,) = breakers.listing(ada)
    assert (line.target, line.name, line.state, line.failures) == (HOST[0], "example.com", "open", 5)
    breakers.try_now(ada, HOST[0])
    db.session.rollback()  # the next request
    assert (breakers.listing(ada), rows(Breaker)) == ([], [])
    with batch() as work:
        assert the_run(held).not_before <= work.now
    assert [row.recovery for row in rows(Alert, Alert.kind == "breaker")] == [
        "Somebody lets runs try example.com again."
    ]
    assert [(row.action, row.person_id) for row in rows(Audit)] == [("breaker_closed", ada.person_id)]
    with pytest.raises(NotFound):
        breakers.try_now(ada, HOST[0])


@pytest.mark.alike
def test_another_teams_breaker_is_not_there(begun, broken):
    stranger = factories.owner(factories.team("elsewhere"))
    assert breakers.listing(stranger) == []
    with pytest.raises(NotFound):
        breakers.try_now(stranger, HOST[0])
