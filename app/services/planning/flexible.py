"""Runs of tasks that may move a little: where their time is crowded, a quieter one near it is found beforehand."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.domain import localtime, occurrences, wording
from app.domain.conflicts import LONG_WAIT_SECONDS
from app.domain.load import MINUTE, Load
from app.domain.occurrences import Plan
from app.domain.policy import Policy
from app.infra import database
from app.models.tasks import plan_of
from app.models.teams import Calendar, Team
from app.services import coming, estimates, uses
from app.services.coming import Coming, ComingRun
from app.services.estimates import Subject
from app.services.planning import loads

SOON, AHEAD = timedelta(minutes=10), timedelta(hours=24)
"""Runs that start sooner stay where they are, and later ones are looked at when it is their turn."""


@dataclass(frozen=True)
class Move:
    """A run, known by the instant of its rule, that should start at `to` instead, and why in a sentence."""

    team_id: int
    slug: str
    fire_at: datetime
    to: datetime
    why: str


def moves() -> list[Move]:
    """Return where the runs of flexible tasks should go; none for those that wait for nobody or were moved already."""
    with database.read() as connection:
        now = database.now(connection)
        teams = connection.execute(sa.select(Team.id)).scalars().all()
        found = coming.coming(connection, teams, now + SOON, now + AHEAD, now)
        known = loads.of(connection, ("lane:io", "lane:code"))
        taken: dict[str, Counter[int]] = {scope: Counter() for scope in known}
        wanted = []
        for one in found:
            scope = loads.lane_scope(one.schedule)
            if not _window(one) or scope not in known:
                continue
            seconds = _seconds(connection, one, now)
            for run in one.runs:
                to = _better(run, seconds, known[scope], _times(connection, one, run), taken[scope], now)
                if to is not None:
                    taken[scope][_minute(to)] += 1
                    wanted.append(Move(one.schedule.team_id, one.schedule.slug, run.fire_at, to, _why(one, run, to)))
    return wanted


def _window(one: Coming) -> timedelta:
    return timedelta(seconds=Policy.of(one.schedule.policy).flexible_seconds)


def _seconds(connection: sa.Connection, one: Coming, now: datetime) -> float:
    row = one.schedule
    known = estimates.of(connection, row.team_id, [Subject(row.task_id, row.engine)], now)
    return known[row.task_id].typical_seconds or 0.0


def _plan(connection: sa.Connection, schedule: Any) -> Plan:
    """Return the plan of a schedule with all blackouts of its team, into which nothing is moved."""
    is_blackout = (Calendar.team_id == schedule.team_id, Calendar.kind == "blackout", Calendar.deleted_at.is_(None))
    blackouts = connection.execute(sa.select(Calendar.__table__).where(*is_blackout)).all()
    used = uses.of(connection, schedule.team_id, schedule.calendars)
    return plan_of(schedule, [*used, *(("exclude", uses.read(row)) for row in blackouts)])


def _times(connection: sa.Connection, one: Coming, run: ComingRun) -> Iterator[datetime]:
    """Yield the minutes to which a run may move, the nearest first; not to before others that its task waits for."""
    plan = _plan(connection, one.schedule)
    for number in range(1, _window(one) // MINUTE + 1):
        for sign in (1,) if one.schedule.awaits else (1, -1):
            to = run.at + sign * number * MINUTE
            if occurrences.is_allowed(plan, to):
                yield to


def _better(
    run: ComingRun, seconds: float, load: Load, times: Iterable[datetime], taken: Counter[int], now: datetime
) -> datetime | None:  # fmt: skip
    """Return the first of `times` at which it waits for nobody, and nobody for it if there is one; None to stay."""
    if run.number is not None or run.is_left_out or load.delay(run.at) < LONG_WAIT_SECONDS:
        return None
    free = [to for to in times if to > now + SOON and load.wait(to) < 1 and taken[_minute(to)] < load.slots]
    return next((to for to in free if not load.is_crowded(to, seconds)), next(iter(free), None))


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)


def _why(one: Coming, run: ComingRun, to: datetime) -> str:
    zone = localtime.zone(one.schedule.timezone)
    was, now_is = (wording.clock(at.astimezone(zone)) for at in (run.at, to))
    return (
        f"Moved by Carillon from {was} to {now_is} ({one.schedule.timezone}), where it need not wait: it is flexible."
    )
