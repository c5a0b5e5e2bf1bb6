"""Coming runs and their usual lengths -> how full the slots will be, and how long a run that starts then would wait."""

from bisect import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heapify, heapreplace
from math import inf
from typing import Any

MINUTE = timedelta(minutes=1)
BUCKET_MINUTES = 5
"""How full the slots are is kept in pieces of so many minutes; what starts and how long it waits, by the minute."""

_SHORTEST_WAIT = 0.5


@dataclass(frozen=True)
class Load:
    """What is to come on some slots, from `since` (UTC, a whole minute) on for `minutes` minutes.

    `starts` is how many runs start in a minute, `delays` the longest that one of those waits itself (both by the number
    of the minute, where there are any), `busy` the slots in use on average in each piece of BUCKET_MINUTES. `full` are
    the seconds from which on all slots are taken, each with the one until which they are, as is known once the runs
    that start by then have their turn.
    """

    since: datetime
    minutes: int
    slots: int
    starts: Mapping[int, int]
    full: tuple[tuple[float, float], ...]
    delays: Mapping[int, float]
    busy: tuple[float, ...]

    def starting(self, at: datetime) -> int:
        """Return how many runs start in the minute of `at`."""
        return self.starts.get(self._minute(at), 0)

    def wait(self, at: datetime) -> float:
        """Return the seconds that one more run starting at `at` would wait; 0 outside of what was looked at."""
        second = (at - self.since).total_seconds()
        place = bisect(self.full, (second, inf)) - 1
        wait = self.full[place][1] - second if place >= 0 else 0.0
        return wait if wait > _SHORTEST_WAIT else 0.0

    def is_crowded(self, at: datetime, seconds: float) -> bool:
        """Whether all slots are taken at some moment of a run that takes a slot at `at` for so long."""
        begin = (at - self.since).total_seconds()
        place = bisect(self.full, (begin + seconds, -inf)) - 1
        return place >= 0 and self.full[place][1] > begin + _SHORTEST_WAIT

    def delay(self, at: datetime) -> float:
        """Return the longest, in seconds, that a run planned for the minute of `at` waits itself."""
        return self.delays.get(self._minute(at), 0.0)

    def use(self, at: datetime) -> float:
        """Return the share of the slots (0 to 1) in use around `at`."""
        place = self._minute(at) // BUCKET_MINUTES
        return min(self.busy[place] / self.slots, 1.0) if 0 <= place < len(self.busy) else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "since": self.since.isoformat(), "minutes": self.minutes, "slots": self.slots,
            "starts": {str(minute): count for minute, count in self.starts.items()},
            "full": [[second, round(until, 1)] for second, until in self.full],
            "delays": {str(minute): round(seconds, 1) for minute, seconds in self.delays.items()},
            "busy": [round(slots, 2) for slots in self.busy],
        }  # fmt: skip

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Load":
        """Build from what `as_dict` returned."""
        starts = {int(minute): count for minute, count in stored["starts"].items()}
        full = tuple((second, until) for second, until in stored.get("full", ()))  # an older version had none
        delays = {int(minute): seconds for minute, seconds in stored["delays"].items()}
        since = datetime.fromisoformat(stored["since"])
        return cls(since, stored["minutes"], stored["slots"], starts, full, delays, tuple(stored["busy"]))

    def _minute(self, at: datetime) -> int:
        return int((at - self.since) // MINUTE)


def forecast(
    runs: Iterable[tuple[datetime, float]], slots: int, since: datetime, until: datetime, background: float = 0.0
) -> Load:
    """Let `runs` (start, seconds; any order) go through `slots` in the order in which they start, the longest first.

    `background` slots are in use all the time by what starts too often to be listed. Times are aware; what starts
    before `since` or after `until` is left out.
    """
    since = since.astimezone(UTC).replace(second=0, microsecond=0)
    minutes = max(int((until - since) / MINUTE), 1)
    queue = _Queue(minutes, max(slots, 1), background)
    for at, seconds in sorted(((at, seconds) for at, seconds in runs if since <= at < until), key=_turn):
        queue.take((at - since).total_seconds(), seconds)
    busy = tuple(slots_used + background for slots_used in queue.busy)
    return Load(since, minutes, max(slots, 1), queue.starts, tuple(queue.full.items()), queue.delays, busy)


def _turn(run: tuple[datetime, float]) -> tuple[datetime, float]:
    return run[0], -run[1]


class _Queue:
    """First come, first served, on so many slots; seconds count from the beginning."""

    def __init__(self, minutes: int, slots: int, background: float) -> None:
        self.starts: dict[int, int] = {}
        self.full: dict[float, float] = {}
        self.delays: dict[int, float] = {}
        self.busy = [0.0] * -(-minutes // BUCKET_MINUTES)
        self._free = [0.0] * max(slots - round(background), 1)
        heapify(self._free)

    def take(self, at: float, seconds: float) -> None:
        minute = int(at // 60)
        self.starts[minute] = self.starts.get(minute, 0) + 1
        begins = max(at, self._free[0])
        if begins - at > _SHORTEST_WAIT:
            self.delays[minute] = max(self.delays.get(minute, 0.0), begins - at)
        heapreplace(self._free, begins + seconds)
        if self._free[0] - at > _SHORTEST_WAIT:
            self.full[at] = self._free[0]
        self._fill(begins, begins + seconds)

    def _fill(self, begins: float, ends: float) -> None:
        size = BUCKET_MINUTES * 60.0
        for place in range(int(begins // size), min(int(ends // size) + 1, len(self.busy))):
            self.busy[place] += (min(ends, (place + 1) * size) - max(begins, place * size)) / size
