"""Jobs that run elsewhere: a ping meets its planned time, one that does not come is told of, and order does not matter."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.domain.access import Actor
from app.domain.pings import Ping
from app.infra import database
from app.models.runs import Alert, LogChunk, Run
from app.models.tasks import Heartbeat, Schedule, Task
from app.models.teams import Team
from app.services import dispatch, secrets, tasks, verify
from app.services.execution import pings
from app.services.execution.reconcile import Reconciler
from app.services.tasks import heartbeats
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows

LEASE = timedelta(seconds=10)
TOKEN = "a-token-of-tests"


@pytest.fixture(autouse=True)
def inside(app):
    with app.app_context():
        yield


@pytest.fixture
def vault(app):
    return app.extensions["vault"]


@pytest.fixture
def team():
    return factories.team()


@pytest.fixture
def job(team):
    """A job that runs elsewhere; returns the id of its task."""
    task_id = factories.task(team, name="backup", engine="ping", label="Backup", timeout_seconds=600)
    with batch() as work:
        values = {"task_id": task_id, "team_id": team, "token": TOKEN, "last_kind": "", "created_at": work.now}
        work.connection.execute(sa.insert(Heartbeat).values(values))
    return task_id


@pytest.fixture
def ping(vault):
    def send(kind="success", **more):
        assert pings.receive(TOKEN, Ping(kind, **more), vault)

    return send


def plan():
    """What the clock does when it looks."""
    dispatch.fire_due(dispatch.lead("clock", "tests", LEASE), LEASE)


def daily(team, job, ago_seconds, grace_seconds=600):
    """A schedule whose only time of these days was so many seconds ago."""
    at = ago(seconds=ago_seconds).replace(microsecond=0)
    expression = f"FREQ=DAILY;BYHOUR={at.hour};BYMINUTE={at.minute};BYSECOND={at.second}"
    since = at - timedelta(hours=1)
    return factories.schedule(team, job, expression, "rrule", since=since, grace_seconds=grace_seconds), at


def every(team, job, period, since_seconds, grace_seconds=600):
    return factories.schedule(team, job, period, since=ago(seconds=since_seconds), grace_seconds=grace_seconds)


def later(job, seconds):
    """Let so many seconds pass for what waits."""
    with database.write() as connection:
        for run in connection.execute(sa.select(Run.id, Run.not_before, Run.lease_until)).all():
            moved = {
                "not_before": run.not_before and run.not_before - timedelta(seconds=seconds),
                "lease_until": run.lease_until and run.lease_until - timedelta(seconds=seconds),
            }
            connection.execute(sa.update(Run).where(Run.id == run.id).values(moved))


def runs():
    return [(run.state, run.reason) for run in rows(Run)]


def alerts():
    return [(alert.kind, alert.ended_at is None) for alert in rows(Alert)]


def all_agrees():
    assert verify.last(timedelta(hours=2)).findings == []


# --- a planned time


def test_a_planned_time_waits_for_its_ping_and_is_met_by_it(team, job, ping):
    schedule, at = daily(team, job, 5)
    plan()
    waiting = rows(Run)[0]
    assert (waiting.state, waiting.reason, waiting.not_before) == ("waiting", "ping", at + timedelta(seconds=600))
    plan()
    ping()
    run = rows(Run)[0]
    assert (run.id, run.state, run.trigger, run.schedule_id) == (waiting.id, "succeeded", "ping", schedule)
    assert len(rows(Run)) == 1
    all_agrees()


def test_a_start_and_an_end_make_one_run_with_its_duration(team, job, ping):
    daily(team, job, 5)
    plan()
    ping("start")
    assert runs() == [("running", "")]
    ping()
    run = rows(Run)[0]
    assert run.state == "succeeded"
    assert run.started_at < run.ended_at
    all_agrees()


def test_no_ping_within_the_grace_is_missed_and_told_once_until_one_comes(team, job, ping):
    daily(team, job, 5)
    plan()
    later(job, 600)
    plan()
    pings.end_overdue()
    pings.end_overdue()
    run = rows(Run)[0]
    assert (run.state, run.reason) == ("missed", "no_ping")
    assert run.sentence.startswith("No ping came within")
    assert alerts() == [("no_ping", True)]
    ping()
    assert runs() == [("missed", "no_ping"), ("succeeded", "ok")]
    assert alerts() == [("no_ping", False)]
    all_agrees()


def test_a_ping_shortly_before_its_time_meets_it(team, job, ping):
    schedule, at = daily(team, job, -20)
    ping()
    run = rows(Run)[0]
    assert (run.state, run.schedule_id, run.planned_at) == ("succeeded", schedule, at)
    all_agrees()


def test_a_ping_long_before_its_time_does_not_meet_it(team, job, ping):
    daily(team, job, -300)
    ping()
    run = rows(Run)[0]
    assert (run.state, run.schedule_id, run.key[:5]) == ("succeeded", None, "ping:")


def test_with_the_clock_away_a_ping_makes_the_row_that_the_clock_would_make(team, job, ping):
    _, at = daily(team, job, 30)
    ping()
    assert [(run.state, run.planned_at) for run in rows(Run)] == [("succeeded", at)]
    plan()
    assert len(rows(Run)) == 1
    all_agrees()


def test_what_began_before_its_time_meets_it_by_its_success(team, job, ping):
    ping("start")
    daily(team, job, 1)
    plan()
    ping()
    assert runs() == [("succeeded", "ok"), ("succeeded", "ok")]
    assert "Met by run #1" in rows(Run)[1].sentence
    all_agrees()


def test_each_planned_time_wants_its_own_ping(team, job, ping):
    every(team, job, "60s", 130)
    with database.write() as connection:  # wall times: an interval would count anew from the first ping
        connection.execute(sa.update(Schedule).values(kind="cron", expression="* * * * *", anchor_at=None))
    plan()
    waiting = len(rows(Run))
    assert waiting >= 2
    ping()
    assert sorted(run.state for run in rows(Run)) == ["succeeded"] + ["waiting"] * (waiting - 1)
    assert rows(Run, Run.state == "succeeded")[0].planned_at == min(run.planned_at for run in rows(Run))


# --- an interval


def test_an_interval_is_counted_from_the_last_ping(team, job, ping):
    every(team, job, "1h", 3000)
    ping()
    schedule = rows(Schedule)[0]
    assert abs(schedule.next_fire_at - (ago() + timedelta(hours=1))) < timedelta(seconds=5)
    assert rows(Run)[0].schedule_id is None
    every_other = rows(Run)
    plan()
    assert rows(Run) == every_other
    all_agrees()


def test_an_interval_that_is_over_waits_for_its_ping_within_the_grace(team, job, ping):
    every(team, job, "1h", 3610)
    plan()
    assert runs() == [("waiting", "ping")]
    ping()
    assert runs() == [("succeeded", "ok")]
    assert rows(Schedule)[0].next_fire_at > ago() + timedelta(minutes=59)
    all_agrees()


# --- failure, time limit, cancellation


def test_a_failure_is_counted_as_any_other(team, job, ping):
    ping("start")
    ping("fail", exit_code=3)
    run = rows(Run)[0]
    assert (run.state, run.reason, run.sentence, run.facts) == (
        "failed", "exit_code", "It ended with exit code 3.", {"exit_code": 3},
    )  # fmt: skip
    assert rows(Task)[0].failures == 1
    assert alerts() == [("failing", True)]
    ping()
    assert rows(Task)[0].failures == 0
    assert alerts() == [("failing", False)]


def test_a_run_that_never_says_how_it_ended_is_timed_out(team, job, ping):
    ping("start")
    pings.end_overdue()
    assert runs() == [("running", "")]
    later(job, 600)
    pings.end_overdue()
    assert runs() == [("timed_out", "timeout")]
    ping()
    assert runs() == [("timed_out", "timeout"), ("succeeded", "ok")]


@pytest.mark.alike
def test_the_reconciler_holds_no_worker_responsible(job, ping):
    ping("start")
    later(job, 3600)
    reconciler = Reconciler(0, 10, 1)
    reconciler.lose_vanished()
    reconciler.lose_vanished()
    assert runs() == [("running", "")]
    reconciler.look()
    assert runs() == [("timed_out", "timeout")]


def test_a_cancelled_one_ends_here_only(job, ping):
    ping("start")
    with database.write() as connection:
        connection.execute(sa.update(Run).values(stop_mode="now", stop_reason="person"))
    pings.end_overdue()
    assert runs() == [("cancelled", "person")]


# --- order


def test_two_starts_are_one_run(job, ping):
    ping("start")
    ping("start")
    ping()
    assert runs() == [("succeeded", "ok")]


def test_a_start_at_the_next_planned_time_ends_a_run_that_never_ended(team, job, ping):
    ping("start")
    daily(team, job, 5)
    plan()
    ping("start")
    assert runs() == [("failed", "no_end"), ("running", "")]


def test_a_success_without_a_start_is_a_run(job, ping):
    ping()
    assert runs() == [("succeeded", "ok")]


def test_a_run_is_known_by_the_name_its_job_gives_it(job, ping):
    ping("start", rid="a")
    ping("start", rid="b")
    assert runs() == [("running", ""), ("running", "")]
    ping("success", rid="a")
    assert runs() == [("succeeded", "ok"), ("running", "")]
    ping("fail", rid="b")
    assert runs() == [("succeeded", "ok"), ("failed", "pinged_fail")]


def test_a_start_that_comes_after_its_end_changes_nothing(job, ping):
    ping("success", rid="a")
    ping("start", rid="a")
    assert runs() == [("succeeded", "ok")]


def test_an_end_that_comes_after_the_time_limit_is_put_into_the_log(job, ping):
    ping("start", rid="a")
    later(job, 600)
    pings.end_overdue()
    ping("success", rid="a")
    assert runs() == [("timed_out", "timeout")]
    assert len(rows(LogChunk)) == 2


# --- paused, deleted, log


def test_a_paused_task_takes_pings_and_raises_nothing(team, job, ping):
    daily(team, job, 5)
    plan()
    with database.write() as connection:
        connection.execute(sa.update(Task).values(paused_at=ago()))
    later(job, 600)
    pings.end_overdue()
    ping("fail")
    assert runs() == [("skipped", "paused"), ("failed", "pinged_fail")]
    assert alerts() == []
    assert rows(Heartbeat)[0].last_kind == "fail"


def test_a_deleted_task_has_no_address(job, vault):
    with database.write() as connection:
        connection.execute(sa.update(Task).values(deleted_at=ago()))
    assert not pings.receive(TOKEN, Ping("success"), vault)
    assert not pings.receive("nothing-of-the-kind", Ping("success"), vault)


def test_what_is_sent_along_is_kept_without_secrets(app, team, job, ping, vault):
    with database.write() as connection:
        connection.execute(sa.update(Team).values(data_key=vault.new_data_key(team)))
    secrets.put(factories.owner(team), vault, "API_KEY", "quite-secret")
    ping("start", body=b"one\nkey=quite-secret\n")
    ping("log", body=b"two")
    ping("success", body=b"x" * 100_001)
    lines = [line[2] for chunk in rows(LogChunk) for line in chunk.lines]
    assert lines[:5] == ["Ping: start", "one", "key=•••", "Ping: log", "two"]
    assert lines[-1] == "… cut: only the first 100 KB are kept."
    assert [chunk.first for chunk in rows(LogChunk)] == [1, 4, 6]


# --- the address


@pytest.mark.alike
def test_a_task_that_runs_elsewhere_has_an_address_that_can_be_changed(app, tmp_path):
    actor: Actor = factories.owner(factories.team())
    draft = Draft("Backup", "ping", {}, when=[Given(text="every day at 3am", timezone="UTC")])
    task = tasks.create(actor, draft, tmp_path)
    first = heartbeats.find(actor, task.slug).token
    assert heartbeats.regenerate(actor, task.slug).token != first
    assert not pings.receive(first, Ping("success"), app.extensions["vault"])
