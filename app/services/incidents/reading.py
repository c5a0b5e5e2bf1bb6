"""Incidents as people look at them: what is wrong now and what was, and one with its tasks and how it went."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from app.core.errors import NotFound
from app.domain.access import Actor
from app.infra.database import db
from app.models.people import Person
from app.models.runs import Run
from app.models.tasks import Task
from app.models.telling import Incident, IncidentTask
from app.services import evidence
from app.services.evidence import Told

State = Literal["all", "open", "over"]

PAGE_ROWS = 50
_MOST_TASKS = 200


@dataclass(frozen=True)
class Shown:
    """An incident; without `closed_at` it is open. `tasks` is how many it has touched, `names` the first few of them.

    `failing` is how many of them have not worked since. `muted_until` is None when nobody is muted any more.
    """

    id: int
    cause: str
    target: str
    sentence: str
    failures: int
    tasks: int
    failing: int
    names: Sequence[str]
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None
    recovery: str
    acknowledged_at: datetime | None
    acknowledged_by: str
    muted_until: datetime | None
    fix_url: str
    note: str


@dataclass(frozen=True)
class Touched:
    """A task of an incident: its last run that failed by it, and when the task was over it."""

    slug: str
    name: str
    failures: int
    first_at: datetime
    last_at: datetime
    run: int | None
    over_at: datetime | None
    stands: str  # paused, deleted, or empty


@dataclass(frozen=True)
class Moment:
    """Something that happened in an incident."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Detail:
    """An incident with its tasks, those that still fail first, how it went, and what the last failure says of it."""

    shown: Shown
    tasks: Sequence[Touched]
    moments: Sequence[Moment]
    told: Told | None
    run: int | None


@dataclass(frozen=True)
class Page:
    """Incidents, the newest first, and whether there are older ones."""

    incidents: Sequence[Shown]
    has_older: bool


def listing(actor: Actor, state: State = "all", before: int | None = None, limit: int = PAGE_ROWS) -> Page:
    """Return the newest incidents of a team, or those before the one with id `before`."""
    query = _SHOWN.where(Incident.team_id == actor.team_id).order_by(Incident.id.desc()).limit(limit + 1)
    if state != "all":
        query = query.where(Incident.closed_at.is_(None) if state == "open" else Incident.closed_at.is_not(None))
    if before:
        query = query.where(Incident.id < before)
    rows = db.session.execute(query).all()
    return Page(_all_shown(rows[:limit]), len(rows) > limit)


def find(actor: Actor, incident_id: int) -> Detail:
    """Return an incident with all that its page shows. Raises NotFound."""
    row = db.session.execute(_SHOWN.where(Incident.team_id == actor.team_id, Incident.id == incident_id)).first()
    if row is None:
        raise NotFound
    [shown] = _all_shown([row])
    rows = db.session.execute(_TOUCHED, {"incident": incident_id}).all()
    tasks = [_touched(one) for one in rows]
    last = max((one for one in rows if one.run_id), key=lambda one: one.last_at, default=None)
    told = evidence.of_run(db.session, last.run_id) if last else None
    return Detail(shown, tasks, _moments(shown, tasks), told, last.number if last else None)


def of_tasks(actor: Actor, task_ids: Iterable[int]) -> dict[int, Shown]:
    """Return the open incident of each of these tasks that has not worked since."""
    mine = (IncidentTask.task_id.in_(list(task_ids)), IncidentTask.over_at.is_(None))
    is_open = (Incident.team_id == actor.team_id, Incident.closed_at.is_(None))
    query = sa.select(IncidentTask.task_id, IncidentTask.incident_id).where(*mine, *is_open)
    pairs = db.session.execute(query.join(Incident, Incident.id == IncidentTask.incident_id)).all()
    if not pairs:
        return {}
    rows = db.session.execute(_SHOWN.where(Incident.id.in_({pair.incident_id for pair in pairs}))).all()
    known = {shown.id: shown for shown in _all_shown(rows)}
    return {pair.task_id: known[pair.incident_id] for pair in pairs}


