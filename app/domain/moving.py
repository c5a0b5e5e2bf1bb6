"""A rule whose time is moved: the trigger that has the new time, where one time of it says what all of them become."""

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

from app.domain import cron, localtime, rrule, triggers
from app.domain.localtime import TriggerError
from app.domain.triggers import EPOCH, Trigger

_OTHERWISE = "Move only this run, or change the schedule."
_SEVERAL_TIMES = f"This schedule has more than one time a day, so a new time can't stand for all. {_OTHERWISE}"
_SEVERAL_DAYS = f"This schedule runs on more than one day, so it can't move to another day as a whole. {_OTHERWISE}"
_MINUTES = f"A schedule of this kind knows whole minutes. Choose one, or: {_OTHERWISE.lower()}"
_ELSEWHERE = f"The rule of this schedule has no place for that time. {_OTHERWISE}"


def moved(trigger: Trigger, old: datetime, new: datetime) -> Trigger:
    """Return the rule with its planned time `old` (aware) at `new`, and its other times moved alike.

    A once moves, an interval is shifted, cron and RRULE get the new wall time, and the new day where they name one day.
    Raises TriggerError with a sentence for a rule of which one time does not tell all.
    """
    zone = localtime.zone(trigger.timezone)
    was, is_now = (at.astimezone(zone).replace(tzinfo=None) for at in (old, new))
    if trigger.kind == "once":
        found = replace(trigger, expression=is_now.isoformat(timespec="seconds" if is_now.second else "minutes"))
    elif trigger.kind == "interval":
        found = replace(trigger, anchor_at=(trigger.anchor_at or EPOCH) + (new - old))
    elif trigger.kind == "cron":
        found = replace(trigger, expression=_cron(trigger.expression, was, is_now))
    else:
        found = replace(trigger, expression=_rrule(trigger, was, is_now))
    if not next(triggers.fires_between(replace(found, ends_at=None), new - timedelta.resolution, new), None):
        raise TriggerError(_ELSEWHERE)
    return found


def _cron(expression: str, was: datetime, is_now: datetime) -> str:
    rule, fields = cron.parse(expression), expression.split()
    if rule.is_wildcard or len(rule.times) != 1:
        raise TriggerError(_SEVERAL_TIMES)
    if is_now.second:
        raise TriggerError(_MINUTES)
    if was.date() != is_now.date():
        if rule.is_either or (len(rule.weekdays) != 1) == (len(rule.days) != 1):
            raise TriggerError(_SEVERAL_DAYS)
        if len(rule.weekdays) == 1:
            fields[4] = str(is_now.isoweekday() % 7)
        elif (was.year, was.month) == (is_now.year, is_now.month):
            fields[2] = str(is_now.day)
        else:
            raise TriggerError(_ELSEWHERE)
    return " ".join([str(is_now.minute), str(is_now.hour), *fields[2:]])


def _rrule(trigger: Trigger, was: datetime, is_now: datetime) -> str:
    rule = trigger.rule
    times = len(rule.byhour or (0,)) * len(rule.byminute or (0,)) * len(rule.bysecond or (0,))
    if rule.freq not in {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"} or times != 1:
        raise TriggerError(_SEVERAL_TIMES)
    parts: dict[str, object] = {"BYHOUR": is_now.hour, "BYMINUTE": is_now.minute, "BYSECOND": is_now.second or ""}
    days = (is_now.date() - was.date()).days
    if days:
        parts |= _other_day(rule, was.date(), is_now.date())
    start = rule.dtstart
    if start is not None:
        start = datetime.combine(start.date() + timedelta(days), is_now.time())
    elif rule.interval > 1 and days:  # its weeks or months are counted from a day that is not written down
        start = is_now
    return _written(trigger.expression, start, parts)


def _other_day(rule: rrule.Rule, was: date, is_now: date) -> dict[str, object]:
    """Return the parts that name the other day; nothing where DTSTART alone does. Raises TriggerError."""
    if rule.bysetpos or rule.byyearday or rule.byweekno or rule.freq == "DAILY":
        raise TriggerError(_SEVERAL_DAYS)
    if len(rule.byday) + len(rule.bymonthday) > 1:
        raise TriggerError(_SEVERAL_DAYS)
    if rule.byday:
        number, _ = rule.byday[0]
        if number or rule.freq != "WEEKLY":
            raise TriggerError(_ELSEWHERE)
        return {"BYDAY": rrule.WEEKDAYS[is_now.weekday()]}
    if rule.freq != "WEEKLY" and (was.year, was.month) != (is_now.year, is_now.month):
        raise TriggerError(_ELSEWHERE)
    return {"BYMONTHDAY": is_now.day} if rule.bymonthday else {}


def _written(expression: str, start: datetime | None, parts: dict[str, object]) -> str:
    """Return the rule with `parts` in place of those of these names, an empty one left out, and its DTSTART."""
    text = next(word for word in expression.replace("\\n", "\n").split() if not word.upper().startswith("DTSTART"))
    names = [part.partition("=") for part in re.sub(r"(?i)^RRULE:", "", text).strip(";").split(";")]
    kept = {name.upper(): value for name, _, value in names}
    kept |= {name: str(value) for name, value in parts.items()}
    rule = ";".join(f"{name}={value}" for name, value in kept.items() if value)
    return f"DTSTART:{start:%Y%m%dT%H%M%S} RRULE:{rule}" if start else rule
