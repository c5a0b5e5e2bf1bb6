"""Newer versions of the template that a task was made of: shown on its page, taken over or left."""

from flask import Blueprint, g, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Conflict, NotFound
from app.domain.access import Actor
from app.models.tasks import Task
from app.services import library, tasks
from app.services.tasks import from_template, origins
from app.services.tasks.from_template import Offer
from app.web import security
from app.web.forms import saved
from app.web.guard import guard

blueprint = Blueprint("offers", __name__, url_prefix="/t/<team>")


def offer_of(actor: Actor, task: Task) -> Offer | None:
    """Return what a newer version of its template would change in a task, None for nothing to say."""
    use = origins.of(task)
    if use is None:
        return None
    try:
        template = library.find(actor, use.slug)
    except NotFound:
        return None
    return from_template.offer(task, template, use)


@blueprint.post("/tasks/<slug>/template-version")
@guard("edit")
def take_over(slug: str) -> AnyResponse:
    """Let the newest version of its template take a task over."""
    offer = _offer(slug)
    from_template.take_over(g.actor, slug, offer.template, security.settings().data_dir / "files")
    return saved(url_for("tasks.show", slug=slug), "taken")


@blueprint.post("/tasks/<slug>/template-version/dismissal")
@guard("edit")
def dismiss(slug: str) -> AnyResponse:
    """Leave a task as it is."""
    from_template.dismiss(g.actor, slug, _offer(slug).template)
    return redirect(url_for("tasks.show", slug=slug), 303)


def _offer(slug: str) -> Offer:
    offer = offer_of(g.actor, tasks.find(g.actor, slug))
    if offer is None:
        raise Conflict("There is no newer version of its template.")
    return offer
