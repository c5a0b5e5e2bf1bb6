"""Idle: what all processes together cost while nothing is to do."""

import time

from tests.bench.house import cpu_seconds, pss_mb

SETTLE_SECONDS = 5


def measure(here, is_quick):
    seconds = 5 if is_quick else 20
    time.sleep(SETTLE_SECONDS)
    before, began = cpu_seconds(here.pids()), time.monotonic()
    time.sleep(seconds)
    used = cpu_seconds(here.pids()) - before
    return {"cpu_percent": round(100 * used / (time.monotonic() - began), 2), "pss_mb": pss_mb(here.pids())}
