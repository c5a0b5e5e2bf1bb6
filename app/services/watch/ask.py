"""What the watchdog asks of the database, each answered from an index and bounded."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.domain import watch
from app.infra import database
from app.models.instance import Leader, Worker
from app.models.runs import IS_ACTIVE, IS_REAL, Alert, Event, Run
from app.models.tasks import Schedule, Task

WORKED = ("succeeded", "degraded")

_MOST_LATE = 2000
_BASIS = 200
_NEEDS_NO_WORKER = ("approval", "overlap", "retry", "ping", "upstream")
_AWAY = "away"  # runs of jobs elsewhere: their pings have alerts of their own


@dataclass(frozen=True)
class State:
    """The installation at one moment, as the database knows it."""

    now: datetime
    leads_until: datetime | None
    workers: int
    queued: int
    oldest_queued: datetime | None
    overdue: Sequence[Any]  # schedules whose time has passed without a decision, the earliest first
    patience: timedelta

    @property
    def has_clock(self) -> bool:
        """Whether a clock leads."""
        return self.leads_until is not None and self.leads_until + self.patience >= self.now


def state_of(connection: sa.Connection, patience: timedelta, lease_seconds: float) -> State:
    """Read the installation as it is now; a worker not seen for one and a half leases is away."""
    now = database.now(connection)
    leads_until = connection.execute(sa.select(Leader.lease_until).where(Leader.name == "clock")).scalar()
    seen = now - timedelta(seconds=lease_seconds * 1.5)
    alive = sa.select(sa.func.count()).select_from(Worker).where(Worker.stopped_at.is_(None), Worker.seen_at > seen)
    queued, oldest = connection.execute(_QUEUED).one()
    overdue = connection.execute(_OVERDUE, {"now": now - timedelta(seconds=1)}).all()
    workers = connection.execute(alive).scalar_one()
    return State(now, leads_until, workers, queued, oldest, overdue, patience)


def skew(connection: sa.Connection) -> float:
    """Return how many seconds this host's clock is ahead of the database's, as the middle of a round trip says."""
    if connection.dialect.name == "sqlite":
        return 0.0
    before = time.time()
    there = database.now(connection).timestamp()
    return (before + time.time()) / 2 - there


def runs_of(connection: sa.Connection, versions: Iterable[int], which: sa.ColumnElement[bool]) -> Sequence[Any]:
    """Return the runs of these versions that are under way and are as `which` says, bounded."""
    found: list[Any] = []
    for part in in_parts(versions):
        query = _RUNS.where(IS_ACTIVE, Run.state != "planned", Run.version_id.in_(part), which)
        found += connection.execute(query.order_by(Run.id).limit(_MOST_LATE))
    return found


def in_parts(ids: Iterable[int]) -> Iterable[list[int]]:
    """Cut ids into parts that one statement can take."""
    kept = sorted(set(ids))
    return (kept[start : start + 500] for start in range(0, len(kept), 500))


def gone(connection: sa.Connection, now: datetime, lease_seconds: float) -> Sequence[Any]:
    """Return the workers that vanished and that nobody has come for since; those of a day ago count no more."""
    unseen = now - timedelta(seconds=lease_seconds * 1.5)
    return connection.execute(_GONE, {"unseen": unseen, "since": now - timedelta(days=1)}).all()


# --- built once

OPEN = (
    sa.select(
        Alert.key, Alert.kind, Alert.sentence, Alert.at, Alert.team_id, Alert.task_id, Alert.run_id, Task.name,
        Task.deleted_at,
    )
    .outerjoin(Task, Task.id == Alert.task_id)
    .where(Alert.ended_at.is_(None), Alert.kind.in_(list(watch.RULES)))
)  # fmt: skip
_QUEUED = sa.select(sa.func.count(), sa.func.min(Run.queued_at)).where(IS_ACTIVE, Run.state == "queued")
_OVERDUE = (
    sa.select(
        Schedule.id, Schedule.team_id, Schedule.task_id, Schedule.policy, Schedule.next_fire_at, Schedule.timezone,
        Task.name,
    )
    .join(Task, Task.id == Schedule.task_id)
    .where(Schedule.state == "active", Schedule.next_fire_at < sa.bindparam("now"), Task.engine != "ping")
    .order_by(Schedule.next_fire_at)
    .limit(_MOST_LATE)
)  # fmt: skip
_UNSTARTED = sa.and_(
    Run.state.in_(("queued", "waiting")), Run.started_at.is_(None), Run.reason.not_in(_NEEDS_NO_WORKER),
    Run.trigger != "backfill",
)  # fmt: skip
GROUPS = (
    sa.select(
        Run.team_id,
        Run.task_id,
        Run.version_id,
        sa.func.min(sa.case((_UNSTARTED, Run.planned_at))).label("unstarted"),
        sa.func.min(sa.case((Run.trigger != "backfill", Run.planned_at))).label("planned"),
        sa.func.min(sa.case((Run.state == "running", Run.started_at))).label("running"),
    )
    .where(IS_ACTIVE, Run.state != "planned", Run.lane != _AWAY)
    .group_by(Run.team_id, Run.task_id, Run.version_id)
)
_RUNS = (
    sa.select(
        Run.id, Run.team_id, Run.task_id, Run.version_id, Run.state, Run.sentence, Run.planned_at, Run.started_at,
        Run.lane, Run.rank_at, Task.name, Schedule.timezone,
    )
    .join(Task, Task.id == Run.task_id)
    .outerjoin(Schedule, Schedule.id == Run.schedule_id)
)  # fmt: skip
UNSTARTED_OF = (
    _RUNS.where(IS_ACTIVE, _UNSTARTED, Run.lane != _AWAY, Run.task_id == sa.bindparam("task"))
    .order_by(Run.planned_at, Run.id)
    .limit(1)
)
TOOK = (
    sa.select(Run.started_at, Run.ended_at)
    .where(Run.task_id == sa.bindparam("task"), Run.state.in_(WORKED), Run.started_at.is_not(None), IS_REAL)
    .order_by(Run.planned_at.desc(), Run.id.desc())
    .limit(_BASIS)
)
_next = aliased(Worker)
_GONE = (
    sa.select(Worker.name, Worker.host, Worker.seen_at, Worker.busy)
    .where(
        Worker.stopped_at.is_(None), Worker.seen_at < sa.bindparam("unseen", type_=Worker.seen_at.type),
        Worker.seen_at > sa.bindparam("since", type_=Worker.seen_at.type),
        ~sa.exists().where(_next.started_at > Worker.seen_at),
    )
    .order_by(Worker.name)
)  # fmt: skip
UNDECIDED = (
    _RUNS.where(IS_ACTIVE, Run.state == "waiting", Run.reason == "approval", Task.deleted_at.is_(None))
    .order_by(Run.id)
    .limit(_MOST_LATE)
)
_later = aliased(Run)
DID_NOT_RUN = (
    _RUNS.join(Event, Event.run_id == Run.id)
    .where(
        Event.id > sa.bindparam("after"), Event.id <= sa.bindparam("until"), Event.kind.in_(("missed", "blocked")),
        sa.or_(Run.state == "blocked", sa.and_(Run.state == "missed", Run.reason == "grace")),
        Task.deleted_at.is_(None),
        Run.reason.not_in(("budget", "plan")),  # told once for each pot
        ~sa.exists().where(
            _later.task_id == Run.task_id, _later.state.in_(WORKED), _later.ended_at >= Run.ended_at,
            _later.planned_at >= Run.planned_at,
        ),
    )
    .order_by(Event.id)
    .limit(_MOST_LATE)
)  # fmt: skip
