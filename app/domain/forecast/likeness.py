"""How much each past run tells of the one to come: the likest count most, and what counts as like is learned.

A past run weighs exp(-sum of pull × distance) of all runs, as in softmax attention (Bahdanau et al. 2015) and in the
kernel regression of Nadaraya and Watson (1964). There is a distance for age, hour, another task, what came before,
and two for each attribute. The pulls are learned online: each run that ended moves them towards the weights under
which it would have been likelier (gradient of the log likelihood, steps of AdaGrad, Duchi et al. 2011).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from operator import add, mul, sub
from typing import Any

from app.domain.forecast.history import Past, Value

_STARTS = (0.7, 0.2, 0.1, 2.0, 0.1, 0.1)
"""Pulls to begin with: runs since, hours since, hour of the day, another task, duration before, outcome before."""

_STARTS_OF_ATTR = (0.7, 0.3)
"""Not the same value; how far apart two numbers are."""

_STEP, _STEP_OF_SLOPE = 0.3, 0.06
_STRONGEST, _STEEPEST = 8.0, 1.5
_FARTHEST = 3.0
"""Numbers farther apart than so many powers of e are equally unlike."""

_BLUR = 0.3
"""A past duration speaks for durations within about this many powers of e."""

_OTHER_OUTCOME = 0.1
"""A run that ended otherwise, failed or not, speaks that much less."""

_SURPRISE = 0.002
"""What keeps a run that is like no other from moving everything."""

_DAY, _HALF = 24.0, 12.0


@dataclass(frozen=True, slots=True)
class Compared:
    """Past runs beside the one to come: distances by column, weights that add up to 1, durations as they would be.

    `durations` are logarithms, moved by what the numbers differ in; `gaps` are these differences by attribute.
    """

    runs: Sequence[Past]
    columns: Sequence[Sequence[float] | None]
    weights: Sequence[float]
    durations: Sequence[float]
    gaps: Mapping[int, Sequence[float]]


@dataclass(slots=True)
class Likeness:
    """The pulls and, for each attribute, the slope: by which power of a number the duration grows."""

    pulls: list[float] = field(default_factory=lambda: list(_STARTS))
    squares: list[float] = field(default_factory=lambda: [1.0] * len(_STARTS))
    slopes: list[float] = field(default_factory=list)
    slope_squares: list[float] = field(default_factory=list)

    def make_room(self, attrs: int) -> None:
        """Have pulls and a slope for so many attributes."""
        while len(self.slopes) < attrs:
            self.pulls += _STARTS_OF_ATTR
            self.squares += [1.0] * len(_STARTS_OF_ATTR)
            self.slopes.append(0.0)
            self.slope_squares.append(1.0)

    def compare(self, at: float, values: tuple[Value, ...], own: Sequence[Past], others: Sequence[Past]) -> Compared:
        """Weigh past runs (at least one) for a run that starts `at` (hours since 1970) with these attributes."""
        runs = [*own, *others]
        columns: list[Sequence[float] | None] = [*_general(at, own, others, runs)]
        gaps: dict[int, Sequence[float]] = {}
        durations = [run.duration for run in runs]
        for i, (here, *there) in enumerate(zip_longest(values, *(run.values for run in runs))):
            columns.append([0.0 if one == here else 1.0 for one in there])
            if not isinstance(here, float):
                columns.append(None)
                continue
            gaps[i] = gap = [here - one if isinstance(one, float) else 0.0 for one in there]
            columns.append(_far(gap))
            slope = self.slopes[i]
            durations = list(map(add, durations, [slope * one for one in gap]))
        return Compared(runs, columns, self._weights(columns, len(runs)), durations, gaps)

    def _weights(self, columns: Sequence[Sequence[float] | None], count: int) -> list[float]:
        far = [0.0] * count
        for pull, column in zip(self.pulls, columns, strict=False):
            if column is not None and pull:
                far = list(map(add, far, [pull * distance for distance in column]))
        nearest = min(far)
        weights = [math.exp(nearest - one) for one in far]
        total = sum(weights)
        return [weight / total for weight in weights]

    def learn(self, compared: Compared, duration: float, failed: float | None) -> None:
        """Move pulls and slopes towards what would have made this duration (a logarithm) and outcome likelier."""
        likely = [math.exp(-abs(duration - one) / _BLUR) + _SURPRISE for one in compared.durations]
        alike = [1.0 if run.failed == failed else _OTHER_OUTCOME for run in compared.runs]
        spoke = list(map(mul, compared.weights, map(mul, likely, alike)))
        total = sum(spoke)
        spoke = [one / total for one in spoke]
        more = list(map(sub, spoke, compared.weights))
        for i, column in enumerate(compared.columns):
            if column is not None:
                gradient = sum(map(mul, more, column))
                step = _step(self.squares, i, gradient, _STEP)
                self.pulls[i] = min(max(self.pulls[i] - step, 0.0), _STRONGEST)
        above = [
            one if duration > there else -one if duration < there else 0.0
            for one, there in zip(spoke, compared.durations, strict=True)
        ]
        for i, gap in compared.gaps.items():
            step = _step(self.slope_squares, i, sum(map(mul, above, gap)), _STEP_OF_SLOPE)
            self.slopes[i] = min(max(self.slopes[i] + step, -_STEEPEST), _STEEPEST)

    def as_dict(self) -> dict[str, Any]:
        """Return what `of` takes."""
        names = ("pulls", "squares", "slopes", "slope_squares")
        return {name: [round(one, 4) for one in getattr(self, name)] for name in names}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Likeness":
        """Return what `as_dict` wrote."""
        return cls(**{name: list(column) for name, column in stored.items()})


def _step(squares: list[float], i: int, gradient: float, size: float) -> float:
    """Return the step of AdaGrad: smaller the more was learned already."""
    squares[i] += gradient * gradient
    return size * gradient / math.sqrt(squares[i])


def _far(gaps: Sequence[float]) -> list[float]:
    return [_FARTHEST if one > _FARTHEST or one < -_FARTHEST else abs(one) for one in gaps]


def _general(at: float, own: Sequence[Past], others: Sequence[Past], runs: Sequence[Past]) -> list[Sequence[float]]:
    """Return the distances that every run has: age in runs and in hours, hour, other task, what came before."""
    alien = [0.0] * len(others)
    hour = at % _DAY
    apart = [abs(hour - run.at % _DAY) for run in runs]
    columns: list[Sequence[float]] = [
        [*_AGES[-len(own) :], *alien] if own else alien,
        [math.log1p(at - run.at) if at > run.at else 0.0 for run in runs],
        [one / _HALF if one <= _HALF else _DAY / _HALF - one / _HALF for one in apart],
        [0.0] * len(own) + [1.0] * len(others),
    ]
    if not own:
        nothing = [0.0] * len(runs)
        return [*columns, nothing, nothing]
    last = own[-1]
    steps = [last.duration - run.before if run.before is not None else 1.0 for run in runs]
    return [
        *columns,
        _far(steps),
        [0.0 if run.failed_before == last.failed else 1.0 for run in runs],
    ]


_AGES = [math.log(age) for age in range(64, 0, -1)]
