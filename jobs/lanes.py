"""A lane: one thread takes jobs from a queue when there is room, and sets them going; long-lived threads are there."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import structlog

from app.infra import disk, queues, redis

log = structlog.get_logger()

_AWAY_SECONDS = 0.5
_MOST_AT_ONCE = 50


Begin = Callable[[list[str], bool, Executor], "list[Future[Any]]"]
"""Sets jobs going, without waiting: on the slots' threads, or in a way that needs none.

There is a future for each, done when it is. The second value says whether more jobs wait than were taken.
"""


def on_thread(carry_out: Callable[[str], None]) -> Begin:
    """Carry jobs out on the slots' threads from beginning to end."""
    return lambda jobs, _, slots: [slots.submit(carry_out, job) for job in jobs]


class Lane:
    """Takes job ids from one queue, never more than there are free slots, and sets each going with `begin`.

    Nothing is lost when it dies with a job taken: what SQL calls queued and Redis does not know is enqueued again.
    """

    def __init__(self, queue: str, slots: int, begin: Begin) -> None:
        self.queue = queue
        self._begin = begin
        self._room = threading.Semaphore(slots)
        self._under_way: set[Future[Any]] = set()
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
            if self._is_held_up:
                self._is_closing.wait(_AWAY_SECONDS)
                continue
            room = self._take_room()
            found = self._take(room)
            if found is None:
                self._give_back(room)
                self._is_closing.wait(_AWAY_SECONDS)
                continue
            taken, is_behind = found
            self._give_back(room - len(taken))
            if self._is_closing.is_set() or self._is_held_up:
                queues.put_back(self.queue, taken)
                self._give_back(len(taken))
                continue
            if taken:
                self._start(taken, is_behind=is_behind)
            queues.forget(self._client, self.queue, taken)

    @property
    def _is_held_up(self) -> bool:
        """Whether no run may begin now: a disk without room would end it in the middle. Upkeep makes room."""
        return self.queue in queues.RUN_QUEUES and disk.is_low()

    def _take(self, most: int) -> tuple[list[str], bool] | None:
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

    def _start(self, jobs: list[str], *, is_behind: bool) -> None:
        """Begin jobs; whatever becomes of one, its slot is free again when it has ended."""
        try:
            going = self._begin(jobs, is_behind, self._slots)
        except Exception:
            log.exception("jobs_failed", jobs=jobs, queue=self.queue)
            self._room.release(len(jobs))
            return
        for one in going:
            self._under_way.add(one)
            one.add_done_callback(self._on_ended)

    def _on_ended(self, ended: "Future[Any]") -> None:
        if not ended.cancelled() and (error := ended.exception()):
            log.error("job_failed", queue=self.queue, exc_info=error)
        self._under_way.discard(ended)
        self._room.release()
