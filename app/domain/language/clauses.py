"""The clauses of a schedule, whatever the language: tokens -> what is said of rhythm, days, times, limits, place.

A clause is a function of the cursor that returns the parts it has read, or None and nothing is read. They are tried in
the order of `_CLAUSES`. A word that no clause reads makes the whole phrase unreadable.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

from app.domain.language import limits, times
from app.domain.language.cursor import Cursor
from app.domain.language.spoken import Nth, Spoken, Unreadable
from app.domain.language.tokens import Token

WORKDAYS = frozenset({1, 2, 3, 4, 5})
_WEEK = frozenset(range(7))

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_AND = ("and", "comma")

_MOST_NTH_DAY = 7
"""From the 8th on “every 15th day” can be a day of the month too."""

_IN_EVERY_MONTH: Mapping[int | str, int] = {"day": 28, "workday": 20}
_WEEKDAYS = 4
"""The last of the days of a kind that every month has."""

Parts = Mapping[str, Any]
"""Fields of Spoken."""


def parse(tokens: Sequence[Token]) -> Spoken:
    """Return what the tokens say; raise Unreadable when a word is left, or the same is said twice."""
    cursor, said = Cursor(tokens), Spoken()
    while not cursor.is_at_end:
        if cursor.attempt(lambda: cursor.take("comma")):
            continue
        parts = _next(cursor, said)
        if _is_day_of(said.rhythm, parts.get("rhythm")):
            said = replace(said, rhythm=None)
        for name in parts:
            if getattr(said, name) is not None and name != "is_repeated":
                raise Unreadable
        said = replace(said, **parts)
    return _settled(said)


def _is_day_of(one: tuple[int, str] | None, other: tuple[int, str] | None) -> bool:
    """Whether the one is every day and the other a rhythm within it: every day, every hour."""
    return one == (1, "day") and other is not None and other[1] in _SECONDS


def _next(cursor: Cursor, said: Spoken) -> Parts:
    for clause in _CLAUSES:
        parts = cursor.attempt(partial(clause, cursor, said))
        if parts is not None:
            return parts
    if cursor.sees("and") and said != Spoken():
        raise Unreadable("This sounds like more than one schedule. Write the first one, and add the other below it.")
    raise Unreadable


def _settled(said: Spoken) -> Spoken:
    """Give a time at the end of a limit to the schedule itself, when that has none; minutes past make days hours."""
    if said.marks and said.rhythm == (1, "day"):
        said = replace(said, rhythm=(1, "hour"))
    if said.times or said.delay or said.marks or (said.rhythm and said.rhythm[1] in _SECONDS):
        return said
    for name in ("since", "until"):
        limit = getattr(said, name)
        if limit and limit[1]:
            changes: dict[str, Any] = {"times": (limit[1],), name: (limit[0], None)}
            return replace(said, **changes)
    return said


# --- how often


def _rhythm(cursor: Cursor, _: Spoken) -> Parts | None:
    """Every 2 hours, every other week, daily, every morning."""
    for kind in ("rhythm", "unsure_rhythm"):
        told = cursor.take(kind)
        if told:
            return {kind: told}
    cycle = cursor.attempt(lambda: _cycle(cursor))
    if cycle or cursor.take("every") is None:
        return {"rhythm": cycle} if cycle else None
    if cursor.sees("part"):
        return {"rhythm": (1, "day"), "part": cursor.take("part")}
    span: tuple[int, str] | None = cursor.take("span")
    if span:
        return {"rhythm": span}
    second = cursor.attempt(lambda: _every_nth(cursor))
    if second:
        return {"rhythm": second}
    number = 2 if cursor.take("other") else cursor.take("number")
    return _counted(cursor, 1 if number is None else number)


def _cycle(cursor: Cursor) -> tuple[int, str] | None:
    """Read a 20-minute cycle, in intervals of two hours, im 30-Minuten-Takt."""
    cursor.take("at", "on", "in", "every")
    cursor.take("a")
    is_first = cursor.take("cycle") is not None
    if is_first and cursor.take("of") is None:
        return None
    number = cursor.take("number")
    cursor.take("hyphen")
    unit = cursor.take("unit")
    cursor.take("hyphen")
    if not number or not unit or (not is_first and cursor.take("cycle") is None):
        return None
    return number, unit


def _every_nth(cursor: Cursor) -> tuple[int, str] | None:
    """Read second week, third day; but not the 3rd day of something."""
    number, unit = cursor.take("ordinal"), cursor.take("unit")
    if not number or number < 2 or not unit or cursor.sees("of"):  # noqa: PLR2004 the first of them is each
        return None
    if unit == "day" and number > _MOST_NTH_DAY:
        raise Unreadable(f"Say “every {number} days”, or “day {number} of every month”.")
    return number, unit


def _counted(cursor: Cursor, number: int) -> Parts | None:
    unit = cursor.take("unit")
    if not unit:
        return None
    is_short = cursor.tokens[cursor.position - 1].text == "h"
    seconds = cursor.attempt(lambda: _more(cursor, unit, is_short=is_short)) if unit in _SECONDS else None
    return {"rhythm": (number * _SECONDS[unit] + seconds, "second") if seconds else (number, unit)}


def _more(cursor: Cursor, unit: str, *, is_short: bool) -> int | None:
    """Read what a length has after its hours or minutes, in seconds: 1 hour 30 minutes; 1h30 when `is_short`."""
    if not cursor.sees("comma"):
        cursor.take("and")
    number = cursor.take("number")
    smaller = cursor.take("unit") or ("minute" if is_short else None)
    if number is None or smaller not in _SECONDS or cursor.sees("past", "before"):
        return None
    return number * _SECONDS[smaller] if _SECONDS[smaller] < _SECONDS[unit] else None


def _per(cursor: Cursor, _: Spoken) -> Parts | None:
    """Twice a day, three times every week, zweimal täglich."""
    count = cursor.take("count")
    if count is None:
        count = cursor.take("number")
        if count is None or cursor.take("times") is None:
            return None
    rhythm: tuple[int, str] | None = cursor.take("rhythm")
    if rhythm:
        return {"per": count, "rhythm": rhythm}
    unit = cursor.take("unit") if cursor.take("a", "every") is not None else None
    return {"per": count, "rhythm": (1, unit)} if unit else None


def _count(cursor: Cursor, _: Spoken) -> Parts | None:
    """For 10 times, only 3 times, once."""
    cursor.take("for")
    cursor.take("only")
    cursor.take("next")
    count = cursor.take("count")
    if count is None:
        count = cursor.take("number")
        if count is None or cursor.take("times") is None:
            return None
    return {"count": count}


# --- days of the week


def _days(cursor: Cursor, said: Spoken) -> Parts | None:
    """Every Monday, Mondays and Fridays, every other Monday, weekdays, Monday to Friday."""
    cursor.take("only")
    cursor.take("on")
    other = cursor.take("every_other_day")
    if other is not None:
        return {"rhythm": (2, "week"), "days": frozenset({other})}
    apart = cursor.attempt(lambda: _apart(cursor))
    found = cursor.listed(lambda: _day(cursor), *_AND)
    if not found:
        return None
    numbers = frozenset().union(*(numbers for numbers, _ in found))
    if apart and numbers >= WORKDAYS:
        raise Unreadable("Every second weekday is not the same days each week. Name the days.")
    is_repeated = len(numbers) > 1 or any(is_plural for _, is_plural in found) or apart is not None
    days = {"days": numbers, "is_repeated": is_repeated or said.is_repeated}
    return days | {"rhythm": (apart, "week")} if apart else days


def _apart(cursor: Cursor) -> int | None:
    """Read how many weeks lie between: every other Monday, every 3 Mondays; 0 for every Monday."""
    if cursor.take("every") is None:
        return None
    return 2 if cursor.take("other") else cursor.take("number") or 0


def _day(cursor: Cursor) -> tuple[frozenset[int], bool] | None:
    """Read a day, several days by one word, or a range of them; and whether it is said as one says what repeats."""
    cursor.take("on")
    is_every = cursor.take("every") is not None
    several: frozenset[int] | None = WORKDAYS if cursor.take("workday") else cursor.take("set")
    if several:
        return several, True
    first, is_plural = _weekday(cursor)
    if first is None:
        return None
    last = cursor.attempt(lambda: _weekday(cursor)[0] if cursor.take("to") is not None else None)
    if last is None:
        return frozenset({first}), is_plural or is_every
    return frozenset((first + step) % 7 for step in range((last - first) % 7 + 1)), True


def _weekday(cursor: Cursor) -> tuple[int | None, bool]:
    plural = cursor.take("days")
    return (plural, True) if plural is not None else (cursor.take("day"), False)


def _range(cursor: Cursor, said: Spoken) -> Parts | None:
    """From Monday to Friday, from June to August."""
    if cursor.take("from") is None:
        return None
    months = cursor.attempt(lambda: _month_range(cursor))
    if months:
        return {"months": months}
    days = _day(cursor)
    return {"days": days[0], "is_repeated": True} if days and len(days[0]) > 1 and said.days is None else None


# --- days of the month, months


def _nth(cursor: Cursor, said: Spoken) -> Parts | None:
    """The 1st and 15th of every month, every 3rd Thursday, last working day of the quarter, day 15."""
    is_on = cursor.take("on") is not None
    is_every = cursor.take("every") is not None
    nth = cursor.attempt(lambda: _ordinals(cursor)) or cursor.attempt(lambda: _numbers(cursor, said, is_on=is_on))
    if not nth:
        return None
    nth = replace(nth, short=limits.short(cursor))
    parts: dict[str, Any] = {"nth": nth}
    parts |= cursor.attempt(lambda: _within(cursor)) or {}
    nth = nth if nth.short else replace(nth, short=limits.short(cursor))
    if nth.short and max(nth.numbers) <= _IN_EVERY_MONTH.get(nth.of, _WEEKDAYS):
        raise Unreadable("Every month has such a day. Leave out what happens in a month without it.")
    if is_every or len(nth.numbers) > 1 or len(parts.get("months", ())) > 1:
        parts["is_repeated"] = True
    return parts | {"nth": nth}


def _ordinals(cursor: Cursor) -> Nth | None:
    numbers = _ascending([number for run in cursor.listed(lambda: _run(cursor), *_AND) for number in run])
    if not numbers or cursor.sees("month"):
        return None
    if cursor.take("workday"):
        return Nth(numbers, "workday")
    weekday, _ = _weekday(cursor)
    if weekday is not None:
        return Nth(numbers, weekday)
    if cursor.sees("unit"):
        return Nth(numbers) if cursor.take("unit") == "day" else None
    return Nth(numbers) if min(numbers) > 0 or cursor.sees("of") else None


def _run(cursor: Cursor) -> list[int] | None:
    """Read one ordinal, or a range of them: 1st to 5th."""
    first = _ordinal(cursor)
    if first is None:
        return None
    last = cursor.attempt(lambda: _ordinal(cursor) if cursor.take("to") is not None else None)
    return [first] if last is None else list(range(first, last + 1)) if 0 < first < last else None


def _ordinal(cursor: Cursor) -> int | None:
    is_on = cursor.take("on") is not None
    number: int | None = cursor.take("ordinal", "number") if is_on else cursor.take("ordinal")
    if number is not None and number > 0 and cursor.take("from_end") is not None:
        return -number
    return number


def _numbers(cursor: Cursor, said: Spoken, *, is_on: bool) -> Nth | None:
    """Read days said without an ending: day 15, on the 15 of each month, el 1 y el 15 de cada mes."""
    is_day = cursor.take("unit") == "day"
    numbers = cursor.listed(lambda: _number(cursor), *_AND)
    is_of = cursor.sees("of")
    place = cursor.position
    is_monthly = bool(said.rhythm and said.rhythm[1] in {"month", "quarter"}) or _within(cursor) is not None
    cursor.position = place
    is_told = is_day or ((is_on or is_of) and is_monthly and not cursor.sees("oclock", "half"))
    return Nth(_ascending(numbers)) if numbers and is_told else None


def _ascending(numbers: Sequence[int]) -> tuple[int, ...]:
    """Return each number once, those from the end last."""
    return tuple(sorted(set(numbers), key=lambda number: (number < 0, number)))


def _number(cursor: Cursor) -> int | None:
    cursor.take("on")
    return cast("int | None", cursor.take("number"))


def _within(cursor: Cursor) -> Parts | None:
    """Of the month, in each quarter, of January and July."""
    cursor.take("of", "in")
    is_every = cursor.take("every") is not None
    unit = cursor.take("unit")
    if unit in {"month", "quarter", "year"}:
        parts = {"within": unit}
        return parts | {"is_repeated": True} if is_every else parts
    months = cursor.listed(lambda: cursor.take("month"), *_AND)
    return {"months": frozenset(months), "within": "months"} if months and not unit else None


def _edge(cursor: Cursor, _: Spoken) -> Parts | None:
    """End of the month, start of each quarter."""
    cursor.take("at", "on", "in")
    told: tuple[str, str] | None = cursor.take("edge")
    if told:
        return {"edge": told[0], "within": told[1]}
    cursor.take("every")
    edge = next((edge for edge in ("ends", "begins") if cursor.take(edge) is not None), None)
    within = _within(cursor) if edge else None
    return {"edge": edge, **within} if within and "months" not in within else None


def _months(cursor: Cursor, _: Spoken) -> Parts | None:
    """In December, every June and July, only in May."""
    cursor.take("only")
    is_told = cursor.take("in", "of") is not None
    is_every = cursor.take("every") is not None
    months = _month_names(cursor)
    if not months or not (is_told or is_every):
        return None
    return {"months": months} | ({"rhythm": (1, "year")} if is_every and not is_told else {})


def _month_names(cursor: Cursor) -> frozenset[int]:
    several = cursor.attempt(lambda: _month_range(cursor))
    return several or frozenset(cursor.listed(lambda: cursor.take("month"), *_AND))


def _month_range(cursor: Cursor) -> frozenset[int] | None:
    first = cursor.take("month")
    last = cursor.take("month") if first and cursor.take("to") is not None else None
    if first is None or last is None or cursor.sees("number", "ordinal"):
        return None
    return frozenset((first - 1 + step) % 12 + 1 for step in range((last - first) % 12 + 1))


# --- what is left out


def _except(cursor: Cursor, said: Spoken) -> Parts | None:
    """Except Sundays, but not in August, except on the 1st."""
    if cursor.take("except") is None:
        return None
    months = cursor.attempt(lambda: _months(cursor, Spoken())) or {"months": _month_names(cursor)}
    if months["months"]:
        return {"not_months": months["months"]}
    days = cursor.attempt(lambda: _days(cursor, Spoken()))
    if days and "rhythm" not in days:
        return {"not_days": days["days"]}
    nth = cursor.attempt(lambda: _nth(cursor, said))
    if nth and nth["nth"].of == "day" and "months" not in nth and min(nth["nth"].numbers) > 0:
        return {"not_monthdays": frozenset(nth["nth"].numbers)}
    raise Unreadable("Only weekdays, months and days of the month can be left out. Say the exception another way.")


def _if_day(cursor: Cursor, _: Spoken) -> Parts | None:
    """If it is a Friday: the other days of the week are left out."""
    if cursor.take("if_it_is") is None:
        return None
    found = cursor.listed(lambda: _day(cursor), "or")
    return {"not_days": _WEEK.difference(*(numbers for numbers, _ in found))} if found else None


_CLAUSES: Sequence[Callable[[Cursor, Spoken], Parts | None]] = (
    limits.zone, _except, _if_day, _range, limits.since, limits.until, _per, _rhythm, _count,
    limits.delay, limits.dates, limits.one_day, _edge, _nth, _days, times.window, times.marks, times.times, _months,
    times.part,
)  # fmt: skip
