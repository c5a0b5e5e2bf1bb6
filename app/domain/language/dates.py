"""Days as they are spoken -> days of the calendar, seen from today."""

import calendar
from datetime import date, timedelta

from app.domain.language import doubts
from app.domain.language.doubts import Doubt
from app.domain.language.spoken import Day, Nth, Spoken, Unreadable

_MONTHS, _WEEK = 12, 7
_YEARS = 9
"""Within so many years a 29 February comes."""


def found(said: Spoken, name: str, today: date, since: date | None = None) -> date:
    """Return the day that the field `name` of what was said means; without a year the first from `since` on.

    Raises Doubt when it can be several, Unreadable when there is none such.
    """
    field = getattr(said, name)
    day: Day = field if isinstance(field, Day) else field[0]
    if day.later:
        return _later(today, *day.later)
    if not day.dates:
        return _weekday(said, name, day, today)
    days = list(dict.fromkeys(_dated(parts, day.weekday, since or today) for parts in day.dates))
    if len(days) > 1:
        raise _asked(said, name, "Which day comes first, or the month?", days)
    return days[0]


def _dated(parts: tuple[int | None, int, int], weekday: int | None, since: date) -> date:
    year, month, number = parts
    day = date_of(year, month, number) if year else yearly(since, month, number)
    if weekday not in {None, day.isoweekday() % _WEEK}:
        raise Unreadable(f"{day.day} {day:%B %Y} is a {day:%A}. Leave the weekday out, or change the date.")
    return day


def _weekday(said: Spoken, name: str, day: Day, today: date) -> date:
    weekday = day.weekday or 0
    coming = ahead(today + timedelta(day.which != "this"), weekday)
    monday = today + timedelta(8 - today.isoweekday())
    next_week = monday + timedelta((weekday - 1) % _WEEK)
    if day.which == "this" or coming == next_week:
        return coming
    if day.which == "next week":
        return next_week
    raise _asked(said, name, f"Which {coming:%A}?", [coming, next_week])


def _asked(said: Spoken, name: str, sentence: str, days: list[date]) -> Doubt:
    if name == "day":
        return doubts.one_day(said, sentence, days)
    return doubts.limit(said, name, sentence, days)


def _later(today: date, number: int, unit: str) -> date:
    try:
        if unit in {"day", "week"}:
            return today + timedelta(days=number * (_WEEK if unit == "week" else 1))
        months = today.year * _MONTHS + today.month - 1 + number * (_MONTHS if unit == "year" else 1)
        return date_of(months // _MONTHS, months % _MONTHS + 1, today.day)
    except OverflowError:
        raise Unreadable from None


def date_of(year: int, month: int, day: int) -> date:
    """Return the date, or raise Unreadable when there is none such."""
    try:
        return date(year, month, day)
    except ValueError:
        raise Unreadable(f"There is no day {year}-{month:02}-{day:02}. Check the date.") from None


def yearly(since: date, month: int, day: int) -> date:
    """Return the first such day from `since` on, or raise Unreadable when no year has it."""
    for year in range(since.year, since.year + _YEARS):
        if 1 <= month <= _MONTHS and 0 < day <= calendar.monthrange(year, month)[1] and date(year, month, day) >= since:
            return date(year, month, day)
    raise Unreadable("There is no such day in any year. Check the date.")


def ahead(today: date, weekday: int) -> date:
    """Return the first such weekday (Sunday 0) from today on."""
    return today + timedelta((weekday - today.isoweekday()) % _WEEK)


def next_nth(today: date, nth: Nth, months: frozenset[int] | None) -> date | None:
    """Return the first such day after today, for one number; None for what no near month has."""
    for step in range(2 * _MONTHS):
        year, month = today.year + (today.month - 1 + step) // _MONTHS, (today.month - 1 + step) % _MONTHS + 1
        days = [date(year, month, number + 1) for number in range(calendar.monthrange(year, month)[1])]
        if nth.of == "workday":
            days = [day for day in days if day.isoweekday() < 6]  # noqa: PLR2004 Saturday
        elif nth.of != "day":
            days = [day for day in days if day.isoweekday() % _WEEK == nth.of]
        number = nth.numbers[0]
        place = number - 1 if number > 0 else len(days) + number
        if (not months or month in months) and 0 <= place < len(days) and days[place] > today:
            return days[place]
    return None
