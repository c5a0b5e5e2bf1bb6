"""One writer thread a process: what many threads want to write goes into one transaction together (group commit)."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

W = TypeVar("W")
T = TypeVar("T")
Change = Callable[[W], T]
Submitted = tuple[Change[W, Any], "Future[Any]"]

MOST_TOGETHER = 200
"""Changes in one transaction, which keeps it under 50 ms."""


class Writer(Generic[W]):
    """Runs changes on one thread, as many as have come together in one transaction.

    `open_work` opens a transaction and yields what a change is called with. When one change of a transaction fails,
    nothing of it is kept, and each is tried again in a transaction of its own, so that only the bad one fails.
    """

    def __init__(self, open_work: Callable[[], AbstractContextManager[W]]) -> None:
        self._open_work = open_work
        self._queue: queue.SimpleQueue[Submitted[W] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, change: Change[W, T]) -> "Future[T]":
        """Hand over a change; the future has its result once it is committed, and is cancelled after the end."""
        future: Future[T] = Future()
        with self._lock:
            if self._is_closed:
                future.cancel()
            else:
                self._queue.put((change, future))
        return future

    def do(self, change: Change[W, T]) -> T:
        """Hand over a change and wait until it is committed. Raises CancelledError after the end."""
        return self.submit(change).result()

    def close(self) -> None:
        """Commit what has come, then end the thread."""
        with self._lock:
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            together = [first]
            try:
                with self._open_work() as work:
                    self._gather(together)
                    results = [change(work) for change, _ in together]
            except Exception as error:  # noqa: BLE001 whatever it is belongs to whoever waits for the result
                self._fail(together, error)
            else:
                for (_, future), result in zip(together, results, strict=True):
                    future.set_result(result)

    def _gather(self, together: list[Submitted[W]]) -> None:
        """Add what has come since, also while the transaction waited for its turn."""
        while not self._queue.empty() and len(together) < MOST_TOGETHER:
            item = self._queue.get()
            if item is None:
                self._queue.put(None)  # the last: this transaction first
                return
            together.append(item)

    def _fail(self, together: list[Submitted[W]], error: Exception) -> None:
        if len(together) == 1:
            together[0][1].set_exception(error)
            return
        for change, future in together:
            try:
                with self._open_work() as work:
                    result = change(work)
            except Exception as own:  # noqa: BLE001 as above
                future.set_exception(own)
            else:
                future.set_result(result)
