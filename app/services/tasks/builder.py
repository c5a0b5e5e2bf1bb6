"""The ways to write a schedule: builder, cron and RRULE beside plain words, all the same text. A helper of services."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import islice, pairwise
from typing import Any

from app.core.numbers import whole
from app.domain import conversion, cron, triggers, wording
from app.domain.cron import Cron
from app.domain.rrule import Rule
from app.domain.triggers import Trigger, TriggerError
from app.services.tasks import schedules
from app.services.tasks.schedules import Given

MODES = ("words", "builder", "cron", "rrule")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHDAYS = (*map(str, range(1, 32)), "last", "last working")

_WORKDAYS = WEEKDAYS[:5]
_ENDINGS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
_MOST_TIMES = 4
"""So many times of a day the builder shows; for more there are words."""

_COMPARED = 8
_LONGEST_SENTENCE = 300
_MOST_ENDS = 24
"""So many endings are read, the longest first of them: each costs some milliseconds."""


# --- fields -> text


def compose(fields: Mapping[str, Sequence[str]]) -> str:
    """Return the words for what the builder's fields say; empty for none.

    The fields are repeat, every, between, until, weeks, days, monthday, date and at.
    """
    one = {name: values[0].strip() for name, values in fields.items() if values}
    at = wording.listed([clock.strip() for clock in fields.get("at", ()) if clock.strip()] or ["09:00"])
    days = _days([day for day in WEEKDAYS if day in fields.get("days", ())])
    repeat = one.get("repeat", "")
    if repeat in {"minutes", "hours"}:
        return _rhythm(one, repeat, days)
    if repeat in {"day", "weekday"}:
        return f"every {repeat} at {at}"
    if repeat == "week":
        return _weekly(one.get("weeks") or "1", days, at)
    if repeat == "month":
        return f"on the {_monthday(one.get('monthday') or '1')} of every month at {at}"
    return f"{one.get('date', '')} {at}".strip() if repeat == "once" else ""


def _days(days: Sequence[str]) -> str:
    if not days or tuple(days) == _WORKDAYS:
        return "weekdays" if days else ""
    return wording.listed([day.capitalize() for day in days])


def _rhythm(one: Mapping[str, str], unit: str, days: str) -> str:
    every = one.get("every") or "1"
    rhythm = f"every {unit.removesuffix('s')}" if every == "1" else f"every {every} {unit}"
    window = f" between {one['between']} and {one['until']}" if one.get("between") and one.get("until") else ""
    return f"{rhythm}{window}{f' on {days}' if days else ''}"


def _weekly(weeks: str, days: str, at: str) -> str:
    if weeks != "1":
        return f"every {weeks} weeks{f' on {days}' if days else ''} at {at}"
    return f"every {'weekday' if days == 'weekdays' else days or 'week'} at {at}"


def _monthday(day: str) -> str:
    number = whole(day)
    return f"{day} day" if number is None else f"{day}{_ENDINGS.get(number, 'th')}"


# --- text -> fields


def written(mode: str, given: Given, now: datetime) -> dict[str, list[str]]:
    """Return the fields in which `mode` shows the schedule; none for what it can't say exactly."""
    trigger = schedules.read(given, now).trigger
    if trigger is None:
        return {}
    fields = _WRITERS[mode](trigger, given, now)
    text = compose(fields) if mode == "builder" else "".join(fields.get(_FIELDS[mode], ()))
    return fields if text and _means(text, trigger, given, now) else {}


def _means(text: str, trigger: Trigger, given: Given, now: datetime) -> bool:
    """Whether the text is read as what the trigger plans, of which intervals begin anew."""
    if len(text) > schedules.LONGEST_TEXT:
        return False
    found = schedules.read(replace(given, text=text, timezone=trigger.timezone), now).trigger
    if found is None:
        return False
    if found.kind == trigger.kind == "interval":
        return found.expression == trigger.expression
    with suppress(TriggerError):
        return conversion.is_same(found, trigger, now) or _is_same_rule(found, trigger, now)
    return False


def _is_same_rule(one: Trigger, other: Trigger, now: datetime) -> bool:
    """Whether two RRULEs differ in nothing but from where they count, and come to the same times."""
    if not one.kind == other.kind == "rrule":
        return False
    rules = [replace(trigger.rule, dtstart=None) for trigger in (one, other)]
    until = now + timedelta(days=3660)
    fires = [[*islice(triggers.fires_between(trigger, now, until), _COMPARED)] for trigger in (one, other)]
    return rules[0] == rules[1] and fires[0] == fires[1]


def _as_words(trigger: Trigger, given: Given, now: datetime) -> dict[str, list[str]]:
    if given.text.lower().split() != trigger.expression.lower().split():
        return {"text": [given.text]}  # words already
    said = triggers.describe(trigger)
    words = f"{said[:1].lower()}{said[1:]}"
    return {"text": [words if _means(words, trigger, given, now) else given.text]}


