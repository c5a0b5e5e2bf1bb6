"""The supervisor: starts processes, starts again what dies, stops all in order."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.settings import SettingError

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
"""What dies is started again after a delay that doubles, until it has lived long enough to be called healthy."""

_ON_A_TERMINAL = sys.stdin is not None and sys.stdin.isatty()
STOPS = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if _ON_A_TERMINAL else ()))
RESTARTS = (signal.SIGUSR1, *(() if _ON_A_TERMINAL else (signal.SIGHUP,)))
"""SIGHUP says that the terminal was closed, or, where there is none, what it says to every server: begin anew."""


class Signals:
    """Signals as something to wait for, so that no handler interrupts anything."""

    def __init__(self, reader: int) -> None:
        self._reader = reader
        self._wants_restart = False

    def wait(self, seconds: float) -> set[int]:
        """Sleep until a signal comes, at most this long; return those that came."""
        select.select([self._reader], [], [], max(0.0, seconds))
        try:
            came = set(os.read(self._reader, 1024))
        except BlockingIOError:
            return set()
        self._wants_restart |= not came.isdisjoint(RESTARTS)
        return came

    def wait_for_stop(self, seconds: float) -> bool:
        """Sleep like `wait`; whether somebody asked to stop."""
        return not self.wait(seconds).isdisjoint(STOPS)

    def take_restart(self) -> bool:
        """Whether somebody asked to restart since this was asked last."""
        wants, self._wants_restart = self._wants_restart, False
        return wants


@contextmanager
def signals() -> Iterator[Signals]:
    """Collect requests to stop and deaths of children."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (*STOPS, *RESTARTS, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    yield Signals(reader)


class Child:
    """A process that is meant to be there."""

    def __init__(self, name: str, start: Callable[[], "subprocess.Popen[bytes]"], grace_seconds: float = 5.0) -> None:
        self.name = name
        self.grace_seconds = grace_seconds
        self._start = start
        self._delay = FIRST_DELAY_SECONDS
        self._due = 0.0
        self._started = time.monotonic()
        self._is_leaving = False
        self.process: subprocess.Popen[bytes] | None = start()

    def another(self) -> "Child":
        """Start one more process like this one."""
        return Child(self.name, self._start, self.grace_seconds)

    @property
    def is_running(self) -> bool:
        """Whether the process is there now."""
        return self.process is not None and self.process.poll() is None

    def mend(self) -> float:
        """Start the process again if it has died and its delay is over; return the seconds until it is due, or inf."""
        if self.is_running:
            return float("inf")
        if self.process is not None:
            self._note_death(_how_it_ended(self.process.returncode))
        left = self._due - time.monotonic()
        if left > 0:
            return left
        self._started, self._is_leaving = time.monotonic(), False
        try:
            self.process = self._start()
        except (SettingError, OSError) as error:
            self._note_death(str(error))
            return self._due - time.monotonic()
        return float("inf")

    def _note_death(self, how: str) -> None:
        now = time.monotonic()
        if now - self._started >= HEALTHY_SECONDS:
            self._delay = FIRST_DELAY_SECONDS
        say(f"{self.name} stopped ({how}); it starts again in {self._delay:g} s.")
        self.process = None
        self._due = now + self._delay
        self._delay = min(self._delay * 2, LONGEST_DELAY_SECONDS)

    def send(self, number: int) -> None:
        """Send a signal, if the process is there; SIGTERM only once, since a second one means that there is a hurry."""
        if self.process is not None and not (self._is_leaving and number == signal.SIGTERM):
            self._is_leaving |= number == signal.SIGTERM
            self.process.send_signal(number)


def stop(groups: Sequence[Sequence[Child]], told: Signals) -> None:
    """End the processes, one group after the other; a second request to stop ends all of them at once."""
    for group in groups:
        for child in group:
            child.send(signal.SIGTERM)
        if _outlast(group, told):
            break
    for child in (child for group in groups for child in group):
        child.send(signal.SIGKILL)
        if child.process is not None:
            child.process.wait()


def _outlast(group: Sequence[Child], told: Signals) -> bool:
    """Wait until the group has ended or its grace is over; whether somebody is in a hurry."""
    deadline = time.monotonic() + max((child.grace_seconds for child in group), default=0.0)
    while any(child.is_running for child in group) and time.monotonic() < deadline:
        if told.wait_for_stop(deadline - time.monotonic()):
            return True
    return False


def say(sentence: str) -> None:
    """Tell whoever looks at the terminal."""
    print(f"carillon: {sentence}", file=sys.stderr, flush=True)


def _how_it_ended(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
