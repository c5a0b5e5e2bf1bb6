"""Cron and RRULE in words, such as `phrases` reads too."""

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise

from app.domain import wording
from app.domain.cron import Cron
from app.domain.rrule import Rule
from app.domain.wording import ANY_DAY, ANY_WEEKDAY, WORKDAYS

MOST_TIMES = 6
"""So many times of a day are named one by one."""

_DAY, _HOUR = 24 * 60, 60
_MIDNIGHT = datetime(1, 1, 1)  # noqa: DTZ001 what a rule without DTSTART counts from, a wall time
_PERIODS = {
    "YEARLY": "year", "MONTHLY": "month", "WEEKLY": "week", "DAILY": "day", "HOURLY": "hour", "MINUTELY": "minute",
    "SECONDLY": "second",
}  # fmt: skip
_SHORT_PERIODS = frozenset({"HOURLY", "MINUTELY", "SECONDLY"})


# --- times of a day


def _step(moments: Sequence[time], *, is_every_day: bool = False) -> str:
    """Return the even step through the day, if there is one: `2 hours from 08:00 to 18:00`.

    When it is the same every day the step may go on past midnight.
    """
    if is_every_day:
        moments = _from_the_widest_gap(moments)
    minutes = [moment.hour * _HOUR + moment.minute for moment in moments]
    steps = {(later - earlier) % _DAY for earlier, later in pairwise(minutes)}
    if len(steps) != 1 or len(minutes) < 3 or any(moment.second for moment in moments):  # noqa: PLR2004 two times are no rhythm yet
        return ""
    step, first = steps.pop(), minutes[0]
    is_whole_day = step * len(minutes) == _DAY
    if is_whole_day and first and step < _HOUR and not _HOUR % step and _HOUR // step <= MOST_TIMES:
        return ""  # said as minutes past every hour
    words = wording.elapsed(timedelta(minutes=step))
    if not is_whole_day or (first and (step % _HOUR or first >= _HOUR)):
        return f"{words} from {wording.clock(moments[0])} to {wording.clock(moments[-1])}"
    return f"{words}, {first} {'minute' if first == 1 else 'minutes'} past" if first else words


def _from_the_widest_gap(moments: Sequence[time]) -> Sequence[time]:
    """Return the times beginning after their longest pause, the night where several are as long."""
    minutes = [moment.hour * _HOUR + moment.minute for moment in moments]
    gaps = [(later - earlier) % _DAY for earlier, later in pairwise([minutes[-1], *minutes])]
    first = gaps.index(max(gaps))
    return [*moments[first:], *moments[:first]]


# --- cron


def cron(rule: Cron) -> str:
    """Say a cron rule in words: "Every weekday at 09:00", "Every 15 minutes from 08:00 to 17:45 on weekdays"."""
    on = _on(rule)
    rhythm = _step(rule.times, is_every_day=not on) or _past(rule)
    if rhythm:
        return f"Every {rhythm} {on}".strip()
    return f"{_every(rule)} {_at(rule)}"


def _past(rule: Cron) -> str:
    is_said = 1 < len(rule.minutes) <= MOST_TIMES and len(rule.hours) == len(range(24))
    return f"hour, {wording.runs(rule.minutes)} minutes past" if is_said else ""


def _at(rule: Cron) -> str:
    if len(rule.times) <= MOST_TIMES:
        return _named(rule.times)
    minutes = "minute" if len(rule.minutes) == 1 else "minutes"
    past = f"at {minutes} {wording.runs(rule.minutes)} past"
    return f"{past} every hour" if len(rule.hours) == len(range(24)) else f"{past} the hours {wording.runs(rule.hours)}"


def _named(moments: Sequence[time]) -> str:
    return f"at {wording.listed([wording.clock(moment) for moment in moments])}"


def _every(rule: Cron) -> str:
    if not rule.is_either and (rule.days == ANY_DAY or _left_out(rule.days)):
        return f"Every {wording.weekdays(rule.weekdays)}{wording.in_months(rule.months)}{_but(rule.days)}"
    return _capital(_on(rule))


def _on(rule: Cron) -> str:
    """Return the days as the end of a sentence; empty when it is every day."""
    week = "" if rule.weekdays == ANY_WEEKDAY else f"on {wording.weekdays(rule.weekdays, is_plural=True)}"
    in_months = wording.in_months(rule.months)
    monthdays = wording.monthdays(sorted(rule.days), rule.months)
    if rule.is_either:
        return f"{monthdays} and {week}{in_months}"
    if rule.days == ANY_DAY or _left_out(rule.days):
        return f"{week}{in_months}{_but(rule.days)}".strip()
    return f"{week} that are {monthdays.removeprefix('on ')}" if week else monthdays


