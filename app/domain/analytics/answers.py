"""What a question about the past is answered with: a sentence, a table, a figure and one thing to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from app.domain import money

Question = Literal["failures", "slower", "money", "busy", "punctuality", "agents", "value", "trust"]

QUESTIONS: Mapping[Question, str] = {
    "failures": "What fails, and why?",
    "slower": "What got slower?",
    "money": "Where does the money go?",
    "busy": "When are we busy?",
    "punctuality": "Are we on time?",
    "agents": "Which agent is best at what?",
    "value": "What did it give back?",
    "trust": "Can I trust the forecasts?",
}

LEAST_RUNS = 20
"""Of fewer runs nothing is said but how many there are."""

_LEAST_TOLD, _IN_TIMES = 0.01, 2.0
"""A change of less than a percent is none; of what has tripled it is told how many times it is as much."""

Kind = Literal["text", "task", "number", "share", "change", "seconds", "minutes", "hours", "money", "day", "hour"]


@dataclass(frozen=True)
class Column:
    """A column of a table: what is in it by `kind`, and its `label`.

    Shares go from 0 to 1, a change of a tenth is 0.1, money is in micros (US dollar), a day is a date, `hour` one of
    the day; `seconds`, `minutes` and `hours` are lengths.
    """

    name: str
    label: str
    kind: Kind = "number"


@dataclass(frozen=True)
class Named:
    """A task in a table; without a slug it is one that was deleted, or stands for several."""

    name: str
    slug: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Action:
    """What to do about it: a sentence, and the page to do it on, by `place` with its `values`."""

    sentence: str
    label: str
    place: Literal["runs", "task", "changes", "spread", "budgets", "savings", "models"]
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """The answer to a question: `lead` is the fact, `more` what else there is to say, `note` what it assumes.

    `figure` is one of Plotly as JSON takes it, its colours named by tokens like `$bronze`; None where nothing is drawn.
    """

    question: Question
    lead: str
    more: str = ""
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Any]] = ()
    figure: Mapping[str, Any] | None = None
    action: Action | None = None
    note: str = ""

    @property
    def heading(self) -> str:
        """The question in words."""
        return QUESTIONS[self.question]

    @property
    def sentence(self) -> str:
        """All that is said."""
        return f"{self.lead} {self.more}".strip()


def too_few(runs: int, what: str = "run", more: str = "") -> str:
    """Say how many there are, `more` of them, and that it is too early to say anything else."""
    said = counted(runs, what) if runs else f"No {what}s"
    return f"{said} so far in this time{more}. Come back after {LEAST_RUNS}."


def counted(number: int, what: str = "run") -> str:
    """Write a number of things: `1 run`, `1,204 runs`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def compared(now: float, before: float, words: str) -> str:
    """Say how a number differs from that of the period before, which `words` names; empty without any before."""
    if not before:
        return f"There were none in the {words} before." if now else ""
    change = now / before - 1
    if abs(change) < _LEAST_TOLD:
        return f"As in the {words} before."
    if change >= _IN_TIMES:
        return f"That is {now / before:.1f} times as much as in the {words} before."
    return f"That is {100 * abs(change):.0f} % {'more' if change > 0 else 'less'} than in the {words} before."


def dollars(micros: float) -> str:
    """Write an amount of some size: cents are told below a hundred dollars."""
    return money.said(micros) if abs(micros) < 100 * money.MICROS else f"${micros / money.MICROS:,.0f}"


def percent(share: float) -> str:
    """Write a share: `98 %`; what is not quite all or nothing is never said to be."""
    rounded = round(100 * share)
    if round(share, 2) == 1 and share < 1:
        return f"{min(share, 0.999):.1%}".replace("%", " %")
    if rounded == 0 and share > 0:
        return "under 1 %"
    return f"{rounded} %"
