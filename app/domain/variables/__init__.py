"""Variables of a task: checked when it is saved, and their values for one run, one after another."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, get_args

from app.domain import expectations, expressions
from app.domain.expressions import ExpressionError, Scope
from app.domain.expressions.names import RESERVED
from app.domain.variables.kinds import (
    KINDS,
    LONGEST_HELP,
    LONGEST_LABEL,
    LONGEST_NAME,
    LONGEST_VALUE,
    MOST_OPTIONS,
    Kind,
    Source,
    Unfit,
    Variable,
    value_of,
)

__all__ = [
    "KINDS", "LONGEST_HELP", "LONGEST_LABEL", "LONGEST_NAME", "LONGEST_VALUE", "MOST", "MOST_OPTIONS", "Fetch", "Kind",
    "Resolved", "Source", "Unfit", "Unresolved", "Variable", "Wrong", "all_of", "name_problem", "problem", "resolve",
    "restored", "stored", "typed", "value_of",
]  # fmt: skip

MOST = 50
"""Variables of a task."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_MOST_LETTERS = 300_000  # of all values together: a program gets them as variables of its own


class Unresolved(Exception):
    """A variable has no value for a run: `sentence` names it and says why; `is_passing`: it may have one later."""

    def __init__(self, sentence: str, *, is_passing: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.is_passing = is_passing


@dataclass(frozen=True)
class Resolved:
    """The values of a run by name, and sentences about those that are not as they were meant to be."""

    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def all_of(definition: Mapping[str, Any]) -> list[Variable]:
    """Return the variables of a definition."""
    return [Variable.of(one) for one in definition.get("variables") or ()]


# --- checking


def name_problem(name: str, before: Sequence[str]) -> str:
    """Say what is wrong with the name of a variable, empty if nothing is; `before` are the names before it."""
    if not name:
        return "Give the variable a name."
    if not _NAME.fullmatch(name):
        return f"A name begins with a letter and has small letters, digits and _, at most {LONGEST_NAME}."
    if name in RESERVED:
        return f"The name {name} is taken. Choose another one."
    return f"There is a variable called {name} already." if name in before else ""


def problem(variable: Variable, before: Sequence[str], later: Sequence[str] = ()) -> dict[str, str]:
    """Say by field what is wrong with a variable that may use those `before` it, and none that come `later`."""
    wrong: dict[str, str] = {}
    for place in ("value", "url") if variable.source == "web" else ("value",):
        text = getattr(variable, place)
        try:
            used = expressions.names(text)
            if said := _uses_itself(variable.name, used, later):
                wrong[place] = said
                continue
            expressions.check(text, Scope(before))
            if not used and place == "value" and text.strip():
                value_of(variable, expressions.value(text, {}))
        except (ExpressionError, Unfit) as error:
            wrong[place] = str(error)
    if variable.kind not in KINDS:
        wrong["kind"] = "Choose one of the kinds."
    if variable.source not in get_args(Source):
        wrong["source"] = "Choose where the value comes from."
    if variable.kind == "choice" and not variable.options:
        wrong["options"] = "Add what there is to choose from, one a line."
    if variable.source == "web" and variable.path and not expectations.is_path(variable.path):
        wrong["path"] = "Type a path like data.items[0].name."
    return wrong


def _uses_itself(name: str, used: Collection[str], later: Sequence[str]) -> str:
    if name in used:
        return f"{name} can't be made of itself."
    after = next((one for one in later if one in used), "")
    return f"It uses {after}, which comes later. Move {after} before it." if after else ""


def typed(variables: Sequence[Variable], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values typed for one run as they are stored: of those left empty, none. Raises Wrong."""
    known = {one.name: one for one in variables}
    wrong = {name: f"There is no variable called {str(name)[:60]}." for name in given if name not in known}
    found = {}
    for name, value in given.items():
        if name in wrong or value is None or value == "":
            continue
        try:
            found[name] = stored(value_of(known[name], value))
        except ValueError as error:
            wrong[name] = str(error)
    if wrong:
        raise Wrong(wrong)
    return found


class Wrong(ValueError):
    """Values that don't fit: a sentence by name."""

    def __init__(self, names: dict[str, str]) -> None:
        super().__init__("; ".join(names.values()))
        self.names = names


def stored(value: Any) -> Any:
    """Return a value as JSON holds it."""
    return value.isoformat() if isinstance(value, date) else value


# --- the values of a run

Fetch = Callable[[Variable, str], Any]
"""Ask an address and return what its answer has at the path of the variable. Raises Unresolved."""


def resolve(
    variables: Sequence[Variable], context: Mapping[str, Any], given: Mapping[str, Any], fetch: Fetch
) -> Resolved:
    """Find the value of each variable, in order, each of which may use those before it. Raises Unresolved.

    `context` is what expressions may name, without variables; `given` are values typed for this run, by name.
    """
    found = Resolved()
    for one in variables:
        try:
            found.values[one.name] = _resolved(one, {**context, **found.values}, given, fetch, found.notes)
        except ValueError as error:
            raise Unresolved(f"The variable {one.name} has no value: {error}") from None
    if sum(len(expressions.as_text(value)) for value in found.values.values()) > _MOST_LETTERS:
        raise Unresolved(f"The variables have more than {_MOST_LETTERS:,} letters together.")
    return found


def _resolved(
    variable: Variable, context: Mapping[str, Any], given: Mapping[str, Any], fetch: Fetch, notes: list[str]
) -> Any:
    if variable.name in given:
        return value_of(variable, given[variable.name])
    if variable.source == "web":
        try:
            return value_of(variable, fetch(variable, expressions.fill(variable.url, context)))
        except (Unresolved, Unfit) as error:
            if not variable.value.strip():
                why = error.sentence if isinstance(error, Unresolved) else f"what it answered does not fit. {error}"
                is_passing = isinstance(error, Unresolved) and error.is_passing
                raise Unresolved(f"The variable {variable.name} has no value: {why}", is_passing=is_passing) from None
            notes.append(f"The variable {variable.name} has its fallback: {error}")
    return value_of(variable, expressions.value(variable.value, context))


def restored(variables: Sequence[Variable], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a run has kept of these variables, as expressions take them."""
    return {
        one.name: _restored_date(inputs[one.name]) if one.kind == "date" else inputs[one.name]
        for one in variables
        if one.name in inputs
    }


def _restored_date(value: Any) -> Any:
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        return value
