"""Which agent is best at what: how often each model did the work of each kind, what it cost and how long it took."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

from app.domain import money
from app.domain.analytics import figures, histogram
from app.domain.analytics.answers import Action, Answer, Column, Named, counted, percent

LEAST = 10
"""What fewer runs tell of an agent is not shown."""

_AS_GOOD = 0.02
_SHOWN = 10


@dataclass
class Record:
    """What a model did for tasks of one kind: `worked` of `runs`, what the `priced` ones cost, how long they took."""

    model: str
    kind: str
    runs: int = 0
    worked: int = 0
    micros: int = 0
    priced: int = 0
    took: Mapping[str, int] = field(default_factory=dict)
    task: Named | None = None


class _Row(NamedTuple):
    kind: str
    model: str
    runs: int
    worked: float
    cost: float | None
    took: float | None


def answer(records: Sequence[Record]) -> Answer:
    """Say which agent is best at what, of those with LEAST runs of a kind."""
    told = [one for one in records if one.runs >= LEAST]
    hidden = len(records) - len(told)
    more = f"Left out: {counted(hidden, 'pair')} of agent and kind with fewer than {LEAST} runs." if hidden else ""
    if not told:
        lead = (
            "No agent has run in this time." if not records else f"No agent has {LEAST} runs of one kind in this time."
        )
        return Answer("agents", lead, more, _COLUMNS)
    rows = sorted((_row(one) for one in told), key=lambda row: (row.kind, -row.worked, row.cost or 0.0))
    lead, action = _best(rows, told)
    return Answer("agents", lead, more, _COLUMNS, rows, _figure(rows[:_SHOWN]), action)


def _row(one: Record) -> _Row:
    cost = one.micros / one.priced if one.priced else None
    return _Row(one.kind, one.model, one.runs, one.worked / one.runs, cost, histogram.quantile(one.took, 0.5))


def _best(rows: Sequence[_Row], told: Sequence[Record]) -> tuple[str, Action | None]:
    kinds = Counter[str]()
    for row in rows:
        kinds[row.kind] += row.runs
    for kind, _ in kinds.most_common():
        some = [row for row in rows if row.kind == kind]
        if len(some) > 1:
            return _compared(kind, some, told)
    most = max(rows, key=lambda row: row.runs)
    cost = f", at {money.said(most.cost)} each" if most.cost else ""
    lead = f"{most.model} did {percent(most.worked)} of {counted(most.runs)} of {most.kind}{cost}."
    return f"{lead} No other agent does the same kind of work.", None


def _compared(kind: str, some: Sequence[_Row], told: Sequence[Record]) -> tuple[str, Action | None]:
    top = max(some, key=lambda row: row.worked)
    good = [row for row in some if _is_as_good(row, top)]
    best = min(good, key=lambda row: (row.cost if row.cost is not None else 0.0, -row.worked))
    other = max((row for row in some if row.model != best.model), key=lambda row: row.runs)
    against = f"{percent(other.worked)}{_at(other)} by {other.model}"
    did = f"{percent(best.worked)} of {counted(best.runs)}{_at(best)}, against {against}"
    if _is_as_good(other, top) and best.cost and other.cost and best.cost < other.cost:
        saves = percent(1 - best.cost / other.cost)
        lead = f"For {kind} {best.model} is as good as {other.model} and costs {saves} less: {did}."
    else:
        lead = f"For {kind} {best.model} is best: {did}."
    task = next((one.task for one in told if (one.model, one.kind) == (other.model, kind)), None)
    if task is None or not task.slug:
        return lead, None
    return lead, Action(f"{task.name} asks {other.model}.", f"Look at {task.name}", "task", {"slug": task.slug})


def _is_as_good(row: _Row, top: _Row) -> bool:
    """Whether what it did less often may be chance: within twice the standard error, or two points of a hundred."""
    share = (row.worked * row.runs + top.worked * top.runs + 1) / (row.runs + top.runs + 2)
    error = sqrt(share * (1 - share) * (1 / row.runs + 1 / top.runs))
    return top.worked - row.worked <= max(_AS_GOOD, 2 * error)


def _at(row: _Row) -> str:
    return f" at {money.said(row.cost)} each" if row.cost else ""


def _figure(rows: Sequence[_Row]) -> figures.Figure:
    names = [f"{row.model}, {row.kind}" for row in rows]
    worked = {"orientation": "h", "x": [100 * row.worked for row in rows], "y": names, "hovertemplate": "%{x:.1f} %"}
    not_worked = worked | {"x": [100 - 100 * row.worked for row in rows]}
    traces = [
        figures.bars("Did its work", (), (), 2) | worked,
        figures.failed(figures.bars("Did not", (), (), 0) | not_worked),
    ]
    marks = [0, 25, 50, 75, 100]
    return figures.figure(
        traces, height=110 + 34 * len(rows), barmode="stack", showlegend=True, hovermode="y unified",
        xaxis={"range": [0, 102], "tickvals": marks, "ticktext": [f"{mark} %" for mark in marks], "showgrid": True},
        yaxis={"autorange": "reversed", "showgrid": False},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"color": "$ink-2"}},
    )  # fmt: skip


_COLUMNS = (
    Column("kind", "Kind of work", "text"), Column("model", "Agent", "text"), Column("runs", "Runs"),
    Column("worked", "Did its work", "share"), Column("cost", "Cost of one", "money"),
    Column("took", "Half took", "seconds"),
)  # fmt: skip
