"""The one event loop of a worker process: attempts that mostly wait are tasks on it, not threads."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

BLOCKING_THREADS = 8
"""What blocks for a moment (database, files) shares so many threads, however many tasks there are."""


class Loop:
    """An event loop on a thread of its own, which begins with the first task."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self, task: Coroutine[Any, Any, None]) -> "Future[None]":
        """Begin a task; the future is done when the task is, and cancels it if it is cancelled."""
        return asyncio.run_coroutine_threadsafe(task, self._running())

    def close(self) -> None:
        """Cancel what is left, and end."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop and self._thread:
            asyncio.run_coroutine_threadsafe(_cancel_others(), loop).result(timeout=10)
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(10)
            loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_default_executor(ThreadPoolExecutor(BLOCKING_THREADS, thread_name_prefix="loop"))
                self._thread = threading.Thread(target=self._loop.run_forever, name="loop", daemon=True)
                self._thread.start()
            return self._loop


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=5)
