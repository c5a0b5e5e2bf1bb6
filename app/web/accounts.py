"""The doors: set up, sign in, sign in by link, accept an invitation, sign out."""

from typing import Any

from flask import Blueprint, g, redirect, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.services import accounts, links, teams
from app.services.accounts import NewPerson
from app.web import security
from app.web.forms import NO_ERRORS, Errors, shown_by, text, zones
from app.web.guard import anyone, browser, safe_next, vault
from app.web.render import page

blueprint = Blueprint("accounts", __name__)

_LOCAL = ("localhost", "127.0.0.1", "[::1]")


@blueprint.get("/")
def index() -> AnyResponse:
    """Lead to the team somebody was in last."""
    return redirect(f"/t/{g.team.slug}/today")


# --- set up


@blueprint.get("/setup/<token>")
@anyone
def setup_page(errors: Errors = NO_ERRORS, *, token: str) -> str:
    """Ask the first person for a name, an e-mail, a password and a time zone."""
    links.find(token, "setup")
    return page("accounts/setup.html", errors=errors, token=token, zones=zones())


@blueprint.post("/setup/<token>")
@anyone
@shown_by(setup_page)
def set_up(token: str) -> AnyResponse:
    """Create the first person and their own space."""
    return _welcome(accounts.set_up(token, _new_person(), browser()))


# --- sign in and out


@blueprint.get("/login")
@anyone
def login_page(errors: Errors = NO_ERRORS) -> Any:
    """Ask for e-mail and password."""
    back = safe_next(request.values.get("next"))
    if current_user.is_authenticated:
        return redirect(back)
    is_plain = not security.settings().is_https and request.host.rpartition(":")[0] not in _LOCAL
    return page("accounts/login.html", errors=errors, next=back, is_new=accounts.is_new(), is_plain=is_plain)


@blueprint.post("/login")
@anyone
@shown_by(login_page)
def sign_in() -> AnyResponse:
    """Sign in with e-mail and password."""
    token = accounts.sign_in(text("email"), request.form.get("password", ""), browser())
    return _signed_in(token, safe_next(request.form.get("next")))


@blueprint.get("/sign-in/<token>")
@anyone
def link_page(token: str) -> str:
    """Show a button: scanners of mail open links, and must not use them up."""
    links.find(token, "sign_in")
    return page("accounts/link.html", token=token)


@blueprint.post("/sign-in/<token>")
@anyone
def use_link(token: str) -> AnyResponse:
    """Sign in by the link."""
    return _signed_in(accounts.sign_in_by_link(token, browser()), "/")


@blueprint.post("/logout")
@anyone
def logout() -> AnyResponse:
    """End this sign-in."""
    if current_user.is_authenticated:
        accounts.sign_out(current_user)
    response = redirect("/login", 303)
    security.clear_sign_in(response)
    return response


# --- invitations


@blueprint.get("/invite/<token>")
@anyone
def invite_page(errors: Errors = NO_ERRORS, *, token: str) -> str:
    """Say which team invites, and ask for an account where there is none yet."""
    team, role = accounts.invitation(token)
    return page("accounts/invite.html", errors=errors, token=token, inviting=team, role=role, zones=zones())


@blueprint.post("/invite/<token>")
@anyone
@shown_by(invite_page)
def accept(token: str) -> AnyResponse:
    """Join the team, with the account in use or with a new one."""
    if current_user.is_authenticated:
        return redirect(f"/t/{accounts.accept(token, current_user.id)}/today", 303)
    return _welcome(accounts.join(token, _new_person(), browser()))


def _new_person() -> NewPerson:
    return NewPerson(text("name"), text("email"), request.form.get("password", ""), text("timezone"))


def _welcome(token: str) -> AnyResponse:
    visitor = accounts.who(token)
    assert visitor is not None
    own = teams.personal(vault(), visitor.id)
    invited = [team.slug for team in teams.of(visitor.id) if not team.is_personal]
    return _signed_in(token, f"/t/{invited[0] if invited else own}/today")


def _signed_in(token: str, address: str) -> AnyResponse:
    response = redirect(address, 303)
    security.set_sign_in(response, token)
    return response