def _all_shown(rows: Sequence[Any]) -> list[Shown]:
    tasks = _names([row.id for row in rows])
    return [
        Shown(
            row.id, row.cause, row.target, row.sentence, row.failures, len(tasks[row.id]),
            sum(one.over_at is None for one in tasks[row.id]), [one.name for one in tasks[row.id][:3]], row.opened_at,
            row.last_at, row.closed_at, row.recovery, row.acknowledged_at, row.by or "", row.muted_until, row.fix_url,
            row.note,
        )
        for row in rows
    ]  # fmt: skip


def _names(incidents: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {incident: [] for incident in incidents}
    for row in db.session.execute(_NAMES, {"incidents": incidents}):
        found[row.incident_id].append(row)
    return found


def _touched(row: Any) -> Touched:
    stands = "deleted" if row.deleted_at else "paused" if row.paused_at else ""
    return Touched(
        row.slug, row.name, row.failures, row.first_at, row.last_at, row.number, row.over_at, stands
    )  # fmt: skip


def _moments(shown: Shown, tasks: Sequence[Touched]) -> list[Moment]:
    """Return how it went, in order of time; of many tasks the first, and how many more there were."""
    first = sorted(tasks, key=lambda task: task.first_at)
    found = [Moment(task.first_at, f"{task.name} failed first.") for task in first[:1]]
    if more := first[1:]:
        also = f"{more[0].name} failed too." if len(more) == 1 else f"{len(more)} more tasks had failed by then."
        found.append(Moment(more[-1].first_at, also))
    if shown.acknowledged_at:
        found.append(Moment(shown.acknowledged_at, f"{shown.acknowledged_by or 'Somebody'} acknowledged it."))
    over = sorted((task for task in tasks if task.over_at), key=lambda task: task.over_at or task.last_at)
    found += [
        Moment(task.over_at, f"It was over for {task.name}.") for task in over[:1] if task.over_at and len(tasks) > 1
    ]
    found.append(Moment(shown.last_at, f"The last failure, number {shown.failures:,}."))
    if shown.closed_at:
        found.append(Moment(shown.closed_at, shown.recovery or "Its tasks fail otherwise now."))
    return sorted(found, key=lambda moment: moment.at)


_SHOWN = sa.select(
    Incident.id, Incident.cause, Incident.target, Incident.sentence, Incident.failures, Incident.opened_at,
    Incident.last_at, Incident.closed_at, Incident.recovery, Incident.acknowledged_at, Incident.muted_until,
    Incident.fix_url, Incident.note, Person.name.label("by"),
).outerjoin(Person, Person.id == Incident.acknowledged_by_id)  # fmt: skip
_NAMES = (
    sa.select(IncidentTask.incident_id, IncidentTask.over_at, Task.name)
    .join(Task, Task.id == IncidentTask.task_id)
    .where(IncidentTask.incident_id.in_(sa.bindparam("incidents", expanding=True)))
    .order_by(IncidentTask.over_at.is_not(None), IncidentTask.first_at, IncidentTask.task_id)
)
_TOUCHED = (
    sa.select(
        Task.slug, Task.name, Task.paused_at, Task.deleted_at, IncidentTask.failures, IncidentTask.first_at,
        IncidentTask.last_at, IncidentTask.run_id, IncidentTask.over_at, Run.number,
    )
    .join(Task, Task.id == IncidentTask.task_id)
    .outerjoin(Run, Run.id == IncidentTask.run_id)
    .where(IncidentTask.incident_id == sa.bindparam("incident"))
    .order_by(IncidentTask.over_at.is_not(None), IncidentTask.last_at.desc(), IncidentTask.task_id)
    .limit(_MOST_TASKS)
)  # fmt: skip
