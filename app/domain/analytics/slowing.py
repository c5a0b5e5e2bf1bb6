"""What got slower: how long half of the runs of each task take, against the period before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, log10, sqrt
from typing import NamedTuple

from app.domain.analytics import figures, histogram
from app.domain.analytics.answers import LEAST_RUNS, Action, Answer, Column, Named, counted, percent, too_few
from app.domain.wording import duration

LEAST = 10
"""A task with fewer runs in either period is not compared."""

_SHOWN = 10
_TOLD = 0.1
_SECONDS = 0.5
"""A change of less than a tenth, or of less than half a second, is none; nor is one that may be chance."""

_MEDIAN = 1.253
"""The standard error of a median, as a multiple of that of a mean."""


@dataclass(frozen=True)
class Pace:
    """A task, and histograms of how long its runs took now and in the period before."""

    task: Named
    now: Mapping[str, int]
    before: Mapping[str, int]


def answer(paces: Sequence[Pace], runs: int, period: str, first: str, last: str) -> Answer:
    """Say what got slower. `runs` did their work; `first` and `last` name the two periods."""
    if runs < LEAST_RUNS:
        return Answer("slower", too_few(runs), columns=_COLUMNS)
    compared = sorted((_compared(one) for one in paces if _is_told(one)), key=lambda one: -one.change)
    rows = [one.row for one in compared]
    if not rows:
        return Answer(
            "slower", f"No task has {LEAST} runs both now and in the {period} before, so nothing is compared."
        )
    slower = [one for one in compared if one.is_slower]
    drawn = sorted(compared, key=lambda one: (one.is_slower, abs(one.change)), reverse=True)[:_SHOWN]
    drawn.sort(key=lambda one: -one.change)
    shown, figure = [one.row for one in drawn], _figure(drawn, first, last)
    if not slower:
        lead = f"Nothing: of {counted(len(rows), 'task')} none takes a tenth longer than in the {period} before."
        return Answer("slower", lead, _faster(compared), _COLUMNS, shown, figure)
    worst = slower[0]
    lead = f"{worst.task} takes {duration(worst.now)}, {percent(worst.change)} longer than in the {period} before."
    others = len(slower) - 1
    more = (
        f"{counted(others, 'other task')} got slower, too. "
        if others
        else f"Of {counted(len(rows), 'task')} it is the only one. "
    )
    action = None
    if worst.task.slug:
        values = {"slug": worst.task.slug, "tab": "history"}
        action = Action(f"See what has changed in {worst.task}.", "Its versions", "task", values)
    return Answer("slower", lead, (more + _faster(compared)).strip(), _COLUMNS, shown, figure, action)


def _is_told(one: Pace) -> bool:
    return min(histogram.size(one.now), histogram.size(one.before)) >= LEAST


def _compared(one: Pace) -> "_Compared":
    before = histogram.quantile(one.before, 0.5) or 0.0
    now = histogram.quantile(one.now, 0.5) or 0.0
    runs_before, runs = histogram.size(one.before), histogram.size(one.now)
    apart = max(histogram.spread(one.before), histogram.spread(one.now))
    error = _MEDIAN * apart * sqrt(1 / runs_before + 1 / runs)
    is_sure = bool(before and now) and abs(log(now / before)) > 2 * error
    change = now / before - 1 if before else 0.0
    return _Compared(one.task, before, now, runs_before, runs, change, is_sure)


class _Compared(NamedTuple):
    task: Named
    before: float
    now: float
    runs_before: int
    runs: int
    change: float
    is_sure: bool

    @property
    def row(self) -> tuple[object, ...]:
        """What the table shows."""
        return self[:-1]

    @property
    def is_slower(self) -> bool:
        """Whether it takes longer, by more than chance."""
        return self.is_sure and self.change >= _TOLD and self.now - self.before >= _SECONDS

    @property
    def is_faster(self) -> bool:
        """Whether it takes less, by more than chance."""
        return self.is_sure and self.change <= -_TOLD and self.before - self.now >= _SECONDS


def _faster(rows: Sequence[_Compared]) -> str:
    count = sum(row.is_faster for row in rows)
    return f"{counted(count, 'task')} got faster." if count else ""


def _figure(rows: Sequence[_Compared], first: str, last: str) -> figures.Figure:
    traces = [
        figures.line(
            str(row.task), [first, last], [row.before, row.now], "$bronze" if row.is_slower else "$line-strong",
            mode="lines+markers", line={"width": 2.5 if row.is_slower else 1.5}, showlegend=False,
            text=[duration(row.before), duration(row.now)], hovertemplate="%{text}",
        )
        for row in rows
    ]  # fmt: skip
    notes = [
        {"x": last, "y": _log10(row.now), "text": str(row.task), "showarrow": False, "xanchor": "left", "xshift": 8}
        for row in [one for one in rows if one.is_slower][:3]
    ]
    seconds = [0.1, 1, 10, 60, 600, 3600, 36_000]
    axis = {"type": "log", "rangemode": "normal", "tickvals": seconds, "ticktext": [duration(one) for one in seconds]}
    # A category is as wide as the chart: the room on the right is for the names.
    room = {"range": [-0.1, 1.7]}
    return figures.figure(traces, height=320, hovermode="closest", annotations=notes, yaxis=axis, xaxis=room)


def _log10(seconds: float) -> float:
    return log10(max(seconds, 0.001))


_COLUMNS = (
    Column("task", "Task", "task"), Column("before", "Half took, before", "seconds"), Column("now", "Now", "seconds"),
    Column("runs_before", "Runs before"), Column("runs", "Runs now"), Column("change", "Change", "change"),
)  # fmt: skip
