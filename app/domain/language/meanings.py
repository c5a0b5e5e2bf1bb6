"""What was said -> a trigger. What it leaves open is raised as a doubt; what does not go together can't be read."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from app.domain import localtime, triggers, wording
from app.domain.language import dates, doubts, expressions, hours
from app.domain.language.expressions import Pattern
from app.domain.language.spoken import Nth, Spoken, Unreadable
from app.domain.triggers import Trigger

DAY = timedelta(days=1)
_SHORT_UNITS = frozenset({"second", "minute", "hour"})
_QUARTERS = {True: frozenset({1, 4, 7, 10}), False: frozenset({3, 6, 9, 12})}
_ALL_DAYS, _ALL_MONTHS, _ALL_MONTHDAYS = frozenset(range(7)), frozenset(range(1, 13)), frozenset(range(1, 32))
_LATEST_YEAR = 2900
_SHORTEST_MONTH, _LEAP_DAY = 28, (2, 29)
_MOST_TIMES = 10_000
_WEEK = 7
_AS_WEEKS = {8: 1, 15: 2}
"""In French, Spanish and German “every 15 days” is said of two weeks as well."""

_EVERY_MONTH_HAS = {"day": 28, "workday": 20}
"""So many days and working days each month has; of each weekday it has four."""


@dataclass(frozen=True)
class Place:
    """The instant (aware) and the zone in which a phrase is read."""

    now: datetime
    timezone: str

    @property
    def zone(self) -> ZoneInfo:
        """The zone itself; raises TriggerError when there is none of this name."""
        return localtime.zone(self.timezone)

    @property
    def today(self) -> date:
        """The day it is there."""
        return self.now.astimezone(self.zone).date()

    def at(self, day: date, clock: time) -> datetime:
        """Return the instant of a wall time there."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)


def meant(said: Spoken, place: Place) -> Trigger:
    """Return the trigger for what was said. Raises Doubt, Unreadable, TriggerError."""
    if said.zones:
        if len(said.zones) > 1:
            raise doubts.zone(said)
        place = replace(place, timezone=said.zones[0])
    if said.unsure_rhythm:
        raise doubts.twice_or_every_second(said, said.unsure_rhythm)
    said = hours.settled(said)
    is_often = bool(said.rhythm and said.rhythm[1] in _SHORT_UNITS)
    if said.delay is not None:
        return _delayed(said, place)
    if said.day and not said.is_repeated and not said.rhythm:
        return _once(said, place)
    trigger = _often(said, place) if is_often else _fixed(said, place)
    return _limited(said, trigger, place)


def _only(said: Spoken, *names: str) -> None:
    """Raise Unreadable when more was said than these parts."""
    rest = replace(said, **dict.fromkeys((*names, "zones", "is_now", "is_repeated", "part")))
    if rest != Spoken():
        raise Unreadable


# --- once


def _delayed(said: Spoken, place: Place) -> Trigger:
    _only(said, "delay", "count")
    if said.count not in {None, 1} or said.part:
        raise Unreadable
    moment = place.now + timedelta(seconds=said.delay or 0)
    return Trigger("once", moment.astimezone(place.zone).isoformat(timespec="seconds"), place.timezone)


def _once(said: Spoken, place: Place) -> Trigger:
    _only(said, "day", "times", "count")
    if said.count not in {None, 1}:
        raise Unreadable(f"One day can't be {said.count} times. Say how often it runs, such as “every day at 9:00”.")
    day = dates.found(said, "day", place.today)
    if day.year > _LATEST_YEAR:
        raise Unreadable("That is too far away. Choose an earlier day.")
    if not said.times:
        raise doubts.time(said)
    if len(said.times) > 1:
        raise doubts.one_time(said)
    clock = said.times[0]
    at = hours.at(clock)
    moment = datetime.combine(day, at).isoformat(timespec="seconds" if at.second else "minutes")
    trigger = Trigger("once", moment, place.timezone)
    if triggers.next_fire(trigger, place.now) is None:
        is_later = not clock.is_sure and place.at(day, hours.at(replace(clock, hour=clock.hour % 12 + 12))) > place.now
        days = [place.today + DAY]
        if said.day and said.day.dates:
            days.append(dates.yearly(place.today + DAY, day.month, day.day))
        sentence = f"{wording.day(day)} at {wording.clock(at)} is past. When instead?"
        raise doubts.past(said, sentence, days, is_later_today=is_later and clock.hour < 12)  # noqa: PLR2004 noon
    return trigger


# --- every so many minutes or hours


def _often(said: Spoken, place: Place) -> Trigger:
    _only(said, "rhythm", "days", "nth", "within", "months", "window", "marks", "since", "until", "count",
          "not_days", "not_months", "not_monthdays")  # fmt: skip
    step = hours.step(said)
    if said.part:
        raise Unreadable(f"Say between which times it runs, such as “between 8 and 12”, instead of the {said.part}.")
    pattern = _without(said, _days(said, place))
    is_every_day = not (pattern.weekdays or pattern.nth or pattern.months)
    if said.window is None and is_every_day and said.marks is None and not hours.fits_clock(step):
        return Trigger("interval", hours.compact(step), place.timezone, anchor_at=place.now.replace(microsecond=0))
    if said.window is None and (is_star := hours.star(said, step)):
        minute, hour = is_star
        days = expressions.cron(replace(pattern, times=(time(0),)))
        if days:
            return Trigger("cron", f"{minute} {hour} {days.split(maxsplit=2)[2]}", place.timezone)
    times = hours.within_day(said, step, is_every_day=is_every_day)
    return _written(replace(pattern, times=times, is_rhythm=len(times) > 2), said, place)  # noqa: PLR2004 two are no rhythm


