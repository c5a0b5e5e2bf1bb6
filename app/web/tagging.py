"""Tags of a task, changed on its page."""

from flask import Blueprint, g, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.domain import tags
from app.services.tasks import tagging
from app.web import tasks
from app.web.forms import saved, shown_by, text
from app.web.guard import guard

blueprint = Blueprint("tagging", __name__, url_prefix="/t/<team>")


@blueprint.post("/tasks/<slug>/tags")
@guard("edit")
@shown_by(tasks.show)
def replace(slug: str) -> AnyResponse:
    """Give a task the tags that were typed."""
    tagging.replace(g.actor, slug, tags.split(text("tags")))
    return saved(url_for("tasks.show", slug=slug), "tags")
