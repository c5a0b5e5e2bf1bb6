"""Times that are planned: on the record, little late, never drifting, right through every clock change (S2, S3, S4, O1)."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from app.domain import localtime
from app.domain.lifecycle import DID_NOT_HAPPEN
from app.domain.triggers import Trigger, fires_between
from app.models.runs import Run
from tests import factories
from tests.domain.test_clock_changes import assert_right_near
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept
from tests.processes import eventually

pytestmark = pytest.mark.fault

BEGIN, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
HARD = ("Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo", "Africa/Casablanca", "America/St_Johns")


def test_s2_none_is_early_and_none_is_late(house, probe, seen):
    since = ago(seconds=1)
    for number in range(40):
        factories.schedule(house.team, probe(name=f"probe {number}"), "1s", overlap="allow")
    clock, _ = house.spawn("clock"), house.spawn("worker")
    eventually(lambda: len(rows(Run, Run.state == "succeeded")) > 40)  # past the start of the processes
    begun = ago()
    time.sleep(4)
    house.end(clock)
    ended = [run for run in all_ended() if run.planned_at > begun]
    lags = sorted((run.queued_at - run.planned_at).total_seconds() for run in ended)
    assert len(lags) > 100
    assert min(run.queued_at - run.planned_at for run in ended) >= timedelta()
    assert min(run.started_at - run.planned_at for run in ended) >= timedelta()
    p99 = lags[int(len(lags) * 0.99)]
    assert p99 <= 1
    assert_promises_kept(since)
    seen(
        f"{len(lags)} planned times at 40 a second: p50 {lags[len(lags) // 2] * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms late"
    )


def test_s3_an_interval_counts_from_its_anchor_for_a_day(seen):
    anchor = datetime(2026, 3, 29, 0, 30, 0, 250_000, tzinfo=UTC)  # a day with a clock change
    for seconds in (1, 7, 90, 3600):
        trigger = Trigger("interval", f"{seconds}s", "Europe/Berlin", anchor_at=anchor)
        fires = [fire.at for fire in fires_between(trigger, anchor, anchor + timedelta(days=1))]
        assert fires == [anchor + timedelta(seconds=n * seconds) for n in range(1, 86_400 // seconds + 1)]
    seen("four intervals over 24 h: each time is exactly anchor + n × interval")


def changes(timezones):
    return [(name, change) for name in timezones for change in localtime.changes(ZoneInfo(name), BEGIN, END)]


def test_s4_the_rules_hold_three_days_round_a_clock_change(seen):
    near = [pair for name in HARD for pair in changes([name])[-3:]]
    for timezone, change in near:
        assert_right_near(timezone, change, timedelta(days=3))
    seen(f"{len(near)} changes in {len(HARD)} zones, 11 rules each: 0 differences from a walk through every minute")


@pytest.mark.long
def test_s4_the_rules_hold_round_every_clock_change_of_every_zone(seen):
    once = {change: timezone for timezone, change in changes(sorted(available_timezones() - {"localtime", "Factory"}))}
    for change, timezone in once.items():
        assert_right_near(timezone, change, timedelta(days=3))
    seen(f"{len(once):,} changes in all zones, 2000–2037: 0 differences")


def test_o1_whatever_does_not_run_says_why(house, probe, seen):
    since = ago(seconds=1)
    factories.schedule(house.team, probe("/delay/2", name="long"), "1s", overlap="skip")
    factories.schedule(house.team, probe(name="late"), "1s", since=ago(seconds=600), overlap="allow", misfire="skip")
    clock, _ = house.spawn("clock"), house.spawn("worker")
    eventually(lambda: {"overlap", "misfire_skip"} <= {run.reason for run in rows(Run)})
    house.end(clock)
    all_ended()
    silent = [run for run in rows(Run) if run.state in DID_NOT_HAPPEN and not (run.reason and run.sentence)]
    assert silent == []
    assert_promises_kept(since)
    told = {run.reason for run in rows(Run) if run.state in DID_NOT_HAPPEN}
    seen(
        f"{sum(run.state in DID_NOT_HAPPEN for run in rows(Run))} runs that did not happen, reasons: {', '.join(sorted(told))}"
    )
