"""Settings, API keys: the tokens of a team's programs, made and revoked; a new one is shown this once."""

from flask import Blueprint, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.numbers import whole
from app.domain.access import SCOPE_LABELS, scopes_for
from app.services import tokens
from app.web import security
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("tokens", __name__, url_prefix="/t/<team>")

_LIVES = [*((str(days), "1 year" if days == 365 else f"{days} days") for days in tokens.LIVES_DAYS), ("0", "No end")]  # noqa: PLR2004 a year
_USUAL = "90"


@blueprint.get("/settings/tokens")
@guard("see")
def index(errors: Errors = NO_ERRORS, token: str = "") -> str:
    """Show the tokens; `token` is the one just made."""
    return page(
        "settings/tokens.html",
        errors=errors,
        token=token,
        tokens=tokens.listing(g.actor),
        scopes=[(scope, SCOPE_LABELS[scope]) for scope in scopes_for(g.actor.role)],
        chosen=request.form.getlist("scopes") if errors else ["read"],
        lives=_LIVES,
        usual=_USUAL,
        url=security.settings().url,
        now=utc_now(),
    )


@blueprint.post("/settings/tokens")
@guard("see")
@shown_by(index)
def create() -> str:
    """Make a token and show it, this once."""
    days = whole(text("days") or _USUAL)
    token, _ = tokens.create(g.actor, text("name"), request.form.getlist("scopes"), -1 if days is None else days)
    return index(token=token)


@blueprint.post("/settings/tokens/<int:token_id>/revocation")
@guard("see")
def revoke(token_id: int) -> AnyResponse:
    """Make a token useless."""
    tokens.revoke(g.actor, token_id)
    return saved(url_for("tokens.index"), "tokens")
