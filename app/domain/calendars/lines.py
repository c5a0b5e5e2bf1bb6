"""Windows and days as people write them, a line each: `Mon-Fri 09:00-17:00`, `2026-12-24 - 2027-01-01 Freeze`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from app.domain.calendars.spans import CalendarError

T = TypeVar("T")

MOST_LINES = 500
LONGEST_LINE = 200
LONGEST_WHAT = 80
YEARS = range(1970, 2101)

_DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_GROUPS = {"daily": range(7), "every day": range(7), "weekdays": range(5), "weekends": range(5, 7)}
_DAY = r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_DASH = r"\s*(?:-|–|—|\bto\b|\buntil\b)\s*"
_DAYS = rf"(?:daily|every\s+day|weekdays|weekends|{_DAY}(?:\s*(?:,|-|–|\band\b|\bto\b)\s*{_DAY})*)"
_TIME = r"(\d{1,2}:\d\d)"
_DATE = r"(\d{4}-\d\d-\d\d)"
_WHAT = r"(?:[\s:,]+(\S.*))?"


def _form(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.ASCII)


_OVER_DAYS = _form(rf"({_DAY})\s+{_TIME}{_DASH}({_DAY})\s+{_TIME}{_WHAT}")
_WITHIN_DAY = _form(rf"(?:({_DAYS})\b[\s:,]+)?{_TIME}{_DASH}{_TIME}{_WHAT}")
_WHOLE_DAYS = _form(rf"({_DAYS})\b{_WHAT}")
_DATED = _form(rf"{_DATE}(?:[T ]+{_TIME})?(?:{_DASH}(?:{_DATE}(?:[T ]+{_TIME})?|{_TIME}))?{_WHAT}")
_YEARLY = _form(rf"(\d\d-\d\d){_WHAT}")

_NO_TIME = "“{}” is no time of day. Write it as 09:00; a day ends at 24:00."


@dataclass(frozen=True)
class Window:
    """A stretch of every week: it begins on `weekday` (Monday 0) at `begin` and ends `days` later at `end`."""

    weekday: int
    begin: time
    days: int
    end: time
    what: str = ""

    def on(self, day: date) -> tuple[datetime, datetime]:
        """Return its wall times when it begins on this day."""
        return datetime.combine(day, self.begin), datetime.combine(day + timedelta(self.days), self.end)


@dataclass(frozen=True)
class Dated:
    """A stretch from one wall time until another, once."""

    begin: datetime
    end: datetime
    what: str = ""


@dataclass(frozen=True)
class Day:
    """A day of one year, or of every year (`year` is None)."""

    month: int
    day: int
    year: int | None
    what: str = ""


def hours(settings: Any) -> list[Window]:
    """Read lines such as `Mon-Fri 09:00-17:00`. Raises CalendarError."""
    return [window for windows in _read("hours", settings, _hours) for window in windows]


def weekly(settings: Any) -> list[Window]:
    """Read lines such as `Fri 18:00 - Mon 06:00 Weekend`, `02:00-04:00`, `Sun`. Raises CalendarError."""
    return [window for windows in _read("weekly", settings, _weekly) for window in windows]


def dated(settings: Any) -> list[Dated]:
    """Read lines such as `2026-12-24 - 2027-01-01 Freeze`, last days included. Raises CalendarError."""
    return _read("dated", settings, _dated)


def own_days(settings: Any) -> list[Day]:
    """Read lines such as `2026-12-24 Closed`, `12-24` (every year), `2026-12-27 - 2026-12-31`. Raises CalendarError."""
    return [day for days in _read("own", settings, _own) for day in days]


def _read(field: str, settings: Any, read: Callable[[str], T]) -> list[T]:
    lines = settings.get(field) or []
    if not isinstance(lines, Sequence) or isinstance(lines, str) or not all(isinstance(line, str) for line in lines):
        raise CalendarError("Write a list of lines.", field)
    if len(lines) > MOST_LINES:
        raise CalendarError(f"A calendar has at most {MOST_LINES} lines here. Leave out what is over.", field)
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > LONGEST_LINE:
            raise CalendarError(f"Line {number} has more than {LONGEST_LINE} letters. Make it shorter.", field)
        try:
            found.append(read(" ".join(line.split())))
        except CalendarError as error:
            raise CalendarError(f"Line {number}: {error.sentence}", field) from None
    return found


# --- one line


def _hours(line: str) -> list[Window]:
    match = _WITHIN_DAY.fullmatch(line)
    if not match or match[4]:
        raise CalendarError(f"“{line}” can't be read. Write days and hours like Mon-Fri 09:00-17:00.")
    return _within_day(match)


def _weekly(line: str) -> list[Window]:
    if match := _OVER_DAYS.fullmatch(line):
        first, last = _weekday(match[1]), _weekday(match[3])
        (begin, after), (end, more) = _time(match[2]), _time(match[4])
        days = (last - first) % 7 + more
        if days * 24 * 60 + end.hour * 60 + end.minute <= begin.hour * 60 + begin.minute:
            days += 7
        return [Window((first + after) % 7, begin, days - after, end, _what(match[5]))]
    if match := _WITHIN_DAY.fullmatch(line):
        return _within_day(match)
    if match := _WHOLE_DAYS.fullmatch(line):
        return [Window(weekday, time(), 1, time(), _what(match[2])) for weekday in _weekdays(match[1])]
    raise CalendarError(f"“{line}” can't be read. Write it like Sun 02:00-04:00, or Fri 18:00 - Mon 06:00.")


def _within_day(match: re.Match[str]) -> list[Window]:
    (begin, after), (end, days) = _time(match[2]), _time(match[3])
    if after:
        raise CalendarError("A stretch can't begin at 24:00. Write 00:00 of the next day.")
    if not days and end <= begin:
        days = 1  # over midnight
    return [Window(weekday, begin, days, end, _what(match[4])) for weekday in _weekdays(match[1] or "daily")]


def _dated(line: str) -> Dated:
    match = _DATED.fullmatch(line)
    if not match:
        raise CalendarError(f"“{line}” can't be read. Write it like 2026-12-24 - 2027-01-01 Freeze.")
    first, since, last, until, until_same_day, what = match.groups()
    begin_day = _date(first)
    begin = _moment(begin_day, since) if since else datetime.combine(begin_day, time())
    end_day = _date(last) if last else begin_day
    if clock := until or until_same_day:
        end = _moment(end_day, clock)
    elif since and not last:
        raise CalendarError(f"“{line}” has no end. Write it like 2026-12-24 12:00 - 18:00.")
    else:
        end = datetime.combine(end_day + timedelta(1), time())
    if end <= begin:
        raise CalendarError(f"“{line}” ends before it begins. Write the earlier day first.")
    return Dated(begin, end, _what(what))


def _own(line: str) -> list[Day]:
    if match := _YEARLY.fullmatch(line):
        month, day = (int(part) for part in match[1].split("-"))
        _date(f"2000-{match[1]}")
        return [Day(month, day, None, _what(match[2]))]
    match = _DATED.fullmatch(line)
    if not match or match[2] or match[4] or match[5]:
        raise CalendarError(f"“{line}” can't be read. Write a day like 2026-12-24 Closed, or 12-24 for every year.")
    days = (_dated(line).end - _dated(line).begin).days
    if days > 366:  # noqa: PLR2004 a year
        raise CalendarError(f"“{line}” is longer than a year. Check its days.")
    first = _date(match[1])
    found = [first + timedelta(offset) for offset in range(days)]
    return [Day(day.month, day.day, day.year, _what(match[6])) for day in found]


# --- one word


def _time(text: str) -> tuple[time, int]:
    """Return a time of day, and how many days later it is: 24:00 is 00:00 of the next day."""
    hour, minute = (int(part) for part in text.split(":"))
    if (hour, minute) == (24, 0):
        return time(), 1
    try:
        return time(hour, minute), 0
    except ValueError:
        raise CalendarError(_NO_TIME.format(text)) from None


def _moment(day: date, text: str) -> datetime:
    clock, days = _time(text)
    return datetime.combine(day + timedelta(days), clock)


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CalendarError(f"There is no day “{text.removeprefix('2000-')}”. Check month and day.") from None
    if day.year not in YEARS:
        raise CalendarError(f"“{text}” is too far away. Write a year from {YEARS[0]} to {YEARS[-1]}.")
    return day


def _weekday(text: str) -> int:
    return _DAY_NAMES.index(text[:3].lower())


def _weekdays(text: str) -> list[int]:
    text = " ".join(text.lower().split())
    if text in _GROUPS:
        return list(_GROUPS[text])
    found: set[int] = set()
    for part in re.split(r"\s*(?:,|\band\b)\s*", text):
        first, *rest = (_weekday(word) for word in re.split(r"\s*(?:-|–|\bto\b)\s*", part))
        last = rest[-1] if rest else first
        found |= {(first + offset) % 7 for offset in range((last - first) % 7 + 1)}
    return sorted(found)


def _what(text: str | None) -> str:
    return (text or "").strip()[:LONGEST_WHAT]
