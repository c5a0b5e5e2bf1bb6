"""The one place where a refusal or a failure becomes an answer: page, part or JSON, always with what to do."""

import secrets
from collections.abc import Callable
from datetime import datetime
from inspect import signature
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from flask_login import AnonymousUserMixin, current_user
from markupsafe import escape
from werkzeug.exceptions import HTTPException

from app.core.clock import utc_now
from app.core.errors import Conflict, Forbidden, Invalid, NoSpace, NotFound, Unavailable
from app.domain.access import LABELS
from app.domain.wording import duration
from app.services import room, teams
from app.services.tries import Throttled
from app.web import guard
from app.web.security import Forged

Programs = Callable[[Exception], Response | None]

log = structlog.get_logger()

_WORDS = {
    400: ("That request was not complete.", "Reload the page and try again."),
    403: ("You cannot do this.", ""),
    404: ("There is nothing here.", "It was deleted, or it belongs to a team you are not in."),
    405: ("This address does not work that way.", "Go back and use the button on the page."),
    409: ("It changed meanwhile.", "Reload to see how it is now, then try again."),
    413: ("That is too large.", "Go back, put a long text into a file, and send the file."),
    422: ("Something needs another look.", "Nothing was saved."),
    429: ("Too many tries.", "Wait a moment, then try again."),
    500: ("Something broke on our side.", "What you saved before is safe. Try again."),
    503: ("Carillon is not ready.", "Planned runs start when it is back."),
    507: ("The disk is full.", "Make room on it: all goes on by itself."),
}
_SENTENCES = {413: "More was sent at once than a form takes."}
_PAGES = frozenset({400, 403, 404, 405, 409, 422, 429, 500, 503})
_NOT_SENT_AGAIN = frozenset({"csrf_token", "password", "current", "value"})
_RETRY_SECONDS = 5


def attach(app: Flask, programs: Programs) -> None:
    """Answer every refusal and failure of `app`; `programs` answers those of the API, and nothing for others."""

    def register(kind: type[Exception], handler: Callable[[Any], Any]) -> None:
        app.register_error_handler(kind, lambda error: programs(error) or handler(error))

    register(Invalid, _invalid)
    register(NotFound, lambda error: answer(404, str(error)))
    register(Forged, _forged)
    register(Forbidden, _forbidden)
    register(Conflict, lambda error: answer(409, str(error)))
    register(Throttled, lambda error: _later(429, error.message, error.retry_at))
    register(NoSpace, lambda error: answer(507, error.message))
    register(Unavailable, lambda error: _later(503, error.message, error.retry_at))
    register(sa.exc.IntegrityError, lambda _: answer(409))
    for too_large in (OverflowError, RecursionError, sa.exc.DataError):
        register(too_large, lambda _: answer(400, "Something in this request is larger than can be."))
    for kind in (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError):
        register(kind, _database_away)
    register(HTTPException, _http)
    register(Exception, _unexpected)


def answer(status: int, sentence: str = "", help_: str = "", reference: str = "") -> Response:
    """Answer with a page, with a part for htmx, or with JSON for programs."""
    title, help_usual = _WORDS.get(status, ("That did not work.", ""))
    accepted = request.accept_mimetypes
    if "HX-Request" in request.headers:
        words = {"title": title, "sentence": sentence, "help": help_ or help_usual, "reference": reference}
        return make_response(render_template("errors/_panel.html", **words), status)
    if accepted and not accepted.accept_html:
        return make_response(jsonify(error=sentence or title, reference=reference), status)
    if current_user.is_authenticated and "team" not in g and status < 500:  # noqa: PLR2004 our own failures ask nothing more
        guard.go_home()
    template = f"errors/{status}.html" if status in _PAGES else "errors/error.html"
    words = {
        "title": "",
        "sentence": "" if sentence == title else sentence,
        "help": help_,
        "reference": reference,
        "status": str(status),
    }
    if status not in _PAGES:
        words |= {"title": title, "sentence": sentence or title}
    return make_response(render_template(template, **words), status)


def _invalid(error: Invalid) -> Response:
    return _form_again(error.fields, 422) or answer(422, str(error))


def _form_again(problems: dict[str, str], status: int) -> Response | None:
    view = current_app.view_functions[request.endpoint or ""]
    page = getattr(view, "shown_by", None)
    if page is None:
        return None
    known = signature(page).parameters
    given = {name: value for name, value in (request.view_args or {}).items() if name in known}
    shown = make_response(page(errors=problems, **given), status)
    html = shown.get_data(as_text=True)
    g.unsaid = [said for said in problems.values() if str(escape(said)) not in html]
    # What the form has no field for stands above it: nothing is refused without a word.
    return make_response(page(errors=problems, **given), status) if g.unsaid else shown


def _forged(error: Forged) -> Response:
    if "HX-Request" in request.headers or not error.is_own_page:
        return answer(403, str(error), "Reload the page, then try again.")
    kept = [(name, value) for name, value in request.form.items(multi=True) if name not in _NOT_SENT_AGAIN]
    if current_user.is_authenticated and "team" not in g:
        guard.go_home()
    return make_response(render_template("accounts/stale.html", kept=kept, action=request.full_path), 403)


def _forbidden(error: Forbidden) -> Response:
    if "team" not in g:
        return answer(403, str(error))
    names = " or ".join(teams.owners(g.team.id)[:3])
    may = LABELS.get(error.action, error.action)  # type: ignore[call-overload]  # an action, or a word of its own
    return answer(403, f"{error.message} It takes the right to {may}.", f"Ask {names}, who owns {g.team.name}.")


def _later(status: int, sentence: str, retry_at: datetime | None) -> Response:
    seconds = max(1, round((retry_at - utc_now()).total_seconds())) if retry_at else _RETRY_SECONDS
    when = f"Try again in {duration(float(seconds)) if seconds > 9 else f'{seconds} s'}." if retry_at else ""  # noqa: PLR2004 no tenths here
    sentence = f"{sentence} {when}".strip()
    response = (_form_again({"": sentence}, status) if status == 429 else None) or answer(status, sentence)  # noqa: PLR2004 too many tries
    response.headers["Retry-After"] = str(seconds)
    return response


def _database_away(error: Exception) -> Response:
    if room.is_full(error):
        return answer(507, "The disk of the database is full.")
    log.error("database_away", rule=str(request.url_rule), error=type(error).__name__)
    if "_login_user" not in g:
        g._login_user = AnonymousUserMixin()  # noqa: SLF001 where Flask-Login keeps the person: the page must not ask again
    return _later(503, "The database is away.", None)


def _http(error: HTTPException) -> Any:
    if error.response is not None or (error.code or 500) < 400:  # noqa: PLR2004 redirects of the router
        return error
    code = error.code or 500
    response = answer(code, _SENTENCES.get(code, "" if code in _PAGES else error.description or ""))
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    log.error("unexpected", reference=reference, rule=str(request.url_rule), method=request.method, exc_info=error)
    return answer(500, reference=reference)
