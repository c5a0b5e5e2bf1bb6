"""How likely a run is to fail: an online logistic regression on what its task and runs like it did.

Few and plain inputs, so that a few dozen runs teach it; steps of AdaGrad (Duchi et al. 2011) on the log loss. What
it says is corrected by how such risks have turned out before: binned (Zadrozny and Elkan 2001), with lines between the
bins, and little where few were seen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import mul
from typing import Any

from app.domain.forecast.history import Past

_STARTS = (0.0, 0.8, 0.2, 0.1, 0.1)
"""Weights to begin with: constant, runs like it, its last runs, its runs, the very last one."""

_STEP = 0.15
_PRIOR = 2.0
"""The team's rate counts as so many runs."""

_FAST, _SLOW, _TEAM = 0.3, 0.05, 0.002
"""How much the newest run changes a rate: of its task in two ways, of the team at least."""

_FIRST = 10
"""What is assumed of a team to begin with counts as so many runs."""

_EDGE = 0.02

_BINS = 10
_SURE = 10.0
"""A correction counts half once so many risks like it were judged."""

_LEAST = 0.002


@dataclass(slots=True)
class Risk:
    """The weights of the regression, how often runs of the team fail, and how far risks were off: count and sum."""

    weights: list[float] = field(default_factory=lambda: list(_STARTS))
    squares: list[float] = field(default_factory=lambda: [1.0] * len(_STARTS))
    rate: float = 0.1
    runs: int = 0
    off: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0] for _ in range(_BINS)])

    def inputs(self, weights: Sequence[float], runs: Sequence[Past], own: Sequence[Past]) -> list[float]:
        """Return what tells of a failure: the constant 1, and the log odds of rates."""
        marks = [self.rate if run.failed is None else run.failed for run in runs]
        count = 1.0 / sum(map(mul, weights, weights))
        alike = (sum(map(mul, weights, marks)) * count + _PRIOR * self.rate) / (count + _PRIOR)
        fast = slow = self.rate
        for mark in marks[: len(own)]:
            fast += _FAST * (mark - fast)
            slow += _SLOW * (mark - slow)
        last = 2 * marks[len(own) - 1] - 1 if own else 0.0
        return [1.0, _odds(alike), _odds(fast), _odds(slow), last]

    def of(self, inputs: Sequence[float]) -> float:
        """Return the probability that a run with these inputs fails."""
        said = self._said(inputs)
        corrected = said + sum(share * sum_ / (count + _SURE) for share, (count, sum_) in self._near(said))
        return min(max(corrected, _LEAST), 1 - _LEAST)

    def judge(self, inputs: Sequence[float], failed: float) -> None:
        """Note how far off the regression is for a run that failed (1) or did not (0), before that is learned."""
        said = self._said(inputs)
        for share, bin_ in self._near(said):
            bin_[0] += share
            bin_[1] += share * (failed - said)

    def _said(self, inputs: Sequence[float]) -> float:
        return 1.0 / (1.0 + math.exp(-sum(map(mul, self.weights, inputs))))

    def _near(self, said: float) -> Sequence[tuple[float, list[float]]]:
        """Return the two bins between whose middles a risk lies, each with its share of it."""
        at = min(max(said * _BINS - 0.5, 0.0), _BINS - 1.0)
        low = min(int(at), _BINS - 2)
        return (1 - at + low, self.off[low]), (at - low, self.off[low + 1])

    def learn(self, inputs: Sequence[float], failed: float) -> None:
        """Learn that a run with these inputs failed (1) or did not (0)."""
        error = self._said(inputs) - failed
        for at, one in enumerate(inputs):
            gradient = error * one
            self.squares[at] += gradient * gradient
            self.weights[at] -= _STEP * gradient / math.sqrt(self.squares[at])

    def count(self, failed: float) -> None:
        """Let a run count for the rate of the team."""
        self.runs += 1
        self.rate += max(_TEAM, 1 / (_FIRST + self.runs)) * (failed - self.rate)

    def as_dict(self) -> dict[str, Any]:
        """Return what `of_dict` takes."""
        return {
            "weights": [round(one, 4) for one in self.weights],
            "squares": [round(one, 4) for one in self.squares],
            "rate": round(self.rate, 5),
            "runs": self.runs,
            "off": [[round(one, 3) for one in bin_] for bin_ in self.off],
        }

    @classmethod
    def of_dict(cls, stored: Mapping[str, Any]) -> "Risk":
        """Return what `as_dict` wrote."""
        risk = cls(list(stored["weights"]), list(stored["squares"]), stored["rate"], stored["runs"])
        risk.off = [list(one) for one in stored.get("off", risk.off)]  # none in what was stored by earlier releases
        return risk


def _odds(share: float) -> float:
    kept = min(max(share, _EDGE), 1 - _EDGE)
    return math.log(kept / (1 - kept))
