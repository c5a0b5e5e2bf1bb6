"""What the watchdog finds in the database: late, long, missed and blocked runs, and parts that are away."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.infra import database, redis
from app.models.instance import Fact, Leader, Worker
from app.models.runs import Alert, Event, Run
from app.models.tasks import Schedule, Task, TaskVersion
from app.services import dispatch, watch
from app.services.execution import reconcile
from app.services.unit import batch
from app.services.watch import ask
from tests import factories
from tests.factories import ago, rows
from tests.watching import Dog, alerts, change, digest


@pytest.fixture(autouse=True)
def inside(app):
    with app.app_context():
        yield


@pytest.fixture
def team():
    """A team in a house where a clock leads and a worker is alive."""
    with batch() as work:
        until = work.now + timedelta(hours=1)
        leader = {"name": "clock", "holder": "c", "epoch": 1, "lease_until": until}
        work.connection.execute(sa.insert(Leader).values(leader))
        worker = {"name": "w", "host": "h", "pid": 1, "io_slots": 1, "code_slots": 1, "isolation": {}}
        work.connection.execute(sa.insert(Worker).values(worker | {"started_at": work.now, "seen_at": until}))
    return factories.team()


@pytest.fixture
def dog():
    return Dog()


# --- not started


def test_a_run_that_does_not_start_is_told_once_and_once_more_when_it_does(team, dog):
    task = digest(team, start_alert_seconds=60)
    planned = ago(seconds=50)
    run = factories.run(team, task, planned_at=planned, queued_at=planned, rank_at=planned)
    dog.looks(5)
    assert alerts() == []
    change(Run, planned_at=ago(seconds=61))
    dog.looks(6)
    at = rows(Run)[0].planned_at
    said = f"Digest, planned {at:%H:%M} UTC, has not started: it is next in the queue."
    assert alerts() == [(f"not_started:{task}", said, True)]
    assert (rows(Alert)[0].run_id, rows(Alert)[0].task_id, rows(Alert)[0].team_id) == (run, task, team)
    change(Run, state="running", started_at=ago(seconds=0))
    dog.looks(6)
    (alert,) = rows(Alert)
    assert alert.recovery == "Digest has started."
    assert [event.kind for event in rows(Event) if event.kind.startswith("alert")] == ["alert_began", "alert_ended"]


def test_many_late_runs_of_one_task_are_one_alert(team, dog):
    task = digest(team, start_alert_seconds=60, overlap="allow")
    for minutes in (9, 7, 5, 3):
        factories.run(team, task, planned_at=ago(minutes=minutes))
    dog.looks(6)
    ((key, said, _),) = alerts()
    assert key == f"not_started:{task}"
    assert f"planned {ago(minutes=9):%H:%M}" in said


def test_many_late_tasks_of_a_team_are_one_alert(team, dog):
    for number in range(8):
        factories.run(team, digest(team, f"digest-{number}", start_alert_seconds=60), planned_at=ago(minutes=2))
    dog.looks(6)
    ((key, said, _),) = alerts("not_started")
    assert key == f"not_started:team:{team}"
    assert said.startswith("8 tasks have not started in time. One of them: Digest-0, planned")
    change(Run, state="cancelled", ended_at=ago(seconds=0))
    dog.looks(2)
    assert [is_open for _, _, is_open in alerts("not_started")] == [False]


@pytest.mark.alike
@pytest.mark.parametrize(
    "values",
    [
        {"state": "waiting", "reason": "overlap"},
        {"state": "waiting", "reason": "approval"},
        {"state": "queued", "trigger": "backfill"},
        {"state": "queued", "started_at": ago(minutes=3)},
        {"state": "planned"},
        {"state": "waiting", "reason": "ping", "lane": "away"},
    ],
)
def test_what_waits_on_purpose_is_not_late(team, dog, values):
    factories.run(team, digest(team, start_alert_seconds=60), planned_at=ago(minutes=5), **values)
    dog.looks(6)
    assert alerts("not_started") == []


def test_a_planned_time_that_nobody_turns_into_a_run_is_late_too(team, dog):
    task = digest(team, start_alert_seconds=60)
    factories.schedule(team, task, "1h", since=ago(hours=1, seconds=90), start_alert_seconds=60, timezone="Asia/Tokyo")
    change(Leader, lease_until=ago(minutes=5))
    dog.looks(6)
    told = {key: said for key, said, _ in alerts()}
    assert told[f"not_started:{task}"].endswith("has not started: no clock is alive.")
    assert told["clock"].startswith("No clock is alive since")
    assert not dog.last.is_well


# --- too long


def test_a_run_that_has_not_finished_by_then_is_told_once(team, dog):
    task = digest(team, finish_alert_seconds=300, start_alert_seconds=0)
    run = factories.run(team, task, "running", planned_at=ago(seconds=280), started_at=ago(seconds=270))
    dog.looks(3)
    assert alerts() == []
    change(Run, planned_at=ago(seconds=301))
    dog.looks(3)
    (told,) = alerts()
    assert told == (f"not_finished:{run}", f"Digest, planned {ago(seconds=301):%H:%M} UTC, has not finished.", True)
    change(Run, state="succeeded", ended_at=ago(seconds=0))
    dog.looks(3)
    assert [row.recovery for row in rows(Alert)] == ["Digest has ended: succeeded."]


def history(team, task, seconds, count):
    for number in range(count):
        begun = ago(hours=number + 1)
        factories.run(
            team, task, "succeeded", planned_at=begun, started_at=begun, ended_at=begun + timedelta(seconds=seconds)
        )


def test_a_run_that_takes_longer_than_usual_is_told_once(team, dog):
    task = digest(team)
    history(team, task, 10, 12)
    run = factories.run(team, task, "running", started_at=ago(seconds=30))
    dog.looks(3)
    assert alerts() == []
    change(Run, Run.id == run, started_at=ago(seconds=36))
    dog.looks(3)
    ((key, said, is_open),) = alerts()
    assert (key, is_open) == (f"slow:{run}", True)
    assert said.endswith("longer than it usually does.")
    change(Run, Run.id == run, state="timed_out", ended_at=ago(seconds=0))
    dog.looks(3)
    assert [row.recovery for row in rows(Alert)] == ["Digest has ended: timed out."]


@pytest.mark.alike
def test_slow_is_not_told_where_nobody_wants_it_or_nothing_is_known(team, dog):
    quiet, young = digest(team, "quiet", is_slow_told=False), digest(team, "young")
    history(team, quiet, 1, 12)
    history(team, young, 1, 9)
    for task in (quiet, young):
        factories.run(team, task, "running", started_at=ago(hours=2))
    dog.looks(3)
    assert alerts() == []


# --- missed and blocked


def missed(team, task, state="missed", reason="grace", **more):
    at = ago(seconds=0)
    run = factories.run(team, task, state, reason=reason, sentence="Its grace had passed.", ended_at=at, **more)
    with batch() as work:
        work.tell(state, team, run, reason=reason)
    return run


@pytest.mark.parametrize("state", ["missed", "blocked"])
def test_what_did_not_run_is_one_alert_until_the_next_success(team, dog, state):
    task = digest(team)
    dog.looks()
    for _ in range(3):
        missed(team, task, state)
        dog.looks()
    ((key, said, is_open),) = alerts()
    assert (key, is_open) == (f"{state}:{task}", True)
    assert said.endswith("UTC. Its grace had passed.")
    dog.looks(9)
    assert alerts() == [(key, said, True)]
    factories.run(team, task, "succeeded", ended_at=ago(seconds=-1))
    dog.looks(2)
    assert [(row.ended_at is None, row.recovery) for row in rows(Alert)] == [(False, "Digest has run again.")]
    dog.looks(9)
    assert len(alerts()) == 1


@pytest.mark.alike
def test_what_policy_left_out_is_no_alert_and_history_neither(team, dog):
    task = digest(team)
    missed(team, task)
    dog.looks()
    missed(team, task, reason="misfire_latest")
    missed(team, task, "skipped", "overlap")
    dog.looks(2)
    assert alerts() == []


@pytest.mark.alike
def test_a_watchdog_that_was_away_finds_what_was_missed_meanwhile(team, dog):
    dog.looks(9)
    missed(team, digest(team))
    Dog().looks()
    assert len(alerts("missed")) == 1


@pytest.mark.alike
def test_many_that_did_not_run_are_one_alert_which_passes(team, dog):
    dog.looks()
    for number in range(7):
        missed(team, digest(team, f"digest-{number}"))
    dog.looks(9)
    ((key, said, is_open),) = alerts()
    assert (key, said[:29], is_open) == (f"missed:team:{team}", "7 tasks missed a planned time", True)
    change(Alert, at=ago(minutes=11))
    dog.looks(2)
    assert [(row.ended_at is None, row.recovery) for row in rows(Alert)] == [(False, "")]


# --- schedules


def test_a_schedule_that_is_set_aside_is_told_until_it_is_mended(team, dog):
    task = digest(team)
    bad = factories.schedule(team, task, "1h", since=ago(hours=2))
    change(Schedule, timezone="Mars/Olympus")
    dispatch.fire_due(dispatch.lead("other", "c", timedelta(seconds=9)), timedelta(seconds=9))
    ((key, said, _),) = alerts()
    assert key == f"schedule_broken:{bad}"
    assert said.startswith("A schedule of Digest was set aside.")
    dog.looks(3)
    assert [is_open for _, _, is_open in alerts()] == [True]
    change(Schedule, state="active", next_fire_at=ago(seconds=-60), timezone="UTC")
    dog.looks(3)
    assert [is_open for _, _, is_open in alerts()] == [False]


@pytest.mark.alike
def test_a_schedule_that_got_its_next_time_back_is_told_once_and_without_an_end(team, dog):
    lost = factories.schedule(team, digest(team), "1h", since=ago(hours=2))
    change(Schedule, next_fire_at=None)
    reconcile.rearm()
    (alert,) = rows(Alert)
    assert (alert.key, alert.kind, alert.recovery) == (f"rearmed:{lost}", "rearmed", "")
    assert alert.ended_at is not None


# --- the parts of the installation


def test_no_worker_is_told_when_runs_wait_and_ends_by_itself(team, dog):
    change(Worker, seen_at=ago(seconds=20))
    dog.looks(5)
    assert alerts() == []
    assert not dog.last.is_well
    factories.run(team, digest(team), queued_at=ago(seconds=20))
    dog.looks(2)
    ((key, said, _),) = alerts()
    assert key == "workers"
    assert said.startswith("No worker is alive, and 1 run waits")
    change(Worker, seen_at=ago(hours=-1))
    dog.looks(4)
    assert [(row.ended_at is None, row.recovery) for row in rows(Alert)] == [(False, "A worker is alive again.")]
    assert dog.last.is_well


def test_a_dead_clock_and_one_that_does_not_keep_up_are_told(team, dog):
    change(Leader, lease_until=ago(seconds=6))
    dog.looks(2)
    assert [key for key, _, _ in alerts()] == ["clock"]
    change(Leader, lease_until=ago(hours=-1))
    dog.looks(4)
    assert [is_open for _, _, is_open in alerts()] == [False]
    factories.schedule(team, digest(team), "1h", since=ago(hours=1, seconds=40))
    dog.looks(2)
    assert alerts()[-1][1].startswith("The clock does not keep up: 1 schedule is past its")


@pytest.mark.alike
def test_redis_that_is_away_is_told_after_a_moment(team, dog, monkeypatch):
    monkeypatch.setattr(redis, "address", lambda: "unix:///nonexistent/carillon.sock")
    dog.looks(3)
    assert alerts() == []
    dog.looks(2)
    assert [(key, is_open) for key, _, is_open in alerts()] == [("redis", True)]
    monkeypatch.undo()
    dog.looks(4)
    assert [(key, is_open) for key, _, is_open in alerts()] == [("redis", False)]


@pytest.mark.alike
def test_clocks_that_differ_are_told_by_the_host_that_sees_it(team, dog, monkeypatch):
    monkeypatch.setattr(ask, "skew", lambda _connection: 2.5)
    dog.looks(7)
    assert [key for key, _, _ in alerts()] == ["skew:here"]
    monkeypatch.undo()
    other = Dog()
    other.watcher.host = "there"
    other.looks(40)
    assert [is_open for _, _, is_open in alerts()] == [True]
    dog.looks(32)
    assert [is_open for _, _, is_open in alerts()] == [False]


def test_skew_is_measured_against_the_database(team):
    with database.read() as connection:
        assert abs(ask.skew(connection)) < 0.5


# --- itself


@pytest.mark.alike
def test_a_bad_row_silences_one_rule_alone_and_ends_nothing(team, dog):
    late, bad = digest(team, "late", start_alert_seconds=60), digest(team, "bad", finish_alert_seconds=60)
    run = factories.run(team, bad, "running", started_at=ago(minutes=3), planned_at=ago(minutes=3))
    dog.looks()
    assert [key for key, _, _ in alerts()] == [f"not_finished:{run}"]
    dog.watcher._policies = {}
    (version,) = rows(TaskVersion, TaskVersion.task_id == bad)
    change(TaskVersion, TaskVersion.id == version.id, definition={"policy": {"finish_alert_seconds": "soon"}})
    factories.run(team, late, planned_at=ago(minutes=2))
    dog.looks(5)
    assert [(key, is_open) for key, _, is_open in alerts()] == [
        (f"not_finished:{run}", True), (f"not_started:{late}", True),
    ]  # fmt: skip


def test_it_leaves_a_beat_for_who_watches_it(team, dog):
    dog.looks()
    (fact,) = rows(Fact, Fact.name == watch.FACT)
    assert fact.value | {"seen_at": "", "events": 0} == {
        "seen_at": "", "host": "here", "sent": 0, "failed": 0, "channels": [], "events": 0, "has_key": True,
    }  # fmt: skip
    first = fact.at
    dog.looks()
    assert rows(Fact, Fact.name == watch.FACT)[0].at == first
    dog.looks(3)
    assert rows(Fact, Fact.name == watch.FACT)[0].at > first


def test_two_watchdogs_tell_nothing_twice(team, dog):
    factories.run(team, digest(team, start_alert_seconds=60), planned_at=ago(minutes=2))
    other = Dog()
    for _ in range(5):
        dog.looks()
        other.looks()
    assert len(alerts()) == 1
    change(Run, state="succeeded", started_at=ago(seconds=0), ended_at=ago(seconds=0))
    for _ in range(5):
        dog.looks()
        other.looks()
    assert [is_open for _, _, is_open in alerts()] == [False]


@pytest.mark.alike
def test_tasks_that_were_removed_leave_no_alert_open(team, dog):
    dog.looks()
    missed(team, digest(team))
    dog.looks()
    change(Task, deleted_at=ago(seconds=0))
    dog.looks(2)
    assert [is_open for _, _, is_open in alerts()] == [False]
