"""Times and rules in words: days, clock times, stretches of time, and what a cron rule means."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from app.domain.cron import Cron

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_WORKDAYS = frozenset({1, 2, 3, 4, 5})
_WEEKEND = frozenset({0, 6})
_LENGTHS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_ANY_DAY, _ANY_MONTH, _ANY_WEEKDAY = frozenset(range(1, 32)), frozenset(range(1, 13)), frozenset(range(7))
_UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))

MOST_TIMES = 6
"""So many times of a day are named one by one."""


def day(local: date) -> str:
    """Write a day: `Tue 24 Nov 2026`."""
    return f"{local:%a} {local.day} {local:%b %Y}"


def clock(local: datetime | time) -> str:
    """Write a time of day: `09:00`, with seconds only where there are some."""
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


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


def cron(rule: Cron) -> str:
    """Say a cron rule in words: "Every weekday at 09:00", "Every 15 minutes from 08:00 to 17:45 on weekdays"."""
    rhythm = _rhythm(rule)
    if rhythm:
        on = _on(rule)
        return f"Every {rhythm} {on}" if on else f"Every {rhythm}"
    return f"{_every(rule)} {_at(rule)}"


def _rhythm(rule: Cron) -> str:
    """Return the even step through the day, if there is one: `2 hours from 08:00 to 18:00`."""
    minutes = [moment.hour * 60 + moment.minute for moment in rule.times]
    steps = {later - earlier for earlier, later in pairwise(minutes)}
    if len(steps) != 1 or len(minutes) < 3:  # noqa: PLR2004 two times are no rhythm yet
        return ""
    step = steps.pop()
    words = elapsed(timedelta(minutes=step))
    if step * len(minutes) < 24 * 60 or minutes[0]:
        return f"{words} from {clock(rule.times[0])} to {clock(rule.times[-1])}"
    return words


def _at(rule: Cron) -> str:
    if len(rule.times) <= MOST_TIMES:
        return f"at {listed([clock(moment) for moment in rule.times])}"
    minutes = "minute" if len(rule.minutes) == 1 else "minutes"
    past = f"at {minutes} {_numbers(rule.minutes)} past"
    return f"{past} every hour" if len(rule.hours) == len(range(24)) else f"{past} the hours {_numbers(rule.hours)}"


def _every(rule: Cron) -> str:
    if rule.days == _ANY_DAY and not rule.is_either:
        names = {_WORKDAYS: "weekday", _ANY_WEEKDAY: "day"}
        what = names.get(rule.weekdays) or listed([_WEEKDAYS[number] for number in _week(rule)])
        return f"Every {what}{_in(rule)}"
    on = _on(rule)
    return on[0].upper() + on[1:]


def _on(rule: Cron) -> str:
    """Return the days as the end of a sentence; empty when it is every day."""
    names = {_WORKDAYS: "weekdays", _WEEKEND: "weekends"}
    weekdays = names.get(rule.weekdays) or listed([f"{_WEEKDAYS[number]}s" for number in _week(rule)])
    days = _numbers(sorted(rule.days), _ordinal)
    of = _in(rule).removeprefix(" in ")
    of = f"of {of}" if of else "of every month"
    if rule.is_either:
        return f"on the {days} {of} and on {weekdays}{_in(rule)}"
    if rule.days == _ANY_DAY:
        return f"{'' if rule.weekdays == _ANY_WEEKDAY else f'on {weekdays}'}{_in(rule)}".strip()
    if rule.weekdays == _ANY_WEEKDAY:
        return f"on the {days} {of}"
    return f"on {weekdays} that are the {days} {of}"


def _in(rule: Cron) -> str:
    if rule.months == _ANY_MONTH:
        return ""
    return f" in {listed([_MONTHS[number - 1] for number in sorted(rule.months)])}"


def _week(rule: Cron) -> list[int]:
    return sorted(rule.weekdays, key=lambda number: number or 7)


def _numbers(numbers: Sequence[int], write: Callable[[int], str] = str) -> str:
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


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number < 14 else ending}"  # noqa: PLR2004 eleventh to thirteenth
