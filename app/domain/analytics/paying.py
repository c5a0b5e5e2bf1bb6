"""Where the money goes: what runs have cost by task and model, and what the month will come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from app.domain import money
from app.domain.analytics import figures
from app.domain.analytics.answers import Action, Answer, Column, Named, compared, counted, percent

_NINETY = 2.563
"""From p10 to p90 of a normal distribution are so many standard deviations."""


@dataclass(frozen=True)
class Spent:
    """What the runs of a task that asked a model have cost; `runs` are those with a known price."""

    task: Named
    model: str
    micros: int
    runs: int


@dataclass(frozen=True)
class Planned:
    """Coming runs of a task: how many, what one costs (micros), its p10 and p90, and how many were learned from."""

    runs: int
    micros: float
    low: float
    high: float
    learned: int


@dataclass(frozen=True)
class Month:
    """The present month, as its days go: the sums up to each (micros), `days` it has, `name`.

    `end` is what it is expected to come to, from `low` to `high`; None where nothing is planned of which a price is
    known. `limit` is the budget of the team, if it has one.
    """

    name: str
    days: Sequence[str]
    sums: Sequence[int]
    end: float | None = None
    low: float = 0.0
    high: float = 0.0
    limit: int | None = None

    @property
    def so_far(self) -> int:
        """What it has cost until now."""
        return self.sums[-1] if self.sums else 0


def foreseen(planned: Sequence[Planned]) -> tuple[float, float] | None:
    """Return what planned runs come to and its standard deviation in micros, None for none.

    Runs of a task share the error of what was learned of it, so that error grows with their number.
    """
    if not planned:
        return None
    variance = 0.0
    for one in planned:
        deviation = max(0.0, one.high - one.low) / _NINETY
        variance += deviation**2 * (one.runs + one.runs**2 / max(one.learned, 1))
    return sum(one.runs * one.micros for one in planned), sqrt(variance)


def month(
    name: str, days: Sequence[str], sums: Sequence[int], planned: Sequence[Planned], limit: int | None
) -> Month:  # fmt: skip
    """Return the month with what it is expected to come to: so far, and what is planned until its end."""
    found = foreseen(planned)
    if found is None:
        return Month(name, days, sums, limit=limit)
    so_far = sums[-1] if sums else 0
    more, deviation = found
    spread = deviation * _NINETY / 2
    return Month(name, days, sums, so_far + more, so_far + max(0.0, more - spread), so_far + more + spread, limit)


def answer(spent: Sequence[Spent], unpriced: int, before: int | None, period: str, now: Month | None) -> Answer:
    """Say where the money goes. `unpriced` runs of agents have no known price, `before` is what the period before cost.

    `now` is the present month, where the period reaches into it.
    """
    total = sum(one.micros for one in spent)
    rows = [
        (one.task, one.model, one.runs, one.micros, one.micros / total if total else 0.0)
        for one in sorted(spent, key=lambda one: -one.micros)
    ]
    if not total and not (now and now.so_far):
        return Answer("money", "Nothing: no run with a known price in this time.", _unpriced(unpriced), _COLUMNS, rows)
    lead, more = _month(now) if now and (now.so_far or now.end) else (f"{money.said(total)} in this time.", "")
    parts = [
        more,
        _most(rows, total),
        compared(total, before, period) if before is not None else "",
        _unpriced(unpriced),
    ]
    figure, action = (_figure(now), _action(now)) if now else (None, None)
    return Answer("money", lead, " ".join(filter(None, parts)), _COLUMNS, rows, figure, action, _note(now))


def _most(rows: Sequence[tuple[Named, str, int, int, float]], total: int) -> str:
    if not rows or not total:
        return ""
    first = rows[0]
    return f"Of {money.said(total)} in the time chosen, {percent(first[4])} went to {first[0]}."


def _unpriced(runs: int) -> str:
    return (
        f"{counted(runs, 'run of an agent').replace('agents', 'agent')} asked a model without a price." if runs else ""
    )


def _month(now: Month) -> tuple[str, str]:
    so_far = f"{money.said(now.so_far)} so far in {now.name}"
    if now.end is None:
        inside = f", of a budget of {money.said(now.limit)}" if now.limit else ""
        return f"{so_far}{inside}.", ""
    inside = ""
    if now.limit:
        where = "past" if now.end > now.limit else "just inside" if now.high > now.limit else "well inside"
        inside = f", {where} {money.said(now.limit)}"
    more = f"Expect between {money.said(now.low)} and {money.said(now.high)}." if now.high > now.low else ""
    return f"{so_far}; about {money.said(now.end)} by its end{inside}.", more


def _note(now: Month | None) -> str:
    return "Foreseen are runs that are planned; those that people start by hand come on top." if now and now.end else ""


def _action(now: Month) -> Action | None:
    if now.limit is None:
        return Action("The team has no budget for a month.", "Set a budget", "budgets")
    if now.high > now.limit:
        return Action("Runs that cost money stop once the budget is used up.", "See the budgets", "budgets")
    return None


def _figure(now: Month) -> figures.Figure:
    dollars = [one / money.MICROS for one in now.sums]
    drawn = now.days[: len(dollars)]
    traces = [
        figures.line("Spent", drawn, dollars, fill="tozeroy", fillcolor="$bronze-soft", hovertemplate="$%{y:.2f}")
    ]
    shapes, most = [], max(dollars, default=0.0)
    if now.end is not None and drawn and len(drawn) < len(now.days):
        ahead = [drawn[-1], now.days[-1]]
        low, high, end = (value / money.MICROS for value in (now.low, now.high, now.end))
        hidden: dict[str, Any] = {"hoverinfo": "skip", "line": {"width": 0}}
        band: dict[str, Any] = {**hidden, "fill": "tonexty", "fillcolor": "$bronze-line", "opacity": 0.5}
        traces += [
            figures.line("", ahead, [dollars[-1], low], showlegend=False, **hidden),
            figures.line("Likely", ahead, [dollars[-1], high], **band),
            figures.line("Expected", ahead, [dollars[-1], end], line={"dash": "dot"}, hovertemplate="$%{y:.2f}"),
        ]  # fmt: skip
        most = max(most, high)
    notes = []
    # A budget that is far away would press the line against the ground; the sentence names it.
    if now.limit and now.limit / money.MICROS < 4 * most:
        limit = now.limit / money.MICROS
        dashed = {"color": "$ink-3", "dash": "dash", "width": 1}
        shapes.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": limit, "y1": limit, "line": dashed})
        said = {"text": f"Budget {money.said(now.limit)}", "showarrow": False, "font": {"color": "$ink-2"}}
        notes.append({"xref": "paper", "x": 0, "xanchor": "left", "y": limit, "yanchor": "bottom", **said})
    axis = {"tickprefix": "$", "range": [0, 1.12 * max(most, now.limit / money.MICROS if notes and now.limit else 0.0)]}
    days = {"range": [now.days[0], now.days[-1]], "tickformat": "%-d %b", "nticks": 7}
    return figures.figure(traces, yaxis=axis, xaxis=days, shapes=shapes, annotations=notes, showlegend=True)


_COLUMNS = (
    Column("task", "Task", "task"), Column("model", "Model", "text"), Column("runs", "Runs with a price"),
    Column("cost", "Cost", "money"), Column("share", "Share", "share"),
)  # fmt: skip
