"""Tasks that start together: where each should start instead, shown first, changed by one press, undone by one."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from flask import Blueprint, g, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.errors import Conflict, Invalid
from app.services import tasks
from app.services.planning import spreading
from app.services.planning.spreading import Place, Proposal
from app.services.tasks import moving
from app.web.forms import NO_ERRORS, Errors, shown_by
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("spreading", __name__, url_prefix="/t/<team>/spread")

_LABELS = {"since": "From", "until": "Until"}


@blueprint.get("")
@guard("edit")
def show(errors: Errors = NO_ERRORS) -> str:
    """Show where the tasks that were chosen should start; without any, those of a minute (`at`), or of the fullest."""
    slugs = _slugs() or spreading.crowd(g.actor, utc_now(), _at())
    proposal = None
    if slugs and not errors:
        try:
            proposal = _proposal(slugs)
        except Invalid as error:
            errors = error.fields
    window = {name: request.values.get(name, "") for name in _LABELS}
    undone = request.args.getlist("undo")
    return page(
        "tasks/spread.html", slugs=slugs, proposal=proposal, window=window, errors=errors, labels=_LABELS, undone=undone
    )


@blueprint.post("")
@guard("edit")
@shown_by(show)
def spread() -> AnyResponse:
    """Move the tasks as was shown; which can't be moved as a whole is said, and the others move all the same."""
    moved, stayed = [], {}
    for place in _proposal(_slugs()).places:
        if place.to != place.at:
            try:
                moved.append(_moved(place))
            except (Invalid, Conflict) as error:
                stayed[place.slug] = error
    if not moved:
        raise Invalid({"": "None of these can move: each has several times a day, or is where it should be."})
    return redirect(url_for("spreading.show", task=_slugs(), undo=moved, stayed=list(stayed)), 303)


@blueprint.post("/choice")
@guard("edit")
def choose() -> AnyResponse:
    """Lead from tasks that were selected in a list to where they should start."""
    return redirect(url_for("spreading.show", task=_slugs()), 303)


@blueprint.post("/undo")
@guard("edit")
def undo() -> AnyResponse:
    """Put the tasks back to where they were, but those that somebody has changed since."""
    pairs = [text.rpartition(":") for text in request.form.getlist("undo")]
    for slug, _, number in pairs:
        if re.fullmatch(r"[0-9]{1,9}", number):
            tasks.restore(g.actor, slug, int(number) - 1, instead_of=int(number))
    return redirect(url_for("spreading.show", task=[slug for slug, _, _ in pairs]), 303)


def _slugs() -> Sequence[str]:
    return list(dict.fromkeys(request.values.getlist("task")))


def _at() -> datetime | None:
    try:
        return datetime.fromisoformat(request.args.get("at", "")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _proposal(slugs: Sequence[str]) -> Proposal:
    window = (request.values.get("since", ""), request.values.get("until", ""))
    return spreading.propose(g.actor, slugs, window, current_user.timezone, utc_now())


def _moved(place: Place) -> str:
    """Move all times of a schedule; returns what undoes it: slug and version."""
    task = moving.move(g.actor, place.slug, place.schedule_id, place.rule, place.at, place.to, "all")
    return f"{place.slug}:{task.version_number}"
