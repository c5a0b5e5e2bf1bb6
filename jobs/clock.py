"""The clock process: fires what is due in SQL, rings rq-scheduler's periodic jobs, and finds again what was lost."""

import os
import signal
import socket
import threading
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

import sqlalchemy as sa
import structlog
from redis.client import PubSub
from rq_scheduler import Scheduler

from app import bootstrap
from app.infra import processes, queues, redis
from app.services import clocks, dispatch, room, tasks, zones
from app.services.dispatch import BATCH, Deposed, Leadership
from app.services.execution.reconcile import Reconciler
from app.settings import Settings
from jobs.recurring import TABLE, Recurring
from jobs.sealer import Sealer

log = structlog.get_logger()

LONGEST_SLEEP_SECONDS = 5.0
"""A message that a schedule became the earliest can be lost; then it is seen this late."""

STAND_BY_SECONDS = 1.5
"""How often a clock that does not lead asks for the lead; one that resigns wakes it at once."""

_REARM_SECONDS = 20.0
_AWAY_SECONDS = 1.0


class Clock(Scheduler):  # type: ignore[misc]  # rq-scheduler has no types
    """rq-scheduler's class with our loop.

    The user's schedules are computed in SQL; rq-scheduler's own set holds the periodic jobs of `jobs/recurring.py`
    alone. Several clocks may run: one leads, fenced by its epoch in every transaction, the others wait.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            queue_name=queues.UPKEEP,
            connection=redis.client(),
            interval=int(LONGEST_SLEEP_SECONDS),
            job_class=queues.SafeJob,
            queue_class=queues.SafeQueue,
            name=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:4]}",
        )
        self._reconciler = Reconciler(settings.unseen_seconds, settings.requeue_seconds, settings.reconcile_seconds)
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._longest_sleep = min(LONGEST_SLEEP_SECONDS, settings.lease_seconds / 2)
        self._wants_end = threading.Event()
        self._is_listed = False
        self._seen_at = 0.0
        self._leadership: Leadership | None = None
        self._leads_until = 0.0
        self._rearmed_at = 0.0
        self._pubsub: PubSub | None = None
        self._sealer = Sealer(settings.data_dir, lambda: self._leadership is not None, self._wants_end)

    def run(self, burst: bool = False) -> None:  # noqa: ARG002 rq-scheduler's signature
        """Lead when nobody else does, until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        mender = threading.Thread(target=self._mend, name="reconciler", daemon=True)
        mender.start()
        self._sealer.start()
        while not self._wants_end.is_set():
            try:
                self._sleep(self._round())
            except Deposed:
                log.warning("deposed", clock=self.name)
                self._leadership = None
            except sa.exc.SQLAlchemyError as error:
                log.warning("clock_waits_for_database", error=str(getattr(error, "orig", error)))
                self._wants_end.wait(_AWAY_SECONDS)
            except Exception:
                log.exception("round_failed", clock=self.name)  # whatever it was, the next round is tried
                self._wants_end.wait(_AWAY_SECONDS)
        with suppress(sa.exc.SQLAlchemyError):
            if self._leadership:
                dispatch.resign(self._leadership)
            clocks.leave(self.name)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._wants_end.set()

    # --- one round

    def _round(self) -> float:
        """Do what is due; return for how many seconds nothing will be, at most until the lease must be renewed."""
        self._show()
        if not self._lead():
            return STAND_BY_SECONDS
        assert self._leadership
        tasks.resume_due()
        while dispatch.fire_due(self._leadership, self._lease) >= BATCH:
            self._show()
        self._ring()
        seconds = dispatch.seconds_until_due()
        return self._longest_sleep if seconds is None else min(seconds, self._longest_sleep)

    def _show(self) -> None:
        """Be on the list of clocks, and seen there now and then."""
        if not self._is_listed:
            clocks.arrive(self.name, socket.gethostname(), os.getpid())
            self._is_listed = True
            processes.say_ready()
        elif time.monotonic() - self._seen_at >= LONGEST_SLEEP_SECONDS:
            clocks.seen(self.name)
        else:
            return
        self._seen_at = time.monotonic()

    def _lead(self) -> bool:
        # `fire_due` renews the lease in its own transaction; the lead is asked for again only once it may have passed.
        if self._leadership and time.monotonic() < self._leads_until:
            return True
        self._leadership = dispatch.lead("clock", self.name, self._lease)
        self._leads_until = time.monotonic() + self._lease.total_seconds() / 2
        return self._leadership is not None

    def _sleep(self, seconds: float) -> None:
        """Sleep until the time has come, or a schedule has become the earliest."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._wants_end.is_set():
            try:
                if self._heard(left):
                    return
            except (*redis.Away, OSError):
                self._pubsub = None
                self._wants_end.wait(min(left, _AWAY_SECONDS))

    def _heard(self, seconds: float) -> bool:
        if self._pubsub is None:
            self._pubsub = redis.listen(redis.CLOCK)
            return True  # what was published before is not heard: look once more
        # The timeout is the client's own; Redis counts time in steps of a tenth of a second.
        return self._pubsub.get_message(timeout=min(seconds, LONGEST_SLEEP_SECONDS)) is not None

    # --- periodic jobs

    def _ring(self) -> None:
        """Enqueue the periodic jobs that are due, and put back the entries that were lost."""
        with suppress(*redis.Away, OSError):
            if time.monotonic() - self._rearmed_at >= _REARM_SECONDS:
                for entry in TABLE:
                    self._rearm(entry)
                self._rearmed_at = time.monotonic()
            for entry in self._due_entries():
                self._ring_one(entry)

    def _due_entries(self) -> list[Any]:
        try:
            return list(self.get_jobs_to_queue())
        except redis.Away:
            raise
        except Exception:
            # Whatever stands in Redis, the schedules go on: they are not kept there.
            log.exception("periodic_jobs_not_read")
            return []

    def _rearm(self, entry: Recurring) -> None:
        if entry.id in self:
            return
        self.schedule(
            datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=min(entry.every_seconds, 60)),
            entry.function,
            interval=entry.every_seconds,
            id=entry.id,
            queue_name=queues.UPKEEP,
            result_ttl=-1,
        )
        log.info("periodic_job_armed", job=entry.id)

    def _ring_one(self, job: Any) -> None:
        try:
            self.enqueue_job(job)
        except redis.Away:
            raise
        except Exception:
            # One bad entry must not stop the others, as it does in rq-scheduler's own loop.
            log.exception("periodic_job_set_aside", job=job.id)
            self.cancel(job)

    # --- what was lost

    def _mend(self) -> None:
        """Look for lost runs and lost calls, while this clock leads, on a thread of its own: it never delays a fire."""
        while not self._wants_end.wait(self._reconciler.every_seconds):
            room.look()
            if self._leadership:
                self._look_at_zones()
                self._reconciler.look()
        redis.tell(redis.CLOCK, "look")  # a signal does not end the wait for a message: this one does

    def _look_at_zones(self) -> None:
        try:
            zones.look_when_due()
        except Exception:
            log.exception("zones_not_looked_at")


def main(settings: Settings) -> int:
    """Run a clock process; returns its exit code."""
    with bootstrap.start(settings).app_context():  # tasks are resumed through the session
        Clock(settings).run()
    return 0
