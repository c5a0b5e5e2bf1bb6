"""Conditions of steps: small expressions over what came before -> true or false. Nothing is called or computed.

steps.fetch.outputs.status == 200 and not (weekday == "sunday" or run.attempt > 1)
"""

import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from app.domain.expressions import Missing, Scope, as_text, lookup, name_problem
from app.domain.expressions.dates import WEEKDAYS
from app.domain.expressions.grammar import PATH

LONGEST = 500
STATES = ("succeeded", "failed", "timed_out", "unmet", "skipped")
"""What a step before can be."""

_TOKEN = re.compile(
    rf"""\s*(?:(?P<op>==|!=|<=|>=|<|>|\(|\))|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))|"(?P<double>[^"]*)"|'(?P<single>[^']*)'"""
    rf"|(?P<path>{PATH}))",
    re.ASCII,
)
_WORDS = {"true": True, "false": False, "null": None}
_RESERVED = frozenset({"and", "or", "not"})
_COMPARES: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_DEEPEST = 20


class Unclear(ValueError):
    """A condition that can't be read or decided; the message is one sentence."""


@dataclass(frozen=True)
class Value:
    """A literal."""

    value: Any


@dataclass(frozen=True)
class Name:
    """The value of a name like `steps.fetch.state`."""

    path: str


@dataclass(frozen=True)
class Comparison:
    """Two values held against each other."""

    left: Value | Name
    sign: str
    right: Value | Name


@dataclass(frozen=True)
class Junction:
    """`and` or `or` of conditions, or `not` of one."""

    word: Literal["and", "or", "not"]
    parts: tuple["Condition", ...]


Condition = Value | Name | Comparison | Junction


def parse(text: str) -> Condition:
    """Read a condition. Raises Unclear."""
    if len(text) > LONGEST:
        raise Unclear(f"A condition has at most {LONGEST} letters.")
    reader = _Reader(_tokens(text))
    found = reader.any_of(0)
    if reader.rest:
        raise Unclear(f"“{reader.rest[0][1]}” is not expected here. Join two conditions with and, or.")
    return found


def check(text: str, scope: Scope) -> Condition:
    """Read a condition that may name what is in `scope`. Raises Unclear, also for a value that can never be."""
    found = parse(text)
    for part in _parts(found):
        if isinstance(part, Name) and (problem := name_problem(part.path, scope)):
            raise Unclear(problem)
        if isinstance(part, Comparison):
            _check_comparison(part)
    return found


def problem(text: str, roots: Collection[str], example: str) -> str:
    """Say why a condition over names that begin with one of `roots` can't be used, empty if it can."""
    try:
        found = parse(text)
    except Unclear as error:
        return str(error)
    for part in _parts(found):
        if isinstance(part, Name) and re.split(r"[.\[]", part.path)[0] not in roots:
            there = ", ".join(sorted(roots))
            return f"There is no value called {part.path[:80]}. Names begin with {there}, like {example}."
    return ""


def holds(condition: Condition, context: Mapping[str, Any]) -> bool:
    """Decide a condition; `context` as in `expressions.lookup`. What is missing is null. Raises Unclear."""
    match condition:
        case Junction("and", parts):
            return all(holds(part, context) for part in parts)
        case Junction("or", parts):
            return any(holds(part, context) for part in parts)
        case Junction(_, (part,)):
            return not holds(part, context)
        case Comparison():
            return _compared(condition, context)
        case Value() | Name():
            return bool(_value(condition, context))
    raise AssertionError(condition)


# --- reading

_Token = tuple[str, str]


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        token = _TOKEN.match(text, place)
        if token is None or token.lastgroup is None:
            rest = text[place:].strip()
            raise Unclear(f"This can't be read from here on: “{rest[:40]}”.")
        kind = "text" if token.lastgroup in {"double", "single"} else token.lastgroup
        found.append((kind, token[token.lastgroup]))
        place = token.end()
    return found


