"""Suggestions on pages: applied, undone or dismissed by one press each."""

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.models.tasks import Task
from app.services.tasks import suggested
from app.web.forms import saved
from app.web.guard import guard

blueprint = Blueprint("suggestions", __name__, url_prefix="/t/<team>/suggestions/<int:suggestion_id>")


@blueprint.post("/application")
@guard("edit")
def apply(suggestion_id: int) -> AnyResponse:
    """Make the change, and show the task with it."""
    return saved(_page(suggested.apply(g.actor, suggestion_id)), "applied")


@blueprint.post("/undo")
@guard("edit")
def undo(suggestion_id: int) -> AnyResponse:
    """Take the change back."""
    return saved(_page(suggested.undo(g.actor, suggestion_id)), "undone")


@blueprint.post("/dismissal")
@guard("edit")
def dismiss(suggestion_id: int) -> AnyResponse:
    """Leave the task as it is."""
    task = suggested.dismiss(g.actor, suggestion_id)
    to_insights = request.form.get("page") == "insights"
    return redirect(f"{url_for('insights.index')}#changes" if to_insights else _page(task), 303)


def told(task: Task) -> dict[str, str]:
    """Return what is said after a suggestion was applied, with the way back."""
    found = suggested.applied_as(task)
    undo_url = url_for("suggestions.undo", suggestion_id=found.id) if found else ""
    return {"text": "Applied.", "tone": "", "undo_url": undo_url}


def _page(task: Task) -> str:
    return url_for("tasks.show", slug=task.slug)
