"""Where the money goes: sums of the past, what is planned until the end of the month, and the budget of the team."""

from collections import Counter
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from app.domain import localtime, wording
from app.domain.analytics import paying
from app.domain.analytics.answers import Answer
from app.domain.analytics.paying import Month, Planned, Spent
from app.domain.analytics.periods import Period
from app.engines.base import SEVERAL
from app.models.budgets import Budget
from app.models.tasks import Task
from app.services import coming, estimates
from app.services.coming import Coming
from app.services.estimates import Subject
from app.services.insights import reading

_MOST_COMING = 5000
_DAY = timedelta(days=1)


def answer(connection: sa.Connection, team_id: int, period: Period, now: datetime, *, compares: bool) -> Answer:
    """Say what was spent on what, and what the month of `now` will come to where the period reaches into it."""
    parts = [part for part in reading.parts(connection, team_id, period) if part.priced or part.model]
    names = reading.names(connection, {part.task_id for part in parts})
    micros, runs, unpriced = Counter[tuple[int, str]](), Counter[tuple[int, str]](), 0
    for part in parts:
        micros[part.task_id, part.model] += part.cost_micros
        runs[part.task_id, part.model] += part.priced
        unpriced += part.runs - part.priced if part.seconds and part.model else 0
    spent = [Spent(names[key[0]], key[1], amount, runs[key]) for key, amount in micros.items() if amount]
    before = None
    if compares:
        before = sum(part.cost_micros for part in reading.parts(connection, team_id, period.before()))
    month = _month(connection, team_id, period.timezone, now) if period.until > now else None
    return paying.answer(spent, unpriced, before, period.words, month)


def _month(connection: sa.Connection, team_id: int, timezone: str, now: datetime) -> Month:
    """Return the month as it stands, in the zone of its budget, else in that of the reader."""
    is_team = (Budget.team_id == team_id, Budget.task_id.is_(None), ~Budget.is_plan, Budget.period == "month")
    budget = connection.execute(sa.select(Budget.limit_micros, Budget.timezone).where(*is_team)).first()
    zone = localtime.zone(budget.timezone if budget else timezone)
    today = now.astimezone(zone).date()
    first, following = today.replace(day=1), (today.replace(day=1) + 31 * _DAY).replace(day=1)
    days = [first + number * _DAY for number in range((following - first).days)]
    starts = [datetime.combine(day, time(), zone) for day in (*days, following)]
    spent = [0] * len(days)
    for place, _, _, micros in reading.series(connection, team_id, list(pairwise(starts))):
        spent[place] += micros
    sums = [sum(spent[: place + 1]) for place, day in enumerate(days) if day <= today]
    planned = _planned(connection, team_id, now, starts[-1])
    return paying.month(
        wording.month(today.month),
        [day.isoformat() for day in days],
        sums,
        planned,
        budget.limit_micros if budget else None,
    )


def _planned(connection: sa.Connection, team_id: int, now: datetime, until: datetime) -> list[Planned]:
    cost = sa.select(Task.id).where(
        Task.team_id == team_id, Task.deleted_at.is_(None), Task.engine.in_(("agent", SEVERAL))
    )
    found = coming.coming(
        connection, [team_id], now, until - timedelta.resolution, now, task_ids=cost, together=_MOST_COMING
    )
    counts = Counter[int]()
    for one in found:
        counts[one.task_id] += _runs(one, until)
    subjects = [Subject(one.task_id, one.schedule.engine) for one in found]
    known = estimates.of(connection, team_id, subjects, now) if found else {}
    return [
        Planned(counts[task_id], one.cost_micros, *_range(one), one.runs)
        for task_id, one in known.items()
        if one.cost_micros and counts[task_id]
    ]


def _runs(one: Coming, until: datetime) -> int:
    """Return how many runs a schedule still brings; what was not computed goes on at the same pace."""
    starts = [run.at for run in one.runs if not run.is_left_out]
    if not one.has_more or len(starts) < 2:  # noqa: PLR2004 of one there is no pace
        return len(starts)
    pace = (starts[-1] - starts[0]) / (len(starts) - 1)
    return len(starts) + int((until - starts[-1]) / pace)


def _range(estimate: Any) -> tuple[float, float]:
    return (
        (estimate.cost_range.p10, estimate.cost_range.p90) if estimate.cost_range else (0.0, 2.0 * estimate.cost_micros)
    )
