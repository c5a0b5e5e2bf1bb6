"""Calendars of exception: days and hours with a name. What one covers, until when, and which days are business days."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from app.domain import localtime
from app.domain.calendars.imported import Imported
from app.domain.calendars.public_holidays import Holidays
from app.domain.calendars.spans import CalendarError, Rule, Span
from app.domain.calendars.windows import Blackout, Hours
from app.domain.localtime import TriggerError

Kind = Literal["hours", "holidays", "blackout", "ics"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_READ: Mapping[str, Callable[[Mapping[str, Any], str, ZoneInfo], Rule]] = {
    "hours": Hours, "holidays": Holidays, "blackout": Blackout, "ics": Imported,
}  # fmt: skip
_MOST_KEPT = 4096
_LONGEST_STRETCH = timedelta(days=366)
_SHOWN_AHEAD = timedelta(days=3 * 366)
_LOOKS_BACK = timedelta(days=4)


@dataclass(frozen=True)
class Calendar:
    """A calendar by its kind and the settings of it; days and hours are those of its time zone.

    hours: `hours`, lines such as `Mon-Fri 09:00-17:00`. holidays: `country` and `region` by their codes, `own` lines
    such as `2026-12-24 Closed`. blackout: `weekly` lines such as `Fri 18:00 - Mon 06:00`, `dated` ones such as
    `2026-12-24 - 2027-01-01 Freeze`. ics: `content` is the text of the file.
    """

    name: str
    kind: str
    timezone: str
    settings: Mapping[str, Any] = field(hash=False)
    content: str = ""

    @cached_property
    def rule(self) -> Rule:
        """What its settings say, read once. Raises CalendarError."""
        if self.kind not in _READ:
            raise CalendarError("This calendar is not there any more.", "kind")
        return _READ[self.kind](self.settings, self.content, self.zone)

    @cached_property
    def zone(self) -> ZoneInfo:
        """Its time zone. Raises CalendarError."""
        try:
            return localtime.zone(self.timezone)
        except TriggerError as error:
            raise CalendarError(error.sentence, "timezone") from None

    @cached_property
    def _days(self) -> dict[date, Sequence[Span]]:
        return {}

    def day(self, at: datetime) -> date:
        """Return the day it is in its zone."""
        return at.astimezone(self.zone).date()

    def around(self, day: date) -> Sequence[Span]:
        """Return the spans that may cover an instant of this day, kept for the next time. Raises CalendarError."""
        if day not in self._days:
            if len(self._days) >= _MOST_KEPT:
                self._days.clear()
            self._days[day] = self.rule.around(day)
        return self._days[day]

    def covering(self, at: datetime) -> Sequence[Span]:
        """Return the spans that cover an instant (aware). Raises CalendarError."""
        return [span for span in self.around(self.day(at)) if span.begin <= at < span.end]


def check(calendar: Calendar) -> None:
    """Raise CalendarError unless the calendar can be used."""
    if calendar.kind not in KINDS:
        raise CalendarError(f"A calendar is one of {', '.join(KINDS)}. Choose one of them.", "kind")
    _ = calendar.rule


def covers(calendar: Calendar, at: datetime) -> bool:
    """Whether the instant `at` (aware) is inside: open hours, a holiday, a blackout, an event. Raises CalendarError."""
    return bool(calendar.covering(at))


def ends(calendar: Calendar, at: datetime) -> datetime | None:
    """Return when the stretch that covers `at` is over (UTC); spans that meet or overlap are one stretch.

    None when `at` is not covered, or for longer than a year. Raises CalendarError.
    """
    end = at.astimezone(UTC)
    while covering := calendar.covering(end):
        end = max(span.end for span in covering)
        if end - at > _LONGEST_STRETCH:
            return None
    return end if end > at else None


def free_day(calendar: Calendar, at: datetime) -> str | None:
    """Say why the day of `at` (aware) in the calendar's zone is no business day; None when it is one.

    A business day has open hours (hours), is no weekend and no holiday (holidays), or is one on which this very instant
    is not covered (blackout, ics). Raises CalendarError.
    """
    why = calendar.rule.free_day(calendar.day(at))
    if why == "":
        covering = calendar.covering(at)
        return covering[0].what or "a time that is left out" if covering else None
    return why


def is_business_day(calendar: Calendar, at: datetime) -> bool:
    """Whether the day of `at` (aware) is a business day: `free_day` says why not. Raises CalendarError."""
    return free_day(calendar, at) is None


def coming(calendar: Calendar, after: datetime, count: int) -> list[Span]:
    """Return the next spans that are not over at `after` (aware), ascending, none further than three years ahead.

    Raises CalendarError.
    """
    found: set[Span] = set()
    day, last = calendar.day(after), calendar.day(after + _SHOWN_AHEAD)
    while day <= last and sum(calendar.day(span.begin) < day for span in found) < count:
        found.update(span for span in calendar.around(day) if span.end > after)
        day += timedelta(1)
    return sorted(found)[:count]


def between(calendar: Calendar, since: datetime, until: datetime) -> list[Span]:
    """Return the spans that cover some instant with since <= instant < until (aware), ascending.

    Raises CalendarError.
    """
    found: set[Span] = set()
    day, last = calendar.day(since), calendar.day(until)
    known = datetime.min.replace(tzinfo=UTC)  # what began before was told by an earlier day: long spans are many a day
    while day <= last:
        near = (span for span in calendar.around(day) if span.begin >= known)
        found.update(span for span in near if span.end > since and span.begin < until)
        day += timedelta(1)
        known = datetime.combine(day, time(), UTC) - _LOOKS_BACK
    return sorted(found)
