"""What a run of each task spares a person, and what an hour is worth to the team: said by its people."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import sqlalchemy as sa

from app.core.errors import Forbidden, Invalid, NotFound
from app.domain import money
from app.domain.access import Actor
from app.infra.database import db
from app.models.tasks import Task
from app.models.teams import Team
from app.services.unit import unit

MOST_MINUTES = 10_000.0
MOST_HOURLY_MICROS = 100_000 * money.MICROS
_MOST_TASKS = 500
_MINUTES = f"Write minutes from 0 to {MOST_MINUTES:,.0f}, or nothing."
_DOLLARS = "Write an amount in dollars, like 50, or nothing."


@dataclass(frozen=True)
class Line:
    """A task and the minutes that a run of it spares; None: nobody has said."""

    slug: str
    name: str
    minutes: float | None


@dataclass(frozen=True)
class Savings:
    """What an hour is worth to the team (micros, None: nobody has said), and its tasks by name."""

    hourly_micros: int | None
    tasks: list[Line]


def listing(actor: Actor) -> Savings:
    """Return what the people of the team have said."""
    rate = db.session.scalar(sa.select(Team.hourly_micros).where(Team.id == actor.team_id))
    query = sa.select(Task.slug, Task.name, Task.minutes_saved).where(*_own(actor)).order_by(Task.name, Task.id)
    return Savings(rate, [Line(*row) for row in db.session.execute(query.limit(_MOST_TASKS))])


def read_minutes(text: str, field: str) -> float | None:
    """Return minutes as typed, None for none. Raises Invalid for `field`."""
    plain = text.strip().replace(",", ".")
    if not plain:
        return None
    try:
        minutes = float(plain)
    except ValueError:
        raise Invalid({field: _MINUTES}) from None
    if not isfinite(minutes) or not 0 <= minutes <= MOST_MINUTES:
        raise Invalid({field: _MINUTES})
    return minutes


def read_rate(text: str) -> int | None:
    """Return an amount in micros as typed, None for none. Raises Invalid (`hourly`)."""
    if not text.strip():
        return None
    try:
        micros = money.read(text)
    except ValueError:
        raise Invalid({"hourly": _DOLLARS}) from None
    if not 0 < micros <= MOST_HOURLY_MICROS:
        raise Invalid({"hourly": _DOLLARS})
    return micros


def put(actor: Actor, minutes: Mapping[str, float | None]) -> None:
    """Say of some tasks, by their slugs, what a run spares; the others stay as they are. Raises NotFound."""
    with unit(actor) as work:
        known = work.session.scalars(sa.select(Task).where(*_own(actor), Task.slug.in_(minutes))).all()
        if len(known) != len(minutes):
            raise NotFound
        for task in known:
            if task.minutes_saved != minutes[task.slug]:
                task.minutes_saved = minutes[task.slug]
                work.audit("savings_set", task.name, task=task.id, minutes=task.minutes_saved)


def put_rate(actor: Actor, micros: int | None) -> None:
    """Say what an hour is worth to the team. Raises Forbidden for who may not manage it."""
    if not actor.may("manage"):
        raise Forbidden("manage")
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id)
        if team.hourly_micros != micros:
            team.hourly_micros = micros
            work.audit("hourly_rate_set", team.name, micros=micros)


def _own(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    return Task.team_id == actor.team_id, Task.deleted_at.is_(None)
