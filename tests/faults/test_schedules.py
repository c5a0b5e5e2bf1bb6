"""Clocks that are killed and schedules that are broken or lost (PROMISES S1, S13, S14)."""

import random
import time

import pytest
import sqlalchemy as sa

from app.models.instance import Audit
from app.models.runs import Run
from app.models.tasks import Schedule
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows
from tests.faults.conftest import assert_promises_kept, states
from tests.processes import eventually

pytestmark = pytest.mark.fault


def test_s1_three_clocks_killed_at_random_plan_each_time_once(house, probe, seen):
    since = ago(seconds=1)
    for number in range(40):
        factories.schedule(house.team, probe(name=f"task-{number}"), "1s", overlap="allow", misfire="all")
    clocks = [house.spawn("clock") for _ in range(3)]
    chance = random.Random(7)
    for _ in range(4):
        time.sleep(2)
        house.kill(clocks.pop(chance.randrange(3)))
        clocks.append(house.spawn("clock"))
    eventually(lambda: not rows(Schedule, Schedule.next_fire_at < ago(seconds=1.5)), seconds=20)
    for clock in clocks:
        house.end(clock)
    report = assert_promises_kept(since)
    assert report.planned >= 40 * 8
    assert report.runs == report.planned
    seen(f"4 of 7 clocks killed: {report.planned} planned times, {report.runs} runs")


@pytest.mark.always
def test_s13_one_bad_schedule_is_set_aside_and_the_others_stay_on_time(house, probe, seen):
    for number in range(5):
        factories.schedule(house.team, probe(name=f"task-{number}"), "1s", overlap="allow")
    bad = rows(Schedule)[2].id
    house.spawn("clock")
    eventually(lambda: len(states()) >= 5)
    with batch() as work:
        work.connection.execute(sa.update(Schedule).where(Schedule.id == bad).values(timezone="Mars/Olympus"))
    eventually(lambda: rows(Schedule, Schedule.state == "broken"))
    broken_at = ago(seconds=0)
    time.sleep(2.5)
    later = rows(Run, Run.planned_at > broken_at)
    assert {run.schedule_id for run in later} == {row.id for row in rows(Schedule)} - {bad}
    assert all((run.queued_at - run.planned_at).total_seconds() < 1 for run in later)
    assert [entry.action for entry in rows(Audit)] == ["schedule_set_aside"]
    latest = max((run.queued_at - run.planned_at).total_seconds() for run in later)
    seen(f"1 of 5 set aside, {len(later)} runs of the others {latest * 1000:.0f} ms late at most")


def test_s14_a_schedule_that_lost_its_next_time_gets_it_back_and_loses_none(house, probe, seen):
    since = ago(seconds=1)
    factories.schedule(house.team, probe(misfire="all"), "1s", overlap="allow", misfire="all")
    clock = house.spawn("clock")
    eventually(lambda: len(states()) >= 2)
    with batch() as work:
        work.connection.execute(sa.update(Schedule).values(next_fire_at=None))
    count = len(states())
    eventually(lambda: len(states()) >= count + 3)
    house.end(clock)
    assert "schedule_rearmed" in [entry.action for entry in rows(Audit)]
    report = assert_promises_kept(since)
    seen(f"armed again by itself: {report.planned} planned times, {report.runs} runs")
