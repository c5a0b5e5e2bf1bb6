"""Budgets of a team and of its tasks: set, shown with what is left, and with what is foreseen until they begin anew."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.domain import budgets, money
from app.domain.access import Actor
from app.domain.budgets import PERIODS, Pot
from app.engines.base import SEVERAL
from app.infra import database
from app.infra.database import db
from app.models.budgets import Budget
from app.models.runs import Alert
from app.models.tasks import Task
from app.services import coming, spending
from app.services.unit import unit

HIGHEST_MICROS = 1_000_000 * money.MICROS

_MOST_COMING = 5000
"""So many coming runs at most are looked at for what is foreseen."""

_COSTS = ("agent", SEVERAL)
"""Engines of tasks that may cost something."""

_WRONG = f"Write an amount in dollars, like 20 or 0.50, up to {money.said(HIGHEST_MICROS)}, or nothing for no limit."


@dataclass(frozen=True)
class Standing:
    """A pot as it stands: `coming` planned runs are foreseen to bring it to `foreseen_micros` by `ends_at` (UTC).

    `task` is the name of the task it is of, `slug` its address. Where nothing is known of costs, nothing is foreseen.
    """

    pot: Pot
    timezone: str
    ends_at: datetime
    task: str = ""
    slug: str = ""
    coming: int = 0
    foreseen_micros: int | None = None
    has_more: bool = False

    @property
    def period_name(self) -> str:
        """The period in words: `November`, `28 November`."""
        return budgets.said(self.pot.key)

    @property
    def until(self) -> str:
        """Its last day in words, of its own zone: `30 November`."""
        last = (self.ends_at - timedelta(seconds=1)).astimezone(ZoneInfo(self.timezone)).date()
        return budgets.said(last.isoformat())


# --- reading


def of_team(actor: Actor, now: datetime) -> list[Standing]:
    """Return the budgets and the plan of the team as they stand, then the budgets of its tasks by name."""
    connection = db.session.connection()
    rows = spending.of_teams(connection, [actor.team_id])
    names = _named(actor, [row.task_id for row in rows if row.task_id])
    rows = [row for row in rows if row.task_id is None or row.task_id in names]
    found = _standing(actor, rows, now, names)
    return sorted(found, key=lambda one: (one.task.lower(), one.pot.whose == "plan", one.pot.period))


def of_task(actor: Actor, task: Task, now: datetime) -> list[Standing]:
    """Return the pots of money that the runs of a task count in, its own first; none where they cost nothing.

    What is foreseen of pots that it shares with others stands where those are shown.
    """
    if task.engine not in _COSTS:
        return []
    rows = spending.of_teams(db.session.connection(), [actor.team_id])
    rows = [row for row in spending.concern(rows, actor.team_id, task.id) if row.limit_micros is not None]
    found = _standing(actor, rows, now, {task.id: task}, only=task.id)
    return sorted(found, key=lambda one: (not one.task, one.pot.whose == "plan", one.pot.period))


def limits(actor: Actor, slug: str = "") -> tuple[dict[str, int], str]:
    """Return the limits of the team, or of one of its tasks, by period, and their time zone ("" without any).

    Raises NotFound for a task that is not the team's.
    """
    task_id = _task(actor, slug).id if slug else None
    query = sa.select(Budget.period, Budget.limit_micros, Budget.timezone).where(
        Budget.team_id == actor.team_id, ~Budget.is_plan, Budget.task_id.is_not_distinct_from(task_id)
    )
    rows = db.session.execute(query).all()
    return {row.period: row.limit_micros for row in rows}, rows[0].timezone if rows else ""


def choices(actor: Actor) -> Sequence[tuple[str, str]]:
    """Return the tasks that may cost something, to choose one: (slug, name)."""
    query = sa.select(Task.slug, Task.name).where(*_cost(actor.team_id)).order_by(Task.name)
    return [(row.slug, row.name) for row in db.session.execute(query)]


def _cost(team_id: int) -> tuple[Any, ...]:
    return Task.team_id == team_id, Task.deleted_at.is_(None), Task.engine.in_(_COSTS)


def _named(actor: Actor, task_ids: Sequence[int]) -> Mapping[int, Any]:
    query = sa.select(Task.id, Task.name, Task.slug).where(
        Task.id.in_(task_ids), Task.team_id == actor.team_id, Task.deleted_at.is_(None)
    )
    return {row.id: row for row in db.session.execute(query)}


def _standing(
    actor: Actor, rows: Sequence[Any], now: datetime, names: Mapping[int, Any], only: int | None = None
) -> list[Standing]:  # fmt: skip
    connection = db.session.connection()
    pots = {pot.id: pot for pot in spending.pots(connection, rows, now)}
    ends = {row.id: budgets.bounds(pots[row.id].key, row.timezone)[1] for row in rows}
    of_which = [row for row in rows if only in {None, row.task_id}]
    planned = _planned(actor, now, max(ends[row.id] for row in of_which), only) if of_which else []
    usual = spending.usual(connection, {one.task_id for one in planned})
    found = []
    for row in rows:
        own = [one for one in planned if row.task_id in {None, one.task_id} and row in of_which]
        counts = Counter[int]()
        for one in own:
            counts[one.task_id] += sum(not run.is_left_out and run.at < ends[row.id] for run in one.runs)
        known = [counts[task_id] * usual[task_id] for task_id in counts if task_id in usual]
        foreseen = pots[row.id].spent_micros + sum(known) if known else None
        task = names.get(row.task_id)
        found.append(
            Standing(
                pots[row.id], row.timezone, ends[row.id], task.name if task else "", task.slug if task else "",
                sum(counts.values()), foreseen, any(one.has_more for one in own),
            )
        )  # fmt: skip
    return found


def _planned(actor: Actor, now: datetime, until: datetime, only: int | None) -> list[coming.Coming]:
    """Return the coming runs of the team's tasks that may cost something; schedules of one task stand apart."""
    cost = [only] if only else sa.select(Task.id).where(*_cost(actor.team_id))
    connection = db.session.connection()
    return coming.coming(connection, [actor.team_id], now, until, now, task_ids=cost, together=_MOST_COMING)


