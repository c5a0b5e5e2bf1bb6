"""Expressions in texts: `{{ run.date | minus_months(1) | format('%Y-%m') }}` -> what is put in their place.

A language of its own that can only look up names and pass what it finds through filters: nothing is called, there are
no loops, every text has a place where it went wrong, and every result a size that it can't outgrow. `grammar` reads,
`names` finds values, `filters` change them.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from app.domain.expressions.dates import Unfit
from app.domain.expressions.filters import LARGEST, as_text, use
from app.domain.expressions.grammar import (
    LONGEST,
    ExpressionError,
    Name,
    Placeholder,
    Template,
    escaped,
    parse,
)
from app.domain.expressions.names import Missing, Scope, lookup, name_problem

__all__ = [
    "LARGEST", "LONGEST", "ExpressionError", "Missing", "Scope", "Template", "as_text", "check", "escaped", "fill",
    "fill_all", "lookup", "name_problem", "names", "names_in", "parse", "stand_in", "value",
]  # fmt: skip
LONGEST_FILLED = 2 * 1024 * 1024
"""Letters of a text with all that is filled in."""

MOST_WORKED = 8 * 1024 * 1024
"""Letters and items that all filters of one text take and give: no text keeps a process busy for long."""


class _Room:
    """What the filters of one text may still work through."""

    left = MOST_WORKED

    def take(self, *values: Any) -> None:
        """Count values that a filter is given or gives. Raises Unfit when it is too much."""
        self.left -= sum(len(one) for one in values if isinstance(one, str | list | dict))
        if self.left < 0:
            raise Unfit("the filters of this text work through too much.")


def fill(text: str, context: Mapping[str, Any]) -> str:
    """Return the text with the value of each placeholder in its place; what is put there is not read again.

    `context` maps the first word of a name to its value: `run`, `steps`, `month` …; a word in its `kept` stands for
    what is not known yet: a placeholder that needs it stays as it was typed. Raises ExpressionError.
    """
    if "{{" not in text:
        return text
    filled: list[str] = []
    size, room = 0, _Room()
    for part in parse(text).parts:
        filled.append(part if isinstance(part, str) else _said(part, context, room))
        size += len(filled[-1])
        if size > LONGEST_FILLED:
            raise ExpressionError(f"With what is filled in, the text is longer than {LONGEST_FILLED:,} letters.")
    return "".join(filled)


def value(text: str, context: Mapping[str, Any]) -> Any:
    """Do as `fill`, but a placeholder that stands alone keeps the type of its value. Raises ExpressionError."""
    parts = parse(text.strip()).parts if "{{" in text else ()
    if len(parts) == 1 and isinstance(parts[0], Placeholder):
        return _value(parts[0], context, _Room())
    return fill(text, context)


def names(text: str) -> set[str]:
    """Return the whole names that placeholders of a text use, like `run.date`. Raises ExpressionError."""
    return {name.path for name in parse(text).names} if "{{" in text else set()


def fill_all(given: Any, context: Mapping[str, Any]) -> Any:
    """Do as `fill` for the texts within lists and mappings. Raises ExpressionError."""
    return _each(given, lambda text: fill(text, context))


def stand_in(given: Any, text: str) -> Any:
    """Return the value with `text` in place of each placeholder, also within lists and mappings."""

    def changed(one: str) -> str:
        parts = parse(one).parts if "{{" in one else (one,)
        return "".join(part if isinstance(part, str) else text for part in parts)

    return _each(given, changed)


def names_in(given: Any) -> set[str]:
    """Do as `names` for the texts within lists and mappings. Raises ExpressionError."""
    return {name for text in _texts(given) for name in names(text)}


def check(given: Any, scope: Scope) -> None:
    """Raise ExpressionError for the first placeholder, also within lists and mappings, that can never have a value."""
    for text in _texts(given):
        for part in parse(text).placeholders if "{{" in text else ():
            for name in part.names:
                if problem := name_problem(name.path, scope):
                    raise ExpressionError(problem, part.at)
            _keep_hidden(part)


def _said(part: Placeholder, context: Mapping[str, Any], room: _Room) -> str:
    kept = context.get("kept", ())
    if kept and any(name.root in kept for name in part.names):
        return part.source
    try:
        return as_text(_value(part, context, room))
    except Unfit as error:
        raise ExpressionError(f"{part.said}: {error}", part.at) from None


def _keep_hidden(part: Placeholder) -> None:
    if part.filters and any(name.root == "secrets" for name in part.names):
        raise ExpressionError("A secret goes through no filter, so that it stays hidden.", part.at)


def _value(part: Placeholder, context: Mapping[str, Any], room: _Room) -> Any:
    _keep_hidden(part)
    try:
        found: Any = _operand(part.head, context)
    except Missing as error:
        if not (part.filters and part.filters[0].name == "default"):
            raise Missing(str(error), part.at) from None
        found = None
    zone = str((context.get("run") or {}).get("timezone") or "UTC")
    for one in part.filters:
        try:
            given = found
            found = use(one.name, given, [_operand(argument, context) for argument in one.arguments], zone)
            room.take(given, found)
        except Missing as error:
            raise Missing(str(error), part.at) from None
        except Unfit as error:
            raise ExpressionError(f"{part.said}: {error}", part.at) from None
    return found


def _operand(operand: Any, context: Mapping[str, Any]) -> Any:
    return lookup(context, operand.path) if isinstance(operand, Name) else operand


def _each(given: Any, change: Callable[[str], str]) -> Any:
    if isinstance(given, str):
        return change(given)
    if isinstance(given, Mapping):
        return {key: _each(one, change) for key, one in given.items()}
    if isinstance(given, list | tuple):
        return [_each(one, change) for one in given]
    return given


def _texts(given: Any) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping | list | tuple):
        parts: Collection[Any] = given.values() if isinstance(given, Mapping) else given
        for one in parts:
            yield from _texts(one)
