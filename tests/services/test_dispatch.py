"""Due schedules become runs: each planned time once, nothing early, and a bad one blocks nobody."""

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from app.infra import database, queues, redis
from app.models.instance import Audit
from app.models.runs import Event, Run
from app.models.tasks import Schedule
from app.services import dispatch
from app.services.dispatch import Deposed
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows

LEASE = timedelta(seconds=10)


@pytest.fixture
def leadership(team):
    return dispatch.lead("clock", "first", LEASE)


def states(*where):
    return Counter(run.state for run in rows(Run, *where))


def test_what_is_due_becomes_a_queued_run_and_goes_to_its_queue(team, leadership):
    task = factories.task(team)
    factories.schedule(team, task, "10s", since=ago(seconds=12))
    assert dispatch.fire_due(leadership, LEASE) == 1
    (run,) = rows(Run)
    assert (run.state, run.number, run.trigger, run.attempt) == ("queued", 1, "schedule", 1)
    assert run.key == f"at:{run.planned_at.isoformat()}"
    assert queues.waiting("io") == {queues.job_id(run.id, 1)}


def test_nothing_is_early(team, leadership):
    factories.schedule(team, factories.task(team), "1h")
    assert dispatch.fire_due(leadership, LEASE) == 0
    assert rows(Run) == []
    assert 3590 < dispatch.seconds_until_due() <= 3600


def test_how_far_away_the_next_time_is_does_not_hang_on_this_machines_clock(team, leadership, backend):
    if backend == "sqlite":
        pytest.skip("a SQLite file has no time of its own")
    factories.schedule(team, factories.task(team), "1h")
    with time_machine.travel(ago(minutes=10)):
        assert 3590 < dispatch.seconds_until_due() <= 3600


def test_the_same_time_is_never_decided_twice(team, leadership):
    task = factories.task(team, overlap="allow")
    schedule = factories.schedule(team, task, "1m", since=ago(seconds=70), overlap="allow")
    dispatch.fire_due(leadership, LEASE)
    (before,) = rows(Schedule)
    with batch() as work:  # as after a restore of an older row
        back = {"next_fire_at": ago(seconds=10), "decided_until": ago(seconds=70)}
        work.connection.execute(sa.update(Schedule).where(Schedule.id == schedule).values(back))
    dispatch.fire_due(leadership, LEASE)
    assert len(rows(Run)) == 1
    assert rows(Schedule)[0].next_fire_at == before.next_fire_at


def test_a_minutely_task_stopped_for_three_hours_is_made_up_for_by_its_rule(team, leadership):
    for misfire in ("skip", "latest", "all"):
        task = factories.task(team, name=misfire, misfire=misfire, overlap="allow", grace_seconds=4 * 3600)
        factories.schedule(
            team, task, "1m", since=ago(hours=3), misfire=misfire, overlap="allow", grace_seconds=4 * 3600
        )
    # Half a minute off the minute, so that none of the times is on time.
    with batch() as work:
        shift = {"anchor_at": ago(hours=3, seconds=45)}
        work.connection.execute(sa.update(Schedule).values(shift))
    dispatch.fire_due(leadership, LEASE)
    ran = dict.fromkeys(("skip", "latest", "all"), 0)
    missed = dict.fromkeys(ran, 0)
    by_id = {row.id: row.policy["misfire"] for row in rows(Schedule)}
    for run in rows(Run):
        name = by_id[run.schedule_id]
        if run.state == "queued":
            ran[name] += 1
            assert run.reason == "late"
        else:
            assert (run.state, bool(run.reason), bool(run.sentence)) == ("missed", True, True)
            missed[name] += run.folded_count
    assert ran == {"skip": 0, "latest": 1, "all": 10}
    assert {name: ran[name] + missed[name] for name in ran} == {"skip": 180, "latest": 180, "all": 180}


def test_a_run_that_still_goes_makes_the_next_one_skip_with_its_reason(team, leadership):
    task = factories.task(team)
    factories.schedule(team, task, "5s", since=ago(seconds=6))
    dispatch.fire_due(leadership, LEASE)
    with batch() as work:
        work.connection.execute(sa.update(Schedule).values(next_fire_at=ago(seconds=0), anchor_at=ago(seconds=5)))
    dispatch.fire_due(leadership, LEASE)
    skipped = rows(Run, Run.state == "skipped")
    assert [run.reason for run in skipped] == ["overlap"] * len(skipped)
    assert states()["queued"] == 1


def test_a_schedule_that_cannot_be_computed_is_set_aside_and_told_and_the_others_run(team, leadership):
    good = factories.task(team, name="good")
    factories.schedule(team, good, "1m", since=ago(seconds=61))
    bad = factories.schedule(team, factories.task(team, name="bad"), "1m", since=ago(seconds=61))
    with batch() as work:
        work.connection.execute(sa.update(Schedule).where(Schedule.id == bad).values(expression="61 25 * * *"))
        work.connection.execute(sa.update(Schedule).where(Schedule.id == bad).values(kind="cron"))
    dispatch.fire_due(leadership, LEASE)
    assert [run.task_id for run in rows(Run)] == [good]
    (broken,) = rows(Schedule, Schedule.id == bad)
    assert (broken.state, broken.next_fire_at) == ("broken", None)
    assert broken.problem
    assert [entry.action for entry in rows(Audit)] == ["schedule_set_aside"]
    assert [event.kind for event in rows(Event, Event.run_id.is_(None))] == ["schedule_broken", "alert_began"]


def test_a_task_whose_engine_is_gone_blocks_no_other(team, leadership):
    for engine in ("gone", "http"):
        factories.schedule(team, factories.task(team, name=engine, engine=engine), "1m", since=ago(seconds=61))
    assert dispatch.fire_due(leadership, LEASE) == 2
    assert states() == {"queued": 2}


