"""The filters of expressions: each takes a plain value and returns one that is no larger than `LARGEST`."""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from app.domain.expressions import dates
from app.domain.expressions.dates import Unfit

LARGEST = 256 * 1024
"""Letters of a value as text."""

_MOST_ITEMS = 10_000
_LARGEST_NUMBER = 10**15
_PLAIN = frozenset({str, int, float, bool, type(None), list, dict, date, datetime})
_NUMBER = re.compile(r"\s*[-+]?\d{1,15}(?:\.\d{1,15})?\s*", re.ASCII)
_MOST_PLACES = 9


@dataclass(frozen=True)
class Spec:
    """A filter: what it does with a value and its arguments, how many it takes, an example and what that means."""

    do: Callable[..., Any]
    least: int
    most: int
    example: str
    means: str
    takes_zone: bool = False


def use(name: str, value: Any, arguments: Sequence[Any], zone: str) -> Any:
    """Send a value through a filter; `zone` is that of the run. Raises Unfit with a sentence."""
    spec = FILTERS[name]
    for one in (value, *arguments):
        _refuse_unless_plain(one)
    found = spec.do(value, *arguments, zone) if spec.takes_zone else spec.do(value, *arguments)
    _refuse_if_large(found)
    return found


def as_text(value: Any) -> str:
    """Return a value as it is put into a text: a text as it is, a date in ISO form, anything else as JSON."""
    _refuse_unless_plain(value)
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False, default=_iso)


def kind(value: Any) -> str:
    """Say what sort of value it is."""
    if value is None:
        return "nothing"
    words = {
        bool: "a truth value",
        str: "a text",
        list: "a list",
        dict: "an object",
        date: "a date",
        datetime: "a time",
    }
    return "a time" if isinstance(value, datetime) else words.get(type(value), "a number")


def _refuse_unless_plain(value: Any) -> None:
    if type(value) not in _PLAIN:
        raise Unfit("this value can't be used.")


def _refuse_if_large(value: Any) -> None:
    if isinstance(value, str) and len(value) > LARGEST:
        raise Unfit(f"the result has more than {LARGEST:,} letters.")
    if isinstance(value, list | dict) and len(value) > _MOST_ITEMS:
        raise Unfit(f"the result has more than {_MOST_ITEMS:,} items.")


def _iso(value: Any) -> str:
    if type(value) in {date, datetime}:
        return as_text(value)
    raise Unfit("this value can't be used.")


# --- texts


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise Unfit(f"this filter needs a text, and this is {kind(value)}. Put | text before it.")


def _encoded(value: Any) -> str:
    return quote(as_text(value), safe="")


def _replace(value: Any, old: Any, new: Any) -> str:
    text, this, that = _text(value), _text(old), _text(new)
    if not this:
        raise Unfit("replace needs something to look for.")
    if len(text) + text.count(this) * (len(that) - len(this)) > LARGEST:
        raise Unfit(f"the result has more than {LARGEST:,} letters.")
    return text.replace(this, that)


def _split(value: Any, separator: Any = ",") -> list[str]:
    text, between = _text(value), _text(separator)
    if not between:
        raise Unfit("split needs what stands between the parts.")
    return [part.strip() for part in text.split(between, _MOST_ITEMS)]


def _join(value: Any, separator: Any = ", ") -> str:
    items, between = [as_text(one) for one in _list(value)], _text(separator)
    if sum(map(len, items)) + len(items) * len(between) > LARGEST:
        raise Unfit(f"the result has more than {LARGEST:,} letters.")
    return between.join(items)


# --- lists, numbers, whatever


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise Unfit(f"this filter needs a list, and this is {kind(value)}.")


def _end(place: int) -> Callable[[Any], Any]:
    def take(value: Any) -> Any:
        items = value if isinstance(value, str) else _list(value)
        if not items:
            raise Unfit("there is nothing in it.")
        return items[place]

    return take


def _length(value: Any) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise Unfit(f"length needs a text, a list or an object, and this is {kind(value)}.")


