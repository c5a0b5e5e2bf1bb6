"""What did not start for want of budget: how far its pots have to be raised for it, and what could start by now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.core.errors import Conflict, NotFound
from app.domain import budgets, money
from app.domain.access import Actor
from app.domain.budgets import Pot
from app.domain.lifecycle import DID_NOT_HAPPEN
from app.infra.database import db
from app.models.runs import IS_REAL, Run
from app.models.tasks import Task, TaskVersion
from app.services import spending
from app.services.unit import unit

_LOOKS_BACK = timedelta(days=31)
_MOST = 50


@dataclass(frozen=True)
class Raise:
    """A pot that is too small for a run, and the whole dollars (in micros) that it would have to be."""

    pot: Pot
    to_micros: int
    row: Any


@dataclass(frozen=True)
class Held:
    """The last run of a task, by its number, that did not start for want of budget and could by now."""

    number: int
    name: str


def raises(actor: Actor, number: int, now: datetime) -> list[Raise]:
    """Return what would let the task of a blocked run go now: none where there is room, or where a plan is in its way.

    Raises NotFound.
    """
    return _raises(db.session.connection(), actor.team_id, number, now) or []


def lift(actor: Actor, number: int) -> None:
    """Raise the pots that a blocked run is held back by, as far as it needs. Raises NotFound, Conflict."""
    with unit(actor) as work:
        found = _raises(work.connection, actor.team_id, number, work.now)
        if found is None:
            raise Conflict("The plan of the team is in its way, and only the administrator can raise that.")
        for one in found:
            row = one.row
            spending.put(work, actor.team_id, row.task_id, row.period, one.to_micros, row.timezone)
            work.audit("budget_set", f"for run #{number}", task=row.task_id, **{row.period: one.to_micros})
        work.ring(actor.team_id)


def held(actor: Actor, now: datetime) -> list[Held]:
    """Return the tasks that were held back in the last month, have not run since, and for which there is room now."""
    connection = db.session.connection()
    rows = connection.execute(_HELD, {"team": actor.team_id, "since": now - _LOOKS_BACK}).all()
    return [Held(row.number, row.name) for row in rows if _raises(connection, actor.team_id, row.number, now) == []]


def _raises(connection: sa.Connection, team_id: int, number: int, now: datetime) -> list[Raise] | None:
    """Return the pots that are too small; None where one of them is not the team's to raise."""
    run = connection.execute(_RUN, {"team": team_id, "number": number}).first()
    if run is None:
        raise NotFound
    may_cost = budgets.most(run.definition)
    usual = spending.usual(connection, [run.task_id]).get(run.task_id)
    needs = may_cost if usual is None else min(may_cost, usual)
    rows = spending.concern(spending.of_teams(connection, [team_id]), team_id, run.task_id)
    tight = [
        (row, pot)
        for row, pot in zip(rows, spending.pots(connection, rows, now), strict=True)
        if pot.limit_micros is not None and pot.left_micros < needs
    ]
    if any(pot.whose == "plan" for _, pot in tight):
        return None
    return [Raise(pot, _whole(pot.spent_micros + pot.reserved_micros + needs), row) for row, pot in tight]


def _whole(micros: int) -> int:
    return -(-micros // money.MICROS) * money.MICROS


def _held() -> Any:
    later = aliased(Run)
    has_run = sa.exists().where(
        later.task_id == Run.task_id, later.id > Run.id, later.rehearses_at.is_(None),
        later.state.not_in(sorted(DID_NOT_HAPPEN)),
    )  # fmt: skip
    return (
        sa.select(sa.func.max(Run.number).label("number"), Task.name)
        .join(Task, Task.id == Run.task_id)
        .where(Run.team_id == sa.bindparam("team"), Run.state == "blocked", Run.reason == "budget", IS_REAL)
        .where(Run.planned_at >= sa.bindparam("since", type_=Run.planned_at.type), Task.deleted_at.is_(None), ~has_run)
        .group_by(Task.id, Task.name)
        .order_by(Task.name)
        .limit(_MOST)
    )


_HELD = _held()
_RUN = (
    sa.select(Run.task_id, TaskVersion.definition)
    .join(Task, Task.id == Run.task_id)
    .join(TaskVersion, TaskVersion.id == Task.version_id)
    .where(Run.team_id == sa.bindparam("team"), Run.number == sa.bindparam("number"), Task.deleted_at.is_(None))
    .where(Run.state == "blocked", Run.reason == "budget")
)
