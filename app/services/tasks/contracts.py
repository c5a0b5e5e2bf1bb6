"""The contract of a task: what was typed for it -> what is stored, checked; and back into the texts of a form."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from app.domain import contracts, expressions
from app.domain.contracts import CHECK, KINDS, MOST, Check
from app.domain.expressions import ExpressionError, Scope
from app.services.tasks import typed

WORDS = "contract-words"
"""The field in which checks are written in words."""

_NO_SCHEMA = 'Write a JSON schema, like {"type": "array"}.'
_TICKED = frozenset({"is_optional", "is_new", "is_absent"})
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Work:
    """What the task does: (name of the step, engine, settings) of each part, and the names of its variables."""

    parts: Sequence[tuple[str, str, Mapping[str, Any]]]
    variables: Sequence[str] = ()

    @property
    def steps(self) -> list[str]:
        """The names of its steps."""
        return [name for name, _, _ in self.parts if name]

    def settings_of(self, engine: str) -> list[Mapping[str, Any]]:
        """Return the settings of all parts of an engine."""
        return [settings for _, one, settings in self.parts if one == engine]


def checked(given: Sequence[Mapping[str, Any]], words: str, work: Work, wrong: dict[str, str]) -> list[dict[str, Any]]:
    """Return the checks to store: those of the rows of a form, then those in words.

    What is wrong goes into `wrong`: `contract`, `contract-words`, or `check-<index>-<field>`.
    """
    reading = contracts.read(words)
    if reading.asks:
        wrong[WORDS] = reading.asks[0]
    found: list[Check] = []
    for index, one in enumerate(given):
        try:
            check = CHECK.validate_python(dict(one))
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                wrong.setdefault(f"check-{index}-{_field(problem)}", _sentence(problem))
            continue
        found.append(check)
        for name, sentence in _problems(check, work):
            wrong.setdefault(f"check-{index}-{name}", sentence)
    for check in reading.checks:
        for _, sentence in _problems(check, work):
            wrong.setdefault(WORDS, f"{contracts.in_words(check)}: {sentence}")
    found += [one for one in reading.checks if one not in found]
    if len(found) > MOST:
        wrong["contract"] = f"A contract has at most {MOST} checks. Leave some out."
    return contracts.stored(found)


def _field(problem: Mapping[str, Any]) -> str:
    """Return the field that a problem is about; one of the whole check is shown at its first field."""
    kind, name = [*map(str, problem["loc"]), "", ""][:2]
    return name or next(iter(fields(kind)), "kind")


def _sentence(problem: Mapping[str, Any]) -> str:
    if problem["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return f"Choose one of {', '.join(KINDS)}."
    if problem["type"] == "dict_type":
        return _NO_SCHEMA
    if problem["type"] == "string_pattern_mismatch":
        return "Write it on one line."
    return typed.sentence({**problem, "loc": ()})


def _problems(check: Check, work: Work) -> list[tuple[str, str]]:
    """Say what of a check could never be met by this task: (field, sentence)."""
    found = []
    for name, value in check:
        try:
            expressions.check(value, Scope(work.variables, work.steps))
        except ExpressionError as error:
            found.append((name, error.sentence))
    of = str(getattr(check, "of", ""))
    if of.startswith("steps.") and of.split(".")[1] not in work.steps:
        found.append(("of", f"There is no step called {of.split('.')[1]}."))
    match check.kind:
        case "tool":
            found += _tool_problem(check.name, work)
        case "delivered":
            found += _delivery_problem(check.to, work)
    return found


def _tool_problem(name: str, work: Work) -> list[tuple[str, str]]:
    agents = work.settings_of("agent")
    tools = {tool for settings in agents for tool in settings.get("tools") or ()}
    if not agents:
        return [("name", "Only agents use tools, and this task has none.")]
    if name in tools or (name == "list_files" and {"read_file", "write_file"} & tools):
        return []
    return [("name", f"This task may not use {name}. Allow it under What it may do, or name one of {_listed(tools)}.")]


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "those it may use"


def _delivery_problem(to: str, work: Work) -> list[tuple[str, str]]:
    sends = [
        step for step, engine, settings in work.parts
        if engine == "http" and str(settings.get("method") or "GET").upper() not in _SAFE
    ]  # fmt: skip
    if to in work.steps and to not in sends:
        return [("to", f"The step {to} sends nothing that can be seen. Only HTTP requests other than GET count.")]
    if sends:
        return []
    return [("to", "Nothing of this task sends anything that can be seen: it has no HTTP request but by GET.")]


def words(stored: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say each check of a stored contract in words."""
    return [contracts.shown(one) for one in contracts.parse(stored)]


# --- as text: what a form sends and shows


def fields(kind: str) -> list[str]:
    """Return the names of the fields of a kind, as they are stored."""
    if kind not in KINDS:
        return []
    found = KINDS[kind].model_fields.items()
    return [info.alias or name for name, info in found if name not in {"kind", "is_optional"}]


def to_texts(stored: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return checks as a form shows them, each field with `check-<index>-` before its name."""
    each = ((f"check-{index}-", texts_of(one)) for index, one in enumerate(stored))
    return {f"{prefix}{name}": texts for prefix, own in each for name, texts in own.items()}


def texts_of(stored: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the fields of one check as a form shows them, without what their names begin with."""
    return {name: _text(value) for name, value in stored.items()}


def blank(kind: str) -> dict[str, list[str]]:
    """Return the fields of a check in which nobody typed anything yet, without what their names begin with."""
    found = KINDS[kind].model_fields.items()
    return {info.alias or name: _text(info.get_default()) for name, info in found if not info.is_required()}


def from_texts(part: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return what was typed for one check, for `checked`; the names are those of `blank`."""
    kind = next(iter(part.get("kind", ())), "")
    found: dict[str, Any] = {"kind": kind}
    for name in [*fields(kind), "is_optional"]:
        text = next(iter(part.get(name, ())), "")
        if name in _TICKED:
            found[name] = bool(text)
        elif name == "schema":
            found[name] = _json(text)
        elif text.strip() or name in {"contains", "to"}:
            found[name] = text.strip() if name != "pattern" else text
    return found


def _text(value: Any) -> list[str]:
    if isinstance(value, bool):
        return ["1"] if value else []
    if isinstance(value, Mapping):
        return [json.dumps(value, ensure_ascii=False, indent=2)]
    if isinstance(value, float):
        return [f"{value:.10g}"]
    return ["" if value is None else str(value)]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
