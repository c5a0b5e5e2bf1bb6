"""Calls for a worker to read an import or to analyse a thread: SQL says what is to be done, and what was lost of it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.infra import database, queues, redis

CALLED_AGAIN = timedelta(seconds=10)
"""After so long a call that is not in the queue is taken to be lost."""

SILENCE = timedelta(seconds=15)
"""A worker that has something at hand says so every few seconds; after so long without a word another begins it."""

BEAT_SECONDS = 3.0

_MOST = 100


def call(function: str, kind: str, ids: Sequence[int]) -> None:
    """Let a worker carry out `function` for each of these; without Redis they are called again when it is back."""
    with suppress(*redis.Away, OSError):
        for number in ids:
            queues.call(function, number, queue=queues.THREADS, job=f"{kind}-{number}")


@contextmanager
def beating(beat: Callable[[], object]) -> Iterator[None]:
    """Call `beat` every few seconds meanwhile, whatever takes so long; it ends by itself once `beat` says False."""
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.wait(BEAT_SECONDS):
            with suppress(*database.Away):  # the next one may get through
                if beat() is False:
                    return

    thread = threading.Thread(target=go_on, name="beating", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def call_again(function: str, kind: str, key: Any, *, waits: Any, since: Any, works: Any, beat: Any) -> int:
    """Call again what waits `since` too long, or whose worker has not been heard of for long since its `beat`.

    Returns how many were called; what is in the queue still is not.
    """
    with database.read() as connection:
        now = database.now(connection)
        is_lost = sa.or_(sa.and_(waits, since < now - CALLED_AGAIN), sa.and_(works, beat < now - SILENCE))
        lost = connection.execute(sa.select(key).where(is_lost).order_by(key).limit(_MOST)).scalars().all()
    with suppress(*redis.Away, OSError):
        waiting = queues.waiting(queues.THREADS) if lost else set()
        lost = [one for one in lost if f"{kind}-{one}" not in waiting]
        call(function, kind, lost)
        return len(lost)
    return 0