# --- at fixed times


def _fixed(said: Spoken, place: Place) -> Trigger:
    _only(said, "rhythm", "per", "days", "nth", "within", "edge", "months", "day", "times", "window", "since", "until",
          "count", "not_days", "not_months", "not_monthdays")  # fmt: skip
    if said.window:
        raise Unreadable if said.times else doubts.how_often(said)
    pattern = _without(said, _days(said, place))
    if not said.times:
        raise doubts.time(said)
    times = tuple(sorted({hours.full_minute(clock) for clock in said.times}))
    _counted(said, pattern, len(times))
    return _written(replace(pattern, times=times), said, place)


def _counted(said: Spoken, pattern: Pattern, times: int) -> None:
    """Hold “twice a day” against the times that were named."""
    if said.per is None or said.rhythm is None:
        return
    unit = said.rhythm[1]
    found = times
    if unit == "week":
        found *= len(pattern.weekdays or _ALL_DAYS)
    elif unit in {"month", "quarter"}:
        found *= len(pattern.nth.numbers if pattern.nth else _ALL_MONTHDAYS)
    if found != said.per:
        said_times = f"{wording.times(said.per)} a {unit}"
        raise Unreadable(f"{said_times} was said, but the days and times make {found}. Name each of them.")


def _days(said: Spoken, place: Place) -> Pattern:
    """Return on which days it runs; the times are still to come."""
    number, unit = said.rhythm or (1, "")
    if unit in _SHORT_UNITS:
        number, unit = 1, ""
    if number < 1 or not (said.rhythm or said.days or said.nth or said.edge or said.day or said.times or said.window):
        raise Unreadable
    if said.edge:
        raise doubts.edge(said)
    if unit == "day" and number in _AS_WEEKS and not said.since:
        raise doubts.days_or_weeks(said, number, _AS_WEEKS[number], place.today)
    if said.day:
        return _yearly(said, place, number)
    if said.nth and said.days is None:
        return _monthly(said, place, number, unit)
    if said.nth:
        raise Unreadable
    if unit in {"month", "quarter"}:
        raise doubts.monthday(said, unit)
    if unit == "year":
        raise doubts.yearday(said)
    return _weekly(said, place, number, unit)


def _weekly(said: Spoken, place: Place, number: int, unit: str) -> Pattern:
    if said.days is None:
        if unit == "week":
            raise doubts.weekday(said)
        if not said.rhythm:
            raise doubts.days(said)
        return Pattern("DAILY", interval=number, months=said.months)
    if unit == "day" and number > 1:
        if number % _WEEK:
            raise Unreadable
        number, unit = number // _WEEK, "week"
    if not said.is_repeated and not said.rhythm:
        (weekday,) = said.days
        raise doubts.once_or_weekly(said, weekday, dates.ahead(place.today, weekday))
    if unit == "week" and number > 1:
        return Pattern("WEEKLY", interval=number, weekdays=said.days, months=said.months)
    return Pattern("DAILY", weekdays=said.days, months=said.months)


def _monthly(said: Spoken, place: Place, number: int, unit: str) -> Pattern:
    nth = said.nth or Nth((1,))
    unit = said.within if said.within in {"quarter", "year"} and unit in {"", said.within} else unit
    most = {"day": 31, "workday": 23}.get(str(nth.of), 5)
    if max(map(abs, nth.numbers)) > most or 0 in nth.numbers:
        raise Unreadable("No month has such a day. Choose an earlier one.")
    if unit not in {"", "month", "quarter", "year"} or (said.within == "month" and unit not in {"", "month"}):
        raise Unreadable
    if not said.rhythm and not said.is_repeated and said.within != "month" and unit not in {"quarter", "year"}:
        raise doubts.once_or_monthly(said, dates.next_nth(place.today, nth, said.months))
    if said.is_repeated and nth.numbers == (2,) and isinstance(nth.of, int) and not said.within and not said.rhythm:
        raise doubts.every_other(said, nth.of)
    _check(said, nth)
    months = said.months
    if unit in {"quarter", "year"}:
        months = _months_of(unit, nth, number, said)
        number = 1
    return Pattern("MONTHLY", interval=number, nth=nth, months=months)


def _months_of(unit: str, nth: Nth, number: int, said: Spoken) -> frozenset[int]:
    """Return the months that hold the n-th days of each quarter or year."""
    if number > 1:
        raise Unreadable
    if said.months:
        if unit == "quarter":
            raise Unreadable
        return said.months
    is_first = min(nth.numbers) > 0
    if not is_first and max(nth.numbers) > 0:
        raise Unreadable
    if max(map(abs, nth.numbers)) > _EVERY_MONTH_HAS.get(str(nth.of), 4):
        raise Unreadable(f"That day lies in a later month of the {unit}. Name the month.")
    return _QUARTERS[is_first] if unit == "quarter" else frozenset({1 if is_first else 12})


