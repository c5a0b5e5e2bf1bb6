"""Repairs: what an agent may change of a step that failed, and what stays as it is whatever it answers."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain import expressions
from app.domain.expressions import ExpressionError, Scope
from app.domain.variables import Variable
from app.domain.wording import listed

MOST = 2
"""Answers that one run asks for."""

DEFAULT_CAP_CENTS = 50
LARGEST_CAP_CENTS = 1_000_000

CHANGEABLE: Mapping[str, tuple[str, ...]] = {
    "python": ("code", "requirements"),
    "shell": ("script",),
    "http": ("url", "headers", "body"),
}
"""The settings that a repair may change, by engine. All others say what the step may do, or what is expected of it."""

_OF_THE_WORK = frozenset({"exit_code", "output", "inputs", "settings", "files"})
_IF_PERMANENT = frozenset({"http_status", "requirements"})

_ORIGIN = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*://)?(?:\{\{[^{}]*\}\}|[^/?#])*", re.IGNORECASE)
"""Which server an address names; a slash within a placeholder does not end that."""

_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,12}://(?:[^\s/@'\"]*@)?([\w.-]+)|(?<![\w.+-])[\w.+-]+@([\w-]+(?:\.[\w-]+)+)",
    re.IGNORECASE,
)
_BARE_HOST = re.compile(
    r"(?:[\"']|\b(?:curl|wget|ssh|scp|sftp|nc|ncat|telnet|ping|rsync|dig)\b[^\n;|&]{0,200}?\s(?:\w+@)?)"
    r"((?:[a-z0-9-]+\.)+(?:com|net|org|io|dev|app|ai|co|me|info|biz|xyz|site|online|cloud|top|gg|uk|de|eu|fr|es"
    r"|it|nl|pl|ru|cn|in|br|us|ca|ch|at|example|test)|\d{1,3}(?:\.\d{1,3}){3})(?=[\"'\s:/]|$)",
    re.IGNORECASE,
)
"""A host by itself: as a text of its own, or as what a command reaches."""

_FACTS = frozenset({"run", "weekday", "team"})
"""What a value may name and still be somebody's own: nothing that was fetched, or that a run put out."""

_NO_SCOPE = Scope(has_secrets=True)
_PACKAGE = re.compile(r"[A-Za-z0-9][\w.-]*")


def is_repairable(engine: str, state: str, reason: str, error_class: str) -> bool:
    """Whether another version of a step may end otherwise: not where it was stopped, held back, or out of reach."""
    if engine not in CHANGEABLE:
        return False
    if state == "unmet":
        return reason == "expectation"
    return state == "failed" and (reason in _OF_THE_WORK or (reason in _IF_PERMANENT and error_class == "permanent"))


def refusal(
    engine: str, before: Mapping[str, Any], changes: Mapping[str, Any], known: str = "", scope: Scope = _NO_SCOPE
) -> str:
    """Say why the changes to a step's settings can't be taken; empty if they can. An answer never grants anything:
    `known` is the text beside the settings in which the hosts stand that the step may name, and `scope` what its
    placeholders may.
    """
    if other := sorted(set(changes) - set(CHANGEABLE[engine])):
        return f"it would change {listed(other)}, which no repair may."
    if all(before.get(name) == value for name, value in changes.items()):
        return "it changes nothing."
    if engine == "http" and _origin(changes.get("url")) not in {"", _origin(before.get("url"))}:
        return "it would ask another server."
    try:
        new_secrets = _secrets(changes) - _secrets(before) if engine == "http" else set()
        wrong = _wrong_name(changes, scope) if engine == "http" and not new_secrets else ""
    except ExpressionError as error:
        return error.sentence
    more = {
        "use the secret {}, which this step does not have": new_secrets,
        "install {}, which this step does not have": _packages(changes) - _packages(before),
        "reach {}, which this step does not name": hosts(_text(changes)) - hosts(f"{_text(before)} {known}"),
    }
    return next((f"it would {what.format(min(new))}." for what, new in more.items() if new), wrong)


def is_only_offered(settings: Mapping[str, Any]) -> bool:
    """Whether a repaired program is not tried before somebody has looked at it: it has both secrets and the network,
    and no reading of code tells what it will send where.
    """
    return bool(settings.get("network") and (settings.get("secrets") or "secrets." in str(settings.get("env") or "")))


def own_values(known: Sequence[Variable], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those values of variables that people gave: no address answered them, and no run put them out."""
    return {one.name: values[one.name] for one in known if one.name in values and _is_own(one)}


def _is_own(one: Variable) -> bool:
    try:
        named = expressions.names(one.value)
    except ExpressionError:
        return False
    return one.source == "value" and {re.split(r"[.\[]", name)[0] for name in named} <= _FACTS


def hosts(text: str) -> set[str]:
    """Return the hosts that a text names, in addresses, in mail addresses, and by themselves."""
    found = {(hit[1] or hit[2]).lower().rstrip(".") for hit in _ADDRESS.finditer(text)}
    return found | {hit[1].lower() for hit in _BARE_HOST.finditer(text)}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that differ, as they are afterwards."""
    return {name: value for name, value in after.items() if before.get(name) != value}


def made(step: str, before: Mapping[str, Any], after: Mapping[str, Any], why: str, model: str) -> dict[str, Any]:
    """Return what is kept of a repair: the settings that changed, before and after."""
    new = changed(before, after)
    old = {name: before.get(name) for name in new}
    return {"step": step, "before": old, "after": new, "why": why, "model": model}


def _text(settings: Mapping[str, Any]) -> str:
    return " ".join(value if isinstance(value, str) else json.dumps(value) for value in settings.values()) + " "


def _origin(url: Any) -> str:
    found = _ORIGIN.match(url) if isinstance(url, str) else None
    return found[0].strip().lower() if found else ""


def _secrets(settings: Mapping[str, Any]) -> set[str]:
    """Return the secrets that placeholders name. Raises ExpressionError."""
    return {name.partition(".")[2] for name in expressions.names_in(dict(settings)) if name.startswith("secrets.")}


def _wrong_name(changes: Mapping[str, Any], scope: Scope) -> str:
    """Say what a placeholder names that it can't, all secrets at once among it; empty if there is nothing."""
    try:
        expressions.check(dict(changes), scope)
    except ExpressionError as error:
        return error.sentence
    return ""


def _packages(settings: Mapping[str, Any]) -> set[str]:
    lines = settings.get("requirements") or ()
    named = (_PACKAGE.match(str(line).strip()) for line in lines)
    return {re.sub(r"[-_.]+", "-", hit[0].lower()) for hit in named if hit}
