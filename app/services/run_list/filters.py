"""Which runs are looked at, as conditions on their rows: by state, task, time, and what is usual for their task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.domain import usual
from app.domain.access import Actor
from app.domain.lifecycle import ACTIVE, DID_NOT_HAPPEN, STATES
from app.infra.database import UtcDateTime, db
from app.models.runs import Run
from app.models.tasks import Task

GROUPS: Mapping[str, frozenset[str]] = {
    "going": ACTIVE | {"planned"},
    "failed": frozenset({"failed", "timed_out", "unmet"}),
    "not": frozenset(DID_NOT_HAPPEN),
}
"""Words of the filter that stand for several states; a state stands for itself."""

BASIS_RUNS = 50
"""What is usual for a task is taken from so many of its last runs."""

_DID_ITS_WORK = ("succeeded", "degraded", "unmet")


@dataclass(frozen=True)
class Filters:
    """Which runs: planned from `since` to `until` (UTC), in a state or group, of a task (its slug), and so on.

    Slow: over a second longer than nine of ten runs of its task that did their work. Expensive: the same for the cost;
    where a task has too few runs with a price, those of all tasks together tell.
    """

    since: datetime
    until: datetime
    status: str = ""
    task: str = ""
    trigger: str = ""
    engine: str = ""
    worker: str = ""
    reason: str = ""
    is_mine: bool = False
    is_slow: bool = False
    is_expensive: bool = False


def states(word: str) -> Sequence[str]:
    """Return the states a word of the filter stands for, none for the empty word. Raises NotFound."""
    if not word:
        return ()
    if word not in GROUPS and word not in STATES:
        raise NotFound
    return sorted(GROUPS.get(word, {word}))


def within(actor: Actor, filters: Filters, usual_of: Mapping[int, float] | None = None) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on runs, all but the state; `usual_of` is `usual_seconds` where that is known already."""
    wanted = [Run.planned_at >= filters.since, Run.planned_at <= filters.until, *of(actor, filters)]
    if filters.is_slow:
        wanted.append(_took_long(usual_seconds(actor, filters) if usual_of is None else usual_of))
    if filters.is_expensive:
        wanted.append(_cost_much(actor, filters))
    return wanted


def of(actor: Actor, filters: Filters) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on runs that say whose and of what they are: all but state, time and what is usual."""
    wanted = [Run.team_id == actor.team_id]
    if filters.task:
        one = sa.select(Task.id).where(Task.team_id == actor.team_id, Task.slug == filters.task)
        wanted.append(Run.task_id == one.scalar_subquery())
    if filters.engine:
        wanted.append(Run.task_id.in_(_tasks(actor, Task.engine == filters.engine)))
    for column, value in ((Run.trigger, filters.trigger), (Run.worker, filters.worker), (Run.reason, filters.reason)):
        if value:
            wanted.append(column == value)
    if filters.is_mine:
        mine = Run.task_id.in_(_tasks(actor, Task.owner_id == actor.person_id))
        wanted.append(sa.or_(Run.requested_by_id == actor.person_id, mine))
    return wanted


def of_tasks(actor: Actor, filters: Filters) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on tasks that the filters hold for tasks themselves."""
    wanted = [Task.team_id == actor.team_id, Task.deleted_at.is_(None)]
    if filters.task:
        wanted.append(Task.slug == filters.task)
    if filters.engine:
        wanted.append(Task.engine == filters.engine)
    if filters.is_mine:
        wanted.append(Task.owner_id == actor.person_id)
    return wanted


def usual_seconds(actor: Actor, filters: Filters) -> dict[int, float]:
    """Return, by task, the seconds that nine of ten of its runs stay under; of tasks with too few runs nothing."""
    return _uppers(_values(actor, filters, _epoch(Run.ended_at) - _epoch(Run.started_at)))


def _tasks(actor: Actor, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(Task.id).where(Task.team_id == actor.team_id, which)


def _took_long(most: Mapping[int, float]) -> sa.ColumnElement[bool]:
    if not most:
        return sa.false()
    end = sa.func.coalesce(Run.ended_at, sa.literal(utc_now(), UtcDateTime))
    took = _epoch(end) - _epoch(Run.started_at)
    # Below a second the difference is that of the machine, not of the work.
    return sa.and_(Run.started_at.is_not(None), took > sa.case(dict(most), value=Run.task_id) + 1.0)


def _cost_much(actor: Actor, filters: Filters) -> sa.ColumnElement[bool]:
    values = _values(actor, filters, sa.cast(Run.cost_micros, sa.Float))
    most, of_all = _uppers(values), usual.upper([cost for costs in values.values() for cost in costs])
    if not most and of_all is None:
        return sa.false()
    return Run.cost_micros > (sa.case(most, value=Run.task_id, else_=of_all) if most else of_all)


def _uppers(values: Mapping[int, Sequence[float]]) -> dict[int, float]:
    found = {task_id: usual.upper(numbers) for task_id, numbers in values.items()}
    return {task_id: most for task_id, most in found.items() if most is not None}


def _values(actor: Actor, filters: Filters, value: sa.ColumnElement[float]) -> dict[int, list[float]]:
    """Return, by task, a number of each of its last runs that did their work: one statement, one walk for each task."""
    did = sa.case((Run.state.in_(_DID_ITS_WORK), value))
    last = (
        sa.select(sa.cast(did, sa.String).label("said"))
        .where(Run.task_id == Task.id)
        .order_by(Run.planned_at.desc(), Run.id.desc())
        .limit(BASIS_RUNS)
        .correlate(Task)
        .subquery()
    )
    joined = sa.select(sa.func.aggregate_strings(last.c.said, " ")).scalar_subquery()
    rows = db.session.execute(sa.select(Task.id, joined).where(*of_tasks(actor, filters)))
    return {task_id: [float(number) for number in said.split()] for task_id, said in rows if said}


def _epoch(column: Any) -> sa.ColumnElement[float]:
    if db.engine.dialect.name == "sqlite":
        return (sa.func.julianday(column) * 86_400.0).op("+")(0.0)
    return sa.cast(sa.extract("epoch", column), sa.Float)
