"""A backfill beside live schedules: few at once, behind all others, each logical date once (PROMISES S12)."""

from datetime import timedelta
from itertools import pairwise

import pytest

from app.models.runs import Attempt, Run
from app.services import backfills
from app.services.backfills import Wanted
from tests import factories
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept
from tests.processes import eventually

pytestmark = pytest.mark.fault


def at_once(attempts):
    """The most of these attempts that were held at one moment."""
    moments = sorted([(one.started_at, 1) for one in attempts] + [(one.ended_at, -1) for one in attempts])
    count, most = 0, 0
    for _, step in moments:
        count += step
        most = max(most, count)
    return most


@pytest.mark.parametrize("hours", [60, pytest.param(1000, marks=pytest.mark.long)])
def test_s12_live_schedules_stay_on_time_beside_a_backfill(house, probe, seen, hours):
    since = ago(seconds=1)
    house.spawn("worker", CARILLON_IO_SLOTS="8")
    clock = house.spawn("clock")
    for number in range(10):
        factories.schedule(house.team, probe("/delay/0.05", name=f"live-{number}"), "1s", overlap="allow")
    old = probe("/delay/0.2", name="old")
    factories.schedule(house.team, old, "0 * * * *", "cron", since=ago(seconds=1), overlap="allow")
    eventually(lambda: len(rows(Run, Run.state == "succeeded")) > 10)
    last = ago(hours=1)
    wanted = Wanted((last - timedelta(hours=hours - 1)).isoformat(), last.isoformat(), "3")
    begun = ago()
    made = backfills.create(house.ada, "old", wanted, begun)
    eventually(lambda: all(run.ended_at for run in rows(Run, Run.backfill_id == made)), hours)
    ended_at = ago()
    house.end(clock)
    all_ended()
    mine = rows(Run, Run.backfill_id == made)
    assert {run.state for run in mine} == {"succeeded"}
    assert all(a.planned_at < b.planned_at for a, b in pairwise(sorted(mine, key=lambda run: run.planned_at)))
    ids = {run.id for run in mine}
    assert at_once([attempt for attempt in rows(Attempt) if attempt.run_id in ids]) <= 3
    live = [run for run in rows(Run, Run.trigger == "schedule") if begun < run.planned_at < ended_at]
    lags = sorted((run.started_at - run.planned_at).total_seconds() for run in live)
    assert lags[int(len(lags) * 0.99)] <= 1
    assert_promises_kept(since)
    seen(
        f"{len(mine)} runs backfilled, 3 at once, beside {len(live)} live runs: those started at most "
        f"{lags[int(len(lags) * 0.99)] * 1000:.0f} ms late (p99)"
    )
