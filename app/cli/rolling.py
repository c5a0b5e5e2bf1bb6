"""Rolling restart: each process is replaced by a new one, which is ready before the old one is asked to stop."""

import os
import signal
import time
from collections.abc import Callable, Sequence

from app.cli.supervisor import Child, Signals, say

READY_SECONDS = 60.0
_LOOK_SECONDS = 0.05


def replace_all(
    groups: Sequence[list[Child]],
    leaving: list[Child],
    start_again: Callable[[Child], tuple[Child, int]],
    mend: Callable[[], float],
    told: Signals,
) -> bool:
    """Replace the processes of `groups`, one after the other; whether somebody asked to stop meanwhile.

    `start_again` starts another process like one, and returns it with the pipe through which it says that it is ready.
    Where a new one does not get ready, it is taken away again, and what has not been replaced goes on as it is.
    """
    for group in groups:
        for place, old in enumerate(list(group)):
            new, reader = start_again(old)
            is_ready = is_stop = False
            deadline = time.monotonic() + READY_SECONDS
            while new.is_running and not is_ready and not is_stop and time.monotonic() < deadline:
                is_ready = _is_told(reader)
                is_stop = told.wait_for_stop(min(_LOOK_SECONDS, mend()))
            os.close(reader)
            leaving.append(old if is_ready else new)
            leaving[-1].send(signal.SIGTERM)
            if is_ready:
                group[place] = new
            elif not is_stop:
                say(f"{old.name} was not replaced: the new one did not get ready. The old one goes on.")
                return False
            if is_stop or _outlive(leaving[-1], mend, told):
                return True
    say("Everything was replaced.")
    return False


def _is_told(reader: int) -> bool:
    try:
        return bool(os.read(reader, 1))
    except BlockingIOError:
        return False


def _outlive(old: Child, mend: Callable[[], float], told: Signals) -> bool:
    """Wait until a process has ended or its grace is over; whether somebody asked to stop meanwhile."""
    deadline = time.monotonic() + old.grace_seconds
    while old.is_running and time.monotonic() < deadline:
        if told.wait_for_stop(min(_LOOK_SECONDS, mend())):
            return True
    old.send(signal.SIGKILL)
    return False
