"""Clauses of times of the day: at 9, between 8 and 18, at quarter past, in the morning; they work as in `clauses`."""

from collections.abc import Mapping
from typing import Any, cast

from app.domain.language.cursor import Cursor
from app.domain.language.limits import HOURS
from app.domain.language.spoken import Clock, Spoken, Unreadable

Parts = Mapping[str, Any]

_AND = ("and", "comma")


def window(cursor: Cursor, _: Spoken) -> Parts | None:
    """Read two times that enclose others: between 8 and 18, from 9 am to 5 pm, 8-18."""
    is_between = cursor.take("between") is not None
    is_told = is_between or cursor.take("from") is not None
    since = cursor.clock(is_from=True)
    if not since:
        return None
    if cursor.take(*(("and", "to") if is_between else ("to", "until"))) is None:
        if is_told:
            raise Unreadable(HOURS)
        return None
    if not is_told and not since.minute and cursor.tokens[cursor.position - 1].text != "-":
        return None
    cursor.take("at")
    until = cursor.clock()
    return {"window": (since, until)} if until else None


def marks(cursor: Cursor, _: Spoken) -> Parts | None:
    """Read minutes past each hour: at quarter past, 15 and 45 minutes past the hour, at :15 and :45, on the hour."""
    cursor.take("at")
    marks = cursor.listed(lambda: _mark(cursor), *_AND) or cursor.attempt(lambda: _past(cursor))
    is_every = marks and cursor.take("every") is not None
    if not marks or (cursor.take("hour_word") is None and is_every):
        return None
    return {"marks": tuple(sorted(set(marks)))} | ({"rhythm": (1, "hour")} if is_every else {})


def _mark(cursor: Cursor) -> int | None:
    mark: int | None = cursor.take("mark", "shift")
    if mark is not None:
        return mark % 60
    return cast("int | None", cursor.take("number")) if cursor.take("unit") == "minute" else None


def _past(cursor: Cursor) -> list[int] | None:
    minutes = cursor.listed(lambda: cast("int | None", cursor.take("fraction", "number")), *_AND)
    cursor.take("unit")
    side = 1 if cursor.take("past") is not None else -1 if cursor.take("before") is not None else 0
    if not side or cursor.sees("number") or max(minutes, default=60) > 59:  # noqa: PLR2004 minutes of an hour
        return None
    return [side * minute % 60 for minute in minutes]


def times(cursor: Cursor, _: Spoken) -> Parts | None:
    """Read times of the day: at 9, at 9 and 17:30, 9:00."""
    is_told = cursor.take("at") is not None
    times = cursor.listed(lambda: _at_clock(cursor), *_AND)
    return {"times": tuple(times)} if times and (is_told or times[0].is_sure or times[0].minute) else None


def _at_clock(cursor: Cursor) -> Clock | None:
    cursor.take("at")
    return cursor.clock()


def part(cursor: Cursor, said: Spoken) -> Parts | None:
    """Read a part of the day, such as in the morning; the word may also mean tomorrow, unless the day is known."""
    part = cursor.take("part") if said.day else cursor.part()
    return {"part": part} if part else None
