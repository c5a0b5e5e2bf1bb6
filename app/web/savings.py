"""What a run of each task spares a person, and what an hour is worth: the assumptions of what runs give back."""

from flask import Blueprint, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Invalid
from app.services.insights import savings
from app.web.forms import NO_ERRORS, Errors, saved, shown_by
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("savings", __name__, url_prefix="/t/<team>/insights/savings")

_FIELD = "minutes-"


@blueprint.get("")
@guard("see")
def edit(errors: Errors = NO_ERRORS) -> str:
    """Show what people have said."""
    return page("insights/savings.html", savings=savings.listing(g.actor), errors=errors)


@blueprint.post("")
@guard("edit")
@shown_by(edit)
def put() -> AnyResponse:
    """Keep what they say now."""
    minutes: dict[str, float | None] = {}
    wrong: dict[str, str] = {}
    for name, value in request.form.items():
        if name.startswith(_FIELD):
            try:
                minutes[name.removeprefix(_FIELD)] = savings.read_minutes(value, name)
            except Invalid as error:
                wrong |= error.fields
    if wrong:
        raise Invalid(wrong)
    if g.actor.may("manage"):
        savings.put_rate(g.actor, savings.read_rate(request.form.get("hourly", "")))
    savings.put(g.actor, minutes)
    return saved(url_for("savings.edit"), "savings")