def _left_out(days: Collection[int]) -> list[int]:
    """Return the days of the month that are left out, where these are few."""
    left = sorted(ANY_DAY - set(days))
    return left if 0 < len(left) <= MOST_TIMES else []


def _but(days: Collection[int]) -> str:
    left = _left_out(days)
    return f" except on the {wording.nths(left)}" if left else ""


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


# --- RRULE


def rrule(rule: Rule) -> str:
    """Say an RRULE in words: "Every 2 weeks on Monday at 09:00, from Mon 30 Nov 2026"."""
    places, moments, rest = _picked(rule)
    is_every_day = rule.freq == "DAILY" and rule.interval == 1 and not (rule.names_days or rule.bymonth)
    step = _step(moments, is_every_day=is_every_day)
    on = _days(rule, places, is_end=bool(step) or rule.freq in _SHORT_PERIODS)
    if rule.freq in _SHORT_PERIODS:
        every = wording.counted(rule.interval, _PERIODS[rule.freq])
        words = f"Every {every}{_within(rule)}{on and f' {on}'}"
    elif step:
        words = f"Every {step} {on}".strip()
    else:
        words = f"{_capital(on)} {_named(moments)}"
    start = rule.dtstart and (datetime.combine(rule.dtstart, time()) if rule.byhour else rule.dtstart)
    ends = f", {rule.count:,} times" if rule.count else ""
    return f"{words}{rest}{wording.limits(start, rule.until)}{ends}"


def _within(rule: Rule) -> str:
    """Say the hours, minutes and seconds that a rhythm is limited to."""
    parts = ((rule.bysecond, "second"), (rule.byminute, "minute"), (rule.byhour, "hour"))
    said = [f"{name if len(found) == 1 else f'{name}s'} {wording.runs(found)}" for found, name in parts if found]
    return f", at {' of '.join(said)}" if said else ""


def _picked(rule: Rule) -> tuple[tuple[int, ...], list[time], str]:
    """Return which of the days that qualify are meant (none: all), the times of the day, and what is left to say.

    BYSETPOS counts days and times together; where it takes the same times of each day it can be said apart.
    """
    start = rule.dtstart or _MIDNIGHT
    hours, minutes = rule.byhour or (start.hour,), rule.byminute or (start.minute,)
    seconds = rule.bysecond or (start.second,)
    moments = [time(hour, minute, second) for hour in hours for minute in minutes for second in seconds]
    if not rule.bysetpos:
        return (), moments, ""
    size = len(moments)
    by_day: dict[int, list[int]] = {}
    for place in rule.bysetpos:
        number = (place - 1) // size + 1 if place > 0 else -((-place - 1) // size) - 1
        by_day.setdefault(number, []).append((place - 1) % size if place > 0 else place % size)
    taken = sorted(sorted(places) for places in by_day.values())
    chosen = [moments[place] for place in taken[0]]
    if taken[0] == taken[-1] and (rule.freq == "DAILY" or _is_each_day(rule, by_day)):
        return (), chosen, ""
    is_one_part = bool(rule.byday) != bool(rule.bymonthday) and not any(number for number, _ in rule.byday)
    is_a_month = rule.freq == "MONTHLY" or (rule.freq == "YEARLY" and len(rule.bymonth) == 1)
    if taken[0] == taken[-1] and is_a_month and is_one_part:
        return tuple(by_day), chosen, ""
    return (), moments, f", of these only the {wording.nths(rule.bysetpos, 'time')} of each {_PERIODS[rule.freq]}"


def _is_each_day(rule: Rule, numbers: Collection[int]) -> bool:
    """Whether every day that qualifies is among those counted."""
    days = len(rule.byday) or len(rule.bymonthday)
    is_fixed = rule.freq == "WEEKLY" or any(number for number, _ in rule.byday) or not rule.byday
    return is_fixed and sorted(numbers) == list(range(1, days + 1))


def _days(rule: Rule, places: tuple[int, ...], *, is_end: bool) -> str:
    """Say on which days: `every day`, `every 2 weeks on Monday`, `on the last working day of every month`.

    As the end of a sentence, after `every 20 minutes`, it is nothing for every day, and `on Mondays` for every Monday.
    """
    week = [(day + 1) % 7 for number, day in rule.byday if not number]
    if rule.freq in {"MONTHLY", "YEARLY"} and (rule.byday or rule.bymonthday):
        return f"{_of_months(rule, places, week)}{_rare(rule)}"
    if rule.freq == "DAILY" or week:
        return f"{_of_weeks(rule, week, is_end=is_end)}{_rare(rule)}".strip()
    every = "" if rule.freq in _SHORT_PERIODS else f"every {wording.counted(rule.interval, _PERIODS[rule.freq])}"
    on = f" {wording.monthdays(rule.bymonthday, rule.bymonth)}" if rule.bymonthday else wording.in_months(rule.bymonth)
    return f"{every}{on}{_rare(rule)}".strip()


