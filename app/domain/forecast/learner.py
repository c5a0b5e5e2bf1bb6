"""The learner of a team: estimates runs from past ones that are like them, and learns from each that ended."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any

from app.domain.forecast import basis, cause, margins, quantiles
from app.domain.forecast.calibration import Calibration, Scores
from app.domain.forecast.history import History, Past, hours
from app.domain.forecast.likeness import Compared, Likeness
from app.domain.forecast.margins import Margins
from app.domain.forecast.risk import Risk
from app.domain.forecast.rows import Ended, Estimate, Planned, Range

ROOM = 12_000
"""So many runs of a team are kept at most: about 300 kB of JSON."""

LEAST = 2
"""Estimates of a task with fewer runs are not judged, and there is no risk of failure with fewer to go by."""

_AMOUNTS: Mapping[str, Callable[[Past], int | None]] = {"cost": attrgetter("cost"), "tokens": attrgetter("tokens")}
_MEASURES = ("duration", *_AMOUNTS)
_FAILED = {"failed", "timed_out", "unmet", "lost"}
_SUCCEEDED = {"succeeded", "degraded"}
_SHORTEST, _LONGEST = 0.001, 60.0
"""In seconds; and as a logarithm, so that numbers beyond all measure stay numbers."""
_NOTABLE = 0.1
"""A lower risk of failure has no cause worth telling."""


@dataclass(frozen=True, slots=True)
class _Spread:
    """A range of logarithms, and the group whose margins it has."""

    range: Range
    group: int


@dataclass(frozen=True, slots=True)
class _Look:
    """A run that is thought of, beside what is known."""

    row: Planned
    own: Sequence[Past]
    compared: Compared
    duration: _Spread
    inputs: Sequence[float]


class Learner:
    """What was learned from the runs of a team; `as_dict` and `Learner.of` carry it as JSON."""

    def __init__(self, room: int | None = ROOM) -> None:
        self._history = History(room)
        self._likeness = Likeness()
        self._margins = {name: Margins() for name in _MEASURES}
        self._risk = Risk()
        self._scores = Scores()
        self._last: _Look | None = None

    def knows(self, name: str) -> bool:
        """Whether runs had such an attribute (or an engine, a template, a version), so that it may tell of others."""
        return name in self._history.names

    def estimate(self, row: Planned, now: datetime) -> Estimate:
        """Return what a run is expected to be, as known `now` (aware); an empty one before a team's first run."""
        look = self._look(row)
        if look is None:
            return Estimate()
        seconds, p_fail = look.duration.range, self._p_fail(look)
        cost, tokens = self._amount("cost", look), self._amount("tokens", look)
        runs = self._history.counts.get(row.task, 0)
        return Estimate(
            math.exp(min(seconds.typical, _LONGEST)),
            math.exp(min(seconds.p10, _LONGEST)),
            math.exp(min(seconds.p50, _LONGEST)),
            math.exp(min(seconds.p90, _LONGEST)),
            p_fail,
            self._cause(look, p_fail),
            round(cost.p50) if cost else None,
            round(tokens.p50) if tokens else None,
            basis.of(runs, look.own, now),
            cost,
            tokens,
            runs,
        )

    def learn(self, row: Ended) -> None:
        """Learn from a run that ended: first how well it would have been foreseen, then what became of it.

        In one's own log a run is learned when it ends; what is said of it is judged by what is known at that moment.
        """
        planned = Planned(row.task, row.at, row.engine, row.template, row.version, row.attrs)
        if self._history.meet(_attrs(planned)):
            self._likeness.make_room(len(self._history.names))
            self._last = None
        look = self._look(planned)
        run = self._past(row, planned)
        if look is not None:
            self._judge(look, run)
            self._likeness.learn(look.compared, run.duration, run.failed)
            if run.failed is not None:
                self._risk.learn(look.inputs, run.failed)
        if run.failed is not None:
            self._risk.count(run.failed)
        self._history.add(run)
        self._last = None

    def calibration(self) -> Calibration:
        """Return how well past estimates held."""
        return self._scores.calibration()

    # --- looking

    def _look(self, row: Planned) -> _Look | None:
        last = self._last
        if last is not None and last.row == row:
            return last
        values = self._history.values(_attrs(row))
        own, others = self._history.own(row.task), self._history.others(row.task, values)
        if not own and not others:
            return None
        compared = self._likeness.compare(hours(row.at), values, own, others)
        spread = self._spread("duration", compared.durations, compared.weights, own)
        self._last = _Look(row, own, compared, spread, self._risk.inputs(compared.weights, compared.runs, own))
        return self._last

    def _spread(self, name: str, values: Sequence[float], weights: Sequence[float], own: Sequence[Past]) -> _Spread:
        values, weights = quantiles.ranked(values, weights)
        count = quantiles.effective(weights)
        group = margins.group(len(own) >= LEAST, count)
        around = self._margins[name].around(quantiles.quantiles(values, weights), group)
        return _Spread(Range(quantiles.nearest_to_most(values, weights, count), *around), group)

    def _spread_of_amount(self, name: str, look: _Look) -> _Spread | None:
        amount_of = _AMOUNTS[name]
        amounts = map(amount_of, look.compared.runs)
        known = [
            (amount, weight)
            for amount, weight in zip(amounts, look.compared.weights, strict=True)
            if amount is not None and weight
        ]
        if not known:
            return None
        own = [amount_of(run) for run in look.own if self._history.is_by(run, look.row.engine)]
        if own and all(amount is None for amount in own):
            return None  # whatever runs of others use, its own by this engine never did
        total = sum(weight for _, weight in known)
        values, weights = [math.log1p(amount) for amount, _ in known], [weight / total for _, weight in known]
        return self._spread(name, values, weights, look.own)

    def _amount(self, name: str, look: _Look) -> Range | None:
        spread = self._spread_of_amount(name, look)
        if spread is None:
            return None
        logs = spread.range
        return Range(*(max(math.expm1(one), 0.0) for one in (logs.typical, logs.p10, logs.p50, logs.p90)))

    def _p_fail(self, look: _Look) -> float | None:
        judged = islice((run for run in look.compared.runs if run.failed is not None), LEAST)
        return self._risk.of(look.inputs) if len(list(judged)) == LEAST else None

    def _cause(self, look: _Look, p_fail: float | None) -> str:
        marks = [run.failed for run in look.own if run.failed is not None]
        if p_fail is None or p_fail < _NOTABLE or p_fail * len(marks) <= sum(marks):
            return ""  # nothing raises it above what is usual for its task
        values = self._history.values(_attrs(look.row))
        return cause.of(hours(look.row.at), values, self._history.names, look.own)

    # --- learning

    def _judge(self, look: _Look, run: Past) -> None:
        """Let scores and margins know how what would have been said holds."""
        if len(look.own) < LEAST:
            return
        said = _said(look.duration)
        self._scores.count(said, run.duration)
        self._margins["duration"].learn(said, look.duration.group, run.duration)
        for name, amount_of in _AMOUNTS.items():
            amount = amount_of(run)
            spread = None if amount is None else self._spread_of_amount(name, look)
            if amount is not None and spread is not None:
                self._margins[name].learn(_said(spread), spread.group, math.log1p(amount))
        p_fail = self._p_fail(look)
        if run.failed is not None and p_fail is not None:
            self._scores.judge(p_fail, run.failed)
            self._risk.judge(look.inputs, run.failed)

    def _past(self, row: Ended, planned: Planned) -> Past:
        own = self._history.own(row.task)
        return Past(
            row.task,
            hours(row.at),
            math.log(max(row.duration_seconds, _SHORTEST)),
            1.0 if row.outcome in _FAILED else 0.0 if row.outcome in _SUCCEEDED else None,
            self._history.values(_attrs(planned)),
            own[-1].duration if own else None,
            own[-1].failed if own else None,
            row.cost_micros,
            row.tokens,
        )

    # --- as JSON

    def as_dict(self) -> dict[str, Any]:
        """Return what `of` takes."""
        return {
            "history": self._history.as_dict(),
            "likeness": self._likeness.as_dict(),
            "margins": {name: margin.as_list() for name, margin in self._margins.items()},
            "risk": self._risk.as_dict(),
            "scores": self._scores.as_dict(),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any], room: int | None = ROOM) -> "Learner":
        """Return the learner that `as_dict` wrote."""
        learner = cls(room)
        learner._history = History.of(stored["history"], room)
        learner._likeness = Likeness.of(stored["likeness"])
        learner._margins = {name: Margins(stored["margins"][name]) for name in _MEASURES}
        learner._risk = Risk.of_dict(stored["risk"])
        learner._scores = Scores.of(stored["scores"])
        return learner


def _attrs(row: Planned) -> Mapping[str, Any]:
    """Return what may tell of a run: its attributes, and its engine, template and version where it has them."""
    named = {"engine": row.engine, "template": row.template, "version": row.version}
    return {name: str(one) for name, one in named.items() if one} | dict(row.attrs)


def _said(spread: _Spread) -> tuple[float, float, float]:
    return spread.range.p10, spread.range.p50, spread.range.p90
