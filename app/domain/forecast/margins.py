"""What is added to quantiles so that they hold: learned online from how often they did not.

Each miss widens a range, each hit narrows it, in the proportion that keeps the share asked for whatever the runs do
(adaptive conformal inference, Gibbs and Candès 2021; quantile tracking, Angelopoulos et al. 2023). There is a margin
for each number of runs that an estimate rests on, as few runs leave more open.
"""

import math
from collections.abc import Sequence

from app.domain.forecast.quantiles import SHARES

_GROUPS = 7
_STEP = 0.05
_HASTE = 20
"""First steps are longer, by this many over the runs seen."""

_WIDEST = 5.0


class Margins:
    """By group: a margin below, a margin above (logarithms), and how many runs they were learned from."""

    def __init__(self, stored: Sequence[Sequence[float]] = ()) -> None:
        self._groups = [list(one) for one in stored] or [[0.0, 0.0, 0.0] for _ in range(_GROUPS)]

    def around(self, quantiles: Sequence[float], group: int) -> tuple[float, float, float]:
        """Return the quantiles with their margins, in order."""
        low, middle, high = quantiles
        below, above, _ = self._groups[group]
        return min(low + below, middle), middle, max(middle, high + above)

    def learn(self, said: Sequence[float], group: int, value: float) -> None:
        """Move the margins of a group by whether `value` was within what was said."""
        margins = self._groups[group]
        margins[2] += 1
        step = _STEP * (1 + _HASTE / (margins[2] + 4))
        for at, place in ((0, 0), (1, 2)):
            moved = margins[at] + step * (SHARES[place] - (value <= said[place]))
            margins[at] = min(max(moved, -_WIDEST), _WIDEST)

    def as_list(self) -> list[list[float]]:
        """Return what the constructor takes."""
        return [[round(one, 4) for one in group] for group in self._groups]


def group(is_known: bool, count: float) -> int:
    """Return the group of an estimate: 0 of a task that hardly ran, else by the number of runs that it rests on."""
    return 1 + min(int(2 * math.log(max(count, 1.0))), _GROUPS - 2) if is_known else 0
