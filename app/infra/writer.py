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


class Writer(Generic[W]):
    """Runs changes on one thread, as many as have come together in one transaction.

    `open_work` opens a transaction and yields what a change is called with. When one change of a transaction fails,
    nothing of it is kept, and each is tried again in a transaction of its own, so that only the bad one fails.
    """

    def __init__(self, open_work: Callable[[], AbstractContextManager[W]]) -> None:
        self._open_work = open_work
        self._queue: queue.SimpleQueue[tuple[Change[W, Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, change: Change[W, T]) -> "Future[T]":
        """Hand over a change; the future has its result once it is committed."""
        future: Future[T] = Future()
        self._queue.put((change, future))
        return future

    def do(self, change: Change[W, T]) -> T:
        """Hand over a change and wait until it is committed."""
        return self.submit(change).result()

    def close(self) -> None:
        """Commit what has come, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            together = [first]
            is_last = False
            while not self._queue.empty() and len(together) < 200:  # noqa: PLR2004 keeps a transaction under 50 ms
                item = self._queue.get()
                if item is None:
                    is_last = True
                    break
                together.append(item)
            self._commit(together)
            if is_last:
                return

    def _commit(self, together: list[tuple[Change[W, Any], "Future[Any]"]]) -> None:
        try:
            with self._open_work() as work:
                results = [change(work) for change, _ in together]
        except Exception as error:  # noqa: BLE001 whatever it is belongs to whoever waits for the result
            if len(together) == 1:
                together[0][1].set_exception(error)
                return
            for one in together:
                self._commit([one])
            return
        for (_, future), result in zip(together, results, strict=True):
            future.set_result(result)
