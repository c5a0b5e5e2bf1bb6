"""How many workers are wanted: more while runs wait too long, one fewer after a while with nothing to wait for."""

from collections.abc import Sequence
from dataclasses import dataclass

TOO_OLD_SECONDS = 5.0
"""A queue whose oldest run waits longer, in two looks one after the other, wants more workers."""

IDLE_SECONDS = 60.0
"""After so long without anything that waits, one worker fewer will do."""

_DEEP = 50
"""With so many runs waiting for each worker, one more at a time would be too slow: twice as many are wanted."""


@dataclass(frozen=True)
class Look:
    """The queue at a moment: `at` on a monotonic clock, how long its oldest run waits (both seconds), how many wait."""

    at: float
    oldest_seconds: float
    depth: int


def wanted(workers: int, least: int, most: int, looks: Sequence[Look]) -> int:
    """Return how many workers there should be, from `least` to `most`.

    `looks` are those since the number was last changed, the oldest first.
    """
    if workers < least:
        return least
    if len(looks) > 1 and all(look.oldest_seconds > TOO_OLD_SECONDS for look in looks[-2:]):
        more = workers if looks[-1].depth > _DEEP * workers else 1
        return min(most, workers + more)
    if _is_idle(looks):
        return max(least, workers - 1)
    return min(workers, most)


def _is_idle(looks: Sequence[Look]) -> bool:
    busy = [look.at for look in looks if look.depth]
    since = [look.at for look in looks if not look.depth and (not busy or look.at > busy[-1])]
    return bool(since) and since[-1] - since[0] >= IDLE_SECONDS
