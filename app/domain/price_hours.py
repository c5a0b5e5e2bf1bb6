"""Hours in which a model has another price: read from lines as typed, stored as values, and asked for an instant."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

MOST = 20
HIGHEST_FACTOR = 100.0

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = rf"({'|'.join(_DAYS)})[a-z]*"
_LINE = re.compile(
    rf"(?:{_DAY}(?:\s*[-–]\s*{_DAY})?\s+)?(\d\d?:\d\d)\s*[-–]\s*(\d\d?:\d\d)\s+(\S+)\s+[x×*]?\s*(\d+(?:[.,]\d+)?)\s*(%?)",
    re.IGNORECASE,
)
_ALL = list(range(7))


def read(text: str) -> list[dict[str, Any]]:
    """Return the hours that were typed, a line each: `mon-fri 22:00-06:00 Europe/Berlin 0.5`. Raises ValueError.

    The number is what prices are multiplied by, or a percentage. Hours may pass midnight; the day is the one on which
    they begin, Monday 0. The error says which line can't be read, and why.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST:
        raise ValueError(f"At most {MOST} lines.")
    return [_read(line) for line in lines]


def _read(line: str) -> dict[str, Any]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"“{line}” is not clear. Write it like: mon-fri 22:00-06:00 Europe/Berlin 0.5")
    first, last, since, until, zone, number, percent = found.groups()
    if zone not in available_timezones():
        raise ValueError(f"“{zone}” is no time zone. Write one like Europe/Berlin.")
    factor = float(number.replace(",", ".")) / (100 if percent else 1)
    if factor > HIGHEST_FACTOR:
        raise ValueError(f"Prices are multiplied by {HIGHEST_FACTOR:g} at most.")
    return {"from": _time(since), "to": _time(until), "days": _days(first, last), "zone": zone, "factor": factor}


def _time(text: str) -> str:
    hour, _, minute = text.partition(":")
    try:
        return time(int(hour), int(minute)).isoformat("minutes")
    except ValueError:
        if (hour, minute) == ("24", "00"):
            return "00:00"
        raise ValueError(f"{text} is no time of day.") from None


def _days(first: str | None, last: str | None) -> list[int]:
    if not first:
        return _ALL
    start, end = _DAYS.index(first.lower()), _DAYS.index((last or first).lower())
    return sorted({(start + offset) % 7 for offset in range((end - start) % 7 + 1)})


def write(hours: Sequence[Mapping[str, Any]]) -> str:
    """Return hours as they are typed."""
    return "\n".join(_written(one) for one in hours)


def _written(one: Mapping[str, Any]) -> str:
    days = "" if len(one["days"]) == len(_ALL) else f"{_span(one['days'])} "
    return f"{days}{one['from']}-{one['to']} {one['zone']} {one['factor']:g}"


def _span(days: Sequence[int]) -> str:
    first = next(day for day in days if (day - 1) % 7 not in days)
    last = next(day for day in days if (day + 1) % 7 not in days)
    return _DAYS[first] if first == last else f"{_DAYS[first]}-{_DAYS[last]}"


def factor(hours: Sequence[Mapping[str, Any]], at: datetime) -> float:
    """Return what prices are multiplied by at an instant (aware): 1.0 outside of all hours; the first line counts."""
    return next((one["factor"] for one in hours if _holds(one, at)), 1.0)


def _holds(one: Mapping[str, Any], at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(one["zone"]))
    now, since, until, day = f"{local:%H:%M}", one["from"], one["to"], local.weekday()
    if since < until:
        return since <= now < until and day in one["days"]
    return (now >= since and day in one["days"]) or (now < until and (day - 1) % 7 in one["days"])
