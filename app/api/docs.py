"""The API as a page, made of its document: what each operation takes, gives and asks for, with a call to copy."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from flask import Blueprint, current_app, render_template

from app.api.openapi import document, operations
from app.api.problems import TITLES
from app.domain.access import SCOPE_LABELS

blueprint = Blueprint("api_docs", __name__)

_EXAMPLES = {"slug": "disk-space", "number": "42", "position": "0", "name": "API_KEY"}
_UPLOAD = "multipart/form-data"


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of a body or an answer."""

    name: str
    type: str
    is_required: bool
    about: str


@dataclass(frozen=True)
class Operation:
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    scope: str
    parameters: Sequence[Field]
    body: Sequence[Field]
    answer: Sequence[Field]
    status: str
    curl: str


@blueprint.get("/api/docs")
def docs() -> str:
    """Show the API."""
    url = current_app.config["SETTINGS"].url
    words = {"about": document()["info"]["description"].split("\n\n"), "scopes": SCOPE_LABELS, "titles": TITLES}
    return render_template("api/docs.html", groups=_groups(url), engines=_engines(), url=url, **words)


docs.is_open = True  # type: ignore[attr-defined]  # read by the check of pages


@cache
def _groups(url: str) -> Mapping[str, Sequence[Operation]]:
    """Return the operations by their tags."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document()["tags"]}
    for method, path, operation in operations(document()):
        found[operation["tags"][0]].append(_operation(url, method, path, operation))
    return found


@cache
def _engines() -> Mapping[str, Sequence[Field]]:
    """Return the settings of each engine."""
    schemas = document()["components"]["schemas"]
    ending = "-settings"
    return {name.removesuffix(ending): _fields(schemas[name]) for name in schemas if name.endswith(ending)}


def _operation(url: str, method: str, path: str, operation: Mapping[str, Any]) -> Operation:
    sent = operation.get("requestBody", {}).get("content", {})
    status, answer = next((status, one) for status, one in operation["responses"].items() if status[0] == "2")
    return Operation(
        operation["operationId"],
        method,
        path,
        operation["summary"],
        operation.get("description", ""),
        operation["security"][0]["token"][0],
        [_parameter(one) for one in operation["parameters"]],
        _fields(_content(sent)),
        [replace(field, is_required=False) for field in _fields(_content(answer.get("content", {})))],
        status,
        _curl(url, method, path, operation, sent),
    )


def _parameter(one: Mapping[str, Any]) -> Field:
    about = one.get("description") or one["schema"].get("description", "")
    return Field(one["name"], _type(one["schema"]), one["in"] == "path", about)


def _fields(schema: Mapping[str, Any]) -> list[Field]:
    required = schema.get("required", ())
    return [
        Field(name, _type(one), name in required, one.get("description", ""))
        for name, one in schema.get("properties", {}).items()
    ]


def _content(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a body."""
    return next((_resolved(one["schema"]) for one in content.values()), {})


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = document()["components"]["schemas"][name] if name else schema
    return found


def _type(schema: Mapping[str, Any]) -> str:
    """Say the type of a value in a few words."""
    if "$ref" in schema:
        inner = _resolved(schema)
        names = ", ".join(inner.get("properties", {}))
        return f"{{{names}}}" if names else str(inner.get("type", "object"))
    if choices := schema.get("enum"):
        return " | ".join(str(choice) for choice in choices if choice != "")
    if several := schema.get("anyOf") or schema.get("oneOf"):
        if len([one for one in several if "$ref" in one]) > 1:
            return "object"
        return " or ".join(dict.fromkeys(_type(one) for one in several if one.get("type") != "null"))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str({"date-time": "instant", "binary": "file"}.get(schema.get("format", ""), schema.get("type", "any")))


def _curl(url: str, method: str, path: str, operation: Mapping[str, Any], sent: Mapping[str, Any]) -> str:
    for name in [one["name"] for one in operation["parameters"] if one["in"] == "path"]:
        path = path.replace(f"{{{name}}}", _EXAMPLES.get(name, "7"))
    parts = ["curl" if method == "GET" else f"curl -X {method}", '-H "Authorization: Bearer $TOKEN"']
    if any(one["in"] == "header" for one in operation["parameters"]):
        parts.append('-H "Idempotency-Key: $(uuidgen)"')
    if _UPLOAD in sent:
        parts.append("-F files=@list.csv")
    elif sent:
        example = next(iter(sent.values())).get("example")
        body = shlex.quote(json.dumps(example))
        parts += ["-H 'Content-Type: application/json'", f"-d {body}"] if example else []
    return " \\\n  ".join([*parts, f"{url}{path}"])
