"""JSON schemas that anybody may type: nothing is fetched for them, and no schema keeps a worker busy."""

import functools
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.domain.contracts import patterns
from app.domain.contracts.patterns import TooLong

LARGEST_BYTES = 16 * 1024
SECONDS = 5.0
"""Holding a document against a schema takes no longer."""

_DIALECT = "$schema"
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_NOT_HERE = ("unevaluatedProperties", "unevaluatedItems")
_LONGEST = 200
_MOST_ERRORS, _LONGEST_ERROR = 10_000, 4000  # `anyOf` holds all errors of its parts, and each quotes what does not fit


def problem_with(schema: Mapping[str, Any]) -> str:
    """Say why a schema can't be used; empty if it can."""
    from jsonschema import exceptions, validators

    try:
        if len(json.dumps(schema)) > LARGEST_BYTES:
            return f"A schema has at most {LARGEST_BYTES // 1024} KB."
        if problem := next(_problems(schema), ""):
            return problem
        validators.validator_for(schema, default=_latest()).check_schema(schema)
    except exceptions.SchemaError as error:
        where = "".join(f"/{part}" for part in error.absolute_path)
        return f"This is no JSON schema: {where + ': ' if where else ''}{error.message[:_LONGEST]}."
    except (RecursionError, ValueError, TypeError):
        return "This is no JSON schema, or it is nested too deep."
    return ""


def misfit(schema: Mapping[str, Any], document: Any) -> str:
    """Say what of a document does not fit its schema, where and why; empty if all fits. Raises TooLong."""
    from jsonschema import validators
    from referencing import exceptions
    from referencing.jsonschema import EMPTY_REGISTRY

    until = time.monotonic() + SECONDS
    guarded = _guarded(validators.validator_for(schema, default=_latest()), until)
    schema = {name: value for name, value in schema.items() if name != _DIALECT}  # its validator is chosen
    try:
        # An empty registry fetches nothing.
        error = next(guarded(schema, registry=EMPTY_REGISTRY).iter_errors(document), None)
    except RecursionError:
        raise TooLong from None
    except exceptions.Unresolvable as missing:
        return f"the schema refers to {str(missing.ref)[:_LONGEST]}, which it does not have"
    if error is None:
        return ""
    return f"{_where(error.absolute_path)}{error.message}"


def _where(path: Any) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return f"at {_cut(''.join(parts).removeprefix('.'))}: " if parts else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _latest() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator


def _problems(schema: Any, *, is_whole: bool = True) -> Iterator[str]:
    """Yield what of a schema is not taken here, wherever it stands."""
    if isinstance(schema, list):
        for one in schema:
            yield from _problems(one, is_whole=False)
    if not isinstance(schema, Mapping):
        return
    for name, value in schema.items():
        if name in _REFERENCES and isinstance(value, str) and not value.startswith("#"):
            yield f"A schema may only refer to itself (#/…), not to {_cut(value)}."
        if name == _DIALECT and isinstance(value, str) and not is_whole:  # it would bring a validator of its own
            yield f"{_DIALECT} may only stand at the top of a schema."
        if name in _NOT_HERE:
            yield f"{name} is not known here. Use additionalProperties or items."
        if name == "pattern" and isinstance(value, str):
            yield from filter(None, [patterns.problem_with(value)])
        if name == "patternProperties" and isinstance(value, Mapping):
            yield from filter(None, (patterns.problem_with(one) for one in value))
        yield from _problems(value, is_whole=False)


# --- keywords that could take long, in a way that does not


def _guarded(base: Any, until: float) -> Any:
    """Return a validator that stops at a time, for schemas whose references multiply, and at so many errors."""
    from jsonschema import validators

    errors = itertools.count(1)

    def timed(keyword: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(keyword)
        def run(*given: Any) -> Iterator[Any]:
            if time.monotonic() > until:
                raise TooLong
            for error in keyword(*given) or ():
                if next(errors) > _MOST_ERRORS:
                    raise TooLong
                error.message, error.args = error.message[:_LONGEST_ERROR], ()
                yield error

        return run

    return validators.extend(base, {name: timed(_OWN.get(name, one)) for name, one in base.VALIDATORS.items()})


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[Any]:
    if isinstance(instance, str) and patterns.found(pattern, instance) is None:
        yield _error(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, given: Mapping[str, Any], instance: Any, _: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for pattern, schema in given.items():
        for name, value in instance.items():
            if patterns.found(pattern, name) is not None:
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    known, like = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in known or any(patterns.found(one, name) is not None for one in like):
            continue
        if allowed is False:
            yield _error(f"{name!r} is not expected")
        elif isinstance(allowed, dict):
            yield from validator.descend(value, allowed, path=name)


def _unique_items(_: Any, wanted: bool, instance: Any, __: Any) -> Iterator[Any]:
    if wanted and isinstance(instance, list):
        seen = {json.dumps(one, sort_keys=True) for one in instance}
        if len(seen) < len(instance):
            yield _error("there are equal items")


def _error(message: str) -> Any:
    from jsonschema import ValidationError

    return ValidationError(message)


_OWN: Mapping[str, Callable[..., Any]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
