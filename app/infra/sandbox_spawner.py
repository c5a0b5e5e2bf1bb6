"""The one thread that starts sandboxes, and the user ids they run under.

A sandbox asks the kernel to be killed when the *thread* that started it ends, so that thread lives as long as the
process. When a worker is root, every job gets a uid that no other job of this host has at the time: the kernel counts
processes by uid.
"""

import contextlib
import queue
import random
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from app.infra.sandbox_job import SandboxUnavailable

_FIRST_UID, _UIDS = 60_600, 500
"""Ids that neither people, nor distributions, nor systemd hand out."""


class Spawner:
    """Starts processes on a thread of its own."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[list[str], dict[str, Any], Future[subprocess.Popen[bytes]]] | None]
        self._queue = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spawner", daemon=True)
        self._thread.start()

    def spawn(
        self, argv: list[str], *, env: dict[str, str], descriptors: Sequence[int], has_input: bool
    ) -> subprocess.Popen[bytes]:
        """Start a process with its output in pipes. Raises OSError."""
        started: Future[subprocess.Popen[bytes]] = Future()
        options = {
            "env": env,
            "pass_fds": descriptors,
            "stdin": subprocess.PIPE if has_input else subprocess.DEVNULL,
            "cwd": "/",
        }
        self._queue.put((argv, options, started))
        return started.result()

    def close(self) -> None:
        """End the thread, and with it every sandbox that still runs."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            argv, options, started = item
            try:
                started.set_result(
                    subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **options)
                )
            except Exception as error:  # noqa: BLE001 whatever it is belongs to whoever waits
                started.set_exception(error)


@contextlib.contextmanager
def own_uid() -> Iterator[int]:
    """Hold a uid that no other job of this host uses. Raises SandboxUnavailable when all are taken.

    The lock is a socket name in the kernel: it goes with the process that holds it.
    """
    first = random.randrange(_UIDS)  # noqa: S311 spreads the ids, guards nothing
    for step in range(_UIDS):
        uid = _FIRST_UID + (first + step) % _UIDS
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lock:
            try:
                lock.bind(f"\0carillon-uid-{uid}")
            except OSError:
                continue
            yield uid
            return
    raise SandboxUnavailable("All user ids for sandboxes are in use.")
