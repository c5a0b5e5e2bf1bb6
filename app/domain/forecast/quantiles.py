"""Numbers that stand for weighted values: quantiles, and the one nearest to most of them. All are logarithms."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from operator import mul

SHARES = (0.1, 0.5, 0.9)

_NARROW, _WIDE = 0.25, 1.0
"""How far around the number that is nearest to most the average is taken, and how much farther for a single run."""


def ranked(values: Sequence[float], weights: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the values in order, and the weights with them."""
    pairs = sorted(zip(values, weights, strict=True))
    return [one for one, _ in pairs], [weight for _, weight in pairs]


def effective(weights: Sequence[float]) -> float:
    """Return as how many equal weights these count (Kish 1965); they add up to 1."""
    squares: float = sum(map(mul, weights, weights))
    return 1.0 / squares


def quantiles(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the quantiles at SHARES of ranked values: each stands at the middle of its weight, lines between."""
    middles, passed = [], 0.0
    for weight in weights:
        middles.append(passed + weight / 2)
        passed += weight
    return [_between(values, middles, share) for share in SHARES]


def _between(values: Sequence[float], middles: Sequence[float], share: float) -> float:
    above = bisect_left(middles, share)
    if above == 0:
        return values[0]
    if above == len(values):
        return values[-1]
    low, high = middles[above - 1], middles[above]
    part = (share - low) / (high - low) if high > low else 1.0
    return values[above - 1] + part * (values[above] - values[above - 1])


def nearest_to_most(values: Sequence[float], weights: Sequence[float], count: float) -> float:
    """Return the number whose ratio to the ranked values, min(it / value, value / it), is best on average.

    Between two neighbours the sum of exp(-|distance|) is convex, so the best is one of the values; one step of mean
    shift (Fukunaga and Hostetler 1975) then averages those around it, more broadly the fewer they count as.
    """
    best = values[_peak(values, weights)]
    width = _NARROW + _WIDE / count
    near = list(map(mul, weights, [math.exp(-abs(value - best) / width) for value in values]))
    middle: float = sum(map(mul, values, near))
    total: float = sum(near)
    return middle / total


def _peak(values: Sequence[float], weights: Sequence[float]) -> int:
    """Return where the sum of weight × exp(-|distance|) over all values is greatest, in two passes."""
    fades = [math.exp(low - high) for low, high in pairwise(values)]
    below, sum_ = [weights[0]], weights[0]
    for fade, weight in zip(fades, weights[1:], strict=True):
        sum_ = sum_ * fade + weight
        below.append(sum_)
    peak, most, above = len(values) - 1, below[-1], 0.0
    for at in range(len(values) - 2, -1, -1):
        above = (above + weights[at + 1]) * fades[at]
        if below[at] + above > most:
            peak, most = at, below[at] + above
    return peak
