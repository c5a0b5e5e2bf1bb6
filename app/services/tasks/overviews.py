"""What pages show of tasks: lists with their next time, last runs and typical duration, in two queries a list."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, Literal, get_args

import sqlalchemy as sa

from app.core.errors import NotFound
from app.core.numbers import whole
from app.domain import triggers, wording
from app.domain.access import Actor
from app.domain.lifecycle import ACTIVE, WENT_WRONG
from app.infra.database import UtcDateTime, db
from app.models.people import Person
from app.models.runs import IS_REAL, Run
from app.models.tasks import RULE, Schedule, Task, TaskLink, trigger_of
from app.services.tasks import tagging

Sort = Literal["next", "name", "changed"]
Status = Literal["", "attention", "active", "paused"]

SORTS: tuple[Sort, ...] = get_args(Sort)
PAGE_ROWS = 100
STRIP_RUNS = 10
TYPICAL_RUNS = 20
"""The typical duration is the median of those of the last 20 runs that did their work."""

SET_ASIDE = ("failures", "crashes")
"""Why Carillon pauses a task by itself until somebody has mended it."""

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_NEXT = sa.func.coalesce(Schedule.next_fire_at, sa.literal(_FAR, UtcDateTime), type_=UtcDateTime)
_IS_BROKEN = sa.exists().where(Schedule.task_id == Task.id, Schedule.state == "broken").correlate(Task)
_DID_ITS_WORK = ("succeeded", "degraded", "unmet")


@dataclass(frozen=True)
class Filters:
    """Which tasks to list, in which order, after which one (`after` is `Page.after` of the page before)."""

    q: str = ""
    status: str = ""
    type: str = ""
    owner: str = ""
    tag: str = ""
    sort: str = "next"
    after: str = ""


@dataclass(frozen=True)
class Line:
    """A task in a list. `strip` holds the states of its last runs, oldest first; `takes_seconds` may be unknown.

    `when`, `timezone` and `problem` are of the schedule that comes next; `others` is how many more the task has.
    `paused_for` says why Carillon paused it by itself: failures, crashes.
    """

    id: int
    slug: str
    name: str
    engine: str
    state: str
    when: str
    timezone: str
    problem: str
    next_at: datetime | None
    owner: str
    initials: str
    strip: Sequence[str] = ()
    takes_seconds: float | None = None
    others: int = 0
    paused_for: str = ""
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """Some lines, and where the next page begins, empty at the end."""

    lines: Sequence[Line]
    after: str = ""


@dataclass(frozen=True)
class Counts:
    """How many tasks a team has, how many of them are paused, and how many of each engine.

    `has_order`: some run after others.
    """

    all: int = 0
    paused: int = 0
    engines: Mapping[str, int] = field(default_factory=dict)
    has_order: bool = False


def lines(actor: Actor, filters: Filters, limit: int = PAGE_ROWS) -> Page:
    """Return one page of the team's tasks, at most `limit`. Raises NotFound for a place in the list that is none."""
    sort, ascending = _order(filters.sort)
    query = _rows(actor).where(*_matching(filters))
    if filters.after:
        query = query.where(_beyond(sort, filters, ascending))
    order = (sort, Task.id) if ascending else (sort.desc(), Task.id.desc())
    rows = db.session.execute(query.order_by(*order).limit(limit + 1)).all()
    shown = rows[:limit]
    after = _place(shown[-1], filters.sort) if len(rows) > limit else ""
    return Page(_lines(shown), after)


def of_ids(actor: Actor, task_ids: Collection[int]) -> list[Line]:
    """Return these of the team's tasks, by name."""
    rows: list[Any] = []
    chosen = sorted(task_ids)
    for start in range(0, len(chosen), 500):
        rows += db.session.execute(_rows(actor).where(Task.id.in_(chosen[start : start + 500])))
    return sorted(_lines(rows), key=lambda line: line.name.lower())


