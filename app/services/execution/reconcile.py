"""What was lost is found again: runs without a queue entry, runs without a worker, schedules without a next time."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa
import structlog

from app.domain.pings import LANE
from app.infra import database, queues, redis
from app.models.instance import Fact
from app.models.runs import IS_ACTIVE, Run
from app.models.tasks import Schedule
from app.services import alerting
from app.services.execution.aftermath import release_waiting
from app.services.execution.capacity import release_all
from app.services.execution.claims import definition
from app.services.execution.dependents import settle_waiting
from app.services.execution.outcomes import lose
from app.services.execution.pings import end_overdue
from app.services.unit import batch

log = structlog.get_logger()

_MOST_OF_A_PASS = 1.25
"""One pass adds at most so many times its interval to how long a lease was seen unchanged: a stopped process, which
looks again much later, counts no time for what it did not see."""


@dataclass
class Reconciler:
    """One process's memory of the leases it has seen; call `look` every `every_seconds`."""

    unseen_seconds: float
    requeue_seconds: float
    every_seconds: float
    monotonic: Callable[[], float] = time.monotonic
    _seen: dict[int, tuple[int, str, float]] = field(default_factory=dict)
    _looked_at: float | None = None
    _is_queue_in_doubt: bool = True

    def look(self) -> None:
        """Find and mend; each part on its own, so that one that fails does not keep the others from their work."""
        for part in (
            self.lose_vanished, self.requeue, rearm, release_overlaps, release_all, settle_waiting, end_overdue,
        ):  # fmt: skip
            try:
                part()
            except redis.Away:
                self._is_queue_in_doubt = True
            except Exception:
                log.exception("reconcile_failed", part=part.__name__)

    def lose_vanished(self) -> int:
        """Give up attempts whose lease is past and was seen unchanged for long enough; returns how many."""
        now = self.monotonic()
        most = self.every_seconds * _MOST_OF_A_PASS
        passed = min(now - self._looked_at, most) if self._looked_at is not None else 0.0
        self._looked_at = now
        with database.read() as connection:
            held = sa.select(Run.id, Run.token, Run.lease_until).where(IS_ACTIVE, Run.state == "running")
            rows = connection.execute(held.where(Run.lane != LANE)).all()  # of jobs elsewhere no worker holds the lease
            moment = database.now(connection)
        seen: dict[int, tuple[int, str, float]] = {}
        gone = []
        for row in rows:
            before = self._seen.get(row.id)
            lease = str(row.lease_until)
            unchanged = before[2] + passed if before and before[:2] == (row.token, lease) else 0.0
            seen[row.id] = (row.token, lease, unchanged)
            if unchanged >= self.unseen_seconds and row.lease_until < moment:
                gone.append((row.id, row.token))
        self._seen = seen
        return sum(_lose(run, token) for run, token in gone)

    def requeue(self) -> None:
        """Enqueue again what SQL calls queued and Redis does not know; at once after Redis was away or wiped."""
        self._is_queue_in_doubt |= note_epoch()
        with database.read() as connection:
            old = database.now(connection) - timedelta(seconds=0 if self._is_queue_in_doubt else self.requeue_seconds)
            queued = sa.select(Run.id, Run.attempt, Run.lane).where(IS_ACTIVE, Run.state == "queued")
            rows = connection.execute(queued.where(Run.queued_at <= old)).all()
            counts = dict(connection.execute(_QUEUED).all()) if rows else {}
        if rows:
            _enqueue_unknown([(row.lane, queues.job_id(row.id, row.attempt)) for row in rows], counts)
        self._is_queue_in_doubt = False


_QUEUED = sa.select(Run.lane, sa.func.count()).where(IS_ACTIVE, Run.state == "queued").group_by(Run.lane)


def _enqueue_unknown(wanted: list[tuple[str, str]], queued: dict[str, int]) -> None:
    """Enqueue those that Redis does not know, as far as it holds fewer calls of a lane than runs are queued there.

    A call may stand for another run than it names (`claims.claim`): where there are enough, none is lost.
    """
    lost: list[tuple[str, str]] = []
    for lane in queues.RUN_QUEUES:
        known = queues.waiting(lane)
        unknown = [(lane, job) for of_lane, job in wanted if of_lane == lane and job not in known]
        lost += unknown[: max(0, queued.get(lane, 0) - len(known))]
    if lost:
        log.info("requeued", runs=len(lost))
        queues.enqueue(lost)


def _lose(run_id: int, token: int) -> bool:
    with batch() as work:
        state = lose(work, run_id, token)
    if state:
        log.warning("run_lost", run=run_id, token=token, now=state)
    return state is not None


def note_epoch() -> bool:
    """Whether Redis was wiped or replaced since the last look; if so, note its new epoch here and there."""
    client = redis.client()
    found = client.get(redis.EPOCH)
    with database.read() as connection:
        noted = connection.execute(sa.select(Fact.value).where(Fact.name == "redis_epoch")).scalar_one_or_none()
    if found and noted and found.decode() == noted["epoch"]:  # type: ignore[union-attr]  # the client is not async
        return False
    epoch = uuid.uuid4().hex
    with batch() as work:
        work.connection.execute(sa.delete(Fact).where(Fact.name == "redis_epoch"))
        work.connection.execute(sa.insert(Fact).values(name="redis_epoch", value={"epoch": epoch}, at=work.now))
        if noted:
            work.audit("redis_rebuilt", "queue")
    client.set(redis.EPOCH, epoch)
    return True


def rearm() -> None:
    """Make every active schedule due that lost its next time: the clock decides by its rules on all since the last."""
    is_lost = sa.and_(Schedule.state == "active", Schedule.next_fire_at.is_(None))
    with database.read() as connection:
        if connection.execute(sa.select(Schedule.id).where(is_lost).limit(1)).first() is None:
            return
    due = sa.update(Schedule).where(is_lost).values(next_fire_at=Schedule.decided_until)
    with batch() as work:
        for row in work.connection.execute(due.returning(Schedule.id, Schedule.team_id, Schedule.task_id)).all():
            work.audit("schedule_rearmed", f"schedule {row.id}")
            sentence = "A schedule had lost its next time. It was given back; what it missed meanwhile is on record."
            alerting.once(work, f"rearmed:{row.id}", "rearmed", sentence, row.team_id, task_id=row.task_id)
        work.wake_clock()


def release_overlaps() -> None:
    """Queue runs that wait for one that is no longer there."""
    with database.read() as connection:
        rows = connection.execute(
            sa.select(Run.task_id, sa.func.max(Run.version_id))
            .where(IS_ACTIVE, Run.state == "waiting", Run.reason == "overlap")
            .group_by(Run.task_id)
        ).all()
    for task_id, version_id in rows:
        with batch() as work:
            release_waiting(work, task_id, definition(work.connection, version_id).policy)
