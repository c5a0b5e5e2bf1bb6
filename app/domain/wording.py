"""Times and rules in words: days, clock times, stretches of time, and what a cron rule means."""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from app.domain.cron import Cron
from app.domain.rrule import Rule

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_WORKDAYS = frozenset({1, 2, 3, 4, 5})
_WEEKEND = frozenset({0, 6})
_LENGTHS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_ANY_DAY, _ANY_MONTH, _ANY_WEEKDAY = frozenset(range(1, 32)), frozenset(range(1, 13)), frozenset(range(7))
_LENGTHS_OF_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))

MOST_TIMES = 6
"""So many times of a day are named one by one."""


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


def limits(starts: datetime | None, ends: datetime | None) -> str:
    """Say from when and until when (local, both included) as the end of a sentence; a full day without its clock."""
    since = f", from {_limit(starts, time())}" if starts else ""
    return since + (f", until {_limit(ends, time(23, 59, 59))}" if ends else "")


def _limit(local: datetime, whole_day: time) -> str:
    return day(local) if local.time().replace(microsecond=0) == whole_day else f"{day(local)} at {clock(local)}"


def at(moments: Sequence[time]) -> str:
    """Say times of a day: an even step as `2 hours from 08:00 to 18:00`, else `at 09:00 and 17:30`."""
    return _step(moments) or f"at {listed([clock(moment) for moment in moments])}"


def _step(moments: Sequence[time], *, is_every_day: bool = False) -> str:
    """Return the even step through the day, if there is one: `2 hours from 08:00 to 18:00`.

    When it is the same every day the step may go on past midnight.
    """
    if is_every_day:
        moments = _from_the_widest_gap(moments)
    minutes = [moment.hour * 60 + moment.minute for moment in moments]
    steps = {(later - earlier) % (24 * 60) for earlier, later in pairwise(minutes)}
    if len(steps) != 1 or len(minutes) < 3 or any(moment.second for moment in moments):  # noqa: PLR2004 two times are no rhythm yet
        return ""
    step = steps.pop()
    words = elapsed(timedelta(minutes=step))
    first = minutes[0]
    if first and 60 % step == 0 and 60 // step <= MOST_TIMES and step < 60:  # noqa: PLR2004 minutes of an hour
        return ""  # said as minutes past every hour
    if step * len(minutes) < 24 * 60 or (first and (step % 60 or first >= 60)):  # noqa: PLR2004 minutes of an hour
        return f"{words} from {clock(moments[0])} to {clock(moments[-1])}"
    return f"{words}, {first} {'minute' if first == 1 else 'minutes'} past" if first else words


def _from_the_widest_gap(moments: Sequence[time]) -> Sequence[time]:
    """Return the times beginning after their longest pause, the night where they are as far apart."""
    minutes = [moment.hour * 60 + moment.minute for moment in moments]
    gaps = [(minute - earlier) % (24 * 60) or 24 * 60 for earlier, minute in zip([minutes[-1], *minutes], minutes, strict=False)]
    first = gaps.index(max(gaps))
    return [*moments[first:], *moments[:first]]


# --- cron


def cron(rule: Cron) -> str:
    """Say a cron rule in words: "Every weekday at 09:00", "Every 15 minutes from 08:00 to 17:45 on weekdays"."""
    rhythm = _step(rule.times, is_every_day=not _on(rule)) or _past(rule)
    if rhythm:
        on = _on(rule)
        return f"Every {rhythm} {on}" if on else f"Every {rhythm}"
    return f"{_every(rule)} {_at(rule)}"


def _past(rule: Cron) -> str:
    is_uneven = 1 < len(rule.minutes) <= MOST_TIMES and len(rule.hours) == len(range(24))
    return f"hour, {_numbers(rule.minutes)} minutes past" if is_uneven else ""


def _at(rule: Cron) -> str:
    if len(rule.times) <= MOST_TIMES:
        return f"at {listed([clock(moment) for moment in rule.times])}"
    minutes = "minute" if len(rule.minutes) == 1 else "minutes"
    past = f"at {minutes} {_numbers(rule.minutes)} past"
    return f"{past} every hour" if len(rule.hours) == len(range(24)) else f"{past} the hours {_numbers(rule.hours)}"