def _number(value: Any) -> int | float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        said = f"“{value[:40]}”" if isinstance(value, str) else kind(value)
        raise Unfit(f"{said} is no number.")
    if not math.isfinite(value) or abs(value) > _LARGEST_NUMBER:
        raise Unfit("this number is too large.")
    return value


def _round(value: Any, places: Any = 0) -> int | float:
    number = _number(value)
    if type(places) is not int or not 0 <= places <= _MOST_PLACES:
        raise Unfit(f"round keeps from 0 to {_MOST_PLACES} decimal places.")
    return round(number, places) if places else round(number)


def _default(value: Any, instead: Any) -> Any:
    return instead if value is None or value == "" else value


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()][: _MOST_ITEMS + 1]
    return [] if value is None else [value]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_iso)


def _shifts() -> dict[str, Spec]:
    shifts: dict[str, Spec] = {}
    for sign, word in ((1, "plus"), (-1, "minus")):
        for unit in dates.UNITS:
            name = f"{word}_{unit}"
            means = f"{unit} {'later' if sign > 0 else 'earlier'}"
            shifts[name] = Spec(dates.shift(unit, sign), 1, 1, f"run.date | {name}(1)", means, takes_zone=True)
    return shifts


FILTERS: dict[str, Spec] = {
    **_shifts(),
    "start_of": Spec(dates.start_of, 1, 1, "run.date | start_of('month')", "the first day or moment", takes_zone=True),
    "end_of": Spec(dates.end_of, 1, 1, "run.date | end_of('month')", "the last day or second", takes_zone=True),
    "format": Spec(dates.formatted, 1, 1, "run.date | format('%d.%m.%Y')", "a date as you write it", takes_zone=True),
    "in_zone": Spec(dates.in_zone, 1, 1, "run.at | in_zone('Asia/Tokyo')", "a time on clocks there", takes_zone=True),
    "weekday": Spec(dates.weekday, 0, 0, "run.date | weekday", "monday to sunday", takes_zone=True),
    "quarter": Spec(dates.quarter, 0, 0, "run.date | quarter", "1 to 4", takes_zone=True),
    "upper": Spec(lambda value: _text(value).upper(), 0, 0, "run.task | upper", "in capital letters"),
    "lower": Spec(lambda value: _text(value).lower(), 0, 0, "run.task | lower", "in small letters"),
    "title": Spec(lambda value: _text(value).title(), 0, 0, "weekday | title", "each word with a capital letter"),
    "trim": Spec(lambda value: _text(value).strip(), 0, 0, "run.task | trim", "without space around it"),
    "replace": Spec(_replace, 2, 2, "run.task | replace(' ', '-')", "one text in place of another"),
    "split": Spec(_split, 0, 1, "'a, b' | split(',')", "a text as a list"),
    "join": Spec(_join, 0, 1, "'a, b' | split | join('; ')", "a list as a text"),
    "first": Spec(_end(0), 0, 0, "'a, b' | split | first", "the first of a list"),
    "last": Spec(_end(-1), 0, 0, "'a, b' | split | last", "the last of a list"),
    "length": Spec(_length, 0, 0, "run.task | length", "how many letters or items"),
    "default": Spec(_default, 1, 1, "previous.state | default('none')", "what counts where there is no value"),
    "round": Spec(_round, 0, 1, "'3.14159' | round(2)", "a number with so many decimal places"),
    "json": Spec(_json, 0, 0, "run.task | json", "as JSON, with quotes, for a body"),
    "encode": Spec(_encoded, 0, 0, "run.task | encode", "for a part of an address: a space as %20"),
    "number": Spec(_number, 0, 0, "'42' | number", "a text as a number"),
    "text": Spec(as_text, 0, 0, "run.number | text", "any value as a text"),
    "list": Spec(_as_list, 0, 0, "'one' | list", "each line of a text as an item"),
}
"""Every filter by its name. Each example can be tried as it stands."""