def test_two_schedules_of_one_task_are_two_runs_that_overlap(team, leadership):
    task = factories.task(team)
    for seconds in (61, 62):
        factories.schedule(team, task, "1m", since=ago(seconds=seconds))
    dispatch.fire_due(leadership, LEASE)
    assert states() == {"queued": 1, "skipped": 1}


def test_after_an_outage_many_times_are_decided_in_several_transactions(team, leadership, monkeypatch):
    monkeypatch.setattr(dispatch, "MOST_TIMES", 100)
    for number in range(5):
        factories.schedule(team, factories.task(team, name=f"t{number}"), "1s", since=ago(seconds=60))
    dispatch.fire_due(leadership, LEASE)
    assert len({run.schedule_id for run in rows(Run)}) == 2
    for _ in range(3):
        dispatch.fire_due(leadership, LEASE)
    assert {run.schedule_id for run in rows(Run)} == {schedule.id for schedule in rows(Schedule)}


def test_where_passes_part_makes_no_difference(team, leadership, monkeypatch):
    monkeypatch.setattr(dispatch, "MOST_TIMES", 150)
    policy = {"misfire": "all", "misfire_cap": 80, "overlap": "allow"}
    factories.schedule(team, factories.task(team, **policy), "1s", since=ago(seconds=500), **policy)
    while dispatch.fire_due(leadership, LEASE) and len(rows(Run, Run.state == "queued")) < 80:
        pass
    missed = rows(Run, Run.state == "missed")
    assert sum(run.folded_count for run in missed) >= 500 - 80 - 35
    assert len(missed) <= 102


def test_what_a_person_cancels_while_its_retry_is_released_stays_cancelled(team, leadership, backend):
    if backend == "sqlite":
        pytest.skip("one writer at a time")
    run = factories.run(team, factories.task(team), "waiting", reason="retry", not_before=ago(seconds=1))
    with batch() as work:
        work.connection.execute(sa.update(Run).where(Run.id == run).values(state="cancelled", not_before=None))
        release = threading.Thread(target=dispatch.fire_due, args=[leadership, LEASE])
        release.start()
        time.sleep(0.3)
    release.join(10)
    assert states() == {"cancelled": 1}


def test_two_schedules_of_one_task_that_meet_share_the_run(team, leadership):
    task = factories.task(team, overlap="allow")
    since = ago(seconds=61)
    for _ in range(2):
        factories.schedule(team, task, "1m", since=since, overlap="allow")
    dispatch.fire_due(leadership, LEASE)
    assert len(rows(Run)) == 1


def test_run_numbers_count_on_in_each_team(team, leadership):
    other = factories.team("southgate")
    for owner in (team, other):
        for name in ("one", "two"):
            factories.schedule(owner, factories.task(owner, name=name), "1m", since=ago(seconds=61))
    dispatch.fire_due(leadership, LEASE)
    for owner in (team, other):
        assert sorted(run.number for run in rows(Run, Run.team_id == owner)) == [1, 2]


def test_who_leads_leads_alone_and_an_old_leader_writes_nothing(team, leadership):
    assert dispatch.lead("clock", "second", LEASE) is None
    dispatch.resign(leadership)
    assert dispatch.lead("clock", "second", LEASE).epoch == leadership.epoch + 1
    factories.schedule(team, factories.task(team), "1m", since=ago(seconds=61))
    with pytest.raises(Deposed):
        dispatch.fire_due(leadership, LEASE)
    assert rows(Run) == []


def test_a_commit_waits_for_nobody_when_redis_is_away(team, leadership, settings):
    redis._address[:] = ["unix:///nonexistent/redis.sock"]
    factories.schedule(team, factories.task(team), "1m", since=ago(seconds=61))
    dispatch.fire_due(leadership, LEASE)
    assert states() == {"queued": 1}


def test_a_waiting_retry_is_queued_as_the_next_attempt_when_its_time_has_come(team, leadership):
    task = factories.task(team)
    due = factories.run(team, task, "waiting", reason="retry", not_before=ago(seconds=1))
    later = factories.run(team, task, "waiting", reason="retry", not_before=ago(seconds=-60))
    assert dispatch.fire_due(leadership, LEASE) == 1
    attempts = {run.id: (run.state, run.attempt) for run in rows(Run)}
    assert attempts == {due: ("queued", 2), later: ("waiting", 1)}
    assert queues.waiting("io") == {queues.job_id(due, 2)}


def test_a_herd_of_a_thousand_is_decided_in_two_batches(team, leadership):
    for number in range(3):
        factories.task(team, name=f"task-{number}")
    task = factories.task(team, name="herd", overlap="allow")
    with batch() as work:
        (one,) = [factories_row(work, team, task)]
        work.connection.execute(sa.insert(Schedule), [one] * 1000)
    assert [dispatch.fire_due(leadership, LEASE) for _ in range(3)] == [500, 500, 0]
    with database.read() as connection:
        undecided = sa.select(sa.func.count()).where(Schedule.next_fire_at <= ago(seconds=0))
        assert connection.execute(undecided).scalar_one() == 0


def factories_row(work, team, task):
    start = work.now - timedelta(seconds=61)
    return {
        "team_id": team, "task_id": task, "kind": "interval", "expression": "1h", "timezone": "UTC",
        "anchor_at": start - timedelta(hours=1, seconds=-60), "policy": {"overlap": "allow"}, "state": "active",
        "next_fire_at": work.now - timedelta(seconds=1), "decided_until": start, "created_at": start,
        "gap": "next", "fold": "first", "text": "", "problem": "",
    }  # fmt: skip
