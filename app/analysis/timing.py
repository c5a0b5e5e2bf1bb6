"""What was said of time -> the value of a schedule finding; where it leaves something open, the likeliest is taken."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.domain.language import doubts
from app.domain.language.doubts import Doubt
from app.domain.language.meanings import Place, meant
from app.domain.language.spoken import Clock, Spoken, Unreadable
from app.domain.triggers import Trigger, TriggerError, interval

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_HOURS = {None: 9, "morning": 8, "afternoon": 15, "evening": 19, "night": 2}
"""The hour that is proposed where none was said."""

_WEEKS = {(8, "day"): 1, (14, "day"): 2, (15, "day"): 2}
"""Lengths in days that are said of weeks."""

_MOST_DOUBTS = 6
_GUESSED = 0.75
"""What a doubt leaves of the confidence."""

_NOON = 12
_EARLIEST = 5
"""A bare hour before it is one of the afternoon."""

_BOTH = re.compile(r";?BY(HOUR|MINUTE|SECOND)=([\d,]+)")


def value(said: Spoken, now: datetime | None) -> tuple[dict[str, Any], float] | None:
    """Return the schedule and how much of it was said (0 to 1); None when it makes no sense.

    `now` is when it was said; without it, words that are relative to it can't be read.
    """
    zone = said.zones[0] if said.zones else None
    length = _interval(said)
    if length:
        return {"kind": "interval", "every_seconds": length, "timezone": zone}, 1.0
    if now is None and (said.delay or (said.day and not any(year for year, *_ in said.day.dates))):
        return None
    said = replace(said, zones=said.zones[:1] if said.zones else None)
    trigger, sure = _trigger(said, Place(now or datetime(2000, 1, 1, tzinfo=UTC), zone or "UTC"))
    return (_value(trigger, zone), sure) if trigger else None


def _interval(said: Spoken) -> int | None:
    others = (said.days, said.nth, said.months, said.window, said.marks, said.times, said.not_days, said.part)
    if not said.rhythm or any(others):
        return None
    number, unit = said.rhythm
    if said.per and (number, unit) == (1, "day"):
        return 86_400 // said.per if said.per > 2 and 86_400 % said.per == 0 else None  # noqa: PLR2004 twice has times
    if unit == "day" and number > 1:
        return number * 86_400
    if said.per:
        return None
    return number * _SECONDS[unit] if unit in _SECONDS else None


def _trigger(said: Spoken, place: Place) -> tuple[Trigger | None, float]:
    sure = 1.0
    said = _sensible(said)
    for _ in range(_MOST_DOUBTS):
        try:
            return meant(said, place), sure
        except Doubt as doubt:
            chosen = _chosen(doubt, said)
            if chosen is None:
                return None, 0.0
            said, sure = chosen, sure * _GUESSED
        except (Unreadable, TriggerError, OverflowError):
            simpler = _simpler(said)
            if simpler == said:
                return None, 0.0
            said, sure = simpler, sure * _GUESSED
    return None, 0.0


def _sensible(said: Spoken) -> Spoken:
    """Return what was said without what doesn't go together: “twice a day” beside its two times, parts beside times."""
    if said.per and said.times and said.rhythm and said.rhythm[1] == "day":
        said = replace(said, per=None)
    if said.rhythm in _WEEKS and said.days:
        said = replace(said, rhythm=(_WEEKS[said.rhythm], "week"))
    if said.per == 1:
        said = replace(said, per=None)
    if said.times:
        said = replace(said, times=tuple(dict.fromkeys(said.times)))
    if said.times and said.part in {"afternoon", "evening"} and not any(clock.is_sure for clock in said.times):
        later = (replace(clock, hour=clock.hour % _NOON + _NOON, is_sure=True) for clock in said.times)
        said = replace(said, times=tuple(later), part=None)  # on Saturday afternoons, at eight
    return said


def _simpler(said: Spoken) -> Spoken:
    for name in ("part", "count", "until", "since", "per", "is_now", "not_months", "months"):
        if getattr(said, name) is not None:
            return replace(said, **{name: None})
    if said.rhythm and (said.days or said.nth or said.day) and said.rhythm[0] == 1:
        return replace(said, rhythm=None, is_repeated=True)
    return said


def _chosen(doubt: Doubt, said: Spoken) -> Spoken | None:
    """Return the likeliest of what a person can have meant."""
    if doubt.sentence.startswith("At what time") and not (said.per and said.per > 1):
        return doubts.at(said, _HOURS[said.part])
    if doubt.sentence.startswith("Morning or") and said.times:
        return replace(said, times=tuple(_likely(clock) for clock in said.times))
    if doubt.sentence.endswith("or once?") and not said.is_repeated:
        return doubt.alternatives[-1][1]
    return next((alternative for _, alternative in doubt.alternatives), None)


def _likely(clock: Clock) -> Clock:
    if clock.is_sure:
        return clock
    return replace(clock, hour=clock.hour + _NOON if 0 < clock.hour < _EARLIEST else clock.hour, is_sure=True)


def _value(trigger: Trigger, zone: str | None) -> dict[str, Any]:
    if trigger.kind == "once":
        return {"kind": "once", "at": _moment(trigger.expression), "timezone": zone}
    if trigger.kind == "cron":
        return {"kind": "cron", "cron": trigger.expression, "timezone": zone}
    if trigger.kind == "interval":
        return {
            "kind": "interval",
            "every_seconds": int(interval(trigger.expression).total_seconds()),
            "timezone": zone,
        }
    return _rrule(trigger.expression) | {"timezone": zone}


def _moment(expression: str) -> str:
    moment = datetime.fromisoformat(expression)
    return moment.replace(tzinfo=None).isoformat()


def _rrule(expression: str) -> dict[str, Any]:
    """Return the rule; where it has one time of day, that stands beside it."""
    rule = expression.rsplit("RRULE:", 1)[-1].strip()
    parts = dict(_BOTH.findall(rule))
    if not any("," in numbers for numbers in parts.values()) and "HOUR" in parts:
        clock = f"{int(parts['HOUR']):02}:{int(parts.get('MINUTE', '0')):02}"
        return {"kind": "rrule", "rrule": _BOTH.sub("", rule), "time": clock}
    return {"kind": "rrule", "rrule": rule}
