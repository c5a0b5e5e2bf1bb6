"""Processes that live no longer than the one that started them, and tell it when they are ready."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

READY_FD = "READY_FD"
"""The variable with the number of the pipe through which a process says that it is ready, where one waits for that."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tied() -> Callable[[], None] | None:
    """Return what a child calls before its program begins (`preexec_fn`), so that it is killed when its parent ends.

    Only for a parent with one thread. None where the system has no such tie.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the tie was made
            os._exit(1)

    return tie


def say_ready() -> None:
    """Tell whoever started this process, and waits for that, that it does its work now."""
    if number := os.environ.pop(READY_FD, ""):
        with suppress(OSError):  # nobody waits any more
            os.write(int(number), b"1")
            os.close(int(number))
