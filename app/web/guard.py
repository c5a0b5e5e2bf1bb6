"""Who is asking, in which team, and whether they may: one check before every request, so that none can be forgotten."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import Flask, Request, Response, current_app, g, redirect, request
from flask_login import LoginManager, current_user
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Forbidden, NotFound
from app.domain.access import Action, Actor
from app.infra.vault import Vault
from app.services import accounts, teams
from app.services.accounts import Browser, Visitor
from app.web import security

View = TypeVar("View", bound=Callable[..., Any])

login = LoginManager()


def guard(action: Action) -> Callable[[View], View]:
    """Say what a route of a team asks for; every route under /t/<team>/ has one."""

    def mark(view: View) -> View:
        view.action = action  # type: ignore[attr-defined]  # read by `check`
        return view

    return mark


def anyone(view: View) -> View:
    """Open a route to people who are not signed in."""
    view.is_open = True  # type: ignore[attr-defined]  # read by `check`
    return view


def by_address(view: View) -> View:
    """Open a route to whoever knows its address, which is the key: no sign-in, no form's token."""
    view.is_key = True  # type: ignore[attr-defined]  # read by `check`
    return view


def only_asks(view: View) -> View:
    """Say that a route changes nothing, also when it is posted to: another app has no form's token."""
    view.only_asks = True  # type: ignore[attr-defined]  # read by `check`
    return view


def attach(app: Flask) -> None:
    """Put the check before every request of `app`."""
    login.init_app(app)
    app.url_value_preprocessor(_take_team)
    app.url_defaults(_give_team)
    app.before_request(check)


@login.request_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
def load(_request: Request) -> Visitor | None:
    """Find the person by the cookie."""
    token = security.sign_in_token()
    return accounts.who(token) if token else None


def check() -> AnyResponse | None:
    """Let the request through, or answer it: sign in first, 403, 404."""
    view = current_app.view_functions[request.endpoint] if request.endpoint else None
    if view is None or getattr(view, "is_for_programs", False) or getattr(view, "is_key", False):
        # No such address, as the router says next; or no browser comes here, and a token is asked for instead.
        return None
    is_open = getattr(view, "is_open", False)
    must_sign_in = not is_open and not current_user.is_authenticated
    if must_sign_in and (request.method in security.SAFE or not _is_plain_form()):
        return to_sign_in()
    if not getattr(view, "only_asks", False):
        security.check_form()
    if must_sign_in:
        return to_sign_in()
    if is_open:
        return None
    if request.url_rule and request.url_rule.rule.startswith("/t/<team>"):
        return _enter(view)
    go_home()
    return None


def _enter(view: Callable[..., Any]) -> AnyResponse | None:
    mine = belongings()
    if g.team_slug == "me" and request.method in security.SAFE:
        return redirect(request.full_path.rstrip("?").replace("/t/me", f"/t/{mine[0].slug}", 1))
    team = next((team for team in mine if team.slug == g.team_slug), None)
    if team is None:
        raise NotFound
    g.teams, g.team, g.actor = mine, team, Actor(current_user.id, team.id, team.role)
    action: Action = view.action  # type: ignore[attr-defined]  # a route without one is a bug that a house test finds
    if not g.actor.may(action):
        raise Forbidden(action)
    if current_user.last_team_id != team.id and request.blueprint != "live":  # a stream opens by itself
        accounts.remember_team(current_user.id, team.id)
    return None


def belongings() -> list[teams.Belonging]:
    """Return the teams of the person who asks; their own space is made when they have none."""
    mine = teams.of(current_user.id)
    if not any(team.is_personal for team in mine):
        teams.personal(vault(), current_user.id)
        mine = teams.of(current_user.id)
    return mine


def go_home() -> None:
    """Set the team around a page that belongs to none: the one the person was in last."""
    g.teams = belongings()
    g.team = next((team for team in g.teams if team.id == current_user.last_team_id), g.teams[0])


def to_sign_in() -> AnyResponse:
    """Answer somebody who is not signed in: pages lead to the door and back, programs get a 401."""
    if "HX-Request" in request.headers:
        return Response(headers={"HX-Redirect": _door(*_shown(request.headers.get("HX-Current-URL", "/")))})
    accepted = request.accept_mimetypes
    if accepted and not accepted.accept_html:
        return Response('{"error": "Sign in first."}', 401, mimetype="application/json")
    path = request.path if request.method in security.SAFE else "/"
    return redirect(_door(path, request.query_string.decode() if path != "/" else ""))


def _shown(address: str) -> tuple[str, str]:
    """Return path and query of the page htmx says is shown, which may be any text."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/", ""
    return parts.path, parts.query


def safe_next(address: str | None) -> str:
    """Return `address` if it is a path on this site, else the start."""
    address = address or "/"
    is_path = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_path else "/"


def browser() -> Browser:
    """Return where this request comes from."""
    return Browser(request.remote_addr or "", request.user_agent.string)


def vault() -> Vault:
    """Return the vault that seals secrets."""
    found: Vault = current_app.extensions["vault"]
    return found


def _door(path: str, query: str) -> str:
    back = safe_next(f"{path}?{query}" if query else path)
    return "/login" if back == "/" else f"/login?next={quote(back)}"


def _is_plain_form() -> bool:
    accepted = request.accept_mimetypes
    return "HX-Request" not in request.headers and (not accepted or accepted.accept_html)


def _take_team(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    if values and "team" in values:
        g.team_slug = values.pop("team")


def _give_team(endpoint: str, values: dict[str, Any]) -> None:
    if "team" not in values and "team" in g and current_app.url_map.is_endpoint_expecting(endpoint, "team"):
        values["team"] = g.team.slug