def _every(rule: Cron) -> str:
    if not rule.is_either and (rule.days == _ANY_DAY or _left_out(rule.days)):
        return f"Every {weekdays(rule.weekdays)}{_in(rule.months)}{_but(rule.days)}"
    on = _on(rule)
    return on[0].upper() + on[1:]


def _on(rule: Cron) -> str:
    """Return the days as the end of a sentence; empty when it is every day."""
    week = "" if rule.weekdays == _ANY_WEEKDAY else f"on {weekdays(rule.weekdays, is_plural=True)}"
    monthdays = on_monthdays(sorted(rule.days), rule.months)
    if rule.is_either:
        return f"{monthdays} and {week}{_in(rule.months)}"
    if rule.days == _ANY_DAY or _left_out(rule.days):
        return f"{week}{_in(rule.months)}{_but(rule.days)}".strip()
    return f"{week} that are {monthdays.removeprefix('on ')}" if week else monthdays


def weekdays(numbers: Collection[int], *, is_plural: bool = False) -> str:
    """Name days of the week (Sunday 0) after "every", or in the plural after "on"."""
    names = {_WORKDAYS: "weekday", _ANY_WEEKDAY: "day"}
    names |= {_WEEKEND: "weekend"} if is_plural else {}
    ending = "s" if is_plural else ""
    name = names.get(frozenset(numbers))
    week = sorted(numbers, key=lambda number: number or 7)
    return f"{name}{ending}" if name else listed([f"{_WEEKDAYS[number]}{ending}" for number in week])


def on_monthdays(numbers: Sequence[int], months: Collection[int], what: str = "") -> str:
    """Say the n-th days of months: `on the 1st of every month`, `every year on 24 December`; `what` is counted."""
    short = "" if what or _has_each(numbers, months) else " that has one"
    if frozenset(months) in {frozenset(), _ANY_MONTH}:
        return f"on the {nths(numbers, what)} of every month{short}"
    names = listed([_MONTHS[number - 1] for number in sorted(months)])
    if _is_most(months):
        return f"on the {nths(numbers, what)} of every month{short}{_in(months)}"
    if len(months) > 1:
        return f"on the {nths(numbers, what)} of {names}{short and ', if there is one'}"
    if not what and len(numbers) == 1 and numbers[0] > 0:
        return f"every year on {numbers[0]} {names}{short and ', if there is one,'}"
    return f"every year on the {nths(numbers, what)} of {names}"


def nths(numbers: Sequence[int], what: str = "") -> str:
    """Write n-th days, from the end when negative: `1st and 15th`, `last day`, `2nd to last Friday`."""
    ascending = sorted(number for number in numbers if number > 0)
    words = [_numbers(ascending, _ordinal)] if ascending else []
    words += ["last" if number == -1 else f"{_ordinal(-number)} to last" for number in sorted(numbers) if number < 0]
    what = what or ("day" if min(numbers) < 0 else "")
    return f"{listed(words)} {what}".strip()


def _has_each(numbers: Sequence[int], months: Collection[int]) -> bool:
    """Whether each of the months has these days, or they are part of a run up to its end."""
    most = min(_LENGTHS_OF_MONTHS[number - 1] for number in months or _ANY_MONTH)
    return all(number <= most or number - 1 in numbers for number in numbers)


def _left_out(days: Collection[int]) -> list[int]:
    """Return the days of the month that are left out, where these are few."""
    left = sorted(_ANY_DAY - set(days))
    return left if 0 < len(left) <= MOST_TIMES else []


def _but(days: Collection[int]) -> str:
    left = _left_out(days)
    return f" except on the {nths(left)}" if left else ""


def _in(months: Collection[int]) -> str:
    if frozenset(months) in {frozenset(), _ANY_MONTH}:
        return ""
    if _is_most(months):
        return f" except in {listed([_MONTHS[number - 1] for number in sorted(_ANY_MONTH - set(months))])}"
    return f" in {listed([_MONTHS[number - 1] for number in sorted(months)])}"


def _is_most(months: Collection[int]) -> bool:
    """Whether so few months are left out that these are named."""
    return 9 <= len(months) < len(_ANY_MONTH)  # noqa: PLR2004 three are few


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


