"""Rehearse a task for any planned time: what its run would be given, and a run that sends nothing outside."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, g, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.domain import effects
from app.models.tasks import Task
from app.services import runs, tasks
from app.services.tasks import ahead
from app.web.forms import NO_ERRORS, Errors, moment, shown_by
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("rehearsals", __name__, url_prefix="/t/<team>")


@blueprint.get("/tasks/<slug>/rehearsal")
@guard("run")
def new(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Show what a run planned for `at` would be given."""
    task = tasks.find(g.actor, slug)
    definition = tasks.definition(task)
    typed = request.values.get("at", "")
    at = _read(typed) or _next(task) or utc_now()
    shown = typed or at.astimezone(ZoneInfo(current_user.timezone)).strftime("%Y-%m-%dT%H:%M")
    engines = {engine for _, engine, _ in effects.parts_of(definition)}
    vars_ = {"ahead": ahead.look(g.actor, definition, at, task.id)}
    return page("tasks/rehearsal.html", task=task, typed=shown, engines=engines, vars=vars_, errors=errors)


@blueprint.post("/tasks/<slug>/rehearsal")
@guard("run")
@shown_by(new)
def start(slug: str) -> AnyResponse:
    """Rehearse it now."""
    task = tasks.find(g.actor, slug)
    number = runs.rehearse(g.actor, task.id, moment("at") or utc_now())
    return redirect(url_for("runs.show", number=number), 303)


def _read(text: str) -> datetime | None:
    """Return a moment in the person's time zone, None for what is none: its own field says so once it is sent."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(current_user.timezone)) if text else None
    except (ValueError, OverflowError):
        return None


def _next(task: Task) -> datetime | None:
    return min((one.next_fire_at for one in task.schedules if one.next_fire_at), default=None)
