"""What a task comes to in a month: as it is, and with the schedules and the model that are typed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from app.domain import occurrences
from app.domain.access import Actor
from app.domain.agents import ModelChoice, Price
from app.domain.forecast import Estimate
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

_LOOKED_AT = 20


@dataclass(frozen=True)
class Sum:
    """What the runs of a task come to in thirty days, about, and what each does; None where that is not known."""

    runs: int
    each_micros: int | None
    each_tokens: int | None

    @property
    def micros(self) -> int | None:
        """What they cost together, in millionths of a US dollar."""
        return None if self.each_micros is None else self.each_micros * self.runs

    @property
    def tokens(self) -> int | None:
        """The tokens that they use together."""
        return None if self.each_tokens is None else self.each_tokens * self.runs


@dataclass(frozen=True)
class Monthly:
    """A task as it is typed, and as it is (`before`; None for a new one).

    `unpriced` names its model where no price of that is known.
    """

    then: Sum
    before: Sum | None
    unpriced: str = ""


@dataclass(frozen=True)
class Typed:
    """A task as it is typed: `slug` and `engine` may be empty, `model` is None where the form has none."""

    slug: str
    engine: str
    model: str | None
    plans: Sequence[Plan]


def look(actor: Actor, typed: Typed, estimate: Estimate, now: datetime) -> Monthly:
    """Say what a task comes to in a month with these schedules and this model; `estimate` is that of a run of it."""
    query = sa.select(Task.id, Task.engine, TaskVersion.definition).join(TaskVersion, TaskVersion.id == Task.version_id)
    is_it = (Task.team_id == actor.team_id, Task.slug == typed.slug, Task.deleted_at.is_(None))
    task = db.session.execute(query.where(*is_it)).first() if typed.slug else None
    micros = spending.usual(db.session.connection(), [task.id]).get(task.id) if task else None
    each = (micros or estimate.cost_micros, estimate.tokens)
    runs = _runs(typed.plans, now)
    if (typed.engine or (task and task.engine)) != "agent":
        return Monthly(Sum(runs, *each), Sum(_saved(task.id, now), *each) if task else None)
    model = (_settings(task).get("model") or "") if typed.model is None else typed.model
    price = _price(actor, model)
    then = (_with(actor, task, model, price, each[0]), each[1]) if task else each
    unpriced = (model or _default(actor)) if price is None else ""
    return Monthly(Sum(runs, *then), Sum(_saved(task.id, now), *each) if task else None, unpriced)


def _settings(task: Any) -> Any:
    return task.definition["settings"] if task else {}


def _saved(task_id: int, now: datetime) -> int:
    saved = db.session.scalars(sa.select(Schedule).where(Schedule.task_id == task_id, Schedule.state == "active"))
    return _runs([plan_of(row, uses.of(db.session.connection(), row.team_id, row.calendars)) for row in saved], now)


def _runs(plans: Iterable[Plan], now: datetime) -> int:
    return round(sum(_runs_of(plan, now) for plan in plans))


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


def _with(actor: Actor, task: Any, model: str, price: Price | None, micros: int | None) -> int | None:
    """Return what a run costs with a model: by the tokens of the last one where it is another than is saved."""
    before = _settings(task).get("model") or ""
    if model == before:
        return micros
    used = _tokens(task.id)
    if price is None or used is None:
        return None
    old = _price(actor, before)
    paid = old.of(*used) if old else 0
    return round(micros * price.of(*used) / paid) if micros and paid else price.of(*used)


def _tokens(task_id: int) -> tuple[int, int] | None:
    """Return the tokens, in and out, of the last run of which they are known."""
    query = sa.select(Run.facts).where(Run.task_id == task_id, Run.ended_at.is_not(None))
    last = db.session.scalars(query.order_by(Run.planned_at.desc(), Run.id.desc()).limit(_LOOKED_AT))
    return next(((facts["tokens_in"], facts["tokens_out"]) for facts in last if "tokens_in" in facts), None)


def _price(actor: Actor, name: str) -> Price | None:
    """Return the price of a model of the team outside of its price hours."""
    chosen = Model.name == name if name else Model.is_default
    row = db.session.scalar(sa.select(Model).where(Model.team_id == actor.team_id, chosen))
    if row is None:
        return None
    prices = (row.price_in_micros, row.price_out_micros)
    return llm.price(ModelChoice(row.name, row.provider, row.base_url, row.model, "", *prices))  # type: ignore[arg-type]  # provider is a word of a column


def _default(actor: Actor) -> str:
    return db.session.scalar(sa.select(Model.name).where(Model.team_id == actor.team_id, Model.is_default)) or ""
