"""More workers while runs wait too long, fewer when nothing has waited for a while."""

import http.client
import re
import signal
import time
from collections.abc import Callable

from app.cli.supervisor import Child, say
from app.domain import scaling
from app.domain.scaling import Look

LOOK_SECONDS = 3.0

_DEPTH = re.compile(r'^carillon_runs\{state="queued"\} (\S+)$', re.MULTILINE)
_OLDEST = re.compile(r"^carillon_oldest_queued_seconds (\S+)$", re.MULTILINE)


class Scaler:
    """Keeps as many workers as are wanted, from `least` to `most`; where these are the same it never looks."""

    def __init__(
        self, workers: list[Child], leaving: list[Child], hire: Callable[[int], Child], least: int, most: int
    ) -> None:
        self._workers, self._leaving, self._hire = workers, leaving, hire
        self._least, self._most = least, most
        self._looks: list[Look] = []
        self._due = 0.0

    def seconds_until_look(self) -> float:
        """Return when `step` has something to do, in seconds."""
        return max(0.0, self._due - time.monotonic()) if self._most > self._least else float("inf")

    def step(self, look: Callable[[], Look | None]) -> None:
        """Look at the queue if it is time, and start or dismiss workers; nothing changes while it can't be seen."""
        if self.seconds_until_look() > 0:
            return
        self._due = time.monotonic() + LOOK_SECONDS
        if found := look():
            self._looks = [one for one in self._looks if found.at - one.at <= 2 * scaling.IDLE_SECONDS] + [found]
            self._become(scaling.wanted(len(self._workers), self._least, self._most, self._looks))

    def _become(self, wanted: int) -> None:
        had = len(self._workers)
        while len(self._workers) < wanted:
            taken = {child.name for child in self._workers}
            number = next(number for number in range(1, wanted + 1) if f"worker {number}" not in taken)
            self._workers.append(self._hire(number))
        while len(self._workers) > wanted:
            self._dismiss(self._workers.pop())
        if had != wanted:
            self._looks.clear()
            why = "runs wait too long" if wanted > had else "nothing waits any more"
            say(f"Workers: {had} → {wanted}, since {why}.")

    def _dismiss(self, newest: Child) -> None:
        # Not SIGTERM, which ends its runs after the grace: what it has begun may take as long as it likes.
        newest.send(signal.SIGUSR1)
        self._leaving.append(newest)


def ask_web(host: str, port: int) -> Look | None:
    """Ask the web server of this machine how the queue is; None when it does not say."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    depth, oldest = _DEPTH.search(text), _OLDEST.search(text)
    return Look(time.monotonic(), float(oldest[1]), int(float(depth[1]))) if depth and oldest else None
