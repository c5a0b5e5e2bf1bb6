"""The steps of a task: what was typed for them -> what is stored, checked; and back into the texts of a form."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain import conditions, pings, reporting
from app.domain.expressions import Scope
from app.engines.base import engines
from app.services.tasks import fillings, typed
from app.services.tasks.typed import Number

MOST = 50
LONGEST_NAME = 40

NUMBERS = (
    Number("timeout", "", "timeout_seconds", 0.05, 10_080, 60, is_whole=False),
    Number("retries", "", "retries", 0, 10),
    Number("retry_delay", "", "retry_delay_seconds", 0, 3600),
)
"""Minutes for the time limit, seconds for the wait before another try."""

DEFAULTS: Mapping[str, float] = {"timeout_seconds": 3600.0, "retries": 0, "retry_delay_seconds": 10}

_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)


@dataclass(frozen=True)
class StepDraft:
    """A step as typed; `numbers` as in NUMBERS, missing ones by default."""

    name: str
    engine: str
    settings: Mapping[str, Any]
    condition: str = ""
    is_optional: bool = False
    numbers: Mapping[str, str] = field(default_factory=dict)


def kinds() -> list[tuple[str, str]]:
    """Return the engines that a step may have: (name, label)."""
    alone = {pings.ENGINE, reporting.ENGINE}
    return [(engine.name, engine.label) for engine in engines if engine.name not in alone]


def checked(drafts: Sequence[StepDraft], wrong: dict[str, str], variables: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the steps to store; they may name `variables`.

    What is wrong goes into `wrong`: `steps`, or `step-<index>-<field>`.
    """
    if not drafts:
        wrong["steps"] = "Add at least one step."
    if len(drafts) > MOST:
        wrong["steps"] = f"A task has at most {MOST} steps. Join some of them."
        return []
    steps: list[dict[str, Any]] = []
    for index, draft in enumerate(drafts):
        scope = Scope(variables, [step["name"] for step in steps])
        steps.append(_checked(draft, scope, wrong, f"step-{index}-"))
    return steps


def _checked(draft: StepDraft, scope: Scope, wrong: dict[str, str], prefix: str) -> dict[str, Any]:
    name = draft.name.strip().lower()
    if problem := _name_problem(name, scope.steps):
        wrong[f"{prefix}name"] = problem
    condition = " ".join(draft.condition.split())
    if condition:
        try:
            conditions.check(condition, scope)
        except conditions.Unclear as error:
            wrong[f"{prefix}condition"] = str(error)
    numbers = dict(DEFAULTS)
    for number in NUMBERS:
        if text := draft.numbers.get(number.name, "").strip():
            numbers[number.key] = typed.read(number, text, wrong, prefix) * number.unit
    return {
        "name": name,
        "engine": draft.engine,
        "settings": _settings(draft, scope, wrong, prefix),
        "condition": condition,
        "is_optional": draft.is_optional,
        **numbers,
    }


def _name_problem(name: str, before: Collection[str]) -> str:
    if not name:
        return "Give the step a name."
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        return f"A name begins with a letter and has letters, digits, - and _, at most {LONGEST_NAME}."
    return f"There is a step called {name} already." if name in before else ""


def _settings(draft: StepDraft, scope: Scope, wrong: dict[str, str], prefix: str) -> dict[str, Any]:
    if draft.engine not in dict(kinds()):
        wrong[f"{prefix}engine"] = "Choose one of the types."
        return {}
    return fillings.checked(draft.engine, draft.settings, scope, wrong, prefix)


# --- as text: what a form sends and shows


def to_texts(steps: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return steps as a form shows them, each field with `step-<index>-` before its name."""
    texts: dict[str, list[str]] = {}
    for index, step in enumerate(steps):
        own = {name: typed.texts(name, value) for name, value in step["settings"].items()}
        own |= {name: [step[name]] for name in ("name", "engine", "condition")}
        own |= {number.name: [f"{step[number.key] / number.unit:.10g}"] for number in NUMBERS}
        own["is_optional"] = ["1"] if step["is_optional"] else []
        texts |= {f"step-{index}-{name}": values for name, values in own.items()}
    return texts


def blank(engine: str) -> dict[str, list[str]]:
    """Return the fields of a step in which nobody typed anything yet, without `step-<index>-` before their names."""
    return {**typed.defaults(engine), "engine": [engine]}


def from_texts(part: Mapping[str, Sequence[str]]) -> StepDraft:
    """Return what was typed for one step; the names are those of `blank`."""
    plain = {name: values[0] for name, values in part.items() if values}
    return StepDraft(
        name=plain.get("name", ""),
        engine=plain.get("engine", ""),
        settings=typed.from_texts(plain.get("engine", ""), part),
        condition=plain.get("condition", ""),
        is_optional=bool(plain.get("is_optional")),
        numbers=plain,
    )
