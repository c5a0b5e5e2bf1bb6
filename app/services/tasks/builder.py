"""The ways to write a schedule: builder and cron beside plain words, all three the same text. A helper of services."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.domain import triggers
from app.domain.triggers import Trigger
from app.services.tasks import schedules
from app.services.tasks.schedules import Given

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_ENDINGS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
_INTERVAL = re.compile(r"(\d+)([mh])")
_CRON = re.compile(r"(\d{1,2}) (\d{1,2}) (\*|\d{1,2}) \* (\*|[0-7]([,-][0-7])*)")
_LONGEST_SENTENCE = 300
_MOST_ENDS = 24
"""So many endings are read, the longest first of them: each costs some milliseconds."""


def compose(fields: Mapping[str, Sequence[str]]) -> str:
    """Return the words for what the builder's fields say: repeat, every, days, monthday, date, at."""
    one = {name: values[0].strip() for name, values in fields.items() if values}
    at = one.get("at") or "09:00"
    repeat = one.get("repeat", "")
    if repeat in {"minutes", "hours"}:
        return f"every {one.get('every') or 1} {repeat}"
    if repeat in {"day", "weekday"}:
        return f"every {repeat} at {at}"
    if repeat == "week":
        days = [day for day in fields.get("days", ()) if day in WEEKDAYS]
        return f"every {' and '.join(days) or 'week'} at {at}"
    if repeat == "month":
        day = one.get("monthday") or "1"
        ending = _ENDINGS.get(int(day), "th") if day.isdecimal() else ""
        return f"the {day}{ending} of every month at {at}"
    if repeat == "once":
        return f"{one.get('date', '')} {at}".strip()
    return one.get("text", "")


def written(mode: str, given: Given, now: datetime) -> dict[str, list[str]]:
    """Return the fields in which `mode` (words, builder or cron) shows the schedule; none for what it can't say."""
    trigger = schedules.read(given, now).trigger
    if trigger is None:
        return {}
    if mode == "cron":
        return {"cron": [trigger.expression if trigger.kind == "cron" else ""]}
    if mode == "builder":
        return {name: [value] if isinstance(value, str) else value for name, value in _built(trigger).items()}
    words = triggers.describe(trigger).lower()
    is_same = schedules.read(Given(words, given.timezone, given.gap, given.fold), now).trigger == trigger
    return {"text": [words]} if is_same and trigger.kind == "cron" and given.text[:1] in "0123456789*" else {}


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


def _built(trigger: Trigger) -> dict[str, Any]:
    if trigger.kind == "interval" and (interval := _INTERVAL.fullmatch(trigger.expression)):
        return {"repeat": "minutes" if interval[2] == "m" else "hours", "every": interval[1]}
    if trigger.kind == "once" and len(trigger.expression) <= len("2026-11-24T09:00:00"):
        return {"repeat": "once", "date": trigger.expression[:10], "at": trigger.expression[11:16]}
    if trigger.kind == "cron" and (cron := _CRON.fullmatch(trigger.expression)):
        return {"at": f"{int(cron[2]):02}:{int(cron[1]):02}"} | _cron_days(cron[3], cron[4])
    return {"repeat": ""}


def _cron_days(monthday: str, weekdays: str) -> dict[str, Any]:
    if monthday != "*":
        return {"repeat": "month", "monthday": monthday} if weekdays == "*" else {"repeat": ""}
    if weekdays == "*":
        return {"repeat": "day"}
    if weekdays == "1-5":
        return {"repeat": "weekday"}
    numbers = {(int(number) - 1) % 7 for part in weekdays.split(",") for number in _span(part)}
    return {"repeat": "week", "days": [WEEKDAYS[number] for number in sorted(numbers)]}


def _span(part: str) -> range:
    first, _, last = part.partition("-")
    return range(int(first), int(last or first) + 1)
