"""Cron as RRULE and RRULE as cron, where the one plans exactly what the other does."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from app.domain import cron, triggers
from app.domain.cron import Cron
from app.domain.rrule import WEEKDAYS, Rule
from app.domain.triggers import Trigger

_HOURS, _MINUTES, _MONTHDAYS, _MONTHS, _WEEK = 24, 60, 31, 12, 7
_YEAR = timedelta(days=365)


def as_cron(trigger: Trigger) -> str:
    """Return the five fields that plan the same in the same zone; empty when there are none. Raises TriggerError."""
    if trigger.kind == "cron":
        return " ".join(trigger.expression.split())
    return _fields(trigger.rule) if trigger.kind == "rrule" else ""


def as_rrule(trigger: Trigger, now: datetime) -> str:
    """Return the RRULE that plans the same in the same zone from `now` on; empty when there is none.

    Raises TriggerError.
    """
    if trigger.kind == "rrule":
        return " ".join(trigger.expression.split())
    if trigger.kind != "cron":
        return ""
    rule = cron.parse(trigger.expression)
    if rule.is_either:
        return ""
    if not rule.is_wildcard:
        return _joined(_period(rule), rule, _times(rule))
    if rhythm := _rhythm(rule):
        return _joined(rhythm, rule, _past_the_hour(rule))
    return "" if _is_felt(rule, trigger.timezone, now) else _joined(_period(rule), rule, _times(rule))


def is_same(one: Trigger, other: Trigger, now: datetime) -> bool:
    """Whether both plan the same from `now` on, as far as their rules tell. Raises TriggerError."""
    if one == other:
        return True
    fields = as_cron(one), as_cron(other)
    if not all(fields) or one.timezone != other.timezone:
        return False
    first, second = (cron.parse(text) for text in fields)
    if replace(first, is_wildcard=second.is_wildcard) != second:
        return False
    return first.is_wildcard == second.is_wildcard or not _is_felt(first, one.timezone, now)


def _is_felt(rule: Cron, timezone: str, now: datetime) -> bool:
    """Whether a clock change of the zone meets the hours of the rule: only then does it matter what a wildcard is."""
    every_day = Trigger("rrule", ";".join(["FREQ=DAILY", *_times(rule)]), timezone)
    return bool(triggers.clock_changes(every_day, now, now + _YEAR))


# --- cron -> RRULE


def _joined(period: Sequence[str], rule: Cron, times: Sequence[str]) -> str:
    return ";".join([*period, *_days(rule), *times])


def _rhythm(rule: Cron) -> list[str]:
    """Return the period of what follows every real minute: never with BYHOUR, as with it the times would be fixed."""
    if len(rule.hours) == _HOURS:
        return ["FREQ=MINUTELY" if len(rule.minutes) == _MINUTES else "FREQ=HOURLY"]
    steps = {later - earlier for earlier, later in pairwise(rule.hours)}
    step = steps.pop() if len(steps) == 1 else 0
    is_even = step and not rule.hours[0] and len(rule.hours) * step == _HOURS
    return ["FREQ=HOURLY", f"INTERVAL={step}"] if is_even else []


def _past_the_hour(rule: Cron) -> list[str]:
    is_every_minute = len(rule.hours) == _HOURS and len(rule.minutes) == _MINUTES
    return [] if is_every_minute else [f"BYMINUTE={_listed(rule.minutes)}"]


def _period(rule: Cron) -> list[str]:
    if len(rule.days) < _MONTHDAYS:
        return ["FREQ=MONTHLY"]
    return ["FREQ=DAILY" if len(rule.weekdays) == _WEEK else "FREQ=WEEKLY"]


def _times(rule: Cron) -> list[str]:
    return [f"BYHOUR={_listed(rule.hours)}", f"BYMINUTE={_listed(rule.minutes)}"]


def _days(rule: Cron) -> list[str]:
    parts = []
    if len(rule.weekdays) < _WEEK:
        days = sorted((weekday - 1) % _WEEK for weekday in rule.weekdays)
        parts.append(f"BYDAY={','.join(WEEKDAYS[day] for day in days)}")
    if len(rule.days) < _MONTHDAYS:
        parts.append(f"BYMONTHDAY={_listed(rule.days)}")
    if len(rule.months) < _MONTHS:
        parts.append(f"BYMONTH={_listed(rule.months)}")
    return parts


def _listed(numbers: Collection[int]) -> str:
    return ",".join(map(str, sorted(numbers)))


# --- RRULE -> cron


def _fields(rule: Rule) -> str:
    if rule.dtstart or rule.count or rule.until or rule.bysetpos or rule.byweekno or rule.byyearday:
        return ""
    if any(rule.bysecond) or any(number for number, _ in rule.byday) or any(day < 0 for day in rule.bymonthday):
        return ""
    if rule.byday and rule.bymonthday:
        return ""  # cron would take either
    times = _real_minutes(rule) if rule.is_wildcard else _fixed_times(rule)
    weekdays = {(weekday + 1) % _WEEK for _, weekday in rule.byday}
    return f"{times} {_spans(rule.bymonthday)} {_spans(rule.bymonth)} {_spans(weekdays)}" if times else ""


def _real_minutes(rule: Rule) -> str:
    """Return the minute and hour fields of what follows every real minute; one of them begins with a star."""
    if rule.freq == "MINUTELY" and rule.interval == 1:
        return f"{_spans(rule.byminute)} *"
    if rule.freq != "HOURLY" or _HOURS % rule.interval:
        return ""
    return f"{_spans(rule.byminute or (0,))} {'*' if rule.interval == 1 else f'*/{rule.interval}'}"


def _fixed_times(rule: Rule) -> str:
    """Return the minute and hour fields of fixed times; empty when the days depend on when it began."""
    names_its_days = rule.freq == "DAILY" or (rule.freq in {"WEEKLY", "MONTHLY"} and rule.names_days)
    if rule.interval > 1 or not names_its_days or not rule.byhour:
        return ""
    return f"{_spans(rule.byminute or (0,))} {_spans(rule.byhour)}"


def _spans(numbers: Collection[int]) -> str:
    """Write numbers as cron does, three or more in a row as a range: `0,15`, `1-5`; a star for none."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else _listed(run) for run in runs) or "*"  # noqa: PLR2004 a range has at least three
