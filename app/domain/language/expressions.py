"""Days and times -> the expression of a trigger: cron where cron says it exactly, else an RRULE."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import groupby, pairwise
from typing import Literal

from app.domain.language.spoken import Nth, Unreadable
from app.domain.rrule import WEEKDAYS

_LONGEST = 500
_EVERY_MONTH_HAS = {"day": 28}
"""So many days each month has; of each weekday it has four."""

_MOST_SINGLE, _MOST_LISTED = 2, 7
_ALL_MINUTES, _ALL_HOURS = range(60), range(24)
_MONDAY_TO_FRIDAY = frozenset({1, 2, 3, 4, 5})


@dataclass(frozen=True)
class Pattern:
    """On which days, at which times; None is every one. Weekdays count from Sunday, 0; `times` ascend.

    Every `interval` periods of `freq`. `is_rhythm`: the times are an even step through the day, said as such.
    """

    freq: Literal["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
    times: tuple[time, ...] = ()
    interval: int = 1
    weekdays: frozenset[int] | None = None
    nth: Nth | None = None
    months: frozenset[int] | None = None
    is_rhythm: bool = False

    @property
    def hours(self) -> list[int]:
        """The hours in which it runs."""
        return sorted({at.hour for at in self.times})

    @property
    def minutes(self) -> list[int]:
        """The minutes past some hour at which it runs."""
        return sorted({at.minute for at in self.times})

    @property
    def is_grid(self) -> bool:
        """Whether it runs in each of its hours at each of its minutes."""
        return len(self.times) == len(self.hours) * len(self.minutes)


def cron(pattern: Pattern) -> str | None:
    """Return the pattern in five fields, None when cron can't say it exactly."""
    nth = pattern.nth
    is_plain = nth is None or (nth.of == "day" and min(nth.numbers) > 0 and nth.short != "last")
    if pattern.interval > 1 or not pattern.is_grid or not is_plain or (nth and pattern.weekdays):
        return None
    fields = (
        _even(pattern.minutes, _ALL_MINUTES) if pattern.is_rhythm else _joined(pattern.minutes),
        _ranged(pattern.hours) if pattern.is_rhythm else _joined(pattern.hours),
        _numbers(sorted(nth.numbers)) if nth else "*",
        _joined(sorted(pattern.months)) if pattern.months else "*",
        _weekdays(pattern.weekdays) if pattern.weekdays else "*",
    )
    return " ".join(fields)


def rrule(pattern: Pattern, first: date | None) -> str:
    """Return the pattern as an RRULE; with an interval above 1 it counts from `first`, the day it begins.

    Raises Unreadable when its times are too many to write down, or no part of an RRULE says them.
    """
    by = {
        "INTERVAL": [pattern.interval] if pattern.interval > 1 else [],
        "BYMONTH": sorted(pattern.months or ()),
        **_by_days(pattern),
        "BYHOUR": pattern.hours,
        "BYMINUTE": pattern.minutes,
        "BYSETPOS": _places(pattern),
    }
    parts = [f"{name}={_joined(values)}" for name, values in by.items() if values]
    start = f"DTSTART:{datetime.combine(first, pattern.times[0]):%Y%m%dT%H%M%S}\n" if first else ""
    text = f"{start}RRULE:{';'.join([f'FREQ={pattern.freq}', *parts])}"
    if len(text) > _LONGEST:
        raise Unreadable("These are too many times for one schedule. Write fewer, or a wider step.")
    return text


def _by_days(pattern: Pattern) -> dict[str, Sequence[object]]:
    nth, codes = pattern.nth, [_code(day) for day in sorted(pattern.weekdays or (), key=lambda day: day or 7)]
    if nth is None:
        return {"BYDAY": codes}
    if nth.of == "workday":
        return {"BYDAY": [_code(day) for day in sorted(_MONDAY_TO_FRIDAY)]}
    if nth.of != "day":
        return {"BYDAY": [f"{number}{_code(nth.of)}" for number in nth.numbers]}
    days = range(28, nth.numbers[0] + 1) if nth.short == "last" else sorted(nth.numbers, key=lambda day: (day < 0, day))
    return {"BYMONTHDAY": list(days), "BYDAY": codes}


def _places(pattern: Pattern) -> list[int]:
    """Return which times of a period are meant, counted from its beginning or its end, where not all of them are."""
    nth = pattern.nth
    all_times = [time(hour, minute) for hour in pattern.hours for minute in pattern.minutes]
    wanted = [all_times.index(at) for at in pattern.times]
    if nth and (nth.of == "workday" or nth.short == "last"):
        numbers = nth.numbers if nth.of == "workday" else (-1,)
        return [_place(number, place, len(all_times)) for number in numbers for place in wanted]
    if pattern.is_grid:
        return []
    days = 1
    if nth or pattern.freq == "WEEKLY":
        days = len(nth.numbers if nth else pattern.weekdays or ())
        if days > 1 and nth and max(map(abs, nth.numbers)) > _EVERY_MONTH_HAS.get(str(nth.of), 4):
            raise Unreadable("These times need a schedule each. Write the first one, and add the others below it.")
    return [day * len(all_times) + place + 1 for day in range(days) for place in wanted]


def _place(number: int, place: int, size: int) -> int:
    return (number - 1) * size + place + 1 if number > 0 else number * size + place


def _code(weekday: int) -> str:
    return WEEKDAYS[(weekday - 1) % 7]


def _joined(values: Collection[object]) -> str:
    return ",".join(map(str, values))


def _even(numbers: Sequence[int], whole: range) -> str:
    """Write numbers that go evenly through the whole field as `*` or `*/15`, others as a list."""
    step = len(whole) // len(numbers)
    if list(numbers) == list(whole)[::step]:
        return "*" if step == 1 else f"*/{step}" if len(numbers) > 1 else _joined(numbers)
    return _joined(numbers)


def _ranged(numbers: Sequence[int]) -> str:
    """Write numbers as one range with its step, where they are that; else three or more in a row as a range."""
    steps = {later - earlier for earlier, later in pairwise(numbers)}
    if len(numbers) > _MOST_SINGLE and len(steps) == 1 and (step := steps.pop()) > 1:
        return f"{numbers[0]}-{numbers[-1]}/{step}"
    in_a_row = groupby(enumerate(numbers), key=lambda place: place[1] - place[0])
    runs = [[number for _, number in run] for _, run in in_a_row]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > _MOST_SINGLE else _joined(run) for run in runs)


def _numbers(days: Sequence[int]) -> str:
    return _ranged(days) if len(days) > _MOST_LISTED else _joined(days)


def _weekdays(days: frozenset[int]) -> str:
    return "1-5" if days == _MONDAY_TO_FRIDAY else _joined(sorted(days))
