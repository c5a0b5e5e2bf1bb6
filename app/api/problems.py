"""The one place where a refusal or failure of the API becomes a problem (RFC 9457), always with what to do."""

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Response, current_app, g, jsonify, request
from pydantic import Field, ValidationError
from werkzeug.exceptions import HTTPException

from app.api.resource import PREFIX, Out
from app.core.clock import utc_now
from app.core.errors import Conflict, Forbidden, Invalid, NoSpace, NotFound, Unavailable
from app.domain.access import ACTIONS, LABELS, can, reaches, scope_of
from app.services import room, teams
from app.services.idempotency import OtherRequest, UnderWay
from app.services.tasks import definitions, steps, typed
from app.services.tries import Throttled

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "This request can't be read.",
    401: "Say who asks.",
    403: "You cannot do this.",
    404: "There is nothing here.",
    405: "This address does not work that way.",
    409: "It is not in a state for this.",
    413: "That is too large.",
    415: "That is the wrong kind of body.",
    422: "Something needs another look.",
    429: "Too many tries.",
    500: "Something broke on our side.",
    503: "Carillon is not ready.",
    507: "The disk is full.",
}
"""What a problem is called, by its status."""

_DETAILS = {
    400: "Its body is not JSON, or its head is not complete.",
    404: "It was deleted, it belongs to another team, or there is no such address.",
    405: "See /api/docs for what there is.",
    413: "Send less at once.",
}
"""What is said instead of the words of the router and the parser."""

_TOO_LARGE = (OverflowError, RecursionError, sa.exc.DataError)
_DATABASE_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
_RETRY_SECONDS = 5
_SCHEDULE = re.compile(r"when-(\d+)-(\w+)")
_STEP = re.compile(r"step-(\d+)-(\w+)")
_LISTS = {
    re.compile(r"check-(\d+)-(\w+)"): "contract",
    re.compile(r"var-(\d+)-(\w+)"): "variables",
    re.compile(r"after-(\d+)-(\w+)"): "after.tasks",
}
"""Fields of a row of a form -> the list of the body in which that row is."""

_IN_CHECK = 4
"""So many parts has the place of a field of a check: contract, 0, its kind, the field."""

_OF_STEPS = {number.name: number.key for number in steps.NUMBERS} | {
    name: name for name in ("name", "engine", "condition")
}
_OTHERS = {"misfire": "policy.misfire", "overlap": "policy.overlap", "raise": "raise_micros",
           "after-join": "after.join", "after-window": "after.window_seconds"}  # fmt: skip
_NUMBERS = {number.name: f"{number.place}.{number.key}" for number in definitions.NUMBERS}


class FieldProblem(Out):
    """What is wrong with one field."""

    field: str = Field(description="Its path, like `schedules.0.text`; empty for the whole")
    detail: str


class Problem(Out):
    """Why a request was refused or failed (RFC 9457)."""

    type: str = Field(description="Where the documentation tells of this kind of problem")
    title: str
    status: int
    detail: str = Field(description="One sentence that says what to do")
    errors: list[FieldProblem] = Field([], description="The fields that need another look")
    reference: str = Field("", description="To be named when asking for help; only of failures on our side")


def answer(error: Exception) -> Response | None:
    """Return the problem for a request to the API; None for another part of the site."""
    if not request.path.startswith(f"{PREFIX}/"):
        return None
    told = next((tell for kind, tell in _REFUSALS if isinstance(error, kind)), None)
    if told:
        return told(error)
    return _not_valid(error.__cause__) if isinstance(error.__cause__, ValidationError) else _of_others(error)


def _of_others(error: Exception) -> Response | None:  # noqa: PLR0911 one a kind
    """Answer what our own code did not raise: the router, the parser, the database, a bug."""
    if isinstance(error, HTTPException):
        if error.response is not None or (error.code or 500) < 400:  # noqa: PLR2004 redirects of the router
            return None
        kept = {name: value for name, value in error.get_headers() if name not in {"Content-Type", "Content-Length"}}
        status = error.code or 500
        return _problem(status, _DETAILS.get(status) or error.description or "", kept)
    if isinstance(error, sa.exc.IntegrityError):
        return _problem(409, "It changed meanwhile. Read it again, then repeat this.")
    if isinstance(error, _TOO_LARGE):
        return _problem(400, "Something in this request is larger than can be.")
    if room.is_full(error):
        return _problem(507, "Make room on the disk of the database, then repeat this.")
    if isinstance(error, _DATABASE_AWAY):
        log.error("database_away", rule=str(request.url_rule), error=type(error).__name__)
        return _later(503, "The database is away.", None)
    reference = secrets.token_hex(4)
    log.error("unexpected", reference=reference, rule=str(request.url_rule), method=request.method, exc_info=error)
    return _problem(500, "What was saved before is safe. Try again.", reference=reference)


