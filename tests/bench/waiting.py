"""Waiting: runs that all wait on a slow server, and the memory of the workers that hold them."""

import sqlalchemy as sa

from app.infra import database
from app.models.runs import Run
from tests.bench import plan
from tests.bench.house import pss_mb
from tests.processes import eventually

SLOTS = 300
"""Of each worker: together they have room for all."""


def measure(here, is_quick):
    count = 50 if is_quick else 500
    task = plan.tasks(here.team, 1, {"url": f"{here.target}/wait/25", "method": "GET", "timeout_seconds": 60})[0]
    plan.ask(here.team, task, count)
    eventually(lambda: _running() == count, seconds=20, pause=0.2)
    memory = pss_mb(here.pids("worker"))
    assert _running() == count
    return {"runs": count, "workers_pss_mb": memory}


def _running():
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(Run).where(Run.state == "running")).scalar()
