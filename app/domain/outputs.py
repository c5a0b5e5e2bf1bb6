"""What steps hand to each other: kept without secrets, found by name, put in place of `{{ steps.fetch.json.id }}`."""

import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from app.domain import expectations

LARGEST_BYTES = 256 * 1024
"""Of the outputs of one step as JSON."""

PATH = r"[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d{1,6}\])*"
"""A name like `steps.fetch.json.items[0].id`, as a pattern."""

_DEEPEST = 100
_PLACEHOLDER = re.compile(r"\{\{([^{}]{0,200})\}\}")  # bounded: it is searched for in what anybody types
_WHOLE_PATH = re.compile(PATH, re.ASCII)
_STEP = re.compile(r"steps\.([\w-]+)\.(?:(state)|(?:outputs\.)?(.+))", re.ASCII)
_OTHERS = frozenset({"run.attempt", "weekday"})
_THERE_IS = "There are steps.NAME.state, steps.NAME.outputs.…, run.attempt and weekday."


class Missing(Exception):
    """There is no value of a name; the message is one sentence."""


def clean(value: Any, hide: Callable[[str], str], depth: int = 0) -> Any:
    """Return a document of JSON with `hide` applied to every text and number that holds a secret.

    What JSON can't hold (infinite numbers) becomes null. Raises ValueError when it is nested too deep.
    """
    if depth > _DEEPEST:
        raise ValueError(f"is nested more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        return {hide(str(key)): clean(one, hide, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [clean(one, hide, depth + 1) for one in value]
    if isinstance(value, str):
        return hide(value)
    if value is None or isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return value if isinstance(value, bool) else None
    shown = hide(str(value))
    return value if shown == str(value) else shown


def name_problem(path: str, known: Collection[str]) -> str:
    """Say why `path` can't have a value, empty if it may; `known` are the steps before this one."""
    if path in _OTHERS:
        return ""
    found = _STEP.fullmatch(path) if _WHOLE_PATH.fullmatch(path) else None
    if found is None:
        return f"There is no value called {path[:80]}. {_THERE_IS}"
    if found[1] in known:
        return ""
    return f"{path} needs a step called {found[1]} before this one."


def lookup(context: Mapping[str, Any], path: str) -> Any:
    """Return the value of a name. Raises Missing.

    `context` has `steps` (name to `state` and `outputs`), `run` and `weekday`.
    """
    if path in _OTHERS:
        return expectations.at(context, path)
    found = _STEP.fullmatch(path)
    step = context["steps"].get(found[1]) if found else None
    if found is None or step is None:
        raise Missing(name_problem(path, context["steps"]))
    if found[2]:
        return step["state"]
    try:
        return expectations.at(step["outputs"], found[3])
    except LookupError:
        why = f"it {step['state']}" if step["state"] != "skipped" else "it was skipped"
        raise Missing(f"The step {found[1]} has no output {found[3]}: {why}.") from None


def placeholders(value: Any) -> Iterator[str]:
    """Yield the names that stand in placeholders of a text, or of the texts in a list or mapping."""
    if isinstance(value, str):
        yield from (found.strip() for found in _PLACEHOLDER.findall(value))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from placeholders(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from placeholders(one)


def fill(value: Any, text_of: Callable[[str], str]) -> Any:
    """Return the value with `text_of(name)` in place of each placeholder, also inside lists and mappings."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: text_of(found[1].strip()), value)
    if isinstance(value, Mapping):
        return {key: fill(one, text_of) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [fill(one, text_of) for one in value]
    return value


def as_text(value: Any) -> str:
    """Return a value as it is put into a text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
