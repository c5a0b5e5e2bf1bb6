"""What a person is told in the app: what is new, the page of it, and what they have read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.core.errors import NotFound
from app.domain import failures
from app.domain.access import Actor
from app.domain.alert_rules import EVENTS
from app.infra import database
from app.infra.database import db
from app.models.instance import Fact
from app.models.runs import Alert, Run
from app.models.tasks import Task
from app.models.teams import Membership, Team
from app.models.telling import Incident, IncidentTask, Notification
from app.services.unit import unit

Only = Literal["", "unread", "failures"]
ONLY: tuple[Only, ...] = get_args(Only)

PAGE, NEWEST = 50, 20
MOST_COUNTED = 100
"""So many unread ones are counted; more are not told apart."""

FAILURES = frozenset({"failed", "unmet", "not_started", "not_finished", "missed", "blocked"})

Place = tuple[datetime, int]
"""Where a page ends: the moment and the id of its last row."""


@dataclass(frozen=True)
class Line:
    """A notification: what was last said of it, where it leads, and how it ended if it is over.

    `team`, `task`, `run` and `incident` say what it is about, as far as that is still there; without a team it is the
    installation's.
    """

    id: int
    event: str
    label: str
    sentence: str
    recovery: str
    is_over: bool
    is_read: bool
    created_at: datetime
    changed_at: datetime
    team: str
    task: str
    task_name: str
    run: int | None
    incident_id: int | None

    @property
    def place(self) -> Place:
        """Where a page ends with it."""
        return self.changed_at, self.id


@dataclass(frozen=True)
class Page:
    """Notifications, the newest first; `older` is the place from which there are more."""

    lines: Sequence[Line]
    older: Place | None


def unread(actor: Actor) -> int:
    """Return how many notifications the person has not read, up to MOST_COUNTED."""
    few = sa.select(Notification.id).where(*_mine(actor), Notification.read_at.is_(None)).limit(MOST_COUNTED)
    return db.session.scalar(sa.select(sa.func.count()).select_from(few.subquery())) or 0


def mark() -> str:
    """Return what changes whenever somebody may have been told of something new."""
    at = db.session.scalar(sa.select(Fact.at).where(Fact.name == "routed"))
    return f"{at.timestamp() * 1000:.0f}" if at else "0"


def listing(actor: Actor, only: Only = "", after: Place | None = None, limit: int = PAGE) -> Page:
    """Return the person's notifications in the teams they belong to, the newest first, from a place on."""
    query = _SHOWN.where(*_mine(actor))
    if only == "unread":
        query = query.where(Notification.read_at.is_(None))
    elif only == "failures":
        query = query.where(Notification.event.in_(FAILURES))
    if after:
        at, ident = after
        same = sa.and_(Notification.changed_at == at, Notification.id < ident)
        query = query.where(Notification.changed_at <= at, sa.or_(Notification.changed_at < at, same))
    newest_first = (Notification.changed_at.desc(), Notification.id.desc())
    rows = db.session.execute(query.order_by(*newest_first).limit(limit + 1)).all()
    lines = [_line(row) for row in rows[:limit]]
    return Page(lines, lines[-1].place if len(rows) > limit else None)


def by_task(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    """Return the same grouped by task, a name and its notifications; the group with the newest comes first."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        groups.setdefault((line.team, line.task), []).append(line)
    return [(found[0].task_name or "Other", found) for found in groups.values()]


def find(actor: Actor, notification_id: int) -> Line:
    """Return a notification of the person. Raises NotFound."""
    row = db.session.execute(_SHOWN.where(*_mine(actor), Notification.id == notification_id)).first()
    if row is None:
        raise NotFound
    return _line(row)


def read(actor: Actor, notification_id: int) -> None:
    """Note that the person has read one. Raises NotFound."""
    with unit(actor) as work:
        mine = sa.and_(*_mine(actor), Notification.id == notification_id)
        if work.session.scalar(sa.select(Notification.id).where(mine)) is None:
            raise NotFound
        _read(work, mine)


def read_all(actor: Actor) -> None:
    """Note that the person has read all that they were told so far."""
    with unit(actor) as work:
        _read(work, sa.and_(*_mine(actor)))


def _read(work: Any, which: sa.ColumnElement[bool]) -> None:
    unread = sa.and_(which, Notification.read_at.is_(None))
    work.connection.execute(sa.update(Notification).where(unread).values(read_at=database.now(work.connection)))


def _mine(actor: Actor) -> Collection[sa.ColumnElement[bool]]:
    """Return what makes a notification theirs: those of teams that they left are no more; a token sees its team's."""
    teams = sa.select(Membership.team_id).where(Membership.person_id == actor.person_id)
    if actor.token_team_id is not None:
        return Notification.person_id == actor.person_id, Notification.team_id == actor.team_id
    is_there = sa.or_(Notification.team_id.is_(None), Notification.team_id.in_(teams))
    return Notification.person_id == actor.person_id, is_there


def _line(row: Any) -> Line:
    event = EVENTS.get(row.event)
    sentence = row.sentence
    if row.event == "failed" and row.cause and (first := row.name or row.first):
        sentence = failures.headline(first, row.cause, tasks=row.tasks)
    recovery = (row.incident_recovery or row.recovery or "") if row.is_over else ""
    return Line(
        row.id, row.event, event.label if event else "", sentence, recovery, row.is_over, row.read_at is not None,
        row.created_at, row.changed_at, row.team or "", row.slug or "", row.name or "", row.number, row.incident_id,
    )  # fmt: skip


_TOUCHED = aliased(Task)
_TASKS = (
    sa.select(sa.func.count())
    .where(IncidentTask.incident_id == Notification.incident_id)
    .correlate(Notification)
    .scalar_subquery()
)
_FIRST = (
    sa.select(_TOUCHED.name)
    .join(IncidentTask, IncidentTask.task_id == _TOUCHED.id)
    .where(IncidentTask.incident_id == Notification.incident_id)
    .order_by(IncidentTask.first_at, IncidentTask.task_id)
    .limit(1)
    .correlate(Notification)
    .scalar_subquery()
)
_SHOWN = (
    sa.select(
        Notification.id, Notification.event, Notification.sentence, Notification.is_over, Notification.read_at,
        Notification.created_at, Notification.changed_at, Notification.incident_id, Team.slug.label("team"), Task.slug,
        Task.name, Run.number, Alert.recovery, Incident.recovery.label("incident_recovery"),
        Incident.cause, _TASKS.label("tasks"), _FIRST.label("first"),
    )
    .outerjoin(Team, Team.id == Notification.team_id)
    .outerjoin(Task, sa.and_(Task.id == Notification.task_id, Task.deleted_at.is_(None)))
    .outerjoin(Alert, Alert.id == Notification.alert_id)
    .outerjoin(Run, Run.id == Alert.run_id)
    .outerjoin(Incident, Incident.id == Notification.incident_id)
)  # fmt: skip
