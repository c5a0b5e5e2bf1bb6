"""Stretches of time: from wall times of a zone to instants, right also on days of clock changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from app.domain import localtime

_INSTANT = timedelta(microseconds=1)


class CalendarError(Exception):
    """A calendar that can't be used; `sentence` says what is wrong and what to do, `field` names the setting."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """What a calendar covers: the instants begin <= at < end (UTC), and what they are called, mostly nothing."""

    begin: datetime
    end: datetime
    what: str = ""


class Rule(Protocol):
    """A calendar of one kind, read."""

    def around(self, day: date) -> Sequence[Span]:
        """Return every span that covers an instant of this day of the calendar's zone; others may be among them."""

    def free_day(self, day: date) -> str | None:
        """Say why this day is no business day, None when it is one; "" where only the instant tells."""


def spanned(begin: datetime, end: datetime, tz: ZoneInfo, what: str = "") -> Span:
    """Return one span for two wall times of a zone.

    It goes from the first time the clock shows its beginning to the last time it shows what is before its end; what
    the clock leaves out is the moment of the change.
    """
    passes = _passes(end, tz)
    return Span(_passes(begin, tz)[0], passes[-1 if _is_repeated(end - _INSTANT, tz) else 0], what)


def whole_day(day: date, tz: ZoneInfo, what: str = "") -> Span:
    """Return the span of one day of a zone."""
    return spanned(datetime.combine(day, time()), datetime.combine(day + timedelta(1), time()), tz, what)


def days_around(day: date, before: int) -> list[date]:
    """Return a day, those `before` it and the one after it: where clocks repeat midnight, days overlap."""
    return [day + timedelta(offset) for offset in range(-before, 2)]


def _is_repeated(local: datetime, tz: ZoneInfo) -> bool:
    first, second = local.replace(tzinfo=tz).utcoffset(), local.replace(tzinfo=tz, fold=1).utcoffset()
    return first != second


def _passes(local: datetime, tz: ZoneInfo) -> list[datetime]:
    return [fire.at for fire in localtime.fires((local,), tz, "next", "both")]
