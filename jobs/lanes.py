"""A lane: one thread takes jobs from a queue when there is room, long-lived threads carry them out."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from app.infra import queues, redis

log = structlog.get_logger()

_AWAY_SECONDS = 0.5
_MOST_AT_ONCE = 50


class Lane:
    """Takes job ids from one queue, never more than there are free slots, and calls `carry_out(id)` on a slot's thread.

    Nothing is lost when it dies with a job taken: what SQL calls queued and Redis does not know is enqueued again.
    """

    def __init__(self, queue: str, slots: int, carry_out: Callable[[str], None]) -> None:
        self.queue = queue
        self._carry_out = carry_out
        self._room = threading.Semaphore(slots)
        self._under_way: set[Future[None]] = set()
        self._slots = ThreadPoolExecutor(slots, thread_name_prefix=f"{queue}-slot")
        self._is_closing = threading.Event()
        self._feeder = threading.Thread(target=self._feed, name=f"{queue}-feeder", daemon=True)
        self._client = redis.blocking_client()

    def start(self) -> None:
        """Begin to take jobs."""
        self._feeder.start()

    @property
    def is_idle(self) -> bool:
        """Whether no job is under way."""
        return not self._under_way

    def stop_taking(self) -> None:
        """Take no more jobs; those under way go on."""
        self._is_closing.set()

    def _feed(self) -> None:
        while not self._is_closing.is_set():
            room = self._take_room()
            taken = self._take(room)
            if taken is None:
                self._give_back(room)
                self._is_closing.wait(_AWAY_SECONDS)
                continue
            self._give_back(room - len(taken))
            if self._is_closing.is_set():
                queues.put_back(self.queue, taken)
                return
            for job in taken:
                started = self._slots.submit(self._one, job)
                self._under_way.add(started)
                started.add_done_callback(self._under_way.discard)
            queues.forget(self._client, self.queue, taken)

    def _take(self, most: int) -> list[str] | None:
        """Wait for jobs; None when they can't be had now. Whatever Redis holds or answers, the lane goes on."""
        try:
            return queues.take(self._client, self.queue, most, redis.LONGEST_WAIT_SECONDS)
        except (*redis.Away, OSError):
            return None
        except Exception:
            log.exception("jobs_not_taken", queue=self.queue)
            return None

    def _take_room(self) -> int:
        """Wait for a free slot, and take more of them if there are."""
        self._room.acquire()
        room = 1
        while room < _MOST_AT_ONCE and self._room.acquire(blocking=False):
            room += 1
        return room

    def _give_back(self, room: int) -> None:
        if room:
            self._room.release(room)

    def _one(self, job: str) -> None:
        try:
            self._carry_out(job)
        except Exception:
            log.exception("job_failed", job=job, queue=self.queue)
        finally:
            self._room.release()
