"""Whether estimates held: counted before each run is learned from, so that nothing is judged by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_BINS = 10


@dataclass(frozen=True)
class Bin:
    """`n` runs whose risk was said to be from `low` to `high`: `said` on average, and the share that `failed`."""

    low: float
    high: float
    n: int
    said: float
    failed: float


@dataclass(frozen=True)
class Calibration:
    """How past estimates held, of tasks that had run twice before; shares are None where `n` is 0.

    Of `n` runs the share that took between p10 and p90, less than p90, less than p50; and for the risk of failure,
    over `judged` runs, the bins that have runs and the mean squared error (Brier 1950).
    """

    n: int
    inside: float | None
    below_p90: float | None
    below_p50: float | None
    judged: int
    brier: float | None
    bins: tuple[Bin, ...]


class Scores:
    """The counts of one team."""

    def __init__(self) -> None:
        self._held = [0, 0, 0, 0]
        self._bins = [[0.0, 0.0, 0.0] for _ in range(_BINS)]
        self._error = 0.0

    def count(self, said: Sequence[float], value: float) -> None:
        """Count whether a value was within p10, p50 and p90."""
        low, middle, high = said
        for at, held in enumerate((True, low <= value <= high, value <= high, value <= middle)):
            self._held[at] += held

    def judge(self, said: float, failed: float) -> None:
        """Count what was said of a failure, and whether it came (1) or not (0)."""
        one = self._bins[min(int(said * _BINS), _BINS - 1)]
        for at, more in enumerate((1, said, failed)):
            one[at] += more
        self._error += (said - failed) ** 2

    def calibration(self) -> Calibration:
        """Return the shares."""
        n, inside, high, middle = self._held
        judged = int(sum(one[0] for one in self._bins))
        bins = tuple(
            Bin(at / _BINS, (at + 1) / _BINS, int(count), said / count, failed / count)
            for at, (count, said, failed) in enumerate(self._bins)
            if count
        )
        brier = self._error / judged if judged else None
        if not n:
            return Calibration(0, None, None, None, judged, brier, bins)
        return Calibration(n, inside / n, high / n, middle / n, judged, brier, bins)

    def as_dict(self) -> dict[str, Any]:
        """Return what `of` takes."""
        bins = [[round(one, 3) for one in counts] for counts in self._bins]
        return {"held": self._held, "bins": bins, "error": round(self._error, 3)}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Scores":
        """Return what `as_dict` wrote."""
        scores = cls()
        scores._held = list(stored["held"])
        scores._bins = [list(one) for one in stored["bins"]]
        scores._error = stored["error"]
        return scores
