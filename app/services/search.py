"""Finding a team's tasks and runs by what somebody typed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from app.domain.access import Actor
from app.infra.database import db
from app.models.runs import Run
from app.models.tasks import Task

LONGEST = 200
_MOST_WORDS = 16
_RUN = re.compile(r"#?(\d{1,9})", re.ASCII)


@dataclass(frozen=True)
class FoundTask:
    """A task whose name holds every word."""

    slug: str
    name: str
    engine: str
    is_paused: bool


@dataclass(frozen=True)
class FoundRun:
    """The run with the number that was typed."""

    number: int
    name: str
    state: str


def tasks(actor: Actor, query: str, most: int) -> Sequence[FoundTask]:
    """Return the tasks whose names hold every word of `query`; names that begin with it stand first."""
    words = query[:LONGEST].lower().split()[:_MOST_WORDS]
    if not words:
        return []
    name = sa.func.lower(Task.name)
    rows = db.session.execute(
        sa.select(Task.slug, Task.name, Task.engine, Task.paused_at.is_not(None))
        .where(Task.team_id == actor.team_id, Task.deleted_at.is_(None))
        .where(*(name.contains(word, autoescape=True) for word in words))
        .order_by(name.startswith(words[0], autoescape=True).desc(), name, Task.id)
        .limit(most)
    )
    return [FoundTask(*row) for row in rows]


def run(actor: Actor, query: str) -> FoundRun | None:
    """Return the run whose number was typed, with or without its #."""
    number = _RUN.fullmatch(query.strip())
    if number is None:
        return None
    row = db.session.execute(
        sa.select(Run.number, Task.name, Run.state)
        .join(Task, Task.id == Run.task_id)
        .where(Run.team_id == actor.team_id, Run.number == int(number[1]))
    ).first()
    return FoundRun(*row) if row else None
