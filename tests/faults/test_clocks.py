"""Several clocks: the lead goes over at once, soon or after a while, and no planned time is lost or doubled (S1, I8)."""

import random
import signal
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from app.models.instance import Clock, Leader
from app.models.runs import Run
from app.models.tasks import Schedule
from app.services.unit import batch
from app.settings import ROOT
from tests import factories
from tests.factories import ago, rows
from tests.faults.conftest import assert_promises_kept, states
from tests.processes import eventually

pytestmark = pytest.mark.fault


@pytest.fixture
def every_second(house, probe):
    """Make schedules that are due every second."""

    def make(count):
        for number in range(count):
            factories.schedule(house.team, probe(name=f"task-{number}"), "1s", overlap="allow", misfire="all")

    return make


def leader():
    """The name of the clock that leads, None when none does."""
    return next((row.holder for row in rows(Leader, Leader.lease_until > ago(seconds=0))), None)


def leads(process):
    """Whether this clock process leads."""
    return leader() in {row.name for row in rows(Clock, Clock.pid == process.pid)}


def leading(processes):
    """The clock process that leads, once one does."""
    return eventually(lambda: next((process for process in processes if leads(process)), None))


def other(processes, process):
    return next(one for one in processes if one is not process)


def caught_up():
    eventually(lambda: not rows(Schedule, Schedule.next_fire_at < ago(seconds=1.5)), seconds=20)


def test_a_clock_that_is_asked_to_stop_hands_over_at_once(house, every_second):
    since = ago(seconds=1)
    every_second(20)
    pair = [house.spawn("clock") for _ in range(2)]
    first = leading(pair)
    second = other(pair, first)
    eventually(lambda: len(rows(Clock)) == 2 and len(states()) >= 40)
    first.terminate()
    eventually(lambda: leads(second), seconds=2, pause=0.01)
    assert first.wait(20) == 0
    time.sleep(2)
    caught_up()
    house.end(second)
    report = assert_promises_kept(since)
    assert report.runs == report.planned >= 80
    assert all((run.queued_at - run.planned_at).total_seconds() < 2.5 for run in rows(Run))


def test_a_clock_with_nothing_to_do_stops_at_once_too(house):
    clock = house.spawn("clock", CARILLON_LEASE_SECONDS="10")
    leading([clock])
    time.sleep(1)  # it sleeps until it hears something, up to five seconds
    asked_at = time.monotonic()
    clock.terminate()
    eventually(lambda: leader() is None, seconds=2, pause=0.01)
    assert clock.wait(20) == 0
    assert time.monotonic() - asked_at < 3
    assert leader() is None
    assert rows(Clock)[0].stopped_at


def test_i8_when_the_leader_stands_still_the_other_leads_and_the_first_writes_nothing_more(house, every_second, seen):
    since = ago(seconds=1)
    every_second(20)
    pair = [house.spawn("clock") for _ in range(2)]
    first = leading(pair)
    eventually(lambda: len(states()) >= 40)
    first.send_signal(signal.SIGSTOP)
    # A lease of 2 s; where it stood still inside a transaction, the database ends that after 8 s.
    eventually(lambda: leads(other(pair, first)), seconds=12)
    epoch = rows(Leader)[0].epoch
    time.sleep(1)
    first.send_signal(signal.SIGCONT)
    time.sleep(2)
    assert leads(other(pair, first))
    assert rows(Leader)[0].epoch == epoch
    caught_up()
    for clock in (first, other(pair, first)):
        house.end(clock)
    report = assert_promises_kept(since)
    assert report.runs == report.planned
    seen(f"the other led, the first came back and did not: {report.planned} planned times, {report.runs} runs")


def test_i8_what_an_old_leader_was_about_to_write_is_refused(house, every_second, seen):
    every_second(5)
    clock = house.spawn("clock")
    leading([clock])
    eventually(states)
    with batch() as work:  # as another clock does that takes the lead, while this one is in the middle of its round
        lease = work.now + (work.now - ago(seconds=3))
        taken = {"epoch": Leader.epoch + 1, "holder": "another", "lease_until": lease}
        work.connection.execute(sa.update(Leader).values(taken))
        time.sleep(1.2)
        clock.send_signal(signal.SIGSTOP)
        count = work.connection.execute(sa.select(sa.func.count()).select_from(Run)).scalar()
    clock.send_signal(signal.SIGCONT)
    time.sleep(0.8)  # it is refused in the middle of its round, or asks for the lead and does not get it
    assert len(states()) == count
    eventually(lambda: len(states()) > count)  # that lease has passed, and it leads again
    assert rows(Leader)[0].epoch == 3
    seen("its round was refused, no run came of it")


@pytest.mark.long
def test_s1_the_leader_killed_again_and_again_loses_and_doubles_nothing(house, every_second, seen):
    since = ago(seconds=1)
    every_second(60)
    running = [house.spawn("clock") for _ in range(3)]
    chance = random.Random(11)
    for _ in range(3):
        first = leading(running)
        time.sleep(chance.uniform(0.5, 2.5))
        house.kill(first)
        running.remove(first)
        running.append(house.spawn("clock"))
    leading(running)
    caught_up()
    for clock in running:
        house.end(clock)
    command = [sys.executable, "-m", "app.cli", "verify", "--hours", "1", "--json"]
    done = subprocess.run(command, env=house.environ, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n")
    report = assert_promises_kept(since)
    assert report.runs == report.planned >= 60 * 5
    seen(f"the leader killed 3 times: {report.planned} planned times, {report.runs} runs")