def _as_cron(trigger: Trigger, _: Given, __: datetime) -> dict[str, list[str]]:
    return {"cron": [conversion.as_cron(trigger)]}


def _as_rrule(trigger: Trigger, _: Given, now: datetime) -> dict[str, list[str]]:
    return {"rrule": [conversion.as_rrule(trigger, now)]}


def _as_built(trigger: Trigger, _: Given, __: datetime) -> dict[str, list[str]]:
    fields: dict[str, Any] = {}
    if trigger.kind == "once":
        fields = {"repeat": "once", "date": trigger.expression[:10], "at": [trigger.expression[11:16]]}
    elif trigger.kind == "interval":
        number, unit = trigger.expression[:-1], trigger.expression[-1:]
        fields = {"repeat": "minutes" if unit == "m" else "hours", "every": number}
    elif expression := conversion.as_cron(trigger):
        fields = _of_cron(cron.parse(expression))
    elif trigger.kind == "rrule":
        fields = _of_rrule(trigger.rule)
    return {name: [value] if isinstance(value, str) else value for name, value in fields.items()}


def _of_cron(rule: Cron) -> dict[str, Any]:
    if len(rule.days) == 1:
        return {"repeat": "month", "monthday": str(min(rule.days)), "at": _clocks(rule.times)}
    return _of_days([day for number, day in enumerate(WEEKDAYS, 1) if number % 7 in rule.weekdays], rule.times)


def _of_rrule(rule: Rule) -> dict[str, Any]:
    start = rule.dtstart.time() if rule.dtstart else time()
    times = [time(hour, minute) for hour in rule.byhour or (start.hour,) for minute in rule.byminute or (start.minute,)]
    weekdays = [WEEKDAYS[weekday] for _, weekday in rule.byday]
    if rule.freq == "DAILY":
        places = [place for place in rule.bysetpos if 0 < place <= len(times)]
        return _of_days(weekdays or WEEKDAYS, [times[place - 1] for place in places] or times)
    if rule.freq == "WEEKLY":
        return {"repeat": "week", "weeks": str(rule.interval), "days": weekdays, "at": _clocks(times)}
    if rule.freq != "MONTHLY":
        return {}
    is_working = tuple(weekdays) == _WORKDAYS and rule.bysetpos == (-1,)
    day = "last working" if is_working else "last" if rule.bymonthday == (-1,) else ""
    return {"repeat": "month", "monthday": day, "at": _clocks(times)} if day else {}


def _of_days(weekdays: Sequence[str], times: Sequence[time]) -> dict[str, Any]:
    """Return the fields for what runs on these days, as a rhythm where the times of a day are one."""
    minutes = [moment.hour * 60 + moment.minute for moment in times]
    steps = {later - earlier for earlier, later in pairwise(minutes)}
    is_any_day = len(weekdays) == len(WEEKDAYS)
    if len(steps) == 1 and len(minutes) > 2:  # noqa: PLR2004 two times are no rhythm yet
        return _window(times, steps.pop()) | {"days": [] if is_any_day else weekdays}
    if is_any_day:
        return {"repeat": "day", "at": _clocks(times)}
    return {"repeat": "weekday" if tuple(weekdays) == _WORKDAYS else "week", "days": weekdays, "at": _clocks(times)}


def _window(times: Sequence[time], step: int) -> dict[str, Any]:
    unit, every = ("hours", step // 60) if step % 60 == 0 else ("minutes", step)
    is_all_day = len(times) * step == 24 * 60 and times[0] == time()
    window = {} if is_all_day else {"between": wording.clock(times[0]), "until": wording.clock(times[-1])}
    return {"repeat": unit, "every": str(every), **window}


def _clocks(times: Sequence[time]) -> list[str]:
    return [wording.clock(moment) for moment in times[: _MOST_TIMES + 1]]


_WRITERS = {"words": _as_words, "builder": _as_built, "cron": _as_cron, "rrule": _as_rrule}
_FIELDS = {"words": "text", "cron": "cron", "rrule": "rrule"}


# --- a sentence with a name and a schedule


def split(sentence: str, now: datetime, timezone: str) -> tuple[str, str]:
    """Part “disk check every hour” into a name and the words of a schedule; what neither is in is empty.

    The longest ending that is understood wins; one that leaves a question open only where none is.
    """
    words = sentence[:_LONGEST_SENTENCE].split()
    first = max(0, len(words) - _MOST_ENDS)
    ends = [" ".join(words[start:]) for start in range(first, len(words))]
    states = [schedules.read(Given(end, timezone), now).state for end in ends]
    start = first + next((states.index(state) for state in ("understood", "ask") if state in states), len(ends))
    return _capital(" ".join(words[:start])), " ".join(words[start:])


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