# --- setting


def set_team(actor: Actor, amounts: Mapping[str, str], timezone: str) -> None:
    """Set what the team may spend by period (`day`, `month`), as typed in dollars; nothing is no limit.

    Days and months are those of `timezone`. Raises Invalid with fields `day`, `month`, `timezone`.
    """
    _set(actor, None, amounts, timezone, "the team", "")


def set_task(actor: Actor, slug: str, amounts: Mapping[str, str], timezone: str) -> None:
    """Do the same for one task of the team; the fields begin with `task_`. Raises NotFound, Invalid."""
    task = _task(actor, slug)
    _set(actor, task.id, amounts, timezone, task.name, "task_")


def _set(
    actor: Actor, task_id: int | None, amounts: Mapping[str, str], timezone: str, what: str, prefix: str
) -> None:  # fmt: skip
    wrong: dict[str, str] = {}
    found = {period: _amount(f"{prefix}{period}", amounts.get(period, ""), wrong) for period in PERIODS}
    if timezone not in available_timezones():
        wrong["timezone"] = "Choose a time zone from the list."
    if wrong:
        raise Invalid(wrong)
    with unit(actor) as work:
        for period, micros in found.items():
            spending.put(work, actor.team_id, task_id, period, micros, timezone)
        work.audit("budget_set", what, task=task_id, timezone=timezone, **found)
        work.ring(actor.team_id)


def _amount(field: str, typed: str, wrong: dict[str, str]) -> int | None:
    if not typed.strip():
        return None
    try:
        micros = money.read(typed)
    except ValueError:
        micros = -1
    if not 0 <= micros <= HIGHEST_MICROS:
        wrong[field] = _WRONG
    return micros


def _task(actor: Actor, slug: str) -> Any:
    query = sa.select(Task.id, Task.name).where(
        Task.team_id == actor.team_id, Task.slug == slug, Task.deleted_at.is_(None)
    )
    if (row := db.session.execute(query).first()) is None:
        raise NotFound
    return row


# --- by itself


def tend() -> int:
    """End the alerts of days and months that are over, and those of budgets that are gone; returns how many there were.

    Runs that were blocked have ended and stay so; what is planned from now on finds the pot full.
    """
    kinds = (spending.KIND, spending.KIND_OUT)
    with database.read() as connection:
        now = database.now(connection)
        query = sa.select(Alert.key).where(Alert.ended_at.is_(None), Alert.kind.in_(kinds))
        told = {(int(key.split(":")[1]), key.split(":")[2]) for key in connection.execute(query).scalars()}
        ids = {budget_id for budget_id, _ in told}
        rows = connection.execute(sa.select(Budget.id, Budget.period, Budget.timezone).where(Budget.id.in_(ids))).all()
    present = {row.id: budgets.key_of(now, row.period, row.timezone) for row in rows}
    over = sorted({budget_id for budget_id, key in told if key != present.get(budget_id)})
    for budget_id in over:
        begun = present.get(budget_id, "")
        said = f"{budgets.said(begun)} has begun, with all of it to spend." if begun else "There is no such budget now."
        with unit() as work:
            spending.end_alerts(work, budget_id, said, but=begun)
    return len(over)
