"""What is typed in a form, or sent by a program -> values, checked; and values as a form shows them."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, get_origin

from pydantic import ValidationError

from app.domain import money
from app.engines.base import engines

_WORDS = {
    "missing": "Fill this in.",
    "string_too_short": "Fill this in.",
    "string_type": "Write some text.",
    "int_parsing": "Write a whole number.",
    "int_from_float": "Write a whole number.",
    "float_parsing": "Write a number.",
    "literal_error": "Choose one from the list.",
    "too_short": "Add at least one.",
}
_AMOUNT = "Write an amount in dollars, like 1.00."
_BOUNDS = {
    "greater_than_equal": ("ge", "At least {}."),
    "greater_than": ("gt", "More than {}."),
    "less_than_equal": ("le", "At most {}."),
    "less_than": ("lt", "Less than {}."),
    "string_too_long": ("max_length", "At most {} characters."),
    "too_long": ("max_length", "At most {} of them."),
}


@dataclass(frozen=True)
class Number:
    """A number somebody types: where it is kept (`place`, `key`), how much one of it is, and its bounds."""

    name: str
    place: Literal["limits", "policy", ""]
    key: str
    least: float
    most: float
    unit: float = 1
    is_whole: bool = True


# --- checks


def read(number: Number, text: str, wrong: dict[str, str], prefix: str = "") -> float:
    """Return the number that was typed, in its own unit; what is wrong with it goes into `wrong`."""
    try:
        value = int(text) if number.is_whole else float(text.replace(",", "."))
    except ValueError:
        wrong[f"{prefix}{number.name}"] = "Write a whole number." if number.is_whole else "Write a number."
        return number.least
    if not number.least <= value <= number.most:
        wrong[f"{prefix}{number.name}"] = f"Between {number.least:,g} and {number.most:,g}."
    return value


def settings(engine: str, given: Mapping[str, Any], wrong: dict[str, str], prefix: str = "") -> dict[str, Any]:
    """Return the settings of an engine to store; what is wrong with them goes into `wrong`, by name."""
    try:
        return engines[engine].settings_schema.model_validate(dict(given)).model_dump(mode="json")
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            wrong.setdefault(f"{prefix}{problem['loc'][0] if problem['loc'] else ''}", sentence(problem))
        return {}


def sentence(problem: Mapping[str, Any]) -> str:
    """Say what pydantic found wrong with one value."""
    kind, context = problem["type"], problem.get("ctx", {})
    is_money = str((*problem["loc"], "")[0]).endswith("_cents")
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        limit = context[bound]
        return words.format(money.said(limit * money.MICROS_PER_CENT) if is_money else f"{limit:,}")
    if is_money:
        return _AMOUNT
    message = str(problem["msg"]).removeprefix("Value error, ")
    return _WORDS.get(kind, message if message.endswith((".", "?")) else f"{message}.")


# --- as text: what a form sends and shows


def from_texts(engine: str, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return settings of an engine from the texts of a form; fields that were not sent take the engine's default.

    Names that end in `_cents` are typed in dollars. Lists have one item a line or one text each; mappings one
    `name: value` or `NAME=value` a line; checks of JSON one `path op value` a line. A box that was not sent is not
    ticked.
    """
    if engine not in engines:
        return {}
    settings: dict[str, Any] = {}
    for name, info in engines[engine].settings_schema.model_fields.items():
        kind = get_origin(info.annotation) or info.annotation
        lines = [line.strip() for text in texts.get(name, ()) for line in text.splitlines() if line.strip()]
        if kind is bool:
            settings[name] = bool(lines)
        elif name == "expect_json":
            settings[name] = [_expectation(line) for line in lines]
        elif kind is dict:
            settings[name] = dict(_pair(line) for line in lines)
        elif kind in {list, tuple}:
            settings[name] = lines
        elif name in texts and (lines or info.is_required() or kind is str):
            text = texts[name][0].replace("\r\n", "\n")
            settings[name] = _cents(text) if name.endswith("_cents") else text
    return settings


def defaults(engine: str) -> dict[str, list[str]]:
    """Return the settings of an engine that have a default, as a form shows them."""
    found = engines[engine].settings_schema.model_fields.items()
    return {
        name: texts(name, info.get_default(call_default_factory=True)) for name, info in found if not info.is_required()
    }


def _cents(dollars: str) -> int | str:
    """Return cents of what is typed in dollars; what is no amount stays as it is, for the schema to refuse."""
    with suppress(ValueError):
        return round(money.read(dollars) / money.MICROS_PER_CENT)
    return dollars


def _pair(line: str) -> tuple[str, str]:
    mark = "=" if "=" in line and (":" not in line or line.index("=") < line.index(":")) else ":"
    name, _, value = line.partition(mark)
    return name.strip(), value.strip()


def _expectation(line: str) -> dict[str, Any]:
    path, op, value = [*line.split(None, 2), "exists", ""][:3] if " " in line else (line, "exists", "")
    expectation: dict[str, Any] = {"path": path, "op": op}
    if value:
        expectation["value"] = value
        with suppress(ValueError):
            expectation["value"] = json.loads(value)
    return expectation


_TICKED = frozenset({"secrets", "tools", "questions", "mail_to"})
"""Lists whose items are boxes to tick, not lines to type."""


def texts(name: str, value: Any) -> list[str]:
    """Return a setting as the texts that `from_texts` reads."""
    if isinstance(value, bool):
        return ["1"] if value else []
    if name == "expect_json":
        return ["\n".join(_said(one) for one in value)]
    if isinstance(value, Mapping):
        mark = "=" if name == "env" else ": "
        return ["\n".join(f"{key}{mark}{one}" for key, one in value.items())]
    if isinstance(value, list | tuple):
        return [str(one) for one in value] if name in _TICKED else ["\n".join(map(str, value))]
    if name.endswith("_cents"):
        return [money.plain(value * money.MICROS_PER_CENT)]
    return ["" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)]


def _said(expectation: Mapping[str, Any]) -> str:
    value = expectation["value"]
    is_plain = isinstance(value, str) and not _is_json(value)
    words = [expectation["path"], expectation["op"]]
    return " ".join(words if value is None else [*words, value if is_plain else json.dumps(value)])


def _is_json(text: str) -> bool:
    with suppress(ValueError):
        json.loads(text)
        return True
    return False
