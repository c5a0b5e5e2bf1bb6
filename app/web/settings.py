"""Settings of a team: its name, its members, its secrets, and the workers that carry out its runs."""

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.domain.access import ACTIONS, LABELS, ROLES, can, may_give
from app.services import health, secrets, teams, workers
from app.services.execution import breakers
from app.web import security
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text
from app.web.guard import guard, vault
from app.web.render import page

blueprint = Blueprint("settings", __name__, url_prefix="/t/<team>")


@blueprint.get("/settings")
@guard("see")
def index() -> AnyResponse:
    """Lead to the first section."""
    return redirect(url_for("settings.general_page"))


@blueprint.get("/settings/general")
@guard("see")
def general_page(errors: Errors = NO_ERRORS) -> str:
    """Show the team's name."""
    return page("settings/general.html", errors=errors)


@blueprint.post("/settings/general")
@guard("own")
@shown_by(general_page)
def save_general() -> AnyResponse:
    """Change the team's name."""
    teams.rename(g.actor, text("name"))
    return saved(url_for("settings.general_page"), "general")


# --- members


@blueprint.get("/settings/members")
@guard("see")
def members_page(errors: Errors = NO_ERRORS, link: str = "") -> str:
    """Show who belongs to the team; `link` is the invitation just made, shown this once."""
    return page(
        "settings/members.html",
        errors=errors,
        link=link,
        members=teams.members(g.actor),
        invitations=teams.invitations(g.actor) if g.actor.may("members") else (),
        roles=[role for role in ROLES if may_give(g.actor.role, role)],
        lasts=teams.INVITATION_DAYS,
        rights=[(LABELS[action], [(role, can(role, action)) for role in ROLES]) for action in ACTIONS],
    )


@blueprint.post("/settings/members/<int:member_id>/role")
@guard("members")
@shown_by(members_page)
def change_role(member_id: int) -> AnyResponse:
    """Give a member another role."""
    teams.change_role(g.actor, member_id, text("role"))
    return saved(url_for("settings.members_page"), "members")


@blueprint.post("/settings/members/<int:member_id>/removal")
@guard("members")
def remove_member(member_id: int) -> AnyResponse:
    """Take a member out of the team."""
    teams.remove(g.actor, member_id)
    return saved(url_for("settings.members_page"), "members")


@blueprint.post("/settings/leaving")
@guard("see")
def leave() -> AnyResponse:
    """Leave the team."""
    teams.leave(g.actor)
    return saved("/me/teams", "left")


@blueprint.post("/settings/invitations")
@guard("members")
@shown_by(members_page)
def invite() -> str:
    """Make an invitation and show its link, this once."""
    token = teams.invite(g.actor, text("role"), text("email"), request.form.get("days", 7, type=int))
    return members_page(link=f"{security.settings().url}/invite/{token}")


@blueprint.post("/settings/invitations/<int:invitation_id>/withdrawal")
@guard("members")
def withdraw(invitation_id: int) -> AnyResponse:
    """Make an invitation's link useless."""
    teams.withdraw(g.actor, invitation_id)
    return saved(url_for("settings.members_page"), "invitations")


# --- secrets


@blueprint.get("/settings/secrets")
@guard("see")
def secrets_page(errors: Errors = NO_ERRORS) -> str:
    """Show the names of the secrets; never a value."""
    return page("settings/secrets.html", errors=errors, secrets=secrets.lines(g.actor))


@blueprint.post("/settings/secrets")
@guard("manage")
@shown_by(secrets_page)
def put_secret() -> AnyResponse:
    """Set or replace a secret."""
    value = request.form.get("value", "").replace("\r\n", "\n")
    secrets.put(g.actor, vault(), text("name"), value)
    return saved(url_for("settings.secrets_page"), "secrets")


@blueprint.post("/settings/secrets/<int:secret_id>/deletion")
@guard("manage")
def delete_secret(secret_id: int) -> AnyResponse:
    """Delete a secret."""
    secrets.delete(g.actor, secret_id)
    return saved(url_for("settings.secrets_page"), "secrets")


# --- workers


@blueprint.get("/settings/workers")
@guard("see")
def workers_page() -> str:
    """Show the workers, how they confine code, and what waits in the queues."""
    left_alone, numbers = breakers.listing(g.actor), health.numbers()
    return page("settings/workers.html", workers=workers.alive(), numbers=numbers, breakers=left_alone)


@blueprint.post("/settings/workers/breakers")
@guard("run")
def close_breaker() -> AnyResponse:
    """Let runs try a target again that they leave alone."""
    breakers.try_now(g.actor, text("target"))
    return saved(url_for("settings.workers_page"), "breakers")
