"""One incident: its cause, the tasks it touches, how it went, and what people do about it."""

from typing import Any

from flask import Blueprint, g, redirect, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.core.numbers import whole
from app.domain import mutes
from app.domain.access import Actor
from app.services import alerts, incidents
from app.web import live
from app.web.forms import NO_ERRORS, Errors, moment, saved, shown_by, text
from app.web.guard import guard, safe_next
from app.web.render import page

blueprint = Blueprint("incidents", __name__, url_prefix="/t/<team>/incidents/<int:incident_id>")

PARTS = ("head", "facts", "tasks", "told")


@blueprint.get("")
@guard("see")
def show(incident_id: int, errors: Errors = NO_ERRORS) -> str:
    """Show an incident."""
    return page("incidents/show.html", errors=errors, **_context(g.actor, incident_id))


def _context(actor: Actor, incident_id: int) -> dict[str, Any]:
    found = incidents.find(actor, incident_id)
    quoted = found.told.evidence.line if found.told and found.told.evidence else None
    said = found.shown.sentence
    return {
        "detail": found,
        "incident": found.shown,
        "quote": quoted if quoted and quoted.text.strip().rstrip(".") not in said else None,
        "told": alerts.of_incident(actor, incident_id),
        "mutes": mutes.CHOICES,
        "now": utc_now(),
    }


@blueprint.post("/acknowledgement")
@guard("run")
def acknowledge(incident_id: int) -> Response:
    """Say that somebody sees to it."""
    incidents.acknowledge(g.actor, incident_id)
    return _back(incident_id)


@blueprint.post("/reopening")
@guard("run")
def reopen(incident_id: int) -> Response:
    """Take it back that somebody sees to it, or that nobody is told."""
    incidents.reopen(g.actor, incident_id)
    return _back(incident_id)


@blueprint.post("/mute")
@guard("run")
@shown_by(show)
def mute(incident_id: int) -> Response:
    """Tell nobody of it for a while."""
    incidents.find(g.actor, incident_id)  # what is not there is a 404, whatever was typed
    until = mutes.until(text("for"), utc_now(), current_user.timezone) or moment("until")
    incidents.mute(g.actor, incident_id, until)
    return _back(incident_id)


@blueprint.post("/note")
@guard("run")
@shown_by(show)
def note(incident_id: int) -> Response:
    """Keep what people know about it."""
    incidents.note(g.actor, incident_id, text("note"), text("fix_url"))
    return saved(url_for("incidents.show", incident_id=incident_id), "note")


def _back(incident_id: int) -> Response:
    return redirect(safe_next(text("back") or url_for("incidents.show", incident_id=incident_id)), 303)


def live_parts(actor: Actor, key: str) -> dict[str, str]:
    """Return the parts that change by themselves, by their ids. Raises NotFound."""
    number = whole(key)
    if number is None:
        raise NotFound
    context = _context(actor, number)
    return {f"incident-{name}": render_template(f"incidents/_{name}.html", **context) for name in PARTS}


live.view("incidents", live_parts)