def _check(said: Spoken, nth: Nth) -> None:
    """Ask about days that not every month has."""
    late = [number for number in nth.numbers if number > _SHORTEST_MONTH and number - 1 not in nth.numbers]
    if nth.of == "day" and not nth.short and any(not _is_in_all(number, said.months) for number in late):
        raise doubts.short_months(said, nth)


def _is_in_all(number: int, months: frozenset[int] | None) -> bool:
    shorter = {2, 4, 6, 9, 11} if number == 31 else {2}  # noqa: PLR2004 the longest months
    return bool(months) and not shorter & (months or frozenset())


def _yearly(said: Spoken, place: Place, number: int) -> Pattern:
    if not said.day or said.days or said.nth or said.months or (said.rhythm and said.rhythm[1] != "year"):
        raise Unreadable
    day = dates.found(said, "day", place.today)
    if any(year for year, *_ in said.day.dates):
        raise Unreadable("A day of every year has no year itself. Leave the year out.")
    if not said.day.dates or said.day.weekday is not None:
        raise Unreadable
    if (day.month, day.day) == _LEAP_DAY and not said.day.short:
        raise doubts.leap_day(said)
    nth = Nth((day.day,), short=said.day.short)
    return Pattern("YEARLY", interval=number, nth=nth, months=frozenset({day.month}))


def _without(said: Spoken, pattern: Pattern) -> Pattern:
    """Return the pattern without what is left out by “except”."""
    if said.not_months:
        pattern = replace(pattern, months=_left((pattern.months or _ALL_MONTHS) - said.not_months))
    if said.not_days:
        if pattern.nth and pattern.nth.of != "day":
            raise Unreadable
        pattern = replace(pattern, weekdays=_left((pattern.weekdays or _ALL_DAYS) - said.not_days))
    if said.not_monthdays:
        if pattern.freq == "WEEKLY" or (pattern.nth and (pattern.nth.of != "day" or min(pattern.nth.numbers) < 0)):
            raise Unreadable
        days = frozenset(pattern.nth.numbers) if pattern.nth else _ALL_MONTHDAYS
        pattern = replace(pattern, nth=Nth(tuple(sorted(_left(days - said.not_monthdays))), short="skip"))
    return pattern


def _left(numbers: frozenset[int]) -> frozenset[int]:
    if not numbers:
        raise Unreadable("Nothing is left of it then. Leave out less.")
    return numbers


# --- expression and limits


def _written(pattern: Pattern, said: Spoken, place: Place) -> Trigger:
    expression = expressions.cron(pattern)
    if expression:
        return Trigger("cron", expression, place.timezone)
    first = _first(pattern, said, place) if pattern.interval > 1 else None
    return Trigger("rrule", expressions.rrule(pattern, first), place.timezone)


def _first(pattern: Pattern, said: Spoken, place: Place) -> date:
    """Return the day from which a rule with an interval counts: its first day from now, or from its beginning, on."""
    every = replace(pattern, interval=1)
    trigger = Trigger("rrule", expressions.rrule(every, None), place.timezone)
    since = _since(said, place)
    after = max(place.now, since - timedelta.resolution) if since else place.now
    fire = triggers.next_fire(trigger, after)
    if fire is None:
        raise Unreadable
    return fire.at.astimezone(place.zone).date()


def _since(said: Spoken, place: Place) -> datetime | None:
    if said.since is None:
        return None
    clock = said.since[1]
    return place.at(dates.found(said, "since", place.today), hours.at(clock) if clock else time())


def _limited(said: Spoken, trigger: Trigger, place: Place) -> Trigger:
    """Return the trigger with its beginning and its end."""
    starts_at = _since(said, place)
    if starts_at and starts_at > place.now:
        if trigger.kind == "interval":
            trigger = replace(trigger, anchor_at=starts_at)
        elif "DTSTART" not in trigger.expression:
            trigger = replace(trigger, starts_at=starts_at)
    if said.until:
        since = starts_at.astimezone(place.zone).date() if starts_at else place.today
        clock = said.until[1]
        end = dates.found(said, "until", place.today, max(since, place.today))
        trigger = replace(trigger, ends_at=place.at(end, hours.at(clock) if clock else time(23, 59, 59)))
    if said.count is not None:
        trigger = _so_often(trigger, said.count, place)
    if triggers.next_fire(trigger, place.now) is None:
        raise Unreadable("It ends before its first time. Choose a later end.")
    return trigger


def _so_often(trigger: Trigger, count: int, place: Place) -> Trigger:
    if not 1 <= count <= _MOST_TIMES:
        raise Unreadable(f"It can run from 1 to {_MOST_TIMES:,} times. Say until when instead.")
    fires = list(islice(triggers.fires_between(trigger, place.now, localtime.LAST), count))
    return replace(trigger, ends_at=fires[-1].at) if fires else trigger
