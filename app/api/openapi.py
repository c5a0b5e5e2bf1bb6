"""The API as a document (OpenAPI 3.1), open to everybody; it is made of the operations themselves."""

import json
import re
from functools import cache
from typing import Any

from apiflask import APIFlask
from flask import Blueprint, Flask, Response, jsonify

from app.api import (
    alerts,
    audit,
    backfills,
    breakers,
    budgets,
    calendar,
    calendar_feeds,
    calendars,
    channels,
    events,
    exports,
    files,
    heartbeats,
    hooks,
    incidents,
    insights,
    library,
    members,
    models,
    notifications,
    output,
    planning,
    pools,
    restored,
    rules,
    run_comparison,
    run_selection,
    runs,
    schedules,
    secrets,
    shared_library,
    suggestions,
    system,
    tasks,
    teams,
    thread_analysis,
    threads,
    tokens,
    values,
    versions,
    walls,
    webhooks,
)
from app.api.idempotency import HEADER
from app.api.problems import MEDIA_TYPE, Problem
from app.api.resource import PREFIX
from app.engines.base import engines
from app.services.idempotency import LONGEST_KEY

SUBJECTS = (
    tasks, files, heartbeats, hooks, versions, schedules, planning, insights, exports, suggestions, backfills, runs,
    run_comparison, run_selection, output, calendar, events, channels, webhooks, alerts, rules, notifications,
    incidents, breakers, threads, thread_analysis, library, shared_library, secrets, values, models, calendars, pools,
    calendar_feeds, budgets, tokens, teams, members, audit, system, restored, walls,
)  # fmt: skip

Document = dict[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")
_COMPONENT = "#/components/schemas/"
_NESTED = re.compile(rf"{_COMPONENT}\w+\.(\w+)")
_KEY = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "A name of your own for this request: repeated with it, it is carried out once (24 h)",
    "schema": {"type": "string", "maxLength": LONGEST_KEY, "pattern": "^[!-~]*$"},
}
_ABOUT = """Everything the pages do with tasks, schedules, runs, secrets, tokens and members, for programs.

Make a token in Settings, API keys, and send it as `Authorization: Bearer car_…`. A token acts as its person in one
team, never further than this person's role, and only within its scopes. Cookies are not looked at."""

blueprint = Blueprint("openapi", __name__)


def attach(app: Flask) -> None:
    """Give `app` the API and its document."""
    app.config.from_mapping(
        BASE_RESPONSE_SCHEMA=None, VALIDATION_ERROR_STATUS_CODE=422, VALIDATION_ERROR_DESCRIPTION="Validation error"
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # fields come as they are documented
    for subject in SUBJECTS:
        app.register_blueprint(subject.api)
    app.register_blueprint(blueprint)


@blueprint.get(f"{PREFIX}/openapi.json")
def document_json() -> Response:
    """Send the document."""
    return jsonify(document())


document_json.is_open = True  # type: ignore[attr-defined]  # read by the check of pages


@cache
def document() -> Document:
    """Return the document, made once."""
    api = APIFlask("api", title="Carillon", version="1", docs_path=None, spec_path=None)
    api.config.from_mapping(
        AUTO_SERVERS=False, AUTO_404_RESPONSE=False, AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False, DESCRIPTION=_ABOUT, SUCCESS_DESCRIPTION="Done",
        SECURITY_SCHEMES={"token": {"type": "http", "scheme": "bearer", "description": "Its scopes stand as roles."}},
    )  # fmt: skip
    for subject in SUBJECTS:
        api.register_blueprint(subject.api)
    with api.app_context():
        return _finished(api.spec, _repeatable(api))


def _repeatable(api: APIFlask) -> set[str]:
    return {view.__name__ for view in api.view_functions.values() if getattr(view, "is_once", False)}


def _finished(spec: Any, repeatable: set[str]) -> Document:
    made: Document = _plain_names(spec)
    made["servers"] = [{"url": "/"}]
    schemas = made["components"]["schemas"]
    schemas["Problem"], nested = _schema(Problem)
    schemas |= nested | _settings()
    schemas["TaskIn"]["properties"]["settings"] = {
        "anyOf": [{"$ref": f"{_COMPONENT}{name}"} for name in _settings() if name.endswith("-settings")],
        "default": {},
        "description": "Those of the engine: see the settings of engines",
    }
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{_COMPONENT}Problem"}}}
    for _, _, operation in operations(made):
        operation["responses"] |= {
            "4XX": {"description": "Refused, and why", "content": content},
            "5XX": {"description": "Failed, and when to try again", "content": content},
        }
        for sent in operation.get("requestBody", {}).get("content", {}).values():
            name = sent["schema"]["$ref"].rpartition("/")[2]
            operation["requestBody"]["required"] = bool(schemas[name].get("required"))
        if operation["operationId"] in repeatable:
            operation["parameters"].append(_KEY)
    return made


def operations(made: Document) -> list[tuple[str, str, Document]]:
    """Return (method, path, operation) of all operations of the document, by path."""
    return [
        (method.upper(), path, item[method])
        for path, item in sorted(made["paths"].items())
        for method in _METHODS
        if method in item
    ]


def _plain_names(spec: Any) -> Document:
    """Take the parent out of the names of nested schemas: the same one would stand under each of its parents."""
    made: Document = json.loads(_NESTED.sub(rf"{_COMPONENT}\1", json.dumps(spec)))
    schemas = made["components"]["schemas"]
    made["components"]["schemas"] = {name.rpartition(".")[2]: schema for name, schema in schemas.items()}
    return made


def _settings() -> Document:
    """Return the schemas of the engines' settings, those of plug-ins too."""
    found: Document = {}
    for engine in engines:
        found[f"{engine.name}-settings"], nested = _schema(engine.settings_schema)
        found |= nested
    return found


def _schema(model: Any) -> tuple[Document, Document]:
    schema = model.model_json_schema(ref_template=f"{_COMPONENT}{{model}}")
    return schema, schema.pop("$defs", {})