class _Reader:
    """Takes tokens one after the other, the loosest words first: or, and, not."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.rest = tokens

    def any_of(self, depth: int) -> Condition:
        """Read conditions joined by `or`."""
        if depth > _DEEPEST:
            raise Unclear(f"It is nested more than {_DEEPEST} deep.")
        return self._joined("or", lambda: self._joined("and", lambda: self._one(depth)))

    def _joined(self, word: Literal["and", "or"], read: Callable[[], Condition]) -> Condition:
        parts = [read()]
        while self._takes("path", word):
            parts.append(read())
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _one(self, depth: int) -> Condition:
        if self._takes("path", "not"):
            if depth >= _DEEPEST:
                raise Unclear(f"It is nested more than {_DEEPEST} deep.")
            return Junction("not", (self._one(depth + 1),))
        if self._takes("op", "("):
            inner = self.any_of(depth + 1)
            if not self._takes("op", ")"):
                raise Unclear("A bracket is not closed.")
            return inner
        left = self._operand()
        if self.rest and self.rest[0][0] == "op" and self.rest[0][1] in _COMPARES:
            return Comparison(left, self.rest.pop(0)[1], self._operand())
        return left

    def _operand(self) -> Value | Name:
        if not self.rest:
            raise Unclear("Something is missing at its end.")
        kind, text = self.rest.pop(0)
        if kind == "text":
            return Value(text)
        if kind == "number":
            return Value(float(text) if "." in text else int(text))
        if kind == "op" or text in _RESERVED:
            raise Unclear(f"A value is missing before “{text}”.")
        return Value(_WORDS[text]) if text in _WORDS else Name(text)

    def _takes(self, kind: str, text: str) -> bool:
        if self.rest and self.rest[0] == (kind, text):
            self.rest.pop(0)
            return True
        return False


# --- checking and deciding


def _parts(condition: Condition) -> list[Condition]:
    inner: tuple[Condition, ...] = ()
    if isinstance(condition, Junction):
        inner = condition.parts
    elif isinstance(condition, Comparison):
        inner = (condition.left, condition.right)
    return [condition, *(part for one in inner for part in _parts(one))]


def _check_comparison(part: Comparison) -> None:
    sides = (part.left, part.right)
    name = next((one.path for one in sides if isinstance(one, Name)), None)
    literal = next((one.value for one in sides if isinstance(one, Value)), None)
    if name is None:
        raise Unclear("It compares two values that never change. Name a step, like steps.fetch.state.")
    for words, is_about in ((WEEKDAYS, name == "weekday"), (STATES, re.fullmatch(r"steps\.[\w-]+\.state", name))):
        if is_about and isinstance(literal, str) and literal not in words:
            raise Unclear(f"{name} is never “{literal[:40]}”. It is one of {', '.join(words)}.")


def _compared(part: Comparison, context: Mapping[str, Any]) -> bool:
    left, right = _value(part.left, context), _value(part.right, context)
    if part.sign in {"==", "!="}:
        is_same = isinstance(left, bool) == isinstance(right, bool) and left == right
        return is_same if part.sign == "==" else not is_same
    if left is None or right is None:
        return False
    if _kind(left) != _kind(right) or _kind(left) not in {"number", "text"}:
        said = f"{_said(part.left)} is a {_kind(left)} and {_said(part.right)} a {_kind(right)}"
        raise Unclear(f"{said}, so “{part.sign}” can't compare them.")
    return bool(_COMPARES[part.sign](left, right))


def _value(part: Value | Name, context: Mapping[str, Any]) -> Any:
    if isinstance(part, Value):
        return part.value
    try:
        found = lookup(context, part.path)
    except Missing:
        return None
    return as_text(found) if isinstance(found, date) else found


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth value"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "list or object"


def _said(part: Value | Name) -> str:
    return part.path if isinstance(part, Name) else repr(part.value)
