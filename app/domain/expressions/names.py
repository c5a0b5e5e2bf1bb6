"""What an expression or a condition may name, and the value of a name."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain import expectations
from app.domain.expressions.grammar import PATH, ExpressionError

RUN = ("date", "time", "at", "planned_at", "number", "attempt", "timezone", "task")
PREVIOUS = ("state", "at", "sentence", "outputs")
UPSTREAM = (*PREVIOUS, "number")

_WHOLE = re.compile(PATH, re.ASCII)
_STEP = re.compile(r"steps\.([\w-]+)\.(?:(state)|(?:outputs\.)?(.+))", re.ASCII)
_UPSTREAM = re.compile(rf"upstream\.([A-Za-z_]\w*)\.({'|'.join(UPSTREAM)})(?:[.\[].*)?", re.ASCII)
_NAMED = re.compile(r"(team|secrets)\.([A-Za-z_][\w-]*)", re.ASCII)
_ROOT = re.compile(r"[^.\[]+")

RESERVED = frozenset(
    {"run", "weekday", "previous", "upstream", "team", "secrets", "steps", "true", "false", "null", "and", "or", "not"}
)


class Missing(ExpressionError):
    """There is no value of a name; the message is one sentence."""


@dataclass(frozen=True)
class Scope:
    """What may be named in one place: own variables, steps before it, and secrets where they may stand."""

    variables: Collection[str] = ()
    steps: Collection[str] = ()
    has_secrets: bool = False

    @property
    def said(self) -> str:
        """What there is, in a sentence."""
        own = ", ".join(self.variables)
        steps = "steps.NAME.state, steps.NAME.outputs.…, " if self.steps else ""
        secrets = ", secrets.NAME" if self.has_secrets else ""
        own += ", " if own else ""
        return f"There are {own}{steps}run.…, weekday, previous.…, upstream.NAME.… and team.NAME{secrets}."


def name_problem(path: str, scope: Scope) -> str:
    """Say why `path` can't have a value in this place, empty if it may."""
    found = _ROOT.match(path)
    root = found[0] if found and _WHOLE.fullmatch(path) else ""
    if root in {"team", "secrets"}:
        return _named_problem(path, root, scope)
    if root == "steps":
        return _step_problem(path, scope)
    parts = {"run": RUN, "previous": PREVIOUS}.get(root)
    if parts:
        second = re.split(r"[.\[]", path[len(root) + 1 :])[0]
        has_more = root == "run" and path != f"run.{second}"
        return "" if second in parts and not has_more else _no(path, root, parts)
    if root in scope.variables or path == "weekday" or _UPSTREAM.fullmatch(path):
        return ""
    if root == "upstream":
        return _no(path, "upstream.NAME", UPSTREAM)
    return f"There is no value called {path[:80]}. {scope.said}"


def _no(path: str, root: str, known: Collection[str]) -> str:
    return f"There is no value called {path[:80]}. There are {', '.join(f'{root}.{one}' for one in known)}."


def _step_problem(path: str, scope: Scope) -> str:
    found = _STEP.fullmatch(path)
    if found is None:
        return f"There is no value called {path[:80]}. There are steps.NAME.state and steps.NAME.outputs.…."
    return "" if found[1] in scope.steps else f"{path} needs a step called {found[1]} before this one."


def _named_problem(path: str, group: str, scope: Scope) -> str:
    if not _NAMED.fullmatch(path):
        return f"There is no value called {path[:80]}. Name one like {group}.NAME."
    if group == "secrets" and not scope.has_secrets:
        return f"{path[:80]} can't stand here: secrets stay out of prompts, variables and all that is shown."
    return ""


def lookup(context: Mapping[str, Any], path: str) -> Any:
    """Return the value of a name. Raises Missing.

    `context` maps first words to values: `steps` (name to `state` and `outputs`), `run`, `weekday`, `previous` (None
    where there is none), `upstream` (the runs that this one came after, by the names of their tasks), `team`,
    `secrets`, and variables by their own names.
    """
    found = _STEP.fullmatch(path)
    if found:
        return _of_step(context, path, found)
    if path == "secrets":  # by name alone: nobody is handed all of them
        raise Missing(_named_problem(path, path, Scope(has_secrets=True)))
    try:
        return expectations.at(context, path)
    except LookupError:
        raise Missing(_why(context, path)) from None


def _of_step(context: Mapping[str, Any], path: str, found: re.Match[str]) -> Any:
    step = (context.get("steps") or {}).get(found[1])
    if step is None:
        raise Missing(f"{path} needs a step called {found[1]} before this one.")
    if found[2]:
        return step["state"]
    try:
        return expectations.at(step["outputs"], found[3])
    except LookupError:
        why = f"it {step['state']}" if step["state"] != "skipped" else "it was skipped"
        raise Missing(f"The step {found[1]} has no output {found[3]}: {why}.") from None


def _why(context: Mapping[str, Any], path: str) -> str:
    own = [name for name in context if name not in RESERVED]
    has_secrets = "secrets" in context
    problem = name_problem(path, Scope(own, context.get("steps") or (), has_secrets))
    if problem:
        return problem
    if path.startswith("previous."):
        why = "no run before this one worked" if not context.get("previous") else "the run before this one has none"
        return f"{path[:80]} has no value: {why}. A value for that: {{{{ {path[:80]} | default('') }}}}."
    if path.startswith("upstream."):
        return _why_not_upstream(context, path)
    if path.startswith("team."):
        return f"The team has no value called {path[5:85]}. Add it in Settings, Values."
    if path.startswith("secrets."):
        return f"The secret {path[8:88]} does not exist. Set it in Settings, then run again."
    return f"{path[:80]} has no value here."


def _why_not_upstream(context: Mapping[str, Any], path: str) -> str:
    name = path.split(".")[1]
    known = context.get("upstream") or {}
    why = "the run of that task has none" if name in known else f"this run did not come after one of {name}"
    return f"{path[:80]} has no value: {why}. A value for that: {{{{ {path[:80]} | default('') }}}}."
