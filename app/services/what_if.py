"""What a change of a task's schedules or of its model would cost in a month."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from app.domain import occurrences
from app.domain.access import Actor
from app.domain.agents import ModelChoice
from app.domain.occurrences import Plan
from app.domain.triggers import TriggerError
from app.infra import llm
from app.infra.database import db
from app.models.runs import Run
from app.models.tasks import Schedule, Task, TaskVersion, plan_of
from app.models.teams import Model
from app.services import spending, uses

MONTH = timedelta(days=30)

_MOST = 500
"""So many times of a schedule are computed; a rhythm that is quicker goes on like them."""


@dataclass(frozen=True)
class Monthly:
    """What a task costs in thirty days as it is, and with the change that is typed, in micros; about."""

    now_micros: int
    then_micros: int


def look(actor: Actor, slug: str, model: str | None, plans: Sequence[Plan], now: datetime) -> Monthly | None:
    """Say what a task would cost with these schedules and this model (None: as it is).

    None while nothing is known of what its runs cost.
    """
    query = sa.select(Task.id, Task.engine, TaskVersion.definition).join(TaskVersion, TaskVersion.id == Task.version_id)
    task = db.session.execute(query.where(Task.team_id == actor.team_id, Task.slug == slug)).first() if slug else None
    each = spending.usual(db.session.connection(), [task.id]).get(task.id) if task else None
    if task is None or not each:
        return None
    saved = db.session.scalars(sa.select(Schedule).where(Schedule.task_id == task.id, Schedule.state == "active"))
    before = [plan_of(row, uses.of(db.session.connection(), row.team_id, row.calendars)) for row in saved]
    factor = _factor(actor, task, model) if task.engine == "agent" and model is not None else 1.0
    return Monthly(round(each * _runs(before, now)), round(each * factor * _runs(plans, now)))


def _runs(plans: Iterable[Plan], now: datetime) -> float:
    return sum(_runs_of(plan, now) for plan in plans)


def _runs_of(plan: Plan, now: datetime) -> float:
    """Return how often a schedule runs in thirty days; of a quick one about."""
    try:
        found = list(islice(occurrences.between(plan, now, now + MONTH), _MOST))
    except TriggerError:
        return 0.0
    runs = sum(not one.is_left_out for one in found)
    if len(found) < _MOST:
        return runs
    each = (found[-1].fire.at - found[0].fire.at) / (len(found) - 1)
    return runs / len(found) * (MONTH / max(each, timedelta(milliseconds=1)))


def _factor(actor: Actor, task: Any, name: str) -> float:
    """Return by how much another model changes what a run costs, by the tokens of its last one; 1.0 where unknown."""
    before = task.definition["settings"].get("model") or ""
    if name == before:
        return 1.0
    query = sa.select(Run.facts).where(Run.task_id == task.id, Run.cost_micros > 0).order_by(Run.planned_at.desc())
    facts = db.session.scalar(query.limit(1)) or {}
    old, new = (_price(actor, one) for one in (before, name))
    if old is None or new is None or "tokens_in" not in facts:
        return 1.0
    paid = old.of(facts["tokens_in"], facts["tokens_out"])
    return new.of(facts["tokens_in"], facts["tokens_out"]) / paid if paid else 1.0


def _price(actor: Actor, name: str) -> Any:
    chosen = Model.name == name if name else Model.is_default
    row = db.session.scalar(sa.select(Model).where(Model.team_id == actor.team_id, chosen))
    if row is None:
        return None
    prices = (row.price_in_micros, row.price_out_micros, row.price_hours)
    return llm.price(ModelChoice(row.name, row.provider, row.base_url, row.model, "", *prices))  # type: ignore[arg-type]  # provider is a word of a column
