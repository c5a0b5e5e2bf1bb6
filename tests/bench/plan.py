"""Many tasks, schedules and runs at once, for figures that need more than a few."""

import itertools
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.domain.policy import Policy
from app.models.tasks import Schedule, Task, TaskVersion
from app.services import planned
from app.services.unit import batch

DAY, SHORTLY = timedelta(days=1), timedelta(microseconds=1)
AT_ONCE = 5_000
_numbers = itertools.count(1)


def tasks(team, count, settings, engine="http", steps=()):
    """So many tasks, alike; returns their ids and versions."""
    now = datetime.now(UTC)
    common = {"team_id": team, "created_at": now}
    definition = {
        "name": "probe", "engine": engine, "settings": settings, "limits": {"timeout_seconds": 120},
        "policy": asdict(Policy(overlap="allow")), "min_isolation": 0, "files": [], "schedule": None,
        "steps": list(steps),
    }  # fmt: skip
    new = [
        common | {"slug": f"probe-{number}", "name": f"Probe {number}", "engine": engine, "changed_at": now}
        for number in itertools.islice(_numbers, count)
    ]
    with batch() as work:
        ids = _insert(work, Task, [task | {"version_number": 1} for task in new])
        versions = [common | {"task_id": task, "number": 1, "definition": definition} for task in ids]
        made = list(zip(ids, _insert(work, TaskVersion, versions), strict=True))
        work.connection.execute(
            sa.update(Task.__table__)
            .where(Task.__table__.c.id == sa.bindparam("task"))
            .values(version_id=sa.bindparam("version")),
            [{"task": task, "version": version} for task, version in made],
        )
    return made


def schedules(team, made, times, every="1d"):
    """One schedule for each of the tasks `made`, due first at its time of `times`, then `every` so often."""
    now = datetime.now(UTC)
    common = {
        "team_id": team, "kind": "interval", "expression": every, "timezone": "UTC", "created_at": now,
        "policy": asdict(Policy(overlap="allow")),
    }  # fmt: skip
    new = [
        common | {"task_id": task, "anchor_at": at - DAY, "next_fire_at": at, "decided_until": at - SHORTLY}
        for (task, _), at in zip(made, times, strict=True)
    ]
    for first in range(0, len(new), AT_ONCE):
        with batch() as work:
            work.connection.execute(sa.insert(Schedule), new[first : first + AT_ONCE])
            work.wake_clock()


def ask(team, task, count, lane="io"):
    """Ask for so many runs of a task (its id and version), as a person does."""
    with batch() as work:
        common = {
            "team_id": team, "task_id": task[0], "version_id": task[1], "trigger": "person", "requested_by_id": None,
            "planned_at": work.now, "lane": lane, "state": "queued", "reason": "", "sentence": "",
            "queued_at": work.now,
        }  # fmt: skip
        planned.insert(work, [common | {"key": f"bench:{next(_numbers)}"} for _ in range(count)])


def _insert(work, model, new):
    statement = sa.insert(model).returning(model.id, sort_by_parameter_order=True)
    return work.connection.execute(statement, new).scalars().all()