# --- RRULE

_PERIODS = {
    "YEARLY": "year", "MONTHLY": "month", "WEEKLY": "week", "DAILY": "day", "HOURLY": "hour", "MINUTELY": "minute",
    "SECONDLY": "second",
}  # fmt: skip


def rrule(rule: Rule) -> str:
    """Say an RRULE in words: "Every 2 weeks on Monday at 09:00, from Mon 30 Nov 2026"."""
    numbers, moments, rest = _picked(rule)
    on = _rule_days(rule, numbers)
    if _PERIODS[rule.freq] in {"hour", "minute", "second"}:
        words = f"Every {counted(rule.interval, _PERIODS[rule.freq])}{_rule_hours(rule)}{on and f' {on}'}"
    elif step := _step(moments):
        words = f"Every {step} {_rule_days(rule, numbers, is_after_step=True)}".rstrip()
    else:
        words = f"{on[0].upper()}{on[1:]} {at(moments)}"
    ends = f", {rule.count:,} times" if rule.count else ""
    return f"{words}{rest}{limits(_rule_start(rule), rule.until)}{ends}"


def _rule_start(rule: Rule) -> datetime | None:
    if rule.dtstart is None:
        return None
    return datetime.combine(rule.dtstart, time()) if rule.byhour else rule.dtstart


def _picked(rule: Rule) -> tuple[tuple[int, ...], list[time], str]:
    """Return which of the days that qualify are meant (none: all), the times of the day, and what is left to say.

    BYSETPOS counts days and times together; where it takes the same times of each day it can be said apart.
    """
    start = rule.dtstart or datetime.min
    hours, minutes = rule.byhour or (start.hour,), rule.byminute or (start.minute,)
    moments = [time(hour, minute, second) for hour in hours for minute in minutes for second in rule.bysecond or (start.second,)]
    if not rule.bysetpos:
        return (), moments, ""
    size, by_day = len(moments), dict[int, list[int]]()
    for place in rule.bysetpos:
        number = (place - 1) // size + 1 if place > 0 else (place + 1) // size - 1 if (place + 1) % size == 0 else place // size
        by_day.setdefault(number, []).append((place - 1) % size if place > 0 else place % size)
    taken = sorted(map(sorted, by_day.values()))
    if taken[0] != taken[-1]:
        return (), moments, f", of these times of a {_PERIODS[rule.freq]} only {listed([nths([n], 'one') for n in rule.bysetpos])}"
    chosen = [moments[place] for place in taken[0]]
    return ((), chosen, "") if rule.freq == "DAILY" or _is_each_day(rule, by_day) else (tuple(by_day), chosen, "")


def _is_each_day(rule: Rule, by_day: Collection[int]) -> bool:
    """Whether every day that qualifies is among those counted."""
    days = len(rule.byday) or len(rule.bymonthday)
    is_fixed = rule.freq == "WEEKLY" or any(number for number, _ in rule.byday) or not rule.byday
    return is_fixed and sorted(by_day) == list(range(1, days + 1)) and not _is_or_last(rule)


def _is_or_last(rule: Rule) -> bool:
    days = rule.bymonthday
    return bool(rule.bysetpos) and rule.bysetpos[0] < 0 and days == tuple(range(28, 28 + len(days))) and len(days) > 1


