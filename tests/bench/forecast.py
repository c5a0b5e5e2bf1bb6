"""Estimates: how fast a log goes through the backtest, and how long one estimate takes."""

import random
import time
from datetime import UTC, datetime, timedelta

from app.domain.forecast import Ended, Learner, Planned
from tests.bench.ranks import ranks

TASKS = 100
START = datetime(2026, 1, 5, tzinfo=UTC)


def measure(_, is_quick):
    learner, log = Learner(), list(_log(2_000 if is_quick else 20_000))
    asked = [Planned(row.task, row.at, row.engine, row.template, row.version, row.attrs) for row in log]
    began = time.perf_counter()
    for row, planned in zip(log, asked, strict=True):
        learner.estimate(planned, row.at)
        learner.learn(row)
    rows_per_s = len(log) / (time.perf_counter() - began)
    return {"rows_per_s": round(rows_per_s), "estimate_ms": ranks([_took(learner, one) for one in asked[-500:]])}


def _took(learner, planned):
    began = time.perf_counter()
    learner.estimate(planned, planned.at)
    return time.perf_counter() - began


def _log(count):
    source = random.Random(1)
    for i in range(count):
        attrs = {"rows": source.randrange(10**6), "region": source.choice(["eu", "us"])}
        outcome = "failed" if source.random() < 0.1 else "succeeded"
        at, seconds = START + timedelta(minutes=20 * i), source.lognormvariate(4, 1)
        yield Ended(f"task-{i % TASKS}", at, seconds, outcome, None, None, "python", None, 1, attrs)