def _of_weeks(rule: Rule, week: list[int], *, is_end: bool) -> str:
    days = set(rule.bymonthday)
    if rule.freq in {"DAILY", "WEEKLY"} and rule.interval > 1:
        names = f"every {wording.counted(rule.interval, _PERIODS[rule.freq])}"
        if rule.freq == "DAILY":
            names += wording.but_weekdays(week)
        elif week:
            names += f" on {wording.weekdays(week, is_plural=set(week) == WORKDAYS)}"
    elif is_end:
        names = f"on {wording.weekdays(week, is_plural=True)}" if week else ""
    else:
        names = f"every {wording.weekdays(week or ANY_WEEKDAY)}"
    if not days or (min(days) > 0 and _left_out(days)):
        return f"{names}{wording.in_months(rule.bymonth)}{_but(days or ANY_DAY)}"
    return f"{wording.monthdays(rule.bymonthday, rule.bymonth)}{wording.but_weekdays(week)}"


def _rare(rule: Rule) -> str:
    """Say weeks and days of a year."""
    weeks = f" in week {wording.runs(rule.byweekno)}" if rule.byweekno else ""
    return weeks + (f" on day {wording.runs(rule.byyearday)} of the year" if rule.byyearday else "")


def _of_months(rule: Rule, places: tuple[int, ...], week: list[int]) -> str:
    """Say days that are counted in months or years."""
    said = _counted(rule, places, week)
    is_numbered = bool(places) or any(number for number, _ in rule.byday)
    is_dated = bool(rule.bymonthday) and not is_numbered
    but = wording.but_weekdays(week) if is_dated else ""
    if rule.interval > 1:
        on = _on_the(rule, said, is_dated=is_dated) if said else wording.weekdays(week, is_plural=True)
        return f"every {wording.counted(rule.interval, _PERIODS[rule.freq])} on {on}{but}"
    if is_dated:
        return f"{wording.monthdays(rule.bymonthday, rule.bymonth)}{but}"
    if not said:
        return f"every {wording.weekdays(week)}{wording.in_months(rule.bymonth)}"
    dates = rule.bymonthday if rule.byday else ()
    that = f", if it is day {wording.runs(dates)} of the month," if dates else ""
    if rule.freq == "YEARLY" and not rule.bymonth:
        return f"on the {said} of every year{that}"
    if not rule.bymonth or wording.is_most(rule.bymonth):
        return f"on the {said} of every month{wording.in_months(rule.bymonth)}{that}"
    every = "every year " if len(rule.bymonth) == 1 else ""
    return f"{every}on the {said} of {wording.months(rule.bymonth)}{that}"


def _counted(rule: Rule, places: tuple[int, ...], week: list[int]) -> str:
    """Say which days are counted: `1st and 3rd Monday`, `last working day`; nothing when these are all weekdays."""
    by_weekday: dict[int, list[int]] = {}
    for number, day in rule.byday:
        if number:
            by_weekday.setdefault((day + 1) % 7, []).append(number)
    if by_weekday:
        return wording.listed([wording.nths(found, wording.weekday(day)) for day, found in by_weekday.items()])
    if rule.bymonthday and rule.bymonthday == tuple(range(28, 28 + len(rule.bymonthday))) and places == (-1,):
        return f"{wording.ordinal(rule.bymonthday[-1])} or the last day"
    if places:
        names = "working day" if set(week) == WORKDAYS else f"of {wording.weekdays(week)}" if week else "day"
        return wording.nths(places, names)
    return wording.nths(rule.bymonthday) if rule.bymonthday else ""


def _on_the(rule: Rule, said: str, *, is_dated: bool) -> str:
    if is_dated and rule.freq == "YEARLY" and len(rule.bymonth) == len(rule.bymonthday) == 1:
        return wording.monthdays(rule.bymonthday, rule.bymonth).removeprefix("every year on ")
    is_short = is_dated and "that has one" in wording.monthdays(rule.bymonthday, rule.bymonth)
    return f"the {said}{', if there is one,' if is_short else ''}{wording.in_months(rule.bymonth)}"
