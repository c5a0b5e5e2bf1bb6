"""Sums over any period, out of the rows that runs were added up in: whole days, and quarter hours at the edges."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.domain import localtime
from app.domain.analytics import histogram, periods
from app.domain.analytics.answers import Named
from app.domain.analytics.histogram import Histogram
from app.domain.analytics.periods import Period
from app.infra import database
from app.infra.database import UtcDateTime
from app.models.rollups import LATE, OF_DAY, OF_TASK, OF_TEAM, Rollup
from app.models.tasks import Task

DID_ITS_WORK = ("succeeded", "degraded")


@dataclass(frozen=True)
class Part:
    """Runs of a task that ended in one way, added up."""

    task_id: int
    state: str
    reason: str
    model: str
    runs: int
    seconds: float
    cost_micros: int
    priced: int


def parts(connection: sa.Connection, team_id: int, period: Period) -> list[Part]:
    """Return what the runs of a period come to, by task and end."""
    within = _within(connection, team_id, period, *_KEY, *_SUMS).subquery().c
    sums = [sa.func.sum(within[one.key]).label(one.key) for one in _SUMS]
    key = [within[one.key] for one in _KEY]
    rows = connection.execute(sa.select(*key, *sums).group_by(*key))
    return [
        Part(task_id, state, reason, model, int(runs), seconds, int(cost), int(priced))
        for task_id, state, reason, model, runs, seconds, cost, priced in rows
    ]


def took(connection: sa.Connection, team_id: int, period: Period, *where: Any) -> dict[tuple[int, str], Histogram]:
    """Return how long the runs took that came to their end, by task and model; `where` is asked of their rows."""
    finished = Rollup.state.in_((*DID_ITS_WORK, "unmet"))
    rows = connection.execute(
        _within(connection, team_id, period, Rollup.task_id, Rollup.model, Rollup.took, where=(finished, *where))
    )
    found: dict[tuple[int, str], Histogram] = {}
    for task_id, model, more in rows:
        histogram.add(found.setdefault((task_id, model), {}), more)
    return found


def took_by_task(connection: sa.Connection, team_id: int, period: Period) -> dict[int, Histogram]:
    """Return how long the runs of each task took that came to their end, whatever model was asked."""
    found: dict[int, Histogram] = {}
    for (task_id, _), more in took(connection, team_id, period).items():
        histogram.add(found.setdefault(task_id, {}), more)
    return found


def series(
    connection: sa.Connection, team_id: int, cuts: Sequence[tuple[datetime, datetime]], states: Collection[str] = ()
) -> list[tuple[int, str, int, int]]:  # fmt: skip
    """Return for each stretch (its place, reason, runs, cost in micros) of all tasks, of some states or of all."""
    if not cuts:
        return []
    each = [
        sa.select(
            sa.literal(place).label("place"),
            sa.literal(since, UtcDateTime()).label("since"),
            sa.literal(until, UtcDateTime()).label("until"),
        )
        for place, (since, until) in enumerate(cuts)
    ]
    bars = sa.union_all(*each).cte("bars")
    is_in = (Rollup.at >= bars.c.since, Rollup.at < bars.c.until, Rollup.team_id == team_id, Rollup.grain == OF_TEAM)
    query = sa.select(bars.c.place, Rollup.reason, sa.func.sum(Rollup.runs), sa.func.sum(Rollup.cost_micros))
    query = query.join(Rollup, sa.and_(*is_in)).group_by(bars.c.place, Rollup.reason)
    if states:
        query = query.where(Rollup.state.in_(states))
    return [(place, reason, int(runs), int(micros)) for place, reason, runs, micros in connection.execute(query)]


def total(connection: sa.Connection, team_id: int, period: Period, states: Collection[str]) -> int:
    """Return how many runs of a period ended in one of these states."""
    within = _within(connection, team_id, period, Rollup.runs, where=(Rollup.state.in_(states),)).subquery().c
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(within.runs), 0))).scalar_one())


def first(connection: sa.Connection, team_id: int) -> datetime | None:
    """Return the first day (UTC) in which a run of the team was counted, None for none."""
    query = sa.select(Rollup.at).where(Rollup.team_id == team_id, Rollup.grain == OF_DAY).order_by(Rollup.at).limit(1)
    at: datetime | None = connection.execute(query).scalar()
    return at


def late_by_hour(connection: sa.Connection, team_id: int, period: Period) -> dict[int, Histogram]:
    """Return how late planned runs started, by the hour of the day in the zone of the period."""
    since = periods.day(period.since)
    is_in = (Rollup.team_id == team_id, Rollup.grain == LATE, Rollup.at >= since, Rollup.at < period.until)
    zone = localtime.zone(period.timezone)
    alike: dict[object, tuple[datetime, Histogram]] = {}  # days on which a quarter is in the same hour are added first
    for day, late in connection.execute(sa.select(Rollup.at, Rollup.late).where(*is_in)):
        ends = day + periods.DAY
        first, last = day.astimezone(zone).utcoffset(), ends.astimezone(zone).utcoffset()
        is_plain = first == last and period.since <= day and ends <= period.until
        histogram.add(alike.setdefault(first if is_plain else day, (day, {}))[1], late)
    found: dict[int, Histogram] = {}
    for day, late in alike.values():
        for place, count in late.items():
            quarter, _, bucket = place.partition(":")
            at = day + int(quarter) * periods.QUARTER
            if period.since <= at < period.until:
                hour = found.setdefault(at.astimezone(zone).hour, {})
                hour[bucket] = hour.get(bucket, 0) + count
    return found


def names(connection: sa.Connection, task_ids: Collection[int]) -> Mapping[int, Named]:
    """Return tasks by their ids, as tables name them."""
    rows = connection.execute(sa.select(Task.id, Task.name, Task.slug, Task.deleted_at).where(Task.id.in_(task_ids)))
    found = {row.id: Named(row.name, "" if row.deleted_at else row.slug) for row in rows}
    return {one: found.get(one, Named("A deleted task")) for one in task_ids}


def _within(
    connection: sa.Connection, team_id: int, period: Period, *columns: Any, where: Sequence[Any] = ()
) -> Any:  # fmt: skip
    fine_since = periods.fine_since(database.now(connection))
    edges, whole = periods.pieces(periods.kept(period, fine_since))
    spans = [(OF_TASK, *edge) for edge in edges] + ([(OF_DAY, *whole)] if whole else [])
    each = [
        sa.select(*columns).where(
            Rollup.team_id == team_id, Rollup.grain == grain, Rollup.at >= since, Rollup.at < until, *where
        )
        for grain, since, until in spans
    ]  # fmt: skip
    return sa.union_all(*each)


_KEY = (Rollup.task_id, Rollup.state, Rollup.reason, Rollup.model)
_SUMS = (Rollup.runs, Rollup.seconds, Rollup.cost_micros, Rollup.priced)