def _rule_days(rule: Rule, numbers: tuple[int, ...], *, is_after_step: bool = False) -> str:
    """Say on which days: `every day`, `every 2 weeks on Monday`, `on the last working day of every month`.

    After a step, `every 20 minutes`, it is nothing for every day, and `on Mondays` for every Monday.
    """
    period = counted(rule.interval, _PERIODS[rule.freq])
    also = _rule_parts(rule)
    week = [(day + 1) % 7 for number, day in rule.byday if not number]
    if rule.freq in {"MONTHLY", "YEARLY"} and (rule.byday or rule.bymonthday):
        return f"{_rule_monthdays(rule, numbers, week)}{also}"
    if rule.freq in {"DAILY", "WEEKLY"} and rule.interval == 1 and (week or rule.freq == "DAILY"):
        days = set(rule.bymonthday)
        names = f"every {weekdays(week or _ANY_WEEKDAY)}"
        if is_after_step:
            names = f"on {weekdays(week, is_plural=True)}" if week else ""
        if days and min(days) > 0 and _left_out(days):
            return f"{names}{_in(rule.bymonth)}{_but(days)}{also}".strip()
        that = f" that are {on_monthdays(rule.bymonthday, rule.bymonth).removeprefix('on ')}" if days else _in(rule.bymonth)
        return f"{names}{that}{also}".strip()
    is_plural = rule.freq != "WEEKLY" or frozenset(week) == _WORKDAYS
    on = f"on {weekdays(week, is_plural=is_plural)}" if week else ""
    monthdays = on_monthdays(rule.bymonthday, rule.bymonth) if rule.bymonthday else ""
    every = f"every {period}" if rule.freq not in {"HOURLY", "MINUTELY", "SECONDLY"} else ""
    in_months = _in(rule.bymonth).strip() if not monthdays else ""
    return " ".join(filter(None, (every, on, monthdays, in_months))) + also


def _rule_monthdays(rule: Rule, numbers: tuple[int, ...], week: list[int]) -> str:
    """Say the days of months or years that a rule counts."""
    ordinals: dict[int, list[int]] = {}
    for number, weekday_ in rule.byday:
        if number:
            ordinals.setdefault((weekday_ + 1) % 7, []).append(number)
    if ordinals:
        said = [nths(found, _WEEKDAYS[day]) for day, found in ordinals.items()]
    elif numbers and _is_or_last(rule):
        said = [f"{_ordinal(rule.bymonthday[-1])} or the last day"]
    elif numbers:
        name = "working day" if set(week) == _WORKDAYS else f"of {listed([_WEEKDAYS[day] for day in week])}" if week else "day"
        said = [nths(numbers, name)]
    elif rule.bymonthday:
        said = [nths(rule.bymonthday)]
    else:
        return f"every {weekdays(week)}{_in(rule.bymonth)}"
    if rule.interval > 1:
        return f"every {counted(rule.interval, _PERIODS[rule.freq])} on {_dated(rule, said)}"
    return _of_months(rule, said, numbers, week)


def _dated(rule: Rule, said: list[str]) -> str:
    if rule.freq == "YEARLY" and len(rule.bymonth) == len(rule.bymonthday) == 1 and not rule.byday:
        return f"{rule.bymonthday[0]} {_MONTHS[rule.bymonth[0] - 1]}"
    short = "" if rule.byday or _has_each(rule.bymonthday, rule.bymonth) else " that has one" if not rule.bymonth else ""
    return f"the {listed(said)}{short and ', if there is one'}{_in(rule.bymonth)}"


def _of_months(rule: Rule, said: list[str], numbers: tuple[int, ...], week: list[int]) -> str:
    if rule.freq == "YEARLY" and not rule.bymonth:
        return f"on the {listed(said)} of every year"
    is_plain = rule.bymonthday and not rule.byday and not numbers
    if is_plain:
        return on_monthdays(rule.bymonthday, rule.bymonth)
    if _is_most(rule.bymonth):
        return f"on the {listed(said)} of every month{_in(rule.bymonth)}"
    names = listed([_MONTHS[number - 1] for number in rule.bymonth]) if rule.bymonth else "every month"
    every = "every year " if len(rule.bymonth) == 1 else ""
    that = f" that are {weekdays(week, is_plural=True)}" if rule.bymonthday and week and not numbers else ""
    return f"{every}on the {listed(said)} of {names}{that}"


def _rule_parts(rule: Rule) -> str:
    """Say the rare parts: weeks and days of a year."""
    weeks = f" in week {listed([str(number) for number in rule.byweekno])}" if rule.byweekno else ""
    return weeks + (f" on day {listed([str(number) for number in rule.byyearday])} of the year" if rule.byyearday else "")


def _rule_hours(rule: Rule) -> str:
    """Say the hours and minutes that a rhythm is limited to."""
    parts = ((rule.byhour, "hour"), (rule.byminute, "minute"), (rule.bysecond, "second"))
    said = [f"{name if len(numbers) == 1 else f'{name}s'} {_numbers(numbers)}" for numbers, name in parts if numbers]
    return f", at {' of '.join(reversed(said))}" if said else ""
