"""Lengths of time in fixed buckets: added up over any period, with quantiles whose error is bounded."""

from collections.abc import Iterable, Mapping
from math import ceil, floor, log

RATIO = 1.1
"""Each bucket is so much longer than the one before it."""

_SHORTEST = 0.01
_MOST = 170
"""The last bucket holds all that is longer than two days."""

_MIDDLE_HALF = 1.349
"""So many standard deviations of a normal distribution."""

Histogram = dict[str, int]
"""How many are in each bucket, by its number; those without any are left out. The keys are those of JSON."""


def bucket(seconds: float) -> str:
    """Return the bucket of a length of time: 0 up to 10 ms, then each RATIO longer than the one before it."""
    if seconds <= _SHORTEST:
        return "0"
    return str(min(_MOST, floor(log(seconds / _SHORTEST) / log(RATIO)) + 1))


def add(to: Histogram, more: Mapping[str, int]) -> None:
    """Add the counts of one histogram to another."""
    for key, count in more.items():
        to[key] = to.get(key, 0) + count


def merged(some: Iterable[Mapping[str, int]]) -> Histogram:
    """Return several histograms as one."""
    total: Histogram = {}
    for one in some:
        add(total, one)
    return total


def size(of: Mapping[str, int]) -> int:
    """Return how many it holds."""
    return sum(of.values())


def spread(of: Mapping[str, int]) -> float:
    """Return how far they lie apart: the standard deviation of their logarithms, told by the middle half of them."""
    low, high = (max(quantile(of, share) or 0.0, _SHORTEST) for share in (0.25, 0.75))
    return log(high / low) / _MIDDLE_HALF


def quantile(of: Mapping[str, int], share: float) -> float | None:
    """Return the seconds that a share (0 to 1) of them do not pass (nearest rank), None of an empty one.

    Within a bucket they are taken to lie evenly (in ratio), so it is off by at most 10 % (RATIO), and as a rule by far
    less; below 10 ms it is 0.
    """
    total = size(of)
    if not total:
        return None
    rank = max(1, ceil(share * total))
    for number in sorted(map(int, of)):
        count = of[str(number)]
        if rank <= count:
            return _SHORTEST * RATIO ** (number - 1 + (rank - 0.5) / count) if number else 0.0
        rank -= count
    return None  # pragma: no cover  # the ranks are used up by the last bucket
