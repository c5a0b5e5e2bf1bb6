"""The wall times of an RRULE, from any moment on, without counting up from its beginning."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, takewhile

from app.domain.localtime import TriggerError
from app.domain.rrule import Rule

_LAST = date(9899, 12, 31)
_MOST_MISSES = {"YEARLY": 400, "MONTHLY": 4_800, "WEEKLY": 20_871, "DAILY": 146_097}
_MOST_SHORT_MISSES = 200_000
"""So many periods without a time in a row, and the rule has no more: the calendar repeats itself after 400 years."""

_DAY = timedelta(days=1)
_UNITS = {"HOURLY": timedelta(hours=1), "MINUTELY": timedelta(minutes=1), "SECONDLY": timedelta(seconds=1)}


def walls(rule: Rule, anchor: datetime, since: datetime, until: datetime | None = None) -> Iterator[datetime]:
    """Yield the naive wall times of `rule` from `since` on (included), strictly ascending.

    Periods that begin after the day of `until` (naive) are not looked into.

    A rule without DTSTART counts from midnight of the day of `anchor` (naive, wall time); with a COUNT its times begin
    after the anchor. What a rule does not say comes from DTSTART, as in RFC 5545; DTSTART itself is a time only if
    the rule allows it.
    """
    start = rule.dtstart or datetime.combine(anchor, time())
    end = last(rule, anchor)
    found = _periods(_filled(rule, start), start, max(since, _begin(rule, start, anchor)), until)
    return found if end is None else takewhile(lambda wall: wall <= end, found)


@lru_cache(maxsize=4096)
def last(rule: Rule, anchor: datetime) -> datetime | None:
    """Return the last wall time that COUNT or a naive UNTIL allows; None without such an end.

    Raises TriggerError for a COUNT that takes too long to count.
    """
    if rule.until and rule.until.tzinfo is None:
        return rule.until
    if rule.count is None:
        return None
    start = rule.dtstart or datetime.combine(anchor, time())
    begin, most = _begin(rule, start, anchor), _MOST_MISSES.get(rule.freq, _MOST_SHORT_MISSES)
    filled, found, times = _filled(rule, start), start - timedelta.resolution, 0
    expand = _short_periods if rule.freq in _UNITS else _long_periods
    for period in islice(expand(filled, start, begin), most):
        for wall in _picked(filled, period, begin):
            found, times = wall, times + 1
            if times == rule.count:
                return found
    if times:
        raise TriggerError("Its COUNT takes too long to count. Write a smaller one, or UNTIL with the last day.")
    return found


def _begin(rule: Rule, start: datetime, anchor: datetime) -> datetime:
    return anchor + timedelta.resolution if rule.count and not rule.dtstart else start


def _filled(rule: Rule, start: datetime) -> Rule:
    """Return the rule with what it leaves to DTSTART."""
    given: dict[str, object] = {}
    if not rule.names_days:
        if rule.freq == "YEARLY":
            given["bymonth"] = rule.bymonth or (start.month,)
        if rule.freq in {"YEARLY", "MONTHLY"}:
            given["bymonthday"] = (start.day,)
        if rule.freq == "WEEKLY":
            given["byday"] = ((0, start.weekday()),)
    if rule.freq not in _UNITS:
        given["byhour"] = rule.byhour or (start.hour,)
    if rule.freq not in {"MINUTELY", "SECONDLY"}:
        given["byminute"] = rule.byminute or (start.minute,)
    if rule.freq != "SECONDLY":
        given["bysecond"] = rule.bysecond or (start.second,)
    return replace(rule, **given)  # type: ignore[arg-type]  # every value has its field's type


def _periods(rule: Rule, start: datetime, since: datetime, until: datetime | None) -> Iterator[datetime]:
    """Yield the times from `since` on, period after period (a year, a month … a second)."""
    expand = _short_periods if rule.freq in _UNITS else _long_periods
    misses, most = 0, _MOST_MISSES.get(rule.freq, _MOST_SHORT_MISSES)
    for period in expand(rule, start, since, until.date() if until else _LAST):
        misses += 1
        for wall in _picked(rule, period, since):
            misses = 0
            yield wall
        if misses > most:
            return


@dataclass(frozen=True)
class _Period:
    """The times of one period, ascending: every one of `moments` on each of `days`. There may be millions."""

    days: Sequence[date]
    moments: Sequence[time]

    def at(self, place: int) -> datetime:
        """Return the time at a place, counted from 0."""
        day, moment = divmod(place, len(self.moments))
        return datetime.combine(self.days[day], self.moments[moment])


_NONE = _Period((), ())


def _picked(rule: Rule, period: _Period, since: datetime) -> Iterator[datetime]:
    """Yield the times of a period from `since` on; only those that are asked for are made."""
    size = len(period.days) * len(period.moments)
    places: Sequence[int] = range(size)
    if rule.bysetpos:
        wanted = {place - 1 if place > 0 else size + place for place in rule.bysetpos}
        places = sorted(place for place in wanted if 0 <= place < size)
    first = bisect_left(places, since, key=period.at)
    return map(period.at, places[first:])


# --- years, months, weeks, days


def _long_periods(rule: Rule, start: datetime, since: datetime, until: date = _LAST) -> Iterator[_Period]:
    period = _LONG[rule.freq]
    first, number = (period.number(day, rule.wkst) for day in (start.date(), since.date()))
    number = max(number, first)
    number += (first - number) % rule.interval
    last_number = period.number(until, rule.wkst)
    times = [time(hour, minute, second) for hour in rule.byhour for minute in rule.byminute for second in rule.bysecond]
    allows = _day_filter(rule)
    while number <= last_number:
        begin, end = period.days(number, rule.wkst)
        days = (begin + timedelta(days=offset) for offset in range((end - begin).days))
        yield _Period([day for day in days if allows(day)], times)
        number += rule.interval


@dataclass(frozen=True)
class _Long:
    """A period that is made of days: its number on one endless count, and its days [begin, end)."""

    number: Callable[[date, int], int]
    days: Callable[[int, int], tuple[date, date]]


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def _week(number: int, wkst: int) -> date:
    return date.fromordinal(number * 7 + 1 + wkst)


_LONG = {
    "YEARLY": _Long(lambda day, _: day.year, lambda number, _: (date(number, 1, 1), date(number + 1, 1, 1))),
    "MONTHLY": _Long(
        lambda day, _: day.year * 12 + day.month - 1, lambda number, _: (_month(number), _month(number + 1))
    ),
    "WEEKLY": _Long(
        lambda day, wkst: (day.toordinal() - 1 - wkst) // 7,
        lambda number, wkst: (_week(number, wkst), _week(number + 1, wkst)),
    ),
    "DAILY": _Long(
        lambda day, _: day.toordinal(), lambda number, _: (date.fromordinal(number), date.fromordinal(number + 1))
    ),
}


def _day_filter(rule: Rule) -> Callable[[date], bool]:
    """Return whether a day satisfies every part of the rule that speaks of days."""
    plain = {weekday for number, weekday in rule.byday if not number}
    numbered = {(number, weekday) for number, weekday in rule.byday if number}
    is_of_month = rule.freq == "MONTHLY" or bool(rule.bymonth)

    def allows(day: date) -> bool:
        if rule.bymonth and day.month not in rule.bymonth:
            return False
        if rule.bymonthday and not _is_among(day.day, _month_days(day), rule.bymonthday):
            return False
        if rule.byyearday and not _is_among(day.timetuple().tm_yday, _year_days(day.year), rule.byyearday):
            return False
        if rule.byweekno and not _is_in_week(day, rule.wkst, rule.byweekno):
            return False
        return not rule.byday or day.weekday() in plain or _is_numbered(day, numbered, is_of_month)

    return allows


def _is_among(number: int, size: int, wanted: tuple[int, ...]) -> bool:
    return number in wanted or number - size - 1 in wanted


def _is_numbered(day: date, wanted: set[tuple[int, int]], is_of_month: bool) -> bool:
    """Whether it is the n-th such weekday of its month or year, counted from either end."""
    number, size = (day.day, _month_days(day)) if is_of_month else (day.timetuple().tm_yday, _year_days(day.year))
    weekday = day.weekday()
    return ((number - 1) // 7 + 1, weekday) in wanted or (-((size - number) // 7 + 1), weekday) in wanted


def _month_days(day: date) -> int:
    return (_month(day.year * 12 + day.month) - day.replace(day=1)).days


def _year_days(year: int) -> int:
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days


def _is_in_week(day: date, wkst: int, wanted: tuple[int, ...]) -> bool:
    """Whether the day's week has one of these numbers; week 1 is the first with at least four days of its year."""
    year = (day + timedelta(days=3 - (day.weekday() - wkst) % 7)).year
    first, following = _first_week(year, wkst), _first_week(year + 1, wkst)
    return _is_among((day - first).days // 7 + 1, (following - first).days // 7, wanted)


def _first_week(year: int, wkst: int) -> date:
    fourth = date(year, 1, 4)
    return fourth - timedelta(days=(fourth.weekday() - wkst) % 7)


# --- hours, minutes, seconds


def _short_periods(rule: Rule, start: datetime, since: datetime, until: date = _LAST) -> Iterator[_Period]:
    unit = _UNITS[rule.freq]
    step = unit * rule.interval
    begin = start.replace(minute=0, second=0) if rule.freq == "HOURLY" else start
    begin = begin.replace(second=0) if rule.freq == "MINUTELY" else begin
    allows = _day_filter(rule)
    wall = _aligned(begin, step, since.replace(microsecond=0) - unit + timedelta(seconds=1))
    while wall.date() <= until:
        jump = _next_chance(rule, wall, allows)
        if jump is None:
            yield _expanded(rule, wall)
            wall += step
        else:
            yield _NONE
            wall = _aligned(begin, step, jump)


def _aligned(begin: datetime, step: timedelta, since: datetime) -> datetime:
    """Return the first of begin, begin + step, … that is not before `since`."""
    return begin + max(0, -((begin - since) // step)) * step


def _next_chance(rule: Rule, wall: datetime, allows: Callable[[date], bool]) -> datetime | None:
    """Return where to look next when a part of the rule excludes this moment; None when none does."""
    if not allows(wall.date()):
        return datetime.combine(wall.date() + _DAY, time())
    if rule.byhour and wall.hour not in rule.byhour:
        hour = _later(rule.byhour, wall.hour)
        today, tomorrow = wall.date(), wall.date() + _DAY
        return datetime.combine(tomorrow, time()) if hour is None else datetime.combine(today, time(hour))
    if rule.freq != "HOURLY" and rule.byminute and wall.minute not in rule.byminute:
        minute, hour_begin = _later(rule.byminute, wall.minute), wall.replace(minute=0, second=0)
        return hour_begin + (_UNITS["HOURLY"] if minute is None else minute * _UNITS["MINUTELY"])
    if rule.freq == "SECONDLY" and rule.bysecond and wall.second not in rule.bysecond:
        second, minute_begin = _later(rule.bysecond, wall.second), wall.replace(second=0)
        return minute_begin + (_UNITS["MINUTELY"] if second is None else second * _UNITS["SECONDLY"])
    return None


def _later(wanted: tuple[int, ...], than: int) -> int | None:
    return next((number for number in wanted if number > than), None)


def _expanded(rule: Rule, wall: datetime) -> _Period:
    minutes = rule.byminute if rule.freq == "HOURLY" else (wall.minute,)
    seconds = (wall.second,) if rule.freq == "SECONDLY" else rule.bysecond
    return _Period((wall.date(),), [time(wall.hour, minute, second) for minute in minutes for second in seconds])
