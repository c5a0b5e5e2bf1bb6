"""Idle schedules: a great many that are not due, what they cost the clock, and how late the few that are due begin."""

import time
from datetime import UTC, datetime, timedelta

from tests.bench import plan
from tests.bench.house import cpu_seconds
from tests.bench.lateness import late_ms


def measure(here, is_quick):
    count = 5_000 if is_quick else 200_000
    task = plan.tasks(here.team, 1, {"url": here.target, "method": "GET"})
    later = datetime.now(UTC) + timedelta(hours=1)
    plan.schedules(here.team, task * count, [later + timedelta(seconds=number % 80_000) for number in range(count)])
    made = plan.tasks(here.team, 20, {"url": here.target, "method": "GET"})
    before, began = cpu_seconds(here.pids("clock")), time.monotonic()
    late = late_ms(here.team, made)
    used = cpu_seconds(here.pids("clock")) - before
    cpu_percent = round(100 * used / (time.monotonic() - began), 2)
    return {"count": count, "lateness_ms": late, "clock_cpu_percent": cpu_percent}
