"""Clocks that are set forward and back under running processes, and hosts that disagree (PROMISES I7).

With SQLite the clock of the host is the database's; with PostgreSQL the clock of a host decides nothing.
"""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from app.infra import database
from app.models.runs import Attempt, Run
from app.services import verify
from app.settings import ROOT
from tests import factories
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, is_running, queue, states
from tests.processes import eventually

pytestmark = pytest.mark.fault

FAKE = f"{Path(__file__).parent / 'fake_clock'}:{ROOT}"
HOUR = 3600
DAY = 86_400
AGREE_SECONDS = 0.2
"""So long before the clocks are set, the processes get to know of it."""


@pytest.fixture
def set_clock(house):
    """Set the clock of the processes that are spawned with `house.faked`, so many seconds off."""
    file = house.folder / "off"
    file.write_text("0 0")
    house.faked = {"PYTHONPATH": FAKE, "FAKE_CLOCK": str(file)}

    def set_(seconds):
        beside = file.with_suffix(".new")
        beside.write_text(f"{seconds} {time.monotonic() + AGREE_SECONDS}")
        beside.replace(file)
        time.sleep(AGREE_SECONDS)

    return set_


def is_by_itself(run):
    return run.trigger == "schedule"


def findings(since, seconds_off):
    """What the checker finds up to a time that this process, whose clock is right, has not reached yet."""
    with database.read() as connection:
        until = database.now(connection) + timedelta(seconds=max(0, seconds_off))
        return verify.check(connection, since, until).findings


@pytest.mark.alike
@pytest.mark.own_check
@pytest.mark.parametrize("forward", [HOUR, pytest.param(DAY, marks=pytest.mark.long)])
def test_i7_a_clock_set_forward_goes_by_the_rule_for_missed_times(house, probe, set_clock, seen, forward):
    since = ago(seconds=1)
    clock, _ = house.spawn("clock", **house.faked), house.spawn("worker", **house.faked)
    (run,) = queue(house.team, probe("/delay/5", crash_retries=0))
    factories.schedule(house.team, probe(name="every second"), "1s", overlap="allow")
    eventually(lambda: is_running(run) and len(states()) > 2)
    set_clock(forward)
    after = ago(seconds=-forward)
    eventually(lambda: len(rows(Run, Run.planned_at > after)) > 2)
    house.end(clock)
    ended = {one.id: one for one in all_ended()}
    missed = [one for one in ended.values() if one.state == "missed" and one.folded_until]
    assert (ended[run].state, ended[run].attempt) == ("succeeded", 1)
    assert len(rows(Attempt, Attempt.run_id == run)) == 1
    assert forward - 150 <= sum(one.folded_count for one in missed) <= forward
    assert len(ended) < 250
    assert findings(since, forward) == []
    seen(
        f"+{forward:,} s: {sum(one.folded_count for one in missed):,} missed times in one row, the running run undisturbed"
    )


@pytest.mark.alike
def test_i7_a_clock_set_back_fires_nothing_again(house, probe, set_clock, seen):
    since = ago(seconds=1)
    clock, _ = house.spawn("clock", **house.faked), house.spawn("worker", **house.faked)
    factories.schedule(house.team, probe(), "1s", overlap="allow")
    eventually(lambda: list(states().values()).count("succeeded") >= 3)
    (run,) = queue(house.team, probe("/delay/3", name="slow", crash_retries=0))
    eventually(lambda: is_running(run))
    set_clock(-HOUR)
    time.sleep(1)  # what was under way when the clock was set ends
    before = len(states())
    time.sleep(2.5)
    assert len(states()) == before
    eventually(lambda: states([run])[run] == "succeeded")
    assert len(rows(Attempt, Attempt.run_id == run)) == 1
    set_clock(0)
    eventually(lambda: len(states()) > before)
    house.end(clock)
    all_ended()
    assert len(rows(Attempt)) == len([one for one in rows(Run) if one.state == "succeeded"])
    assert findings(since, 0) == []
    seen("−3,600 s: no planned time ran twice, the running run undisturbed")


def test_i7_of_two_hosts_five_seconds_apart_none_fires_early(house, probe, set_clock, seen):
    if house.settings.is_sqlite:
        pytest.skip("a SQLite file lives on one host")
    since = ago(seconds=1)
    set_clock(5)
    clock, _ = house.spawn("clock", **house.faked), house.spawn("worker")
    factories.schedule(house.team, probe(), "1s", overlap="allow")
    eventually(lambda: list(states().values()).count("succeeded") >= 3)
    house.end(clock)
    ended = [run for run in all_ended() if is_by_itself(run)]
    early = [run for run in ended if run.queued_at < run.planned_at or run.started_at < run.planned_at]
    assert early == []
    assert findings(since, 0) == []
    latest = max((run.started_at - run.planned_at).total_seconds() for run in ended)
    seen(f"none early, the latest {latest * 1000:.0f} ms after its time")
