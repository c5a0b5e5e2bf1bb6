"""A process and all that came out of it, as /proc shows it: who belongs to it, what it uses, how it is ended."""

import contextlib
import os
import signal
import time
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> list[int]:
    """Return the processes that `pid` has started and not lost."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 many times a second
            found += [int(word) for word in _read(f"/proc/{pid}/task/{thread}/children").split()]
    return found


def descendants(pid: int) -> list[int]:
    """Return all processes below `pid`, nearest first."""
    found, pending = [], children(pid)
    while pending:
        one = pending.pop(0)
        found.append(one)
        pending += children(one)
    return found


def memory_bytes(pids: list[int], limit_bytes: int) -> int:
    """Return what the processes hold in memory. Shared pages are told apart only where that decides the limit."""
    resident = sum(_resident(pid) for pid in pids)
    return resident if resident <= limit_bytes else sum(_proportional(pid) for pid in pids)


def highest_bytes(pids: list[int]) -> int:
    """Return the most that one of the processes has held so far, also between two looks at it."""
    return max((_field(f"/proc/{pid}/status", "VmHWM:") for pid in pids), default=0)


def send(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end_below(pid: int, within_seconds: float = 2.0) -> bool:
    """Kill everything below `pid`, however fast it multiplies; whether nothing is left."""
    until = time.monotonic() + within_seconds
    while alive := [one for one in descendants(pid) if not _is_zombie(one)]:
        if time.monotonic() > until:
            return False
        send(alive, signal.SIGSTOP)  # what is stopped cannot fork while the rest is found
        send(alive, signal.SIGKILL)
        time.sleep(0.002)
    return True


def with_mark(mark: str) -> list[int]:
    """Return the processes that carry `mark` in the environment they were started with, as far as we may read it."""
    wanted = mark.encode()
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 names are all it needs
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                    found.append(int(name))
    return found


def _resident(pid: int) -> int:
    words = _read(f"/proc/{pid}/statm").split()
    return int(words[1]) * _PAGE_BYTES if words else 0


def _proportional(pid: int) -> int:
    return _field(f"/proc/{pid}/smaps_rollup", "Pss:") or _resident(pid)


def _field(path: str, name: str) -> int:
    """Return a field in bytes, 0 where it is not there."""
    found = (line for line in _read(path).splitlines() if line.startswith(name))
    return next((int(line.split()[1]) * 1024 for line in found), 0)


def _is_zombie(pid: int) -> bool:
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].strip()[:1] in {"", "Z", "X"}


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 /proc, many times a second
            return file.read()
    except OSError:
        return ""
