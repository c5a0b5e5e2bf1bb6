"""Me: profile, password and sign-ins, theme, shortcuts, teams."""

from flask import Blueprint, redirect, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.services import accounts, teams
from app.web.forms import NO_ERRORS, Errors, checked, saved, shown_by, text, zones
from app.web.guard import vault
from app.web.render import page

blueprint = Blueprint("me", __name__)


@blueprint.get("/me")
def index() -> AnyResponse:
    """Lead to the first section."""
    return redirect("/me/profile")


@blueprint.get("/me/profile")
def profile_page(errors: Errors = NO_ERRORS) -> str:
    """Show name and time zone."""
    return page("me/profile.html", errors=errors, zones=zones())


@blueprint.post("/me/profile")
@shown_by(profile_page)
def save_profile() -> AnyResponse:
    """Change name and time zone."""
    accounts.save_profile(current_user.id, text("name"), text("timezone"))
    return saved("/me/profile", "profile")


@blueprint.get("/me/security")
def security_page(errors: Errors = NO_ERRORS) -> str:
    """Show where one is signed in, and change the password."""
    return page("me/security.html", errors=errors, sign_ins=accounts.sign_ins(current_user.id))


@blueprint.post("/me/password")
@shown_by(security_page)
def change_password() -> AnyResponse:
    """Set a new password; other browsers are signed out."""
    accounts.change_password(current_user, request.form.get("current", ""), request.form.get("password", ""))
    return saved("/me/security", "password")


@blueprint.post("/me/sign-ins/<int:sign_in_id>/revocation")
def revoke(sign_in_id: int) -> AnyResponse:
    """Sign one browser out."""
    accounts.revoke(current_user.id, sign_in_id)
    return saved("/me/security", "sign-ins")


@blueprint.post("/me/sign-ins/revocation")
def revoke_others() -> AnyResponse:
    """Sign out everywhere else."""
    accounts.revoke_others(current_user)
    return saved("/me/security", "sign-ins")


@blueprint.get("/me/appearance")
def appearance_page(errors: Errors = NO_ERRORS) -> str:
    """Show the themes."""
    return page("me/appearance.html", errors=errors)


@blueprint.post("/me/appearance")
@shown_by(appearance_page)
def save_appearance() -> AnyResponse:
    """Change the theme."""
    accounts.save_theme(current_user.id, text("theme"))
    return saved("/me/appearance", "appearance")


@blueprint.get("/me/shortcuts")
def shortcuts_page() -> str:
    """Show whether single keys do something."""
    return page("me/shortcuts.html")


@blueprint.post("/me/shortcuts")
def save_shortcuts() -> AnyResponse:
    """Turn single keys on or off."""
    accounts.save_keys(current_user.id, checked("keys"))
    return saved("/me/shortcuts", "shortcuts")


@blueprint.get("/me/teams")
def teams_page(errors: Errors = NO_ERRORS) -> str:
    """Show the teams one belongs to, and make another."""
    return page("me/teams.html", errors=errors)


@blueprint.post("/me/teams")
@shown_by(teams_page)
def create_team() -> AnyResponse:
    """Make a team and go there to invite people."""
    slug = teams.create(vault(), current_user.id, text("name"))
    return redirect(f"/t/{slug}/settings/members", 303)
