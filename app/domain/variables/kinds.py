"""What a variable is, and what each kind of one may be."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from app.domain import expectations, expressions

Kind = Literal[
    "text", "date", "period", "number", "money", "choice", "email", "url", "file", "person", "place", "entity"
]
Source = Literal["value", "web"]
KINDS: Mapping[str, str] = {
    "text": "Text", "date": "Date", "period": "Period", "number": "Number", "money": "Money", "choice": "Choice",
    "email": "E-mail address", "url": "Web address", "file": "File", "person": "Person", "place": "Place",
    "entity": "Company or thing",
}  # fmt: skip
"""Kinds, as a form calls them."""

LONGEST_NAME, LONGEST_LABEL, LONGEST_HELP, LONGEST_VALUE = 40, 80, 300, 60_000
MOST_OPTIONS = 100
_DEEPEST = 100
"""Lists and objects within each other: far deeper ones can be read as JSON, and not be written any more."""

_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_EMAIL = re.compile(r"[^\s@<>,;\"]{1,64}@[^\s@<>,;\"]{1,180}\.[^\s@<>,;.\"]{1,60}")
_MONEY = re.compile(r"[^\W\d_]{0,4}\s?[$€£¥₹]?\s?-?\d[\d.,' ]{0,20}\s?[$€£¥₹]?\s?[^\W\d_]{0,4}")
_FILE = re.compile(r"(?!/|.*(?:^|/)\.\.(?:/|$))[^\x00-\x1f\\]{1,200}")
_PERIOD = re.compile(r"(?=.*\d)[\w .,:/–-]{1,60}")
_SENTENCES = {
    "date": "Type a date like 2026-11-28.",
    "period": "Type a period like 2026-11, 2026-Q4 or November 2026.",
    "number": "Type a number like 12 or 3.5.",
    "money": "Type an amount like 100 or 99.50 EUR.",
    "email": "Type an address like ada@example.com.",
    "url": "Type an address like https://example.com/report.",
    "file": "Type the name of a file, like report.csv.",
    "choice": "Choose one from the list.",
}


class Unfit(ValueError):
    """A value that a variable can't have; the message is one sentence."""


@dataclass(frozen=True)
class Variable:
    """One variable as its task has it. `value` may hold expressions; of the source `web` it is what counts otherwise.

    `path` says where in the JSON that `url` answers the value is, empty for the whole answer.
    """

    name: str
    label: str = ""
    kind: str = "text"
    source: str = "value"
    value: str = ""
    url: str = ""
    path: str = ""
    help: str = ""
    is_required: bool = True
    options: Sequence[str] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Variable":
        """Return a stored variable; what a later version of Carillon has added is left out."""
        return cls(**{one.name: stored[one.name] for one in fields(cls) if one.name in stored})

    @property
    def is_missing(self) -> bool:
        """Whether nothing but somebody who types a value can give it one."""
        return self.is_required and self.source == "value" and not self.value.strip()

    @property
    def title(self) -> str:
        """What a form calls it."""
        return self.label or self.name.replace("_", " ").capitalize()


def value_of(variable: Variable, given: Any) -> Any:
    """Return what was typed, or found, as a value of the variable's kind. Raises Unfit with what to type.

    A date is a `date`, a number an int or float, all else a text; a text may also be JSON as it was found.
    """
    if given is None or (isinstance(given, str) and not given.strip()):
        if variable.is_required:
            raise Unfit("Fill this in.")
        return ""
    if _is_deeper(given, _DEEPEST):
        raise Unfit(f"A value has at most {_DEEPEST} lists or objects within each other.")
    if len(expressions.as_text(given).encode("utf-8", "replace")) > LONGEST_VALUE:
        raise Unfit(f"A value has at most {LONGEST_VALUE:,} bytes.")
    match variable.kind:
        case "date":
            return _date(given)
        case "number":
            return _number(given)
        case "text" if isinstance(given, list | dict | bool | int | float):
            return given
    text = given if variable.kind == "text" and isinstance(given, str) else expressions.as_text(given).strip()
    if not _fits(variable, text):
        raise Unfit(_SENTENCES[variable.kind])
    return text


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return not levels or any(_is_deeper(one, levels - 1) for one in parts)


def _fits(variable: Variable, text: str) -> bool:
    match variable.kind:
        case "choice":
            return text in variable.options
        case "url":
            return _is_address(text)
    pattern = {"email": _EMAIL, "money": _MONEY, "file": _FILE, "period": _PERIOD}.get(variable.kind)
    return pattern is None or pattern.fullmatch(text) is not None


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", text)


def _date(given: Any) -> date:
    if isinstance(given, date):
        return given.date() if isinstance(given, datetime) else given
    text = given.strip() if isinstance(given, str) else ""
    try:
        if found := _DATE.fullmatch(text):
            return date(int(found[3]), int(found[2]), int(found[1]))
        return date.fromisoformat(text[:10] if text[10:11] in {"T", " ", ""} else "")
    except ValueError:
        raise Unfit(_SENTENCES["date"]) from None


def _number(given: Any) -> int | float:
    text = given.strip().replace(",", ".") if isinstance(given, str) else given
    number = expectations.number(text)
    if number is None or number != number or abs(number) > 10**15:  # noqa: PLR0124 not a number, or too large
        raise Unfit(_SENTENCES["number"])
    return int(number) if number.is_integer() and not (isinstance(text, str) and "." in text) else number
