"""Settings, Values: plain values of a team that its tasks use by name."""

from flask import Blueprint, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.services import values
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("values", __name__, url_prefix="/t/<team>")


@blueprint.get("/settings/values")
@guard("see")
def index(errors: Errors = NO_ERRORS) -> str:
    """Show the values; `name` is the one to be changed."""
    lines = values.lines(g.actor)
    chosen = next((one for one in lines if one.name == request.args.get("name")), None)
    return page("settings/values.html", errors=errors, lines=lines, chosen=chosen)


@blueprint.post("/settings/values")
@guard("edit")
@shown_by(index)
def put() -> AnyResponse:
    """Set or change a value."""
    values.put(g.actor, text("name"), text("value"))
    return saved(url_for("values.index"), "values")


@blueprint.post("/settings/values/<name>/deletion")
@guard("edit")
def delete(name: str) -> AnyResponse:
    """Delete a value."""
    values.delete(g.actor, name)
    return saved(url_for("values.index"), "values")
