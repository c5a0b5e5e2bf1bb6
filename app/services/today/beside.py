"""What stands beside today: how yesterday went, the money, and the workers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.core.clock import utc_now
from app.domain.access import Actor
from app.domain.budgets import Pot
from app.domain.lifecycle import WENT_WRONG
from app.infra import database
from app.infra.database import db
from app.models.instance import ALIVE, Worker
from app.models.rollups import OF_TASK, OF_TEAM, Rollup
from app.models.runs import IS_REAL, Run
from app.models.tasks import Task
from app.services import spending
from app.services.today.asks import owned, present

MOST_TROUBLES = 3

_DAY = timedelta(days=1)
_WORKED = ("succeeded", "degraded")
_FAILED = ("failed", "lost", "timed_out", "unmet")


@dataclass(frozen=True)
class Trouble:
    """A task that went wrong so many times; `is_over`: it has worked since."""

    slug: str
    name: str
    times: int
    is_over: bool


@dataclass(frozen=True)
class Yesterday:
    """How many runs are in which state, what they cost in micros (None where nobody knows), and what went wrong."""

    counts: Counter[str]
    cost_micros: int | None
    troubles: Sequence[Trouble]


def troubles(actor: Actor, since: datetime, until: datetime, owner_id: int | None = None) -> list[Trouble]:
    """Return the tasks with the most runs that failed in a time, up to MOST_TROUBLES."""
    latest = aliased(Run)
    state = (
        sa.select(latest.state)
        .where(latest.task_id == Task.id, latest.state.in_((*_WORKED, *WENT_WRONG)), latest.rehearses_at.is_(None))
        .order_by(latest.planned_at.desc(), latest.id.desc())
        .limit(1)
        .correlate(Task)
        .scalar_subquery()
    )
    failed = (Run.team_id == actor.team_id, Run.state.in_(_FAILED), Run.planned_at >= since, Run.planned_at < until)
    counted = (
        sa.select(Run.task_id, sa.func.count().label("times")).where(*failed, IS_REAL).group_by(Run.task_id).subquery()
    )
    query = (
        sa.select(Task.slug, Task.name, counted.c.times, state)
        .join(counted, counted.c.task_id == Task.id)
        .where(present(actor, owner_id))
        .order_by(counted.c.times.desc(), Task.name)
        .limit(MOST_TROUBLES)
    )
    return [Trouble(slug, name, times, now in _WORKED) for slug, name, times, now in db.session.execute(query)]


def spent(team_id: int, since: datetime, until: datetime, owner_id: int | None = None) -> int | None:
    """Return what runs that began in a time have cost in micros, as far as they are over; None where nobody knows."""
    query = sa.select(sa.func.sum(Rollup.cost_micros), sa.func.sum(Rollup.priced)).where(
        Rollup.team_id == team_id, Rollup.grain == (OF_TEAM if owner_id is None else OF_TASK), Rollup.at >= since,
        Rollup.at < until, *owned(owner_id, Rollup.task_id),
    )  # fmt: skip
    micros, priced = db.session.execute(query).one()
    return int(micros) if priced else None


def month(team_id: int) -> Pot | None:
    """Return the budget of the month that has the least left, the team's own or its plan's; None without any."""
    connection = db.session.connection()
    rows = [row for row in spending.of_teams(connection, [team_id]) if row.period == "month" and row.task_id is None]
    pots = [pot for pot in spending.pots(connection, rows, utc_now()) if pot.limit_micros is not None]
    return min(pots, key=lambda pot: pot.left_micros, default=None)


def workers() -> tuple[int, int]:
    """Return how many workers were seen lately, and how many there should be: nobody stopped the others."""
    now = database.now(db.session.connection())
    is_up = sa.case((Worker.seen_at > now - ALIVE, 1), else_=0)
    query = sa.select(sa.func.coalesce(sa.func.sum(is_up), 0), sa.func.count())
    up, total = db.session.execute(query.where(Worker.stopped_at.is_(None), Worker.seen_at > now - _DAY)).one()
    return up, total
