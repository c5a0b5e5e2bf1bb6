"""Filters of dates and times. Days are those of the local calendar; hours and minutes have always the same length."""

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from app.domain import localtime
from app.domain.localtime import TriggerError

UNITS = ("days", "weeks", "months", "years", "hours", "minutes")
SPANS = ("day", "week", "month", "quarter", "year")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""By the number of the day."""

_MOST = 100_000
_LONGEST_FORMAT = 200
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_MONTHS = tuple(calendar.month_name[1:])
_DIRECTIVE = re.compile(r"%(-?[a-zA-Z%]?)")

Moment = date | datetime


class Unfit(ValueError):
    """A value that a filter can't take; the message is the end of a sentence."""


def moment(value: Any, zone: str) -> Moment:
    """Return the date or time that a value is, a text in ISO form too; one without a zone is meant in `zone`.

    Raises Unfit.
    """
    if isinstance(value, str):
        value = _read(value.strip())
    if not isinstance(value, date):
        said = value if isinstance(value, str) else type(value).__name__
        raise Unfit(f"a date is needed here, like run.date or 2026-11-28; this is “{said[:40]}”.")
    if isinstance(value, datetime) and value.tzinfo is None:
        return _on_clock(value, zone)
    return value


def _read(text: str) -> Any:
    try:
        if _ISO_DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _ISO_TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(f"there is no date “{text}”.") from None
    return text


def _zone(name: Any) -> Any:
    try:
        return localtime.zone(str(name)[:64])
    except TriggerError as error:
        raise Unfit(error.sentence) from None


def _on_clock(wall: datetime, zone: Any) -> datetime:
    """Return the instant at which a clock shows a wall time; one left out by a clock change is the first after it."""
    tz = _zone(zone) if isinstance(zone, str) else zone
    try:
        fire = next(localtime.fires([wall.replace(tzinfo=None, fold=0)], tz, "next", "first"))
        return fire.at.astimezone(tz)
    except (OverflowError, StopIteration):
        raise Unfit("this is beyond the years 1 to 9999.") from None


def _moved(value: Moment, change: Callable[[date], date], zone: str) -> Moment:
    """Move the day of a date or of a time, which keeps its hour on the clock."""
    try:
        if not isinstance(value, datetime):
            return change(value)
        wall = datetime.combine(change(value.date()), value.time().replace(tzinfo=None))
        return _on_clock(wall, value.tzinfo or zone)
    except (OverflowError, ValueError):
        raise Unfit("this is beyond the years 1 to 9999.") from None


def shift(unit: str, sign: int) -> Callable[[Any, Any, str], Moment]:
    """Return the filter that moves a date by a number of `unit`, later for a `sign` of 1."""

    def moved(value: Any, count: Any, zone: str) -> Moment:
        if type(count) is not int or abs(count) > _MOST:
            raise Unfit(f"{unit} are counted by a whole number up to {_MOST:,}.")
        number, at = sign * count, moment(value, zone)
        if unit in {"hours", "minutes"}:
            return _elapsed(at, timedelta(**{unit: number}), zone)
        if unit in {"days", "weeks"}:
            return _moved(at, lambda day: day + timedelta(**{unit: number}), zone)
        return _moved(at, lambda day: _months_later(day, number * (12 if unit == "years" else 1)), zone)

    return moved


def _elapsed(at: Moment, span: timedelta, zone: str) -> datetime:
    """Return the time so much later; a date counts from its first moment."""
    start = at if isinstance(at, datetime) else _on_clock(datetime.combine(at, time()), zone)
    try:
        return (start.astimezone(UTC) + span).astimezone(start.tzinfo)
    except (OverflowError, ValueError):
        raise Unfit("this is beyond the years 1 to 9999.") from None


