"""Tasks that run after others while the workers that carry them out are killed (PROMISES E2, E13)."""

import time
from collections import Counter

import pytest

from app.models.runs import Run
from tests import factories
from tests.factories import ago, rows
from tests.faults.conftest import assert_promises_kept, queue
from tests.processes import eventually

pytestmark = pytest.mark.fault

COUNT = 6


def test_e13_each_end_starts_the_next_task_once_whichever_worker_dies(house, probe, seen):
    since = ago(seconds=1)
    extract, load, report = (probe("/delay/0.1", name) for name in ("extract", "load", "report"))
    factories.after(load, extract)
    factories.after(report, load)
    house.spawn("clock")
    first = house.spawn("worker")
    queue(house.team, extract, COUNT)
    eventually(lambda: _count(load) >= 2)
    house.kill(first)
    killed_at = time.monotonic()
    house.spawn("worker")
    eventually(lambda: _count(report, "succeeded") == COUNT, seconds=30)
    for task, upstream in ((load, extract), (report, load)):
        came_after = Counter(run.upstreams[str(upstream)] for run in rows(Run, Run.task_id == task))
        assert came_after == {run.id: 1 for run in rows(Run, Run.task_id == upstream)}
    seen(
        f"{COUNT} chains of three, a worker killed in the middle: all at their end {time.monotonic() - killed_at:.1f} s later"
    )
    assert_promises_kept(since)


def _count(task, *states):
    found = rows(Run, Run.task_id == task)
    return sum(not states or run.state in states for run in found)