def counts(actor: Actor) -> Counts:
    """Count the team's tasks."""
    is_paused = Task.paused_at.is_not(None)
    query = sa.select(Task.engine, is_paused, sa.func.count()).where(*_alive(actor)).group_by(Task.engine, is_paused)
    rows = db.session.execute(query).all()
    engines: dict[str, int] = {}
    for engine, _, count in rows:
        engines[engine] = engines.get(engine, 0) + count
    has_order = db.session.scalar(sa.select(sa.exists().where(TaskLink.team_id == actor.team_id)))
    paused = sum(count for _, is_paused, count in rows if is_paused)
    return Counts(sum(engines.values()), paused, engines, bool(has_order))


def owners(actor: Actor) -> Sequence[tuple[int, str]]:
    """Return who owns tasks of the team: (person's id, name)."""
    query = sa.select(Person.id, Person.name).where(Person.id.in_(sa.select(Task.owner_id).where(*_alive(actor))))
    return [(row.id, row.name) for row in db.session.execute(query.order_by(Person.name))]


def latest_runs(task: Task, count: int) -> Sequence[Run]:
    """Return the last `count` runs of a task, the newest first."""
    query = sa.select(Run).where(Run.task_id == task.id).order_by(Run.planned_at.desc(), Run.id.desc())
    return db.session.scalars(query.limit(count)).all()


def state_of(task: Task, runs: Sequence[Run]) -> str:
    """Return the one word for a task: its own state, or that of its newest run where that needs saying."""
    return _state(task.paused_at is not None, task.state == "broken", [runs[0].state] if runs else [])


# --- the query


def _rows(actor: Actor) -> Any:
    of_task = sa.select(Schedule.id).where(Schedule.task_id == Task.id).correlate(Task)
    soonest = of_task.order_by(_NEXT, Schedule.state == "over", Schedule.id).limit(1).scalar_subquery()
    count = of_task.with_only_columns(sa.func.count()).where(Schedule.state != "over").scalar_subquery()
    return (
        sa.select(
            Task.id, Task.slug, Task.name, Task.engine, Task.paused_at, Task.paused_for, Task.changed_at, Task.tags,
            *RULE, Schedule.text, Schedule.state.label("schedule_state"), Schedule.problem, Schedule.next_fire_at,
            Person.name.label("owner"), count.label("schedules"), _IS_BROKEN.label("is_broken"),
        )
        .outerjoin(Schedule, Schedule.id == soonest)
        .outerjoin(Person, Person.id == Task.owner_id)
        .where(*_alive(actor))
    )  # fmt: skip


