"""Recovery: from the death of a worker until its runs are queued again, and from a wiped Redis until work goes on."""

import time
from datetime import UTC, datetime, timedelta

from app.infra import redis
from app.models.instance import Worker
from app.models.runs import Run
from tests.bench import plan
from tests.factories import rows
from tests.processes import eventually

SLOTS = 8
"""Of each worker: few, so that runs wait in Redis when it is wiped."""

WAITING, A_MOMENT = 400, timedelta(seconds=0.3)


def measure(here, is_quick):
    times = 1 if is_quick else 3
    return {
        "dead_worker_s": max(_dead_worker(here) for _ in range(times)),
        "redis_wiped_s": max(_redis_wiped(here) for _ in range(times)),
    }


def _dead_worker(here):
    """The longest that a run of a killed worker was without anybody."""
    task = plan.tasks(here.team, 1, {"url": f"{here.target}/wait/15", "method": "GET", "timeout_seconds": 60})[0]
    plan.ask(here.team, task, SLOTS)
    eventually(lambda: len(_running(task)) == SLOTS)
    held = {run.worker for run in _running(task)}
    victim = next(row for row in rows(Worker) if row.name in held)
    process = next(process for process in here.running if process.pid == victim.pid)
    lost = [run.id for run in _running(task) if run.worker == victim.name]
    here.kill(process)
    began = time.monotonic()
    eventually(lambda: all(run.token > 1 or run.state == "queued" for run in rows(Run, Run.id.in_(lost))), seconds=60)
    took = time.monotonic() - began
    here.spawn("worker")
    eventually(lambda: len(rows(Run, Run.task_id == task[0], Run.state == "succeeded")) == SLOTS, seconds=90)
    return round(took, 1)


def _running(task):
    return rows(Run, Run.task_id == task[0], Run.state == "running")


def _redis_wiped(here):
    """How long it took until a run began that was only in Redis; all of them end, and none twice."""
    task = plan.tasks(here.team, 1, {"url": f"{here.target}/wait/0.2", "method": "GET"})[0]
    plan.ask(here.team, task, WAITING)
    eventually(lambda: len(rows(Run, Run.task_id == task[0], Run.state == "succeeded")) > SLOTS)
    redis.client().flushall()
    wiped_at = datetime.now(UTC)
    eventually(lambda: len(rows(Run, Run.task_id == task[0], Run.state == "succeeded")) == WAITING, seconds=60)
    runs = rows(Run, Run.task_id == task[0])
    assert {run.token for run in runs} == {1}, "a run was carried out twice"
    after = [run.started_at for run in runs if run.started_at > wiped_at + A_MOMENT]
    return round((min(after) - wiped_at).total_seconds(), 1)
