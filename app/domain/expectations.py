"""What a JSON document must have -> what it has instead, in words."""

import contextlib
import json
import re
from typing import Any, Literal

Op = Literal["exists", "equals", "contains", "above", "below"]

_PATH = re.compile(r"(?:\[\d{1,6}\]|[^.\[\]]+)(?:\[\d{1,6}\]|\.[^.\[\]]+)*")
_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_WORDS = {"equals": "", "contains": "to contain ", "above": "above ", "below": "below "}


def is_path(text: str) -> bool:
    """Whether `text` is a path like `data.items[0].name`."""
    return bool(_PATH.fullmatch(text))


def problem(document: Any, path: str, op: Op, value: Any = None) -> str:
    """Hold what `document` has at `path` against `value`; returns one sentence, empty if it is as expected."""
    try:
        found = at(document, path)
    except LookupError:
        return f"The answer has no {path}."
    return "" if _is_met(found, op, value) else f"{path} is {_short(found)}; expected {_WORDS[op]}{_short(value)}."


def at(document: Any, path: str) -> Any:
    """Return the value at `path`. Raises LookupError."""
    for index, name in _PART.findall(path):
        if index and isinstance(document, list):
            document = document[int(index)]
        elif name and isinstance(document, dict):
            document = document[name]
        else:
            raise LookupError(path)
    return document


def number(value: Any) -> float | None:
    """Read a number, also one written as text; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _is_met(found: Any, op: Op, value: Any) -> bool:
    match op:
        case "exists":
            return True
        case "equals":
            return _is_same(found, value)
        case "contains" if isinstance(found, list):
            return any(_is_same(item, value) for item in found)
        case "contains":
            return isinstance(found, str | dict) and str(value) in found
    left, right = number(found), number(value)
    if left is None or right is None:
        return False
    return left > right if op == "above" else left < right


def _is_same(found: Any, value: Any) -> bool:
    """Whether a value of JSON is the one that was typed: `200` is the number as well as the text."""
    meant = [value]
    if isinstance(value, str):
        with contextlib.suppress(ValueError, RecursionError):
            meant.append(json.loads(value))
    return any(isinstance(found, bool) == isinstance(one, bool) and found == one for one in meant)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= 60 else text[:59] + "…"  # noqa: PLR2004 characters that fit a sentence
    return f"“{text}”" if isinstance(value, str) else text