def _months_later(day: date, months: int) -> date:
    """Return the same day of another month, or its last one where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1] if 1 <= year <= 9999 else 0  # noqa: PLR2004 the years a date has
    return date(year, month + 1, min(day.day, last))


def start_of(value: Any, span: Any, zone: str) -> Moment:
    """Return the first day of a span, or for a time its first moment."""
    at = moment(value, zone)
    first = _first(at, _span(span))
    return _on_clock(datetime.combine(first, time()), at.tzinfo or zone) if isinstance(at, datetime) else first


def end_of(value: Any, span: Any, zone: str) -> Moment:
    """Return the last day of a span, or for a time its last second."""
    at = moment(value, zone)
    first, word = _first(at, _span(span)), _span(span)
    try:
        if word in {"day", "week"}:
            last = first + timedelta(days=0 if word == "day" else 6)
        else:
            last = _months_later(first, {"month": 1, "quarter": 3, "year": 12}[word]) - timedelta(days=1)
    except (OverflowError, ValueError):
        raise Unfit("this is beyond the years 1 to 9999.") from None
    return _on_clock(datetime.combine(last, time(23, 59, 59)), at.tzinfo or zone) if isinstance(at, datetime) else last


def _span(word: Any) -> str:
    if word not in SPANS:
        raise Unfit(f"“{str(word)[:20]}” is not one of {', '.join(SPANS)}.")
    return str(word)


def _first(at: Moment, span: str) -> date:
    day = at.date() if isinstance(at, datetime) else at
    match span:
        case "day":
            return day
        case "week":
            return day - timedelta(days=min(day.weekday(), day.toordinal() - 1))
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1)


def weekday(value: Any, zone: str) -> str:
    """Return the name of the day of the week."""
    return WEEKDAYS[moment(value, zone).weekday()]


def quarter(value: Any, zone: str) -> int:
    """Return the number of the quarter."""
    return (moment(value, zone).month - 1) // 3 + 1


def in_zone(value: Any, name: Any, zone: str) -> datetime:
    """Return a time as the clocks of another zone show it."""
    at = moment(value, zone)
    if not isinstance(at, datetime):
        raise Unfit("a date without a time is the same in every zone. Take run.at.")
    return at.astimezone(_zone(name))


_FORMATS: dict[str, Callable[[Moment], str]] = {
    "%": lambda _: "%",
    "Y": lambda at: f"{at.year:04}",
    "y": lambda at: f"{at.year % 100:02}",
    "m": lambda at: f"{at.month:02}",
    "-m": lambda at: str(at.month),
    "d": lambda at: f"{at.day:02}",
    "-d": lambda at: str(at.day),
    "j": lambda at: f"{at.timetuple().tm_yday:03}",
    "B": lambda at: _MONTHS[at.month - 1],
    "b": lambda at: _MONTHS[at.month - 1][:3],
    "A": lambda at: WEEKDAYS[at.weekday()].title(),
    "a": lambda at: WEEKDAYS[at.weekday()][:3].title(),
    "u": lambda at: str(at.isoweekday()),
    "G": lambda at: f"{at.isocalendar().year:04}",
    "V": lambda at: f"{at.isocalendar().week:02}",
    "H": lambda at: f"{_clock(at).hour:02}",
    "-H": lambda at: str(_clock(at).hour),
    "I": lambda at: f"{(_clock(at).hour - 1) % 12 + 1:02}",
    "-I": lambda at: str((_clock(at).hour - 1) % 12 + 1),
    "p": lambda at: "AM" if _clock(at).hour < 12 else "PM",  # noqa: PLR2004 noon
    "M": lambda at: f"{_clock(at).minute:02}",
    "S": lambda at: f"{_clock(at).second:02}",
    "z": lambda at: at.strftime("%z"),
    "Z": lambda at: at.strftime("%Z"),
    "s": lambda at: str(int(at.timestamp())) if isinstance(at, datetime) else "",
}
"""The letters of a format, as strftime knows them; months and days are English whatever the machine speaks."""


def _clock(at: Moment) -> time:
    return at.time() if isinstance(at, datetime) else time()


def formatted(value: Any, form: Any, zone: str) -> str:
    """Write a date or time: %Y-%m-%d, %d.%m.%Y %H:%M and so on."""
    at = moment(value, zone)
    if not isinstance(form, str) or len(form) > _LONGEST_FORMAT:
        raise Unfit(f"a format is a text of at most {_LONGEST_FORMAT} letters, like '%d.%m.%Y'.")

    def written(found: re.Match[str]) -> str:
        if found[1] not in _FORMATS:
            raise Unfit(f"%{found[1]} is unknown in a format. There are {', '.join(f'%{one}' for one in _FORMATS)}.")
        return _FORMATS[found[1]](at)

    return _DIRECTIVE.sub(written, form)
