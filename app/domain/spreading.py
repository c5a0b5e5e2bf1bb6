"""Tasks that start together -> a start for each within a window, so that no more of them go at once than need be."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True)
class Start:
    """What starts each day it runs: its key, its minute of the day, and how many minutes it holds a slot."""

    key: int
    minute: int
    minutes: float


def spread(starts: Sequence[Start], since: int, until: int, busy: Mapping[int, float]) -> dict[int, int]:
    """Return a new minute of the day for each start, from `since` to `until` (minutes of the day, both included).

    `busy` is how many slots others use in a minute. The longest is placed first, each where the fullest minute it goes
    through is the least full; of equals the one that is nearest to its own, and the earlier.
    """
    used = dict(busy)
    found: dict[int, int] = {}
    for start in sorted(starts, key=lambda start: (-start.minutes, start.minute, start.key)):
        length = max(round(start.minutes), 1)
        fullest = _fullest(used, since, until, length)

        def cost(minute: int, start: Start = start, fullest: Mapping[int, float] = fullest) -> tuple[float, int, int]:
            return fullest[minute], abs(minute - start.minute), minute

        best = min(range(since, until + 1), key=cost)
        for minute in range(best, best + length):
            used[minute] = used.get(minute, 0.0) + 1.0
        found[start.key] = best
    return found


def _fullest(used: Mapping[int, float], since: int, until: int, length: int) -> dict[int, float]:
    """Return for each minute of the window how full the fullest of the `length` minutes from it on is."""
    found: dict[int, float] = {}
    high: deque[tuple[int, float]] = deque()  # what may be the fullest yet, falling: each minute comes and goes once
    for minute in range(since, until + length):
        level = used.get(minute, 0.0)
        while high and high[-1][1] <= level:
            high.pop()
        high.append((minute, level))
        if high[0][0] == minute - length:
            high.popleft()
        found[minute - length + 1] = high[0][1]
    return found
