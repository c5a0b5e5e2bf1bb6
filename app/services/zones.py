"""New rules of time zones: schedules whose next time they change are planned anew, and the change is put on record."""

import time
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog

from app.domain import occurrences, pings
from app.domain.localtime import TriggerError
from app.infra import database, tzdata
from app.models.instance import Fact
from app.models.tasks import PLAN, Schedule, Task, plan_of
from app.services import uses
from app.services.unit import Work, batch

log = structlog.get_logger()

_FACT = "zones"
_EVERY_SECONDS = 3600.0
_TOGETHER = 200
_looked_at: list[float] = []


def look_when_due() -> None:
    """Look at the first call, and again each hour."""
    if not _looked_at or time.monotonic() - _looked_at[0] >= _EVERY_SECONDS:
        look()
        _looked_at[:] = [time.monotonic()]


def look() -> int:
    """Compare the rules of the zones in use with those of the last look; returns how many schedules have a new time.

    Nothing that was planned fires again, and nothing at once: only the next time moves.
    """
    zones = sa.select(Schedule.timezone).where(Schedule.state == "active").distinct()
    with database.read() as connection:
        known = connection.execute(sa.select(Fact.value).where(Fact.name == _FACT)).scalar() or {}
        found = {zone: tzdata.digest(zone) for zone in connection.execute(zones).scalars()}
    if found.items() <= known.items():
        return 0
    new = {zone for zone, digest in found.items() if known.get(zone, digest) != digest}
    moved = _plan_anew(new) if new else 0
    with batch() as work:
        work.connection.execute(sa.delete(Fact).where(Fact.name == _FACT))
        work.connection.execute(sa.insert(Fact).values(name=_FACT, value=known | found, at=work.now))
        if new:
            work.audit("zones_changed", ", ".join(sorted(new)), schedules=moved)
            log.info("zones_changed", zones=sorted(new), schedules=moved)
    return moved


def _plan_anew(zones: Collection[str]) -> int:
    tzdata.forget()
    query = sa.select(*PLAN, Schedule.team_id, Schedule.next_fire_at, Schedule.decided_until, Task.name, Task.engine)
    query = query.join(Task, Task.id == Schedule.task_id)
    query = query.where(Schedule.state == "active", Schedule.timezone.in_(zones)).order_by(Schedule.id)
    moved = after = 0
    while True:
        with batch() as work:
            rows = work.connection.execute(query.where(Schedule.id > after).limit(_TOGETHER)).all()
            moved += sum(_move(work, row) for row in rows)
            if moved:
                work.wake_clock()
        if not rows:
            return moved
        after = rows[-1].id


def _move(work: Work, row: Any) -> bool:
    try:
        looks = _looks(work, row)
    except TriggerError:
        return False  # the clock sets it aside when it is due
    if row.next_fire_at in (*looks, None) or looks[0] is None:
        return False
    same = (Schedule.id == row.id, Schedule.next_fire_at == row.next_fire_at)  # else the clock has just planned it
    if not work.connection.execute(sa.update(Schedule).where(*same).values(next_fire_at=looks[0])).rowcount:
        return False
    times = {"before": row.next_fire_at.isoformat(), "after": looks[0].isoformat()}
    work.audit("schedule_moved_by_zone", row.name, schedule=row.id, zone=row.timezone, **times)
    return True


def _looks(work: Work, row: Any) -> list[datetime | None]:
    """Return when the clock may next look at a schedule: as after a fire that runs, and after one that was left out."""
    plan = plan_of(row, uses.of(work.connection, row.team_id, row.calendars))
    if row.engine == pings.ENGINE:
        plan = pings.at_its_time(plan)
    return [occurrences.next_look(plan, row.decided_until, was_left_out=left_out) for left_out in (False, True)]
