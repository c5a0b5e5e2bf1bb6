"""Cron in its five fields, as in cron(8): parsed once, then wall times day by day."""

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time
from functools import lru_cache

from app.domain.localtime import TriggerError


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    _Field("day of week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_PART = re.compile(r"(\*|[0-9]{1,4}|[a-z]{3})(?:-([0-9]{1,4}|[a-z]{3}))?(?:/([0-9]{1,4}))?")
_LONGEST = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


@dataclass(frozen=True)
class Cron:
    """What the five fields allow. Weekdays count from 0, Sunday.

    `is_either`: both day fields are restricted, so a day that satisfies one of them is enough. `is_wildcard`: the
    minute or hour field begins with `*`, so it follows every real minute instead of fixed times.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    times: tuple[time, ...]
    is_either: bool
    is_wildcard: bool

    def walls(self, since: datetime) -> Iterator[datetime]:
        """Yield the naive wall times from `since` on (included), ascending, to the end of the calendar."""
        first = bisect_left(self.times, since.time())
        for day in self._days(since.date()):
            for moment in self.times[first:] if day == since.date() else self.times:
                yield datetime.combine(day, moment)

    def allows(self, day: date) -> bool:
        """Whether it runs on this day."""
        is_day, is_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        is_right = is_day or is_weekday if self.is_either else is_day and is_weekday
        return is_right and day.month in self.months

    def _days(self, since: date) -> Iterator[date]:
        year, month, first = since.year, since.month, since.day
        while year < MAXYEAR:
            if month in self.months:
                for number in range(first, monthrange(year, month)[1] + 1):
                    day = date(year, month, number)
                    if self.allows(day):
                        yield day
            first = 1
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004 months of a year


@lru_cache(maxsize=4096)
def parse(expression: str) -> Cron:
    """Read five fields: names, ranges, lists, steps, 0 and 7 for Sunday; raise TriggerError for anything else."""
    texts = expression.lower().split()
    if len(texts) != len(_FIELDS):
        raise TriggerError(
            f"Cron has five fields (minute, hour, day of month, month, day of week); here are {len(texts)}. "
            "Write for example “0 9 * * 1-5”."
        )
    minutes, hours, days, months, weekdays = (_read(field, text) for field, text in zip(_FIELDS, texts, strict=True))
    cron = Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        times=tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)),
        is_either=not texts[2].startswith("*") and not texts[4].startswith("*"),
        is_wildcard=texts[0].startswith("*") or texts[1].startswith("*"),
    )
    if not cron.is_either and all(min(days) > _LONGEST.get(month, 31) for month in months):
        raise TriggerError(f"“{expression}” never runs: no such month has a day {min(days)}. Choose an earlier day.")
    return cron


def _read(field: _Field, text: str) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _read_part(field, part))


def _read_part(field: _Field, part: str) -> range:
    match = _PART.fullmatch(part)
    if not match or (match[1] == "*" and match[2]):
        raise TriggerError(
            f"“{part}” can't be read in the {field.name} field. Use numbers, names, ranges (1-5), lists (1,15) and "
            "steps (*/10)."
        )
    first, last, step = match.groups()
    if step and first != "*" and not last:
        raise TriggerError(
            f"“{part}” has a step but no range. Write {first}-{field.high}/{step} in the {field.name} field."
        )
    if first == "*":
        low, high = field.low, field.high
    else:
        low = _value(field, first)
        high = _value(field, last) if last else low
    if field.names and high == 0 < low:
        high = 7  # sat-sun: the week ends with Sunday as well as it begins with it
    if high < low:
        raise TriggerError(f"“{part}” in the {field.name} field ends before it begins. Write it as two ranges.")
    return range(low, high + 1, _step(field, step) if step else 1)


def _value(field: _Field, text: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    if text.isdigit() and field.low <= int(text) <= field.high:
        return int(text)
    raise TriggerError(f"“{text}” is no {field.name}. It goes from {field.low} to {field.high}.")


def _step(field: _Field, text: str) -> int:
    if 0 < int(text) <= field.high:
        return int(text)
    raise TriggerError(
        f"A step of {text} does not fit the {field.name} field, which goes to {field.high}. "
        "For a longer rhythm use an interval such as 90m."
    )
