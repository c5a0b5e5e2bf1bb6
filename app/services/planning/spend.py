"""Whether the runs of a schedule would pass a budget or the plan of the team before its day or month ends."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Any, Literal

import sqlalchemy as sa

from app.domain import budgets, conflicts, occurrences, triggers
from app.domain.budgets import Load, Pot
from app.domain.conflicts import Conflict, Way
from app.domain.occurrences import Plan
from app.engines.base import SEVERAL
from app.models.tasks import Task
from app.services import coming, spending

_MOST_OWN, _MOST_OTHERS, _MOST_SCHEDULES = 1000, 1000, 200
"""So many runs of the schedule, of other tasks, and so many of their schedules are looked at while it is typed."""


def clashes(connection: sa.Connection, team_id: int, task_id: int, plan: Plan, now: datetime) -> list[Conflict]:
    """Return what the runs of a schedule of a task (0 for a new one) would pass; costs are what they usually are.

    Raises TriggerError for a schedule that can't be computed.
    """
    rows = spending.concern(spending.of_teams(connection, [team_id]), team_id, task_id)
    if not rows:
        return []
    usual = spending.usual(connection, [task_id]) if task_id else {}
    money = [row for row in rows if row.limit_micros is not None and usual.get(task_id)]
    found = []
    for row, pot in zip(money, spending.pots(connection, money, now), strict=True):
        end = budgets.bounds(pot.key, row.timezone)[1]
        found += _found(connection, team_id, task_id, plan, pot, now, end, usual)
    for row in rows:
        if row.limit_runs is not None:
            found += _tomorrow(connection, team_id, task_id, plan, row, now)
    return found


def _tomorrow(
    connection: sa.Connection, team_id: int, task_id: int, plan: Plan, row: Any, now: datetime
) -> list[Conflict]:  # fmt: skip
    """Return whether more runs would start tomorrow, the next whole day, than the plan allows."""
    day = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    pot = Pot(row.id, "plan", "day", day.date().isoformat(), None, row.limit_runs)
    return _found(connection, team_id, task_id, plan, pot, day, day + timedelta(days=1), {})


def _found(
    connection: sa.Connection, team_id: int, task_id: int, plan: Plan, pot: Pot, since: datetime, end: datetime,
    usual: dict[int, int],
) -> list[Conflict]:  # fmt: skip
    own = list(islice(_starts(plan, since, end), _MOST_OWN))
    if not own:
        return []
    others = () if pot.whose == "task" else _others(connection, team_id, task_id, since, end, is_all=not usual)
    known = usual | spending.usual(connection, {one for one, _ in others}) if usual else {}
    loads = [Load(len(own), known.get(task_id, 0), 0), *(Load(count, known.get(one, 0), 0) for one, count in others)]
    kind: Literal["plan", "budget"] = "plan" if pot.whose == "plan" else "budget"
    found = []
    for one in budgets.foreseen([pot], loads):
        over = own[-one.runs_over :]
        ways = _ways(plan, len(own), len(over))
        found.append(Conflict(kind, "stops", one.sentence, over[0], ways, frozenset(over), f"over {kind}"))
    return found


def _ways(plan: Plan, own: int, over: int) -> list[Way]:
    """Return the interval at which the runs of a schedule fit in a pot, where it counts one, and the way to the pot."""
    see = Way("See the budgets", page="budgets")
    if plan.trigger.kind != "interval" or own == over:
        return [see]
    every = triggers.interval(plan.trigger.expression).total_seconds()
    return [conflicts.seldomer(every * own / (own - over)), see]


def _starts(plan: Plan, since: datetime, end: datetime) -> Any:
    found = occurrences.between(plan, since - timedelta.resolution, end - timedelta.resolution)
    return (one.at for one in found if not one.is_left_out)


def _others(
    connection: sa.Connection, team_id: int, task_id: int, since: datetime, end: datetime, *, is_all: bool
) -> Sequence[tuple[int, int]]:  # fmt: skip
    """Return how often other tasks of the team run meanwhile, of those alone that may cost something or of all."""
    these = sa.select(Task.id).where(Task.team_id == team_id, Task.id != task_id, Task.deleted_at.is_(None))
    these = these if is_all else these.where(Task.engine.in_(("agent", SEVERAL)))
    found = coming.coming(
        connection, [team_id], since, end - timedelta.resolution, since, task_ids=these, schedules=_MOST_SCHEDULES,
        together=_MOST_OTHERS,
    )  # fmt: skip
    return [(one.task_id, sum(not run.is_left_out for run in one.runs)) for one in found]
