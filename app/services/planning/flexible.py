"""Runs of tasks that may move a little: where their time is crowded, a quieter one near it is found beforehand."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain import localtime, wording
from app.domain.conflicts import LONG_WAIT_SECONDS
from app.domain.load import MINUTE, Load
from app.domain.policy import Policy
from app.infra import database
from app.models.teams import Team
from app.services import coming
from app.services.coming import Coming, ComingRun
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
        scope, window = loads.lane_scope(one.schedule), Policy.of(one.schedule.policy).flexible_seconds
        if not window or scope not in known:
            continue
        for run in one.runs:
            to = _better(run, known[scope], timedelta(seconds=window), taken[scope], now)
            if to is not None:
                taken[scope][_minute(to)] += 1
                wanted.append(Move(one.schedule.team_id, one.schedule.slug, run.fire_at, to, _why(one, run, to)))
    return wanted


def _better(run: ComingRun, load: Load, window: timedelta, taken: Counter[int], now: datetime) -> datetime | None:
    """Return the nearest minute within the window in which nobody waits and no other was moved to; None to stay."""
    if run.number is not None or run.is_left_out or load.delay(run.at) < LONG_WAIT_SECONDS:
        return None
    for minutes in (sign * n for n in range(1, window // MINUTE + 1) for sign in (1, -1)):
        to = run.at + minutes * MINUTE
        if to > now + SOON and load.wait(to) < 1 and taken[_minute(to)] < load.slots:
            return to
    return None


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)


def _why(one: Coming, run: ComingRun, to: datetime) -> str:
    zone = localtime.zone(one.schedule.timezone)
    was, now_is = (wording.clock(at.astimezone(zone)) for at in (run.at, to))
    return (
        f"Moved by Carillon from {was} to {now_is} ({one.schedule.timezone}), where it need not wait: it is flexible."
    )
