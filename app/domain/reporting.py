"""Reports: answers about the past of a team for a period, as they are handed to whoever writes or sends them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, get_args

from app.domain.analytics.answers import Answer
from app.domain.analytics.periods import Period

ENGINE = "report"
"""The engine of tasks that make reports."""

KIND = "report"
"""The kind of the alert by which a report goes to its readers: over at once, and routed by no rule."""

Form = Literal["pdf", "csv", "json", "parquet"]
FORMS: tuple[Form, ...] = get_args(Form)
LABELS: dict[Form, str] = {"pdf": "PDF", "csv": "CSV", "json": "JSON", "parquet": "Parquet"}
TABLES: tuple[Form, ...] = ("csv", "json", "parquet")
"""The forms in which a list can be had; a PDF is for people who read."""

DAYS = (7, 30, 90)
"""How many days a report of a task may be about."""

NAME = "report"
"""What the file of a task is called, without its ending."""


@dataclass(frozen=True)
class Report:
    """What a file is made of: the answers about `period`, in the order in which people read them."""

    team: str
    period: Period
    answers: Sequence[Answer]

    @property
    def days(self) -> str:
        """The days it is about: `21 to 27 Nov 2026`."""
        return said(self.period.first, self.period.last)

    @property
    def slug(self) -> str:
        """What a file of it is called, without its ending: the question, where it has but one, and the days."""
        one = self.answers[0].question if len(self.answers) == 1 else "insights"
        return f"{one}-{self.period.first}-to-{self.period.last}"


@dataclass(frozen=True)
class File:
    """What a report has become, and the ending of its name."""

    ending: str
    media_type: str
    content: bytes

    @property
    def name(self) -> str:
        """Always the same, so that whoever comes after finds it."""
        return f"{NAME}.{self.ending}"


Write = Callable[[Report, Form], File]
"""Makes the file of a report; raises Unavailable where a form can't be written."""


@dataclass(frozen=True)
class Order:
    """A report that a run is to make, and by what; who gets it by e-mail; `notes` say who does not, and why."""

    report: Report
    write: Write
    readers: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=tuple)


def said(first: date, last: date) -> str:
    """Write the days from one to another: `27 Nov 2026`, `21 to 27 Nov 2026`, `29 Oct to 27 Nov 2026`."""
    end = f"{last.day} {last:%b %Y}"
    if first == last:
        return end
    if first.year != last.year:
        return f"{first.day} {first:%b %Y} to {end}"
    return f"{first.day} to {end}" if first.month == last.month else f"{first.day} {first:%b} to {end}"
