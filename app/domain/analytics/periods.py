"""Stretches of time that are looked at, in the reader's days, and the pieces in which runs are added up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal

from app.domain import localtime

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DAYS = (1, 7, 30, 90)
MOST_DAYS = 731
_FINE_DAYS = 200
_MOST_BARS = 92

Unit = Literal["hour", "day", "week"]


class Unreadable(ValueError):
    """No period; the message is one sentence."""


@dataclass(frozen=True)
class Period:
    """From `since` up to `until` (UTC, on quarters of an hour) in a time zone; `days` is 1 for the last 24 hours."""

    since: datetime
    until: datetime
    timezone: str
    days: int

    @property
    def unit(self) -> Unit:
        """What one bar of a chart stands for."""
        return "hour" if self.days == 1 else "day" if self.days <= _MOST_BARS else "week"

    @property
    def words(self) -> str:
        """Its length in a sentence."""
        return "24 hours" if self.days == 1 else f"{self.days} days"

    @property
    def first(self) -> date:
        """Its first day in the zone."""
        return self.since.astimezone(localtime.zone(self.timezone)).date()

    @property
    def last(self) -> date:
        """Its last day in the zone."""
        return (self.until - timedelta(seconds=1)).astimezone(localtime.zone(self.timezone)).date()

    def before(self) -> "Period":
        """Return the period of the same length that ends where this one begins."""
        if self.days == 1:
            return Period(self.since - DAY, self.since, self.timezone, 1)
        return _of_days(self.first - timedelta(days=self.days), self.days, self.timezone)

    def cuts(self) -> list[tuple[datetime, datetime]]:
        """Return the bars of a chart as (since, until) in UTC: hours, or days or weeks from midnight to midnight.

        A day on which clocks change has 23 or 25 hours, whatever its zone: midnights lie on quarters of an hour.
        """
        if self.unit == "hour":
            hours = (self.until - self.since) // HOUR
            marks = [self.since + number * HOUR for number in range(hours + 1)]
        else:
            step = 1 if self.unit == "day" else 7
            marks = [
                _midnight(self.first + timedelta(days=number), self.timezone) for number in range(0, self.days, step)
            ]
            marks.append(_midnight(self.last + timedelta(days=1), self.timezone))
        return [(since, until) for since, until in pairwise(marks) if until > since]


def _of_days(first: date, days: int, timezone: str) -> Period:
    return Period(_midnight(first, timezone), _midnight(first + timedelta(days=days), timezone), timezone, days)


def _midnight(day: date, timezone: str) -> datetime:
    """Return the instant at which a day begins: where clocks leave out midnight, when they do."""
    return _quarter(datetime.combine(day, time(), localtime.zone(timezone)).astimezone(UTC))


def _quarter(at: datetime) -> datetime:
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)


def last(days: int, timezone: str, now: datetime) -> Period:
    """Return the last days in a zone, today included; of 1 the last 24 hours, up to the end of this hour."""
    if days == 1:
        local = now.astimezone(localtime.zone(timezone))
        until = _quarter((now - timedelta(minutes=local.minute)).astimezone(UTC)) + timedelta(hours=1)
        return Period(until - DAY, until, timezone, 1)
    today = now.astimezone(localtime.zone(timezone)).date()
    return _of_days(today - timedelta(days=days - 1), days, timezone)


def ending(last_day: date, days: int, timezone: str) -> Period:
    """Return so many days in a zone of which this is the last."""
    return _of_days(last_day - timedelta(days=days - 1), days, timezone)


def read(days: str, first: str, last_day: str, timezone: str, now: datetime) -> Period:
    """Return the period that an address names: the last 1, 7, 30 or 90 days, or from one day to another.

    Raises Unreadable.
    """
    if first or last_day:
        return _between(first, last_day, timezone, now)
    wanted = int(days) if days.isascii() and days.isdigit() and len(days) < 4 else 30 if not days else 0  # noqa: PLR2004 at most three digits
    if wanted not in DAYS:
        raise Unreadable("Choose 1, 7, 30 or 90 days, or two dates.")
    return last(wanted, timezone, now)


def _between(first: str, last_day: str, timezone: str, now: datetime) -> Period:
    today = now.astimezone(localtime.zone(timezone)).date()
    try:
        since = date.fromisoformat(first)
        until = date.fromisoformat(last_day) if last_day else today
    except ValueError:
        raise Unreadable("Choose two dates, such as 2026-11-01 and 2026-11-30.") from None
    if not date(2000, 1, 1) <= since <= until <= today + timedelta(days=1):
        raise Unreadable("Choose a first day that is not after the last, and none that is still to come.")
    days = (until - since).days + 1
    if days > MOST_DAYS:
        raise Unreadable(f"Choose at most {MOST_DAYS} days.")
    return _of_days(since, days, timezone)


def pieces(period: Period) -> tuple[Sequence[tuple[datetime, datetime]], tuple[datetime, datetime] | None]:
    """Return the edges that are read by quarters of an hour, and the whole UTC days between them, None for none."""
    first = _day(period.since)
    first = first if first == period.since else first + DAY
    end = _day(period.until)
    if end <= first:
        return [(period.since, period.until)], None
    edges = [(period.since, first), (end, period.until)]
    return [(since, until) for since, until in edges if since < until], (first, end)


def fine_since(now: datetime) -> datetime:
    """Return from when on quarters of an hour of each task are kept: for 90 days beside the 90 before, and some more.

    Before that only whole UTC days are.
    """
    return day(now) - _FINE_DAYS * DAY


def kept(period: Period, fine_since: datetime) -> Period:
    """Return what of a period is known by task: ends before `fine_since` move to the nearest UTC midnight.

    So periods that follow each other still share nothing and leave out nothing.
    """
    ends = [at if at >= fine_since else day(at + DAY / 2) for at in (period.since, period.until)]
    return replace(period, since=ends[0], until=ends[1])


def _day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def quarter(at: datetime) -> datetime:
    """Return the quarter of an hour (UTC) that an instant lies in."""
    return _quarter(at.astimezone(UTC))


def day(at: datetime) -> datetime:
    """Return the UTC day that an instant lies in."""
    return _day(at.astimezone(UTC))
