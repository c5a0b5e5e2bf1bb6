"""Business hours and blackouts: windows of every week, and stretches from one day to another."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.calendars import lines
from app.domain.calendars.lines import Window
from app.domain.calendars.spans import CalendarError, Span, days_around, spanned, whole_day

_WEEK = 7


class Hours:
    """Hours of the week in which one is open."""

    def __init__(self, settings: Mapping[str, Any], content: str, tz: ZoneInfo) -> None:
        del content
        self._windows, self._tz = lines.hours(settings), tz
        if not self._windows:
            raise CalendarError("Write when it is open, a line for each: Mon-Fri 09:00-17:00.", "hours")

    def around(self, day: date) -> Sequence[Span]:
        """Return the open hours of this day, the one before and the one after."""
        return _in_week(self._windows, day, 1, self._tz)

    def free_day(self, day: date) -> str | None:
        """Say that nothing opens on this day."""
        return None if any(window.weekday == day.weekday() for window in self._windows) else "a closed day"


class Blackout:
    """Times at which nothing should run."""

    def __init__(self, settings: Mapping[str, Any], content: str, tz: ZoneInfo) -> None:
        del content
        self._windows, self._tz = lines.weekly(settings), tz
        self._dated = [spanned(one.begin, one.end, tz, one.what) for one in lines.dated(settings)]
        if not self._windows and not self._dated:
            raise CalendarError("Write at least one line: Sun 02:00-04:00, or 2026-12-24 - 2027-01-01.", "weekly")

    def around(self, day: date) -> Sequence[Span]:
        """Return the windows that may reach into this day, and the dated stretches that touch it."""
        begin, end = whole_day(day - timedelta(1), self._tz).begin, whole_day(day + timedelta(1), self._tz).end
        touching = [span for span in self._dated if span.begin < end and begin < span.end]
        return [*_in_week(self._windows, day, _WEEK, self._tz), *touching]

    def free_day(self, day: date) -> str | None:
        """The instant tells."""
        del day
        return ""


def _in_week(windows: Sequence[Window], day: date, before: int, tz: ZoneInfo) -> list[Span]:
    begun = [(window, one) for one in days_around(day, before) for window in windows if window.weekday == one.weekday()]
    return [spanned(*window.on(one), tz, window.what) for window, one in begun]
