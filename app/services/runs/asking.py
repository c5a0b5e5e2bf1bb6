"""Runs that people and programs ask for: a task now, or a run once more."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from app.core.errors import Conflict, Invalid, NotFound
from app.domain import variables
from app.domain.access import Actor
from app.domain.policy import Policy
from app.engines.base import SEVERAL, engines, lane_of
from app.infra import disk
from app.infra.database import db
from app.models.runs import Run
from app.models.tasks import Task, TaskVersion
from app.services import planned
from app.services.unit import Work, batch

TASK = sa.select(Task.id, Task.team_id, Task.name, Task.version_id, Task.deleted_at)
"""What is to be known of the task of a new run."""


def start(
    actor: Actor, task_id: int, trigger: str = "person", key: str = "", inputs: Mapping[str, Any] = MappingProxyType({})
) -> int:  # fmt: skip
    """Start a task now, also a paused one; returns the number of the run. Raises NotFound, Invalid, Conflict.

    `trigger` says who asked: person, api. A run that was asked for with the same `key` is the one that is returned.
    `inputs` are values typed for its variables, by name: those that are empty or missing count as the task has them.
    """
    with batch(actor) as work:
        task = _found(work, actor, task_id)
        typed = _typed(work, task.version_id, inputs)
        return asked_before(work, task, key) or ask(work, task, task.version_id, trigger, key, **typed)


def rehearse(
    actor: Actor,
    task_id: int,
    at: datetime,
    trigger: str = "person",
    key: str = "",
    inputs: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Rehearse the run of a task that is planned for `at` (aware), now; returns its number. Raises as `start`.

    It is a run in which nothing that changes something outside is sent, and which does not count for how the task does.
    """
    with batch(actor) as work:
        task = _found(work, actor, task_id)
        more = {**_typed(work, task.version_id, inputs), "rehearses_at": at}
        return asked_before(work, task, key) or ask(work, task, task.version_id, trigger, key, **more)


def _found(work: Work, actor: Actor, task_id: int) -> Any:
    mine = (Task.id == task_id, Task.team_id == actor.team_id, Task.deleted_at.is_(None))
    task = work.connection.execute(TASK.where(*mine)).first()
    if task is None:
        raise NotFound
    return task


def again(actor: Actor, number: int, *, with_its_version: bool = False, trigger: str = "person", key: str = "") -> int:
    """Run a run's task once more, as the task is now or as it was then; returns the number of the new run.

    A rehearsal is rehearsed once more.

    Raises NotFound, and Conflict for a task that was deleted.
    """
    with batch(actor) as work:
        row = work.connection.execute(
            TASK.add_columns(Run.version_id.label("its_version_id"), Run.typed, Run.rehearses_at, Run.hook_id)
            .join(Run, Run.task_id == Task.id)
            .where(Run.team_id == actor.team_id, Run.number == number)
        ).first()
        if row is None:
            raise NotFound
        if row.deleted_at:
            raise Conflict(f"{row.name} was deleted, so it can't run again.")
        version_id = row.its_version_id if with_its_version else row.version_id
        more = _typed(work, version_id, row.typed, as_far_as_they_fit=True) | rehearsing(row) | {"hook_id": row.hook_id}
        return asked_before(work, row, key) or ask(work, row, version_id, trigger, key, **more)


def rehearsing(run: Any) -> dict[str, Any]:
    """Return the column that makes a run that comes of a rehearsal one as well."""
    return {"rehearses_at": run.rehearses_at} if run.rehearses_at else {}


def _typed(
    work: Work, version_id: int, inputs: Mapping[str, Any], *, as_far_as_they_fit: bool = False
) -> dict[str, Any]:
    """Return the column with what was typed for variables of a version. Raises Invalid with fields `input-<name>`."""
    if not inputs:
        return {}
    query = sa.select(TaskVersion.definition).where(TaskVersion.id == version_id)
    known = variables.all_of(work.connection.execute(query).scalar_one())
    try:
        return {"typed": variables.typed(known, inputs)}
    except variables.Wrong as error:
        if as_far_as_they_fit:
            kept = {name: value for name, value in inputs.items() if name not in error.names}
            return _typed(work, version_id, kept)
        raise Invalid({f"input-{name}": sentence for name, sentence in error.names.items()}) from None


def asked_before(work: Work, task: Any, key: str) -> int | None:
    """Return the number of the run of a task that was asked for with this key, None without one."""
    known = sa.select(Run.number).where(Run.task_id == task.id, Run.key == key)
    return work.connection.execute(known).scalar() if key else None


def ask(work: Work, task: Any, version_id: int, trigger: str, key: str, **more: Any) -> int:
    """Queue a new run and return its number; `more` are columns of its own.

    Raises Conflict without its engine, and Unavailable without room on the disk.
    """
    assert work.actor
    disk.refuse_if_low()
    db.session.commit()  # ends what was read before, or what is read next would not see the run
    query = sa.select(TaskVersion.definition).where(TaskVersion.id == version_id)
    definition = work.connection.execute(query).scalar_one()
    if definition["engine"] not in engines and definition["engine"] != SEVERAL:
        raise Conflict(f"No engine named {definition['engine']} is installed.")
    row = {
        "team_id": task.team_id,
        "task_id": task.id,
        "version_id": version_id,
        "key": key or f"manual:{uuid.uuid4().hex}",
        "trigger": trigger,
        "requested_by_id": work.actor.person_id,
        "planned_at": work.now,
        "lane": lane_of(definition),
        **planned.turn(Policy.of(definition.get("policy", {}))),
        "state": "queued",
        "reason": "",
        "sentence": "",
        "queued_at": work.now,
    } | more
    inserted = planned.insert(work, [row])
    if not inserted and (number_before := asked_before(work, task, key)):
        return number_before  # the same was asked for at the same moment
    number: int = row["number"]
    work.audit("run_asked_for", f"#{number} {task.name}", task=task.id, **_said(more))
    return number


def _said(more: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the audit keeps of columns of a new run: of values typed for it the names alone."""
    said = {name: value for name, value in more.items() if name not in {"inputs", "typed", "rehearses_at", "hook_id"}}
    if typed := more.get("typed"):
        said["typed"] = sorted(typed)
    if at := more.get("rehearses_at"):
        said["rehearses_at"] = at.isoformat()
    return said
