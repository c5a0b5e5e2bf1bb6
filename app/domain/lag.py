"""How late planned runs are queued, as a histogram that is kept as counts."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping

BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Each bucket holds what took up to its bound; a last one the rest."""

_BUCKET, _SUM = "lag:", "lag_milliseconds"
_NAMES = [*(f"{_BUCKET}{bound:g}" for bound in BOUNDS_SECONDS), f"{_BUCKET}more"]


def counts(lags_seconds: Iterable[float]) -> dict[str, int]:
    """Return what to add to which counter for these lags, in seconds."""
    lags = list(lags_seconds)
    found = Counter(_NAMES[bisect_left(BOUNDS_SECONDS, lag)] for lag in lags)
    return {**found, _SUM: round(sum(lags) * 1000)} if lags else {}


def histogram(counted: Mapping[str, int]) -> tuple[list[tuple[str, float]], float]:
    """Return the buckets as Prometheus wants them, (bound, so many up to it), and the sum in seconds."""
    bounds = [*(f"{bound:g}" for bound in BOUNDS_SECONDS), "+Inf"]
    total, buckets = 0, []
    for bound, name in zip(bounds, _NAMES, strict=True):
        total += counted.get(name, 0)
        buckets.append((bound, float(total)))
    return buckets, counted.get(_SUM, 0) / 1000
