"""The state of the whole installation, part by part, for those who look after it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import Forbidden
from app.domain import condition
from app.domain.condition import Part
from app.domain.firing import ON_TIME
from app.infra import database, disk
from app.infra.database import db
from app.models.instance import ALIVE, Clock, Fact, Leader, Worker
from app.models.runs import Run
from app.models.teams import Membership
from app.services import health
from app.services.health.figures import WATCHDOG, Figures, figures
from app.settings import Settings

_LOOKED_AT = 5000
"""So many of the last runs say how late runs are."""

_FACTS = ("verify", "audit_check", "backup", "integrity", WATCHDOG)
_MIB = 1024**2


def parts(person_id: int, settings: Settings, only_in: int | None = None) -> list[Part]:
    """Return how each part is; `only_in` is the team of a program's token.

    Raises Forbidden for others than the owners of the first team.
    """
    if not db.session.scalar(sa.select(Membership.administers(person_id, only_in))):
        sentence = "Only owners of the first team, and their tokens for that team, see how the installation is."
        raise Forbidden("own", sentence)
    now, found = utc_now(), figures()
    facts = {row.name: row for row in db.session.execute(_FACTS_QUERY)}
    numbers = health.numbers()
    return [
        _clocks(now),
        condition.lateness(_lags(now)),
        condition.skew(found.skew_seconds),
        _workers(now),
        condition.queue(numbers.depths, numbers.oldest_queued_seconds),
        _database(settings, facts),
        condition.watchdog(found.watchdog_seconds),
        condition.deliveries(found.deliveries),
        _checker(now, facts.get("verify")),
        _audit(now, facts.get("audit_check"), found),
        _backup(now, facts.get("backup")),
        condition.disk(f"{max(disk.room(), 0) // _MIB:,} MiB", is_low=disk.is_low()),
        condition.losses(found.counted),
    ]


def _clocks(now: datetime) -> Part:
    alive = db.session.scalars(
        sa.select(Clock.name).where(Clock.stopped_at.is_(None), Clock.seen_at > now - ALIVE)
    ).all()
    leads = sa.select(Leader.holder).where(Leader.name == "clock", Leader.lease_until > now)
    leader = db.session.scalar(leads) or ""
    return condition.clock(leader, len([name for name in alive if name != leader]))


def _workers(now: datetime) -> Part:
    query = sa.select(Worker).where(Worker.stopped_at.is_(None), Worker.seen_at > now - ALIVE)
    alive = db.session.scalars(query).all()
    busy, slots = sum(one.busy for one in alive), sum(one.io_slots + one.code_slots for one in alive)
    return condition.workers(len(alive), sum(one.is_draining for one in alive), busy, slots)


def _lags(now: datetime) -> Sequence[float]:
    """Return how late runs were queued; what was made up for, or waited for a slot, is no lateness of ours."""
    rows = db.session.execute(_LAGS, {"since": now - timedelta(hours=1)})
    late = (row.queued_at - row.planned_at for row in rows)
    return [lag.total_seconds() for lag in late if lag <= ON_TIME]


def _database(settings: Settings, facts: dict[str, Any]) -> Part:
    kept = facts.get("integrity")
    problem = str(kept.value.get("problem") or "") if kept else ""
    kind = "SQLite" if settings.is_sqlite else "PostgreSQL"
    return condition.database(kind, is_current=not database.is_behind(), problem=problem)


def _checker(now: datetime, kept: Any) -> Part:
    if kept is None:
        return condition.checker(None, 0, (), 0)
    sentences = [finding["sentence"] for finding in kept.value["findings"]]
    return condition.checker(_ago(now, kept), kept.value["planned"], sentences, kept.value["count"])


def _audit(now: datetime, kept: Any, found: Figures) -> Part:
    checked, flaw = (kept.value["checked"], kept.value["flaw"]) if kept else (0, "")
    seconds = _ago(now, kept) if kept else None
    return condition.audit(seconds, checked, flaw, found.unsealed, found.unsealed_seconds)


def _backup(now: datetime, kept: Any) -> Part:
    if kept is None:
        return condition.backup(None, "")
    return condition.backup(_ago(now, kept), "" if kept.value["ok"] else str(kept.value["problem"]) or "It failed")


def _ago(now: datetime, fact: Any) -> float:
    at: datetime = fact.at
    return max(0.0, (now - at).total_seconds())


_FACTS_QUERY = sa.select(Fact.name, Fact.value, Fact.at).where(Fact.name.in_(_FACTS))
_LAGS = (
    sa.select(Run.planned_at, Run.queued_at)
    .where(
        Run.id > sa.select(sa.func.max(Run.id) - _LOOKED_AT).scalar_subquery(),
        Run.planned_at > sa.bindparam("since", type_=Run.planned_at.type),
        Run.trigger == "schedule",
        Run.attempt == 1,
        Run.queued_at.is_not(None),
    )
    .order_by(Run.id)
)
