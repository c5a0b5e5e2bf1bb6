"""What was lost is found again: runs without a queue entry, runs without a worker, calls nobody relayed."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from app.domain import triggers
from app.infra import database, queues, redis
from app.models.instance import Fact, Outbox
from app.models.runs import IS_ACTIVE, Run
from app.models.tasks import Schedule
from app.services.execution.claims import definition
from app.services.execution.outcomes import lose, release_waiting
from app.services.unit import Work, batch, relay

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

    def look(self) -> None:
        """Find and mend; each part on its own, so that one that fails does not keep the others from their work."""
        for part in (self.lose_vanished, self.relay_left, self.requeue, rearm, release_overlaps):
            try:
                part()
            except redis.Away:
                continue
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
            rows = connection.execute(held).all()
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

    def relay_left(self) -> None:
        """Relay calls that their process committed but did not send."""
        with database.read() as connection:
            old = database.now(connection) - timedelta(seconds=2)
            rows = connection.execute(
                sa.select(Outbox.id, Outbox.queue, Outbox.job_id).where(Outbox.created_at < old).limit(1000)
            ).all()
        if rows:
            relay([(row.id, row.queue, row.job_id) for row in rows])

    def requeue(self) -> None:
        """Enqueue again what SQL calls queued and Redis does not know."""
        was_wiped = note_epoch()
        with database.read() as connection:
            old = database.now(connection) - timedelta(seconds=0 if was_wiped else self.requeue_seconds)
            rows = connection.execute(
                sa.select(Run.id, Run.attempt, Run.lane).where(IS_ACTIVE, Run.state == "queued", Run.queued_at <= old)
            ).all()
        if not rows:
            return
        known = {queue: queues.waiting(queue) for queue in queues.RUN_QUEUES}
        wanted = [(row.lane, queues.job_id(row.id, row.attempt)) for row in rows]
        lost = [(queue, job) for queue, job in wanted if job not in known[queue]]
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
            work.audit("redis rebuilt", "queue")
    client.set(redis.EPOCH, epoch)
    return True


def rearm() -> None:
    """Give every active schedule its next time again; what was due meanwhile is decided by its misfire rule."""
    lost = sa.select(Schedule.__table__).where(Schedule.state == "active", Schedule.next_fire_at.is_(None))
    with database.read() as connection:
        if connection.execute(lost.limit(1)).first() is None:
            return
    with batch() as work:
        for row in work.connection.execute(lost).all():
            _rearm(work, row)
        work.wake_clock()


def _rearm(work: Work, row: Any) -> None:
    trigger = triggers.Trigger(row.kind, row.expression, row.timezone, row.gap, row.fold, row.anchor_at)
    values: dict[str, object]
    try:
        following = triggers.next_fire(trigger, row.decided_until)
        values = {"next_fire_at": following.at} if following else {"state": "over"}
    except triggers.TriggerError as error:
        values = {"state": "broken", "problem": error.sentence[:300]}
    work.connection.execute(sa.update(Schedule).where(Schedule.id == row.id).values(**values))
    work.audit("schedule re-armed", f"schedule {row.id}")


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