def _alive(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    return Task.team_id == actor.team_id, Task.deleted_at.is_(None)


def _last_runs(task_ids: Sequence[int]) -> dict[int, str]:
    """Return, by task, its last runs as one text, the newest first: `succeeded:4.2 failed:1.0 skipped:`.

    One walk through the index for each task that is shown: runs are never counted, and never looked at for others.
    """
    seconds = _epoch(Run.ended_at) - _epoch(Run.started_at)
    last = (
        sa.select(Run.state + ":" + sa.func.coalesce(sa.cast(seconds, sa.String), "").label("said"))
        .where(Run.task_id == Task.id, IS_REAL)
        .order_by(Run.planned_at.desc(), Run.id.desc())
        .limit(TYPICAL_RUNS)
        .correlate(Task)
        .subquery()
    )
    joined = sa.select(sa.func.aggregate_strings(last.c[0], " ")).scalar_subquery()
    rows = db.session.execute(sa.select(Task.id, joined).where(Task.id.in_(task_ids)))
    return {task_id: said or "" for task_id, said in rows}


def _epoch(column: Any) -> sa.ColumnElement[float]:
    if db.engine.dialect.name == "sqlite":
        return (sa.func.julianday(column) * 86_400.0).op("+")(0.0)
    return sa.cast(sa.extract("epoch", column), sa.Float)


def _matching(filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.q:
        wanted.append(sa.func.lower(Task.name).contains(filters.q.lower(), autoescape=True))
    if filters.type:
        wanted.append(Task.engine == filters.type)
    if filters.tag:
        wanted.append(tagging.has(filters.tag))
    if filters.owner:
        wanted.append(Task.owner_id == (whole(filters.owner) or 0))
    if filters.status == "paused":
        wanted.append(Task.paused_at.is_not(None))
    elif filters.status == "active":
        wanted.append(Task.paused_at.is_(None))
    elif filters.status == "attention":
        newest = sa.select(Run.state).where(Run.task_id == Task.id, IS_REAL)
        newest = newest.order_by(Run.planned_at.desc(), Run.id.desc())
        went_wrong = newest.limit(1).correlate(Task).scalar_subquery().in_(sorted(WENT_WRONG))
        needs_a_look = sa.and_(Task.paused_at.is_(None), sa.or_(_IS_BROKEN, went_wrong))
        wanted.append(sa.or_(Task.paused_for.in_(SET_ASIDE), needs_a_look))
    return wanted


def _order(sort: str) -> tuple[sa.ColumnElement[Any], bool]:
    if sort == "name":
        return sa.func.lower(Task.name), True
    if sort == "changed":
        return sa.type_coerce(Task.changed_at, UtcDateTime), False
    return _NEXT, True


def _beyond(sort: sa.ColumnElement[Any], filters: Filters, ascending: bool) -> sa.ColumnElement[bool]:
    value, _, last = filters.after.rpartition("~")
    try:
        place = value if filters.sort == "name" else datetime.fromisoformat(value).astimezone(UTC)
        here = sa.tuple_(sa.literal(place, sort.type), sa.literal(int(last)))
    except ValueError:
        raise NotFound from None
    there = sa.tuple_(sort, Task.id)
    return there > here if ascending else there < here


def _place(row: Any, sort: str) -> str:
    if sort == "name":
        return f"{row.name.lower()}~{row.id}"
    at = row.changed_at if sort == "changed" else row.next_fire_at or _FAR
    return f"{at.isoformat()}~{row.id}"


# --- a row


def _lines(rows: Sequence[Any]) -> list[Line]:
    last_runs = _last_runs([row.id for row in rows])
    before = _names_before([row.id for row in rows if row.kind is None])
    return [_line(row, last_runs.get(row.id, ""), before.get(row.id, ())) for row in rows]


def _names_before(task_ids: Sequence[int]) -> dict[int, list[str]]:
    """Return, by task, the names of those that it runs after."""
    query = sa.select(TaskLink.task_id, Task.name).join(Task, Task.id == TaskLink.upstream_id).order_by(Task.name)
    found: dict[int, list[str]] = {}
    for task_id, name in db.session.execute(query.where(TaskLink.task_id.in_(task_ids))) if task_ids else ():
        found.setdefault(task_id, []).append(name)
    return found


def _line(row: Any, last_runs: str, before: Sequence[str]) -> Line:
    runs = [said.partition(":") for said in last_runs.split()]
    states = [state for state, _, _ in runs]
    took = [float(seconds) for state, _, seconds in runs if seconds and state in _DID_ITS_WORK]
    return Line(
        row.id, row.slug, row.name, row.engine,
        _state(row.paused_at is not None, row.is_broken, states), _when(row, before), row.timezone or "",
        row.problem or "", row.next_fire_at, row.owner or "", Person(name=row.owner or "").initials,
        states[:STRIP_RUNS][::-1], median(took) if took else None, max(0, row.schedules - 1), row.paused_for,
        row.tags or (),
    )  # fmt: skip


def _state(is_paused: bool, is_broken: bool, states: Sequence[str]) -> str:
    if is_paused or is_broken:
        return "paused" if is_paused else "error"
    newest = states[0] if states else ""
    return newest if newest in ACTIVE | WENT_WRONG | {"degraded"} else "active"


def _when(row: Any, before: Sequence[str]) -> str:
    if row.kind is None or (row.schedule_state == "over" and row.kind != "once"):
        return f"After {wording.listed(before)}" if before else ""
    try:
        return triggers.describe(trigger_of(row))
    except triggers.TriggerError:
        return str(row.text or row.expression)
