"""Whether Carillon can do its work now, and the few numbers that tell how busy it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.core.clock import utc_now
from app.infra import database, queues, redis
from app.infra.database import db
from app.models.instance import ALIVE, Clock, Leader, Worker
from app.models.runs import IS_ACTIVE, Run

BUSY_STATES = ("waiting", "queued", "running", "lost")


@dataclass(frozen=True)
class Numbers:
    """How busy Carillon is. `depths` is None while Redis is away; `oldest_queued_seconds` is 0 when none waits."""

    runs: Mapping[str, int]
    depths: Mapping[str, int] | None
    oldest_queued_seconds: float
    workers: int
    clocks: int


def parts() -> dict[str, bool]:
    """Return which parts work now: database, tables (none lacks), redis, clock (leads), worker (one seen lately)."""
    found = {"database": False, "tables": False, "redis": redis.is_here(), "clock": False, "worker": False}
    try:
        now = utc_now()
        lease = db.session.scalar(sa.select(Leader.lease_until).where(Leader.name == "clock"))
        seen = sa.select(Worker.name).where(Worker.stopped_at.is_(None), Worker.seen_at > now - ALIVE)
        found["clock"] = lease is not None and lease > now - ALIVE
        found["worker"] = db.session.scalar(seen.limit(1)) is not None
        found["database"] = True
        found["tables"] = not database.is_behind()
    except sa.exc.DBAPIError:
        db.session.rollback()
    return found


def depths() -> dict[str, int] | None:
    """Return how many jobs wait in each queue, or None while Redis is away."""
    try:
        return {name: queues.depth(name) for name in queues.RUN_QUEUES}
    except (*redis.Away, OSError):
        return None


def numbers() -> Numbers:
    """Count what is under way, over all teams."""
    now = utc_now()
    by_state = sa.select(Run.state, sa.func.count()).where(IS_ACTIVE, Run.state.in_(BUSY_STATES)).group_by(Run.state)
    counted = dict(db.session.execute(by_state).all())
    oldest = db.session.scalar(sa.select(sa.func.min(Run.queued_at)).where(IS_ACTIVE, Run.state == "queued"))
    return Numbers(
        {state: counted.get(state, 0) for state in BUSY_STATES},
        depths(),
        (now - oldest).total_seconds() if oldest else 0.0,
        _seen_lately(Worker, now),
        _seen_lately(Clock, now),
    )


def _seen_lately(table: type[Worker | Clock], now: datetime) -> int:
    seen = sa.select(sa.func.count()).select_from(table).where(table.stopped_at.is_(None), table.seen_at > now - ALIVE)
    return db.session.scalar(seen) or 0