def _not_there(error: NotFound) -> Response:
    is_bare = str(error) == str(NotFound())
    return _problem(404, _DETAILS[404] if is_bare else str(error))


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    title = TITLES.get(status, "That did not work.")
    body = {"type": f"/api/docs#problem-{status}", "title": title, "status": status, "detail": detail or title, **more}
    response: Response = jsonify(body)
    response.status_code, response.mimetype = status, MEDIA_TYPE
    response.headers.update(headers or {})
    return response


def _later(status: int, sentence: str, retry_at: datetime | None) -> Response:
    seconds = max(1, round((retry_at - utc_now()).total_seconds())) if retry_at else _RETRY_SECONDS
    return _problem(status, f"{sentence} Try again in {seconds} s.", {"Retry-After": str(seconds)})


def _whom_to_ask(error: Forbidden) -> str:
    action = next((action for action in ACTIONS if action == error.action), None)
    if action is None:
        return error.message
    if can(g.actor.role, action):
        if reaches(g.bearer.scopes, action):
            return error.message
        return f"This token has no scope “{scope_of(action)}”. Make one that has it in Settings, API keys."
    may = LABELS[action]
    names = " or ".join(teams.owners(g.actor.team_id)[:3])
    return f"{error.message} It takes the right to {may}. Ask {names}, who owns {g.bearer.team_name}."


# --- what is wrong with which field


def _not_valid(error: ValidationError) -> Response:
    wrong: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_input=False):
        place = [str(part) for part in problem["loc"]]
        if problem["type"] == "unknown_field":
            place.append(problem["ctx"]["name"])
        if place[:1] == ["contract"] and len(place) == _IN_CHECK:
            del place[2]  # the kind of the check
        wrong.setdefault(".".join(place), typed.sentence(problem))
    return _fields(wrong)


def _fields(wrong: Mapping[str, str]) -> Response:
    errors = [{"field": name, "detail": sentence} for name, sentence in wrong.items()]
    return _problem(422, " ".join(dict.fromkeys(wrong.values())), errors=errors)


def _path(name: str) -> str:
    """Return where in the body a field of the service stands."""
    view = current_app.view_functions[request.endpoint or ""]
    known = getattr(getattr(view, "_spec", {}).get("body"), "model_fields", {})
    if found := _SCHEDULE.fullmatch(name):
        return f"schedules.{found[1]}.{found[2]}" if "schedules" in known else found[2]
    if found := _STEP.fullmatch(name):
        return f"steps.{found[1]}.{_OF_STEPS.get(found[2]) or f'settings.{found[2]}'}"
    for pattern, place in _LISTS.items():
        if found := pattern.fullmatch(name):
            return f"{place}.{found[1]}.{found[2]}"
    if name.startswith("input-"):
        return f"inputs.{name.removeprefix('input-')}"
    name = _NUMBERS.get(name) or _OTHERS.get(name) or name
    return f"settings.{name}" if name and "settings" in known and name.partition(".")[0] not in known else name


_REFUSALS: tuple[tuple[type[Exception], Callable[[Any], Response]], ...] = (
    (Throttled, lambda error: _later(429, error.message, error.retry_at)),
    (NoSpace, lambda error: _problem(507, error.message)),
    (Unavailable, lambda error: _later(503, error.message, error.retry_at)),
    (UnderWay, lambda error: _problem(409, error.message, {"Retry-After": "1"})),
    (Forbidden, lambda error: _problem(403, _whom_to_ask(error))),
    (Invalid, lambda error: _fields({_path(name): sentence for name, sentence in error.fields.items()})),
    (NotFound, _not_there),
    (Conflict, lambda error: _problem(409, error.message)),
    (OtherRequest, lambda error: _problem(422, error.message)),
)
"""Our own refusals; of those that are kinds of another the narrower comes first."""
