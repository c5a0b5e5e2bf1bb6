"""Settings in which placeholders may stand: checked as what they could come to, stored as they were typed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.domain import expressions
from app.domain.expressions import ExpressionError, Scope
from app.engines.base import fillable, takes_secrets
from app.services.tasks import typed

_ADDRESS = re.compile(r"\s*\{\{[^{}]{0,500}\}\}")
_ORIGIN = re.compile(r"\s*(?:[a-z]+://)?(?:\{\{[^{}]{0,500}\}\}|[^/?#])*", re.IGNORECASE)
_WHO_GETS_IT = "With a secret, write the server out: what a step puts out must not decide who gets it."
_STANDS_IN = "1"
_ADDRESS_STANDS_IN = "http://example.com/"


def checked(
    engine: str, given: Mapping[str, Any], scope: Scope, wrong: dict[str, str], prefix: str = ""
) -> dict[str, Any]:
    """Return the settings to store, placeholders and all; what is wrong with them goes into `wrong`, by name.

    `scope` is what placeholders may name; secrets only where the engine takes them.
    """
    filled: dict[str, Any] = {}
    for name, value in fillable(engine, given).items():
        try:
            expressions.check(value, replace(scope, has_secrets=takes_secrets(engine, name)))
            if expressions.names_in(value) or "{{" in str(value):
                filled[name] = value
        except ExpressionError as error:
            wrong.setdefault(f"{prefix}{name}", error.sentence)
            filled[name] = value
    if _sends_secret(given, filled) and "{{" in _origin(filled.get("url")):
        wrong.setdefault(f"{prefix}url", _WHO_GETS_IT)
    own_wrong: dict[str, str] = {}
    standing_in = {name: _standing_in(name, value) for name, value in filled.items()}
    settings = typed.settings(engine, {**given, **standing_in}, own_wrong, prefix)
    for name, sentence in own_wrong.items():
        wrong.setdefault(name, sentence)
    return settings | {name: _plain(value) for name, value in filled.items() if name in settings}


def secrets_named(engine: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the secrets that settings name, as (field, name): ticked, chosen, or in a placeholder."""
    for name in settings.get("secrets") or ():
        yield "secrets", name
    if single := settings.get("auth_secret"):
        yield "auth_secret", single
    for field, name in roots_named(engine, settings, "secrets"):
        if takes_secrets(engine, field):
            yield field, name


def roots_named(engine: str, settings: Mapping[str, Any], root: str) -> Iterator[tuple[str, str]]:
    """Yield (field, name) for each `root.name` in a placeholder of settings."""
    for field, value in fillable(engine, settings).items():
        yield from ((field, name) for name in named(value, root))


def named(value: Any, root: str) -> list[str]:
    """Return the second word of each `root.name` in placeholders of a value; what can't be read has none."""
    try:
        paths = sorted(expressions.names_in(value))
    except ExpressionError:
        return []
    return [re.split(r"[.\[]", path)[1] for path in paths if path.startswith(f"{root}.")]


def _sends_secret(given: Mapping[str, Any], filled: Mapping[str, Any]) -> bool:
    if given.get("auth_secret"):
        return True
    try:
        return any(name.startswith("secrets.") for name in expressions.names_in(dict(filled)))
    except ExpressionError:
        return False


def _origin(url: Any) -> str:
    """Return the part of an address that says which server is asked."""
    return _ORIGIN.match(url)[0] if isinstance(url, str) else ""  # type: ignore[index]  # it always matches


def _standing_in(name: str, value: Any) -> Any:
    """Return a value that could be there: an address that begins with a placeholder gets a whole one."""
    if name == "url" and isinstance(value, str):
        value = _ADDRESS.sub(_ADDRESS_STANDS_IN, value, count=1) if _ADDRESS.match(value) else value
    try:
        return expressions.stand_in(value, _STANDS_IN)
    except ExpressionError:
        return _STANDS_IN if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    return value.strip() if isinstance(value, str) and "\n" not in value else value
