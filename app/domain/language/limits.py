"""Clauses that place a schedule: one day, from when, until when, in which time zone; they work as in `clauses`."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from app.domain.language.cursor import Cursor
from app.domain.language.spoken import Clock, Day, Nth, Short, Spoken, Unreadable, Which

Parts = Mapping[str, Any]

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_LEAST_YEAR = 1000
HOURS = "Write the hours of a day as “between 8 and 18”."
"""What to do about a time where a day, or a second time, should be."""


def delay(cursor: Cursor, _: Spoken) -> Parts | None:
    """Read a moment a while from now: in 20 minutes, an hour from now, in 1 hour and 30 minutes."""
    is_told = cursor.take("in") is not None
    seconds = _length(cursor)
    if not seconds or (cursor.take("from_now") is None and not is_told):
        return None
    return {"delay": seconds}


def _length(cursor: Cursor) -> int | None:
    number: int | None = cursor.take("number")
    span: tuple[int, str] | None = cursor.take("span")
    if span and number in {None, 1}:
        return span[0] * _SECONDS[span[1]]
    unit: str = cursor.take("unit") or ""
    if number is None or unit not in _SECONDS:
        return None
    cursor.take("and")
    return number * _SECONDS[unit] + (cursor.attempt(lambda: _length(cursor)) or 0)


def dates(cursor: Cursor, _: Spoken) -> Parts | None:
    """Read one day in several months: 1 January and 1 July."""
    found = cursor.listed(lambda: _day_of_month(cursor), "and", "comma")
    days = {day for day, _ in found}
    if len(found) == 1 or len(days) != 1:
        return None
    months = frozenset(month for _, month in found)
    return {"nth": Nth((days.pop(),)), "months": months, "within": "months", "is_repeated": True}


def _day_of_month(cursor: Cursor) -> tuple[int, int] | None:
    cursor.take("on")
    day: int | None = cursor.take("ordinal", "number")
    cursor.take("of")
    month: int | None = cursor.take("month")
    return (day, month) if day and day > 0 and month else None


def one_day(cursor: Cursor, said: Spoken) -> Parts | None:
    """Read one day: tomorrow, in 3 days, next Friday, 24 December; with “every” before it, of every year."""
    if cursor.take("tonight") is not None:
        return {"day": Day(later=(0, "day")), "part": "evening"}
    is_yearly = cursor.attempt(lambda: cursor.take("every") if not cursor.sees("this", "next") else None) is not None
    date = cursor.attempt(lambda: _date(cursor))
    if date:
        is_every = is_yearly or (said.rhythm is not None and said.rhythm[1] == "year")
        return {"day": replace(date, short=short(cursor))} | ({"is_repeated": True} if is_every else {})
    found = None if is_yearly else cursor.attempt(lambda: _ahead(cursor)) or cursor.attempt(lambda: _coming(cursor))
    return {"day": found} if found else None


def short(cursor: Cursor) -> Short:
    """Read what becomes of months without such a day: if there is one, or the last day."""
    cursor.attempt(lambda: cursor.take("comma") if _is_short(cursor) else None)
    if cursor.take("if_any") is not None:
        return "skip"
    return "last" if cursor.take("or_last") is not None else ""


def _is_short(cursor: Cursor) -> bool:
    place = cursor.position
    cursor.take("comma")
    is_short = cursor.sees("if_any", "or_last")
    cursor.position = place
    return is_short


def _ahead(cursor: Cursor) -> Day | None:
    cursor.take("on")
    later: int | None = cursor.take("later")
    if later is not None:
        return Day(later=(later, "day"))
    is_told = cursor.take("in") is not None
    number, unit = cursor.take("number"), cursor.take("unit")
    if number is None or unit not in {"day", "week", "month", "year"} or not (cursor.take("from_now") or is_told):
        return None
    return Day(later=(number, unit))


def _coming(cursor: Cursor) -> Day | None:
    """Read a weekday seen from now: this Friday, next Friday, Friday next week, vendredi prochain."""
    cursor.take("on")
    which = _which(cursor)
    cursor.take("on")
    weekday: int | None = cursor.take("day")
    which = which or _which(cursor)
    return Day(weekday=weekday, which=which) if weekday is not None and which else None


def _which(cursor: Cursor) -> Which:
    which: Which = "this" if cursor.take("this") else "next" if cursor.take("next") else ""
    if cursor.sees("unit"):
        is_next_week = cursor.take("unit") == "week" and (which == "next" or cursor.take("next") is not None)
        return "next week" if is_next_week else ""
    return which


def _date(cursor: Cursor) -> Day | None:
    cursor.take("on")
    weekday: int | None = cursor.take("day")
    cursor.take("comma")
    dates = cursor.take("date")
    dates = dates or cursor.attempt(lambda: _day_month(cursor)) or cursor.attempt(lambda: _month_day(cursor))
    return Day(dates, weekday=weekday) if dates else None


def _day_month(cursor: Cursor) -> tuple[tuple[int | None, int, int]] | None:
    cursor.take("on")
    day = cursor.take("number", "ordinal")
    cursor.take("of")
    month = cursor.take("month")
    if not day or not month or cursor.attempt(lambda: _another(cursor)):
        return None
    return ((_year(cursor), month, day),)


def _another(cursor: Cursor) -> bool | None:
    """Whether a list of months goes on: such a day is of each of them."""
    is_month = cursor.take("and", "comma") is not None and cursor.take("month") is not None
    return True if is_month and not cursor.sees("number", "ordinal") else None


def _month_day(cursor: Cursor) -> tuple[tuple[int | None, int, int]] | None:
    month = cursor.take("month")
    day = cursor.take("number", "ordinal") if month else None
    return ((_year(cursor), month, day),) if month and day and not cursor.sees("half", "oclock") else None


def _year(cursor: Cursor) -> int | None:
    def year() -> int | None:
        cursor.take("comma")
        cursor.take("of")
        number = cursor.take("number")
        return number if number and number >= _LEAST_YEAR else None

    return cursor.attempt(year)


# --- from when, until when


def since(cursor: Cursor, _: Spoken) -> Parts | None:
    """Read a beginning: from 1 December, starting next Monday, ab morgen."""
    is_told = cursor.take("starting") is not None
    if cursor.take("now") is not None:
        return {"is_now": True}
    if is_told and cursor.sees("at"):
        raise Unreadable(HOURS)
    return _limit(cursor, "since") if is_told else None


def until(cursor: Cursor, said: Spoken) -> Parts | None:
    """Read an end: until 31 December, bis Freitag; after a beginning also “to”."""
    is_told = cursor.take("until") is not None
    if not is_told and (not said.since or cursor.take("to") is None):
        return None
    found = _limit(cursor, "until")
    if is_told and not found and cursor.clock():
        raise Unreadable(HOURS)
    return found


def _limit(cursor: Cursor, name: str) -> Parts | None:
    for read in (_date, _ahead, _coming, _this):
        day = cursor.attempt(partial(read, cursor))
        if day:
            return {name: (day, cursor.attempt(lambda: _at(cursor)))}
    return None


def _this(cursor: Cursor) -> Day | None:
    cursor.take("on")
    weekday: int | None = cursor.take("day")
    return Day(weekday=weekday, which="this") if weekday is not None else None


def _at(cursor: Cursor) -> Clock | None:
    is_told = cursor.take("at") is not None
    clock = cursor.clock()
    return clock if clock and (is_told or clock.is_sure) and not _goes_on(cursor) else None


def _goes_on(cursor: Cursor) -> bool:
    return cursor.sees("and") and not cursor.sees("comma")


# --- where


def zone(cursor: Cursor, said: Spoken) -> Parts | None:
    """Read a place: in Lisbon, London time, heure de Paris, Europe/Berlin, 9 am Lisbon."""
    is_told = cursor.take("in", "at", "on") is not None
    if cursor.take("time_word") is not None:
        is_told = True
        cursor.take("of", "in")
    is_iana = cursor.sees("iana")
    zones: tuple[str, ...] | None = cursor.take("zone")
    if not zones:
        return None
    is_told = cursor.take("time_word") is not None or is_told or is_iana
    if not is_told and not (said.times or said.window or said.delay):
        return None
    return {"zones": zones}
