"""What a phrase says, part by part, before anybody asks what it means as a rule."""

from dataclasses import dataclass
from typing import Literal

Part = Literal["morning", "afternoon", "evening", "night"]
Which = Literal["", "this", "next", "next week"]
Short = Literal["", "skip", "last"]
"""What becomes of months without such a day: left out, their last day instead, or not said."""


class Unreadable(Exception):
    """The phrase can't be read; `sentence` says why, where that is known."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Clock:
    """A time of day. It is not `is_sure` when it was a bare number; `is_half` when it was said with am or pm."""

    hour: int
    minute: int = 0
    second: int = 0
    is_sure: bool = True
    is_half: bool = False


@dataclass(frozen=True)
class Day:
    """One day: any of `dates` (year or None, month, day), or some days, weeks or months from now, or a weekday.

    `short` says what becomes of years without a 29 February.
    """

    dates: tuple[tuple[int | None, int, int], ...] = ()
    later: tuple[int, str] | None = None
    weekday: int | None = None
    which: Which = ""
    short: Short = ""


@dataclass(frozen=True)
class Nth:
    """The n-th days of a month; negative ones count from its end.

    `of` is what is counted: days, working days, or one weekday (Sunday 0).
    """

    numbers: tuple[int, ...]
    of: int | Literal["day", "workday"] = "day"
    short: Short = ""


@dataclass(frozen=True)
class Spoken:
    """The parts of a phrase; None and empty are parts that were not said. Weekdays count from Sunday, 0."""

    rhythm: tuple[int, str] | None = None
    unsure_rhythm: str | None = None
    per: int | None = None
    """So many times in each unit of the rhythm."""
    days: frozenset[int] | None = None
    is_repeated: bool | None = None
    """Said as one says what comes again: every Monday, Mondays."""
    nth: Nth | None = None
    edge: Literal["ends", "begins"] | None = None
    within: str | None = None
    """What `nth` and `edge` count in: month, quarter or year."""
    months: frozenset[int] | None = None
    day: Day | None = None
    delay: int | None = None
    """Seconds from now."""
    times: tuple[Clock, ...] | None = None
    window: tuple[Clock, Clock] | None = None
    marks: tuple[int, ...] | None = None
    """Minutes past each hour."""
    part: Part | None = None
    since: tuple[Day, Clock | None] | None = None
    until: tuple[Day, Clock | None] | None = None
    count: int | None = None
    not_days: frozenset[int] | None = None
    not_months: frozenset[int] | None = None
    not_monthdays: frozenset[int] | None = None
    zones: tuple[str, ...] | None = None
    is_now: bool | None = None
    """Said “from now on”: it changes nothing."""
