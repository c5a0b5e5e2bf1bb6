"""What did it give back: minutes that runs spare people, what those are worth, and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain import money
from app.domain.analytics import figures
from app.domain.analytics.answers import Action, Answer, Column, Named, compared, counted, dollars

_SHOWN = 8
_MINUTES = 60
_TOLD_HOURS = 10


@dataclass(frozen=True)
class Spared:
    """A task: runs that did their work, the minutes one spares (None: nobody has said), and all it cost (micros)."""

    task: Named
    runs: int
    minutes: float | None
    micros: int

    @property
    def hours(self) -> float:
        """What its runs spared, in hours."""
        return self.runs * (self.minutes or 0.0) / _MINUTES


def answer(spared: Sequence[Spared], hourly_micros: int | None, before: float | None, period: str) -> Answer:
    """Say what runs gave back; `hourly_micros` is what an hour is worth to the team, `before` the hours of before."""
    known = sorted((one for one in spared if one.minutes and one.runs), key=lambda one: -one.hours)
    rows = [_row(one, hourly_micros) for one in known]
    runs, unknown = sum(one.runs for one in known), sum(one.runs for one in spared if one.minutes is None)
    hours, cost = sum(one.hours for one in known), sum(one.micros for one in spared)
    if not known:
        lead = "Nobody has said yet what a run spares, so this can't be told."
        return Answer("value", lead, columns=_COLUMNS, action=_SAY)
    lead = f"About {_hours(hours)} of somebody's time"
    paid = f"for {money.said(cost)}" if cost else "at no cost for models"
    if hourly_micros:
        lead += f", worth {dollars(hours * hourly_micros)} at {_rate(hourly_micros)} an hour, {paid}."
    else:
        lead += f", {paid}."
    more = f"{known[0].task} gave the most, {_hours(known[0].hours)}. " if len(known) > 1 else ""
    more += compared(hours, before, period) if before is not None else ""
    if unknown:
        more += f" Of {counted(unknown, 'more run')} nobody has said what they spare."
    return Answer(
        "value",
        lead,
        more.strip(),
        _COLUMNS,
        rows,
        _figure(known),
        _action(hourly_micros, unknown),
        _note(runs, hourly_micros),
    )


def _row(one: Spared, hourly_micros: int | None) -> Sequence[object]:
    worth = one.hours * hourly_micros if hourly_micros else None
    return (
        one.task,
        one.runs,
        one.minutes,
        one.hours,
        worth,
        one.micros,
        None if worth is None else worth - one.micros,
    )


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{max(1, round(hours * _MINUTES))} min"
    number = f"{hours:.0f}" if hours >= _TOLD_HOURS else f"{hours:.1f}".removesuffix(".0")
    return f"{number} {'hour' if number == '1' else 'hours'}"


def _rate(micros: int) -> str:
    return money.said(micros).removesuffix(".00")


def _note(runs: int, hourly_micros: int | None) -> str:
    worth = f" An hour is taken to be worth {_rate(hourly_micros)}." if hourly_micros else ""
    minutes = f"each of {counted(runs)} that did their work spared the minutes that stand beside its task"
    return f"Assumed: {minutes}.{worth} Set by the people of the team."


def _action(hourly_micros: int | None, unknown: int) -> Action | None:
    if hourly_micros is None:
        return Action("Say what an hour is worth, and this becomes money.", "Set it", "savings")
    return _SAY if unknown else None


_SAY = Action("How many minutes does a run spare a person who would do it by hand?", "Say what a run saves", "savings")


def _figure(known: Sequence[Spared]) -> figures.Figure:
    shown = known[:_SHOWN]
    names, hours = [str(one.task) for one in shown], [round(one.hours, 2) for one in shown]
    trace = figures.bars("Hours", hours, names, 2, orientation="h", hovertemplate="%{x:.1f} h<extra></extra>")
    return figures.figure(
        [trace], height=90 + 32 * len(shown), hovermode="closest",
        xaxis={"ticksuffix": " h", "showgrid": True, "rangemode": "tozero"},
        yaxis={"autorange": "reversed", "showgrid": False},
    )  # fmt: skip


_COLUMNS = (
    Column("task", "Task", "task"), Column("runs", "Runs that worked"), Column("minutes", "Minutes each", "minutes"),
    Column("spared", "Spared", "hours"), Column("worth", "Worth", "money"), Column("cost", "Cost", "money"),
    Column("net", "Gave back", "money"),
)  # fmt: skip
