"""Events as programs read them on: with a cursor that skips none, also none that was committed late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.domain.access import Actor
from app.infra.database import db
from app.models.runs import Event, Run
from app.models.tasks import Task
from app.services import cursor

FARTHEST = 100_000
"""From farther back, counted in events of all teams, nobody reads on."""


@dataclass(frozen=True)
class Happened:
    """Something that happened: past tense. `run` is a number of the team, `task` a slug."""

    id: int
    kind: str
    at: datetime
    run: int | None
    task: str | None
    data: dict[str, Any]


def head() -> int:
    """Return the id of the last event before which none can still turn up."""
    return cursor.head(db.session.connection(), utc_now())


def reset(after: int) -> int | None:
    """Return where to go on instead, when nobody can go on after event `after`; else None."""
    now = head()
    return now if after > now or now - after > FARTHEST else None


def listing(actor: Actor, after: int, limit: int, run: int | None = None) -> tuple[Sequence[Happened], int]:
    """Return the team's events after one, or those of a run of it, ascending; and the event up to which was looked."""
    upto = head()
    found = _found(sa.select(*_COLUMNS).where(*_of(actor, run), Event.id > after, Event.id <= upto), limit)
    return found, found[-1].id if len(found) == limit else max(after, upto)


def latest(actor: Actor, limit: int) -> tuple[Sequence[Happened], int]:
    """Return the team's last events, ascending; and the event up to which was looked."""
    upto = head()
    query = sa.select(Event.id).where(*_of(actor, None), Event.id <= upto, Event.id > upto - FARTHEST)
    ids = db.session.scalars(query.order_by(Event.id.desc()).limit(limit)).all()
    return _found(sa.select(*_COLUMNS).where(Event.id.in_(ids)), limit), upto


_COLUMNS = (Event.id, Event.kind, Event.at, Event.data, Run.number, Task.slug)


def _of(actor: Actor, run: int | None) -> list[sa.ColumnElement[bool]]:
    if run is None:
        return [Event.team_id == actor.team_id]
    run_id = db.session.scalar(sa.select(Run.id).where(Run.team_id == actor.team_id, Run.number == run))
    if run_id is None:
        raise NotFound
    return [Event.run_id == run_id]


def _found(query: sa.Select[Any], limit: int) -> Sequence[Happened]:
    joined = query.outerjoin(Run, Run.id == Event.run_id).outerjoin(Task, Task.id == Run.task_id)
    rows = db.session.execute(joined.order_by(Event.id).limit(limit)).all()
    slugs = _slugs({row.data["task"] for row in rows if "task" in row.data})
    return [
        Happened(
            row.id, row.kind, row.at, row.number, row.slug or slugs.get(row.data.get("task", 0)),
            {name: value for name, value in row.data.items() if name != "task"},
        )
        for row in rows
    ]  # fmt: skip


def _slugs(ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    return {row.id: row.slug for row in db.session.execute(sa.select(Task.id, Task.slug).where(Task.id.in_(ids)))}
