"""Tasks that run after others: started by their ends once, or left out with a reason, also while those change."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid
from app.engines.base import Outcome
from app.infra import queues
from app.models.runs import Event, Run
from app.models.tasks import Task, TaskLink, TaskVersion
from app.services import runs, tasks, verify
from app.services.execution import aftermath, claims, dependents, outcomes
from app.services.tasks import order
from app.services.tasks.definitions import Draft
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows

LEASE = timedelta(seconds=10)
OK = Outcome("succeeded", "ok", "It worked.")
BAD = Outcome("failed", "http_status", "404 Not Found.", "permanent")


def ran(task_id, outcome=OK, **values):
    """A run of a task that came to this end; returns its id."""
    (row,) = rows(Task, Task.id == task_id)
    run_id = factories.run(row.team_id, task_id, **values)
    finish(claim(run_id), outcome)
    return run_id


def claim(run_id):
    with batch() as work:
        return claims.claim(work, [(run_id, 1)], "one", LEASE)[0]


def finish(held, outcome=OK):
    with batch() as work:
        outcomes.finish(work, held, outcome, (), (), ())


def runs_of(task_id):
    return rows(Run, Run.task_id == task_id)


def the_run(task_id):
    (found,) = runs_of(task_id)
    return found


def test_a_task_starts_when_the_one_before_it_has_succeeded(team, extract, load, report):
    factories.after(load, extract)
    factories.after(report, load)
    first = ran(extract)
    run = the_run(load)
    assert (run.state, run.trigger, run.key) == ("queued", "upstream", f"after:{first}")
    assert run.notes == ["After Extract (#1)."]
    assert run.upstreams == {str(extract): first}
    assert queues.job_id(run.id, 1) in queues.waiting("io")
    assert runs_of(report) == []
    finish(claim(run.id))
    assert the_run(report).state == "queued"


def test_a_failure_travels_down_the_chain_and_each_says_why(team, extract, load, report):
    factories.after(load, extract)
    factories.after(report, load)
    ran(extract, BAD)
    assert (the_run(load).state, the_run(load).reason) == ("skipped", "upstream")
    assert the_run(load).sentence == "Skipped: Extract failed (#1)."
    assert the_run(report).sentence == f"Skipped: Load was skipped (#{the_run(load).number})."
    kinds = [event.kind for event in rows(Event, Event.run_id == the_run(report).id)]
    assert kinds == ["skipped"]


@pytest.mark.alike
@pytest.mark.parametrize(
    ("on", "outcome", "state"),
    [
        ("failure", BAD, "queued"),
        ("failure", OK, None),
        ("any", BAD, "queued"),
        ("any", OK, "queued"),
        ("success", Outcome("degraded", "optional", "Done without a part."), "queued"),
        ("success", Outcome("unmet", "contract", "No row."), "skipped"),
    ],
)
def test_what_is_waited_for_is_a_success_a_failure_or_any_end(team, extract, load, on, outcome, state):
    factories.after(load, (extract, on))
    ran(extract, outcome)
    assert [run.state for run in runs_of(load)] == ([state] if state else [])


def test_a_join_waits_for_all_and_says_for_whom(team, extract, load, report):
    factories.after(report, extract, load)
    first = ran(extract)
    run = the_run(report)
    assert (run.state, run.reason, run.sentence) == ("waiting", "upstream", "Waits for Load (1 of 2 done).")
    second = ran(load)
    run = the_run(report)
    assert (run.state, run.key) == ("queued", f"after:{first}")
    assert run.upstreams == {str(extract): first, str(load): second}
    assert run.notes == ["After Extract (#1) and Load (#3)."]


@pytest.mark.alike
def test_an_upstream_that_ends_again_before_the_others_counts_with_its_newer_run(team, extract, load, report):
    factories.after(report, extract, load)
    ran(extract)
    again = ran(extract)
    ran(load)
    assert the_run(report).upstreams[str(extract)] == again


@pytest.mark.alike
def test_the_first_of_any_starts_it_and_the_others_of_the_round_start_nothing_more(team, extract, load, report):
    factories.after(report, extract, load, join="any")
    ran(extract)
    ran(load)
    assert [run.state for run in runs_of(report)] == ["queued"]
    finish(claim(the_run(report).id))
    ran(extract)  # it comes round again
    assert [run.state for run in runs_of(report)] == ["succeeded", "queued"]


@pytest.mark.alike
def test_one_that_ends_twice_in_one_transaction_begins_two_rounds(team, extract, load):
    report = factories.task(team, "report", label="Report", overlap="allow")
    factories.after(report, extract, load, join="any")
    held = [claim(factories.run(team, extract)) for _ in range(2)]
    with batch() as work:
        for one in held:
            outcomes.finish(work, one, OK, (), (), ())
    assert [run.state for run in runs_of(report)] == ["queued", "queued"]


@pytest.mark.alike
def test_a_join_that_can_not_be_any_more_is_left_out_once(team, extract, load, report):
    factories.after(report, extract, load)
    ran(extract, BAD)
    ran(load)
    assert the_run(report).sentence == "Skipped: Extract failed (#1)."
    ran(extract)
    ran(load)
    assert [run.state for run in runs_of(report)] == ["skipped", "queued"]


@pytest.mark.alike
def test_two_of_three_are_enough(team, extract, load, report):
    third = factories.task(team, "third", label="Third", retries=0)
    factories.after(report, extract, load, third, join=2)
    ran(extract)
    ran(load, BAD)
    assert the_run(report).sentence == "Waits for Third (1 of 2 done)."
    ran(third)
    assert the_run(report).state == "queued"


def test_when_the_window_is_over_it_is_left_out_and_says_who_did_not_come(team, extract, load, report):
    factories.after(report, extract, load, window_seconds=3600.0)
    ran(extract)
    with batch() as work:
        past = {"not_before": ago(seconds=1)}
        work.connection.execute(sa.update(Run).where(Run.task_id == report).values(past))
    dependents.settle_waiting()
    run = the_run(report)
    assert (run.state, run.reason) == ("skipped", "upstream")
    assert run.sentence == "Skipped: Load did not come within 1 hour."
    assert run.not_before is None
    assert run.ended_at


@pytest.mark.alike
def test_a_paused_task_is_not_started_and_says_so(team, extract, load):
    factories.after(load, extract)
    with batch() as work:
        work.connection.execute(sa.update(Task).where(Task.id == load).values(paused_at=work.now))
    ran(extract)
    assert (the_run(load).state, the_run(load).reason) == ("skipped", "paused")


@pytest.mark.alike
def test_a_deleted_task_is_not_started(team, extract, load):
    factories.after(load, extract)
    with batch() as work:
        work.connection.execute(sa.update(Task).where(Task.id == load).values(deleted_at=work.now))
    ran(extract)
    assert runs_of(load) == []


@pytest.mark.alike
def test_rehearsals_backfills_and_what_is_left_out_by_a_rule_start_nothing(team, extract, load):
    factories.after(load, (extract, "any"))
    ran(extract, rehearses_at=ago(days=1))
    ran(extract, backfill_id=1)
    with batch() as work:
        gone = {"state": "skipped", "reason": "overlap", "sentence": "Skipped.", "ended_at": work.now}
    run_id = factories.run(team, extract, **gone)
    with batch() as work:
        work.tell("skipped", team, run_id, reason="overlap")
    assert runs_of(load) == []


def test_what_a_person_cancels_travels_on(team, actor, extract, load):
    factories.after(load, extract)
    run_id = factories.run(team, extract)
    runs.cancel(actor, rows(Run, Run.id == run_id)[0].number)
    assert the_run(load).sentence == "Skipped: Extract was cancelled (#1)."


def test_two_that_end_at_the_same_moment_are_one_round(app, team, extract, load, report):
    factories.after(report, extract, load)
    for count in range(1, 5):
        held = [claim(factories.run(team, task)) for task in (extract, load)]
        together = threading.Barrier(2)
        with ThreadPoolExecutor(2) as threads:
            for ended in [threads.submit(_finish_with, app, one, together) for one in held]:
                ended.result()
        found = runs_of(report)
        assert [set(run.upstreams) for run in found] == [{str(extract), str(load)}] * count
        finish(claim(found[-1].id))


def _finish_with(app, held, together):
    with app.app_context():
        together.wait()
        finish(held)


@pytest.mark.alike
def test_what_was_missed_travels_on(team, extract, load):
    factories.after(load, extract)
    run_id = factories.run(team, extract, planned_at=ago(hours=3), queued_at=ago(hours=3))
    with batch() as work:
        assert claims.claim(work, [(run_id, 1)], "one", LEASE) == []
    assert the_run(load).sentence == "Skipped: Extract was missed (#1)."


@pytest.mark.alike
@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("skip", ["running", "skipped"]),
        ("queue_one", ["running", "waiting"]),
        ("allow", ["running", "queued"]),
        ("cancel_old", ["running", "waiting"]),
    ],
)
def test_a_started_run_that_meets_another_is_decided_on_as_any_other(team, extract, overlap, expected):
    load = factories.task(team, "load", label="Load", overlap=overlap)
    factories.after(load, extract)
    ran(extract)
    held = claim(the_run(load).id)
    ran(extract)
    assert [run.state for run in runs_of(load)] == expected
    if "waiting" in expected:
        finish(held)
        assert runs_of(load)[1].state == "queued"


@pytest.mark.alike
def test_a_person_need_not_wait(team, actor, extract, report):
    factories.after(report, extract)
    runs.start(actor, report)
    assert the_run(report).state == "queued"
    with batch() as work:
        aftermath.release_waiting(work, report, claims.definition(work.connection, the_run(report).version_id).policy)


@pytest.mark.alike
def test_the_checker_misses_what_was_to_follow(team, extract, load):
    factories.after(load, extract)
    ran(extract)
    since = ago(minutes=1)
    assert verify.between(since, ago(seconds=-60)).findings == []
    with batch() as work:
        work.connection.execute(sa.delete(Run).where(Run.task_id == load))
    (finding,) = [one for one in verify.between(since, ago(seconds=-60)).findings if one.rule == "dependent"]
    assert finding.sentence == "Load was to follow run #1, and has no run."


# --- while things change


@pytest.mark.alike
def test_what_was_renamed_is_said_by_its_name_of_now(team, extract, load, report):
    factories.after(report, extract, load)
    ran(extract)
    with batch() as work:
        work.connection.execute(sa.update(Task).where(Task.id == load).values(name="Load it all"))
    ran(extract)
    assert the_run(report).sentence == "Waits for Load it all (1 of 2 done)."


@pytest.mark.alike
@pytest.mark.parametrize(("join", "state"), [("all", "skipped"), (2, "queued")])
def test_nobody_waits_for_a_task_that_was_deleted(team, actor, extract, load, report, join, state):
    third = factories.task(team, "third", label="Third")
    factories.after(report, extract, load, third, join=join)
    ran(extract)
    tasks.delete(actor, "load")
    dependents.settle_waiting()
    if join == "all":
        assert the_run(report).sentence == "Skipped: Load was deleted."
    ran(third)
    assert the_run(report).state == state


@pytest.mark.alike
def test_a_run_that_waits_follows_what_its_task_runs_after_now(team, extract, load, report):
    factories.after(report, extract, load)
    ran(extract)
    with batch() as work:  # a new version that runs after Extract alone
        one = {"tasks": [{"task": extract, "on": "success"}], "join": "all", "window_seconds": 86_400.0}
        (old,) = rows(TaskVersion, TaskVersion.task_id == report)
        new = {"team_id": team, "task_id": report, "number": 2, "definition": old.definition | {"after": one}}
        new_id = work.connection.execute(
            sa.insert(TaskVersion).values(**new, created_at=work.now).returning(TaskVersion.id)
        ).scalar_one()
        work.connection.execute(sa.update(Task).where(Task.id == report).values(version_id=new_id))
        work.connection.execute(sa.delete(TaskLink).where(TaskLink.upstream_id == load))
    dependents.settle_waiting()
    assert the_run(report).state == "queued"


def test_two_who_make_a_circle_at_the_same_moment_make_none(app, actor, tmp_path, monkeypatch):
    draft = Draft("Extract", "http", {"url": "http://127.0.0.1:9/"})
    slugs = [tasks.create(actor, replace(draft, name=name), tmp_path).slug for name in ("Extract", "Load")]
    ids = {row.slug: row.id for row in rows(Task)}
    together, look = threading.Barrier(2), order._refuse_circle

    def look_together(work, task):
        with suppress(threading.BrokenBarrierError):  # one of them waits until the other has written
            together.wait(0.3)
        look(work, task)

    monkeypatch.setattr(order, "_refuse_circle", look_together)

    def run_after(slug, other):
        with app.app_context():
            changed = replace(draft, name=slug.title(), after={"tasks": [{"task": ids[other]}]})
            try:
                tasks.change(actor, slug, changed, 1, tmp_path)
            except Invalid as refused:
                return refused.fields["after"]
            return ""

    with ThreadPoolExecutor(2) as threads:
        said = sorted(threads.map(run_after, slugs, reversed(slugs)))
    assert said[0] == ""
    assert "Extract" in said[1]
    assert len(rows(TaskLink)) == 1
