"""The coming seven days of a team: how many runs go at once, what they come to each day, and where they wait."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain import hours, localtime
from app.domain.access import Actor
from app.domain.forecast import Estimate
from app.domain.load import MINUTE, Load
from app.infra.database import db
from app.models.instance import ALIVE, Worker
from app.models.teams import Pool
from app.services import coming, estimates
from app.services.coming import Coming
from app.services.estimates import Subject
from app.services.planning import crowds, loads
from app.services.planning.crowds import Crowd

DAYS = 7
_MOST_RUNS, _MOST_CONTINUED = 20_000, 10_000
"""So many runs are computed together, and so many more of one schedule are taken to go on at its pace."""


@dataclass(frozen=True)
class Day:
    """What a day brings: in each hour how many runs go at once, how many start, and what they cost.

    `micros` is None while no price is known.
    """

    day: date
    hours: Sequence[int]
    runs: int
    micros: int | None


@dataclass(frozen=True)
class PoolUse:
    """A pool: the longest that a run waits for a slot of it, and when (UTC); 0 and None where none waits."""

    name: str
    slots: int
    wait_seconds: float
    at: datetime | None


@dataclass(frozen=True)
class Week:
    """The coming seven days. `slots` are those of all workers now; `most` run at once in the hour `peak`, if any do.

    `crowd` is where runs of the team wait the longest for a slot, if they do, and `crowded` are all such hours.
    """

    days: Sequence[Day]
    slots: int
    most: int
    peak: tuple[date, int] | None
    crowd: Crowd | None
    crowded: frozenset[tuple[date, int]]
    pools: Sequence[PoolUse]

    @property
    def wait_seconds(self) -> float:
        """How long, at most, a run waits for a slot."""
        return self.crowd.wait_seconds if self.crowd else 0.0

    @property
    def runs(self) -> int:
        """How many runs are planned."""
        return sum(one.runs for one in self.days)

    @property
    def micros(self) -> int | None:
        """What they cost together, None while no price is known."""
        known = [one.micros for one in self.days if one.micros is not None]
        return sum(known) if known else None


def week(actor: Actor, timezone: str) -> Week:
    """Return what the coming seven days bring to a team, in the time zone of who asks."""
    now, connection = utc_now(), db.session.connection()
    until = now + timedelta(days=DAYS)
    found = coming.coming(connection, [actor.team_id], now, until, now, together=_MOST_RUNS)
    subjects = [Subject(one.task_id, one.schedule.engine) for one in found]
    known = estimates.of(connection, actor.team_id, subjects, now)
    table = hours.at_once(_spans(found, known, until), now, DAYS, timezone)
    most, peak = max(((n, (day, hour)) for day, row in table for hour, n in enumerate(row)), key=lambda one: one[0])
    runs, micros = _by_day(found, known, timezone, until)
    days = [Day(day, row, runs[day], micros.get(day)) for day, row in table]
    crowded = crowds.crowds(actor.team_id, now, until, now)
    worst = max(crowded, key=lambda one: one.wait_seconds, default=None)
    hours_of = frozenset(_hour(one.at, timezone) for one in crowded)
    return Week(days, _slots(now), most, peak if most else None, worst, hours_of, _pools(actor.team_id))


def _spans(found: Sequence[Coming], known: Mapping[int, Estimate], until: datetime) -> list[tuple[datetime, datetime]]:
    spans = []
    for one in found:
        took = timedelta(seconds=known[one.task_id].typical_seconds or 0)
        spans += [(at, at + took) for at in _starts(one, until)]
    return spans


def _starts(one: Coming, until: datetime) -> list[datetime]:
    """Return when the runs of a schedule start; what was not computed goes on at the same pace."""
    starts = [run.at for run in one.runs if not run.is_left_out]
    if one.has_more and len(starts) > 1:
        pace, last = (starts[-1] - starts[0]) / (len(starts) - 1), starts[-1]
        more = min(int((until - last) / pace), _MOST_CONTINUED)
        starts += [last + number * pace for number in range(1, more + 1)]
    return starts


def _hour(at: datetime, timezone: str) -> tuple[date, int]:
    local = at.astimezone(localtime.zone(timezone))
    return local.date(), local.hour


def _by_day(
    found: Sequence[Coming], known: Mapping[int, Estimate], timezone: str, until: datetime
) -> tuple[Counter[date], Counter[date]]:
    """Return how many runs start on each day, and what those with a known price cost together."""
    zone = localtime.zone(timezone)
    runs, micros = Counter[date](), Counter[date]()
    for one in found:
        cost = known[one.task_id].cost_micros
        for at in _starts(one, until):
            day = at.astimezone(zone).date()
            runs[day] += 1
            if cost is not None:
                micros[day] += cost
    return runs, micros


def _slots(now: datetime) -> int:
    is_alive = (Worker.stopped_at.is_(None), Worker.seen_at > now - ALIVE)
    slots = db.session.scalar(sa.select(sa.func.sum(Worker.io_slots + Worker.code_slots)).where(*is_alive))
    return slots or 0


def _pools(team_id: int) -> list[PoolUse]:
    pools = db.session.execute(
        sa.select(Pool.name, Pool.slots).where(Pool.team_id == team_id).order_by(Pool.name)
    ).all()
    known = loads.of(db.session.connection(), [f"pool:{team_id}:{pool.name}" for pool in pools])
    return [_pool(pool.name, pool.slots, known.get(f"pool:{team_id}:{pool.name}")) for pool in pools]


def _pool(name: str, slots: int, load: Load | None) -> PoolUse:
    delays = load.delays if load else {}
    minute = max(delays, key=delays.__getitem__, default=None)
    if load is None or minute is None:
        return PoolUse(name, slots, 0.0, None)
    return PoolUse(name, slots, delays[minute], load.since + minute * MINUTE)
