"""Failures in a row: one alert and one recovery, a pause by itself, a quarantine after crashes, a budget of retries."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.engines.base import Outcome
from app.models.runs import Alert, Attempt, Event, Run
from app.models.tasks import Schedule, Task
from app.services import tasks
from app.services.execution import claims, outcomes
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows

LEASE = timedelta(seconds=10)
OK = Outcome("succeeded", "ok", "It worked.")
HOPELESS = Outcome("failed", "http_status", "404 Not Found.", "permanent")
CRASH = Outcome("failed", "crash", "Ended by the signal SIGSEGV.", "crash")
BUSY = Outcome("failed", "rate_limited", "429 Too Many Requests.", "rate_limited", 40.0)
PASSING = Outcome("failed", "http_status", "503 Service Unavailable.", "transient")
UNMET = Outcome("unmet", "expectation", "The answer lacks “ok”.")


def claim(run_id, attempt=1):
    with batch() as work:
        return claims.claim(work, [(run_id, attempt)], "one", LEASE)[0]


def end(run_id, *ends):
    """Let the attempts of a run end like this, one after the other, each released at once."""
    states = []
    for number, outcome in enumerate(ends, start=1):
        held = claim(run_id, number)
        with batch() as work:
            state = outcomes.lose(work, run_id, held.token) if outcome is None else finished(work, held, outcome)
            again = {"state": "queued", "attempt": number + 1, "queued_at": work.now, "not_before": None}
            work.connection.execute(sa.update(Run).where(Run.id == run_id, Run.state == "waiting").values(again))
        states.append(state)
    return states


def finished(work, held, outcome):
    return outcomes.finish(work, held, outcome, (), ())


def runs_end(team, task, *ends):
    for outcome in ends:
        end(factories.run(team, task), outcome)


def the_task():
    (found,) = rows(Task)
    return found


def the_run():
    return rows(Run)[-1]


# --- alerts: once, and once more when it works again


def test_o4_after_n_failures_one_alert_and_one_recovery(team):
    task = factories.task(team, label="Report", alert_after=2)
    runs_end(team, task, HOPELESS)
    assert rows(Alert) == []
    runs_end(team, task, UNMET, HOPELESS, HOPELESS, HOPELESS)
    (alert,) = rows(Alert)
    assert (alert.key, alert.kind, alert.ended_at) == (f"failing:{task}", "failing", None)
    assert alert.sentence == "Report failed 2 times in a row. The last: The answer lacks “ok”."
    assert (alert.task_id, alert.run_id) == (task, rows(Run)[1].id)
    runs_end(team, task, OK, OK)
    (alert,) = rows(Alert)
    assert alert.recovery == "Report works again after 5 failures in a row."
    assert [event.kind for event in rows(Event, Event.kind.like("alert%"))] == ["alert_began", "alert_ended"]
    assert the_task().failures == 0


@pytest.mark.alike
def test_the_next_row_of_failures_is_told_anew(team):
    task = factories.task(team, label="Report")
    runs_end(team, task, HOPELESS, OK, HOPELESS)
    assert [alert.sentence for alert in rows(Alert)] == ["Report failed: 404 Not Found."] * 2
    assert [bool(alert.ended_at) for alert in rows(Alert)] == [True, False]


@pytest.mark.alike
def test_what_did_not_happen_or_was_stopped_is_neither_a_failure_nor_a_success(team):
    task = factories.task(team)
    blocked, stopped = (
        Outcome("blocked", "no_secret", "Set it.", "permanent"),
        Outcome("cancelled", "person", "Stopped."),
    )
    runs_end(team, task, HOPELESS, blocked, stopped)
    assert the_task().failures == 1
    assert [alert.ended_at for alert in rows(Alert)] == [None]


@pytest.mark.alike
def test_whoever_wants_no_alert_gets_none(team):
    runs_end(team, factories.task(team, alert_after=0), *[HOPELESS] * 3)
    assert rows(Alert) == []


@pytest.mark.alike
def test_a_recovery_is_told_also_when_it_was_resumed_in_between(team):
    task = factories.task(team, label="Report")
    runs_end(team, task, HOPELESS)
    with batch() as work:
        work.connection.execute(sa.update(Task).values(failures=0))
    runs_end(team, task, OK)
    assert [alert.recovery for alert in rows(Alert)] == ["Report works again."]


# --- paused by itself


def test_after_so_many_failures_it_is_paused_and_one_alert_says_so(team):
    task = factories.task(team, label="Report", pause_after=3)
    schedule = factories.schedule(team, task, "1h")
    runs_end(team, task, HOPELESS, HOPELESS)
    assert the_task().paused_at is None
    runs_end(team, task, HOPELESS, HOPELESS)
    paused = the_task()
    assert (paused.paused_for, paused.paused_by_id) == ("failures", None)
    assert paused.pause_note == "It failed 3 times in a row. The last: 404 Not Found."
    assert [(row.id, row.state, row.next_fire_at) for row in rows(Schedule)] == [(schedule, "paused", None)]
    assert [(alert.kind, alert.sentence) for alert in rows(Alert)] == [
        ("failing", "Report failed: 404 Not Found."),
        ("paused", "Report failed 3 times in a row and is paused until somebody resumes it. The last: 404 Not Found."),
    ]
    owner = factories.owner(team)
    tasks.resume(owner, "probe")
    assert [(alert.kind, alert.recovery) for alert in rows(Alert, Alert.ended_at.is_not(None))] == [
        ("paused", "Report was resumed.")
    ]
    tasks.delete(owner, "probe")
    assert [alert.recovery for alert in rows(Alert)] == ["Report was deleted.", "Report was resumed."]
    assert [event.kind for event in rows(Event, Event.kind == "task_paused")] == ["task_paused"]


@pytest.mark.alike
def test_a_task_that_somebody_paused_keeps_their_note(team):
    task = factories.task(team, pause_after=1)
    with batch() as work:
        work.connection.execute(sa.update(Task).values(paused_at=work.now, pause_note="The office is closed."))
    runs_end(team, task, HOPELESS)
    assert (the_task().paused_for, the_task().pause_note) == ("", "The office is closed.")


@pytest.mark.alike
def test_never_paused_where_that_is_switched_off(team):
    runs_end(team, factories.task(team, pause_after=0, quarantine_after=0, crash_retries=0), *[HOPELESS, CRASH] * 6)
    assert the_task().paused_at is None


def test_runs_that_crash_in_a_row_set_the_task_aside(team):
    task = factories.task(team, label="Report", quarantine_after=2, crash_retries=1)
    assert end(factories.run(team, task), CRASH, CRASH) == ["waiting", "failed"]
    assert (the_run().reason, the_run().sentence) == ("crash", "Ended by the signal SIGSEGV.")
    assert the_task().paused_at is None
    assert end(factories.run(team, task), None, None) == ["queued", "failed"]
    assert the_run().reason == "lost"
    assert the_task().paused_for == "crashes"
    assert the_task().pause_note.startswith("It crashed 2 times in a row. The last: Its worker vanished in attempt 2")


@pytest.mark.alike
def test_another_end_in_between_ends_the_row_of_crashes(team):
    task = factories.task(team, quarantine_after=2, crash_retries=0)
    runs_end(team, task, CRASH, HOPELESS, CRASH, OK, CRASH)
    assert (the_task().crashes, the_task().paused_at) == (1, None)


# --- retries: by class, and within a budget


def test_each_class_of_error_has_its_own_retries(team):
    task = factories.task(team, retries=1, crash_retries=1, rate_retries=2)
    assert end(factories.run(team, task), BUSY, PASSING, None, BUSY, CRASH) == [
        "waiting", "waiting", "queued", "waiting", "failed",
    ]  # fmt: skip
    assert [row.error_class for row in rows(Attempt)] == ["rate_limited", "transient", "crash", "rate_limited", "crash"]


@pytest.mark.alike
def test_a_server_that_says_when_is_not_asked_before(team):
    end(factories.run(team, factories.task(team, retry_delay_seconds=1)), BUSY)
    assert the_run().state == "queued"  # released by the helper
    held = claim(the_run().id, 2)
    with batch() as work:
        finished(work, held, BUSY)
        now = work.now
    assert the_run().not_before >= now + timedelta(seconds=40)


def test_together_they_are_within_the_budget_of_an_hour(team):
    task = factories.task(team, retries=2, retry_budget=3)
    assert end(factories.run(team, task), PASSING, PASSING, PASSING) == ["waiting", "waiting", "failed"]
    assert end(factories.run(team, task), PASSING, None) == ["waiting", "failed"]
    assert the_run().sentence == "Its worker vanished. Not tried again: its task may use 3 retries an hour, and has."
    assert end(factories.run(team, task), PASSING) == ["failed"]
    assert the_run().sentence == (
        "503 Service Unavailable. Not tried again: its task may use 3 retries an hour, and has."
    )
    with batch() as work:
        work.connection.execute(sa.update(Task).values(retries_since=ago(minutes=61)))
    assert end(factories.run(team, task), PASSING) == ["waiting"]


@pytest.mark.alike
def test_a_task_without_a_budget_is_never_tried_again(team):
    assert end(factories.run(team, factories.task(team, retry_budget=0)), PASSING) == ["failed"]
    assert the_run().sentence.endswith("its task may use no retries an hour, and has.")
