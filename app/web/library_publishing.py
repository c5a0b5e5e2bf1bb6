"""Publishing a template: what would leave is shown first; then it is offered, given out as a file, or taken back."""

from flask import Blueprint, Response, g, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import NotFound
from app.services import library
from app.services.library import publishing
from app.services.library.publishing import Choice, Leaving
from app.services.tasks import from_template
from app.web.forms import NO_ERRORS, Errors, checked, shown_by, text, typed
from app.web.guard import guard, vault
from app.web.render import page

blueprint = Blueprint("library_publishing", __name__, url_prefix="/t/<team>")

BUNDLE = "application/vnd.carillon.template+zip"
_LABELS = {"publisher": "Published by", "visibility": "Who sees it"}
_VISIBILITY = (("instance", "This installation"), ("public", "Others, too"))


@blueprint.get("/templates/<slug>/publication")
@guard("manage")
def show(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Show what would leave the team with a template."""
    leaving = _look(slug, Choice())
    listing = publishing.listing_of(g.actor, slug)
    return page(
        "library/publish.html",
        leaving=leaving,
        shown=leaving.template,
        listing=listing,
        visibilities=_VISIBILITY,
        visibility=typed("visibility", listing.visibility if listing else "instance"),
        publisher=typed("publisher", listing.publisher if listing else g.team.name),
        errors=errors or ({"": leaving.problem} if leaving.problem else {}),
        labels=_LABELS,
    )


@blueprint.post("/templates/<slug>/publication")
@guard("manage")
@shown_by(show)
def publish(slug: str) -> AnyResponse:
    """Offer a template to others, or give it out as a file."""
    choice = _choice(slug)
    publisher, seen, problem = text("publisher"), text("seen"), from_template.problem
    if text("do") == "export":
        return sent(*publishing.export(g.actor, vault(), slug, publisher, choice, seen, problem))
    publishing.publish(g.actor, vault(), slug, text("visibility"), publisher, choice, seen, problem)
    return redirect(url_for("library.show", slug=slug, saved="published"), 303)


@blueprint.post("/templates/<slug>/publication/end")
@guard("manage")
def unpublish(slug: str) -> AnyResponse:
    """No longer offer a template to others."""
    publishing.unpublish(g.actor, slug)
    return redirect(url_for("library.show", slug=slug, saved="unpublished"), 303)


@blueprint.post("/templates/<slug>/visibility")
@guard("edit")
def share(slug: str) -> AnyResponse:
    """Show a template to the team, or only to its author and admins."""
    if library.find(g.actor, slug).source != "team":
        raise NotFound
    publishing.share(g.actor, slug, text("visibility"))
    return redirect(url_for("library.show", slug=slug, saved=text("visibility")), 303)


def sent(name: str, data: bytes) -> Response:
    """Answer with a bundle, to be kept as a file."""
    return Response(data, mimetype=BUNDLE, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _look(slug: str, choice: Choice) -> Leaving:
    return publishing.look(g.actor, vault(), slug, choice, from_template.problem)


def _choice(slug: str) -> Choice:
    found = _look(slug, Choice()).found
    kept = [one.id for one in found if one.is_removed and not checked(f"remove-{one.id}")]
    return Choice(kept, [one.id for one in found if not one.is_removed and checked(f"remove-{one.id}")])
