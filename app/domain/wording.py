"""Times in words: days of all kinds, clock times, lists, stretches of time."""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WORKDAYS = frozenset({1, 2, 3, 4, 5})
_WEEKEND = frozenset({0, 6})
_LENGTHS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
ANY_DAY, ANY_MONTH, ANY_WEEKDAY = frozenset(range(1, 32)), frozenset(range(1, 13)), frozenset(range(7))
_LENGTHS_OF_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))


def day(local: date) -> str:
    """Write a day: `Tue 24 Nov 2026`."""
    return f"{local:%a} {local.day} {local:%b %Y}"


def clock(local: datetime | time) -> str:
    """Write a time of day: `09:00`, with seconds only where there are some."""
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def weekday(number: int) -> str:
    """Name a day of the week, Sunday 0."""
    return _WEEKDAYS[number % 7]


def month(number: int) -> str:
    """Name a month, January 1."""
    return _MONTHS[number - 1]


def counted(number: int, unit: str) -> str:
    """Write a number of units after "every": `hour`, `2 weeks`."""
    return unit if number == 1 else f"{number:,} {unit}s"


def times(number: int) -> str:
    """Write how many times: `Once`, `Twice`, `3 times`."""
    return {1: "Once", 2: "Twice"}.get(number, f"{number:,} times")


def listed(words: Sequence[str]) -> str:
    """Join words as in a sentence: `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def elapsed(span: timedelta) -> str:
    """Write a stretch of time after "every": `minute`, `90 seconds`, `24 hours`, `36 hours`, `168 hours (7 days)`."""
    seconds = round(span.total_seconds())
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    number = seconds // size
    words = unit if number == 1 else f"{number:,} {unit}s"
    return f"{words} ({span.days} days)" if span.days > 1 and span == timedelta(span.days) else words


def duration(seconds: float | timedelta) -> str:
    """Say a length of time in its two largest units: 8 ms, 0.4 s, 12 s, 3 min 4 s, 2 h 5 min, 3 d 4 h."""
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if 0 < total < 0.1:  # noqa: PLR2004 0.0 s tells nothing
        return f"{max(1, round(total * 1000))} ms"
    if total < 10:  # noqa: PLR2004 below ten seconds tenths tell something
        return f"{total:.1f}".removesuffix(".0") + " s"
    rest = round(total)
    for (unit_seconds, unit), (part_seconds, part) in pairwise(_LENGTHS):
        if rest >= unit_seconds:
            count, left = divmod(rest, unit_seconds)
            return f"{count} {unit} {left // part_seconds} {part}" if left >= part_seconds else f"{count} {unit}"
    return f"{rest} s"


def about(seconds: float) -> str:
    """Say a length of time that is only expected, no finer than that is known: 40 s, 3 min 20 s, 17 min, 2 h 5 min."""
    step = next((step for most, step in _COARSE if seconds < most), 300)
    return duration(seconds if step is None else round(seconds / step) * step)


_COARSE = ((60, None), (600, 10), (3600, 60))
"""Below so many seconds in steps of so many."""


def limits(starts: datetime | None, ends: datetime | None) -> str:
    """Say from when and until when (local, both included) as the end of a sentence; a full day without its clock."""
    since = f", from {_limit(starts, time())}" if starts else ""
    return since + (f", until {_limit(ends, time(23, 59, 59))}" if ends else "")


def _limit(local: datetime, whole_day: time) -> str:
    return day(local) if local.time().replace(microsecond=0) == whole_day else f"{day(local)} at {clock(local)}"


# --- days that come again


def weekdays(numbers: Collection[int], *, is_plural: bool = False) -> str:
    """Name days of the week (Sunday 0) after "every", or in the plural after "on"."""
    names = {WORKDAYS: "weekday", ANY_WEEKDAY: "day"}
    names |= {_WEEKEND: "weekend"} if is_plural else {}
    ending = "s" if is_plural else ""
    name = names.get(frozenset(numbers))
    week = sorted(numbers, key=lambda number: number or 7)
    return f"{name}{ending}" if name else listed([f"{_WEEKDAYS[number]}{ending}" for number in week])


def but_weekdays(numbers: Collection[int]) -> str:
    """Say which days of the week are left out, or which few are left; nothing when all are."""
    left = ANY_WEEKDAY - set(numbers or ANY_WEEKDAY)
    if 0 < len(numbers) < len(left):
        return (
            f", if it is a {' or '.join(weekdays({number}) for number in sorted(numbers, key=lambda day: day or 7))},"
        )
    return f" except on {weekdays(left, is_plural=True)}" if left else ""


def months(numbers: Collection[int]) -> str:
    """Name months: `January and July`."""
    return listed([_MONTHS[number - 1] for number in sorted(numbers)])


def in_months(numbers: Collection[int]) -> str:
    """Say in which months, as the end of a sentence; nothing for every month, and the rest where few are left out."""
    if frozenset(numbers) in {frozenset(), ANY_MONTH}:
        return ""
    return f" except in {months(ANY_MONTH - set(numbers))}" if is_most(numbers) else f" in {months(numbers)}"


def is_most(numbers: Collection[int]) -> bool:
    """Whether so few months are left out that these are named."""
    return 9 <= len(numbers) < len(ANY_MONTH)  # noqa: PLR2004 three are few


def monthdays(numbers: Sequence[int], of: Collection[int]) -> str:
    """Say days of the month, negative ones from its end: `on the 1st of every month`, `every year on 24 December`."""
    short = not _has_each(numbers, of)
    if frozenset(of) in {frozenset(), ANY_MONTH} or is_most(of):
        return f"on the {nths(numbers)} of every month{' that has one' if short else ''}{in_months(of)}"
    if len(of) > 1:
        return f"on the {nths(numbers)} of {months(of)}{', if there is one,' if short else ''}"
    if len(numbers) == 1 and numbers[0] > 0:
        return f"every year on {numbers[0]} {months(of)}{', if there is one,' if short else ''}"
    return f"every year on the {nths(numbers)} of {months(of)}"


def nths(numbers: Collection[int], what: str = "") -> str:
    """Write n-th days, from the end when negative: `1st and 15th`, `last day`, `2nd to last Friday`."""
    ascending = sorted(number for number in numbers if number > 0)
    words = [runs(ascending, ordinal)] if ascending else []
    words += ["last" if number == -1 else f"{ordinal(-number)} to last" for number in sorted(numbers) if number < 0]
    what = what or ("day" if min(numbers) < 0 else "")
    return f"{listed(words)} {what}".strip()


def _has_each(numbers: Sequence[int], of: Collection[int]) -> bool:
    """Whether each of the months has these days, or they are part of a run up to its end."""
    most = min(_LENGTHS_OF_MONTHS[number - 1] for number in of or ANY_MONTH)
    return all(number <= most or number - 1 in numbers for number in numbers)


def runs(numbers: Sequence[int], write: Callable[[int], str] = str) -> str:
    """Write ascending numbers, three or more in a row as a range: `1, 2 and 5 to 9`."""
    words: list[str] = []
    start = 0
    for end in range(1, len(numbers) + 1):
        if end < len(numbers) and numbers[end] == numbers[end - 1] + 1:
            continue
        run = numbers[start:end]
        words += [f"{write(run[0])} to {write(run[-1])}"] if len(run) > 2 else [write(number) for number in run]  # noqa: PLR2004 a range has at least three
        start = end
    return listed(words)


def ordinal(number: int) -> str:
    """Write a place in a row: `1st`, `22nd`."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number < 14 else ending}"  # noqa: PLR2004 eleventh to thirteenth
