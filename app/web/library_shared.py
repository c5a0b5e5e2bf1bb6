"""Templates of others: looked at before installing, rated, reported; and the list that other installations read."""

from flask import Blueprint, Response, g, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Invalid, NotFound
from app.domain import library as rules
from app.services.library import indexes, installing, opinions
from app.web import security
from app.web.forms import NO_ERRORS, Errors, checked, saved, shown_by, text
from app.web.guard import anyone, guard, vault
from app.web.library import index as gallery
from app.web.library_publishing import sent
from app.web.render import page

blueprint = Blueprint("library_shared", __name__)

_LABELS = {"sure": "The key", "stars": "Stars", "reason": "What is wrong"}
_STARS = [(str(count), f"{count} {'star' if count == 1 else 'stars'}") for count in range(opinions.MOST_STARS, 0, -1)]


@blueprint.get("/t/<team>/templates/shared/<int:listing_id>")
@guard("see")
def show(listing_id: int, errors: Errors = NO_ERRORS) -> str:
    """Show what is offered: who signed it, what it asks to be allowed, and what it changes in what is installed."""
    found = installing.find(g.actor, vault(), listing_id)
    return page(
        "library/shared.html",
        offered=found,
        content=found.content,
        before=found.installed.content if found.is_newer and found.installed else None,
        level=installing.offers_level(),
        said=opinions.said(listing_id),
        mine=opinions.mine(g.actor, listing_id) if opinions.may_rate(g.actor, listing_id) else None,
        may_rate=opinions.may_rate(g.actor, listing_id),
        stars=_STARS,
        rules=rules,
        errors=errors,
        labels=_LABELS,
        toasts=_told(),
    )


def _told() -> list[dict[str, str]]:
    words = {"rated": "Thank you: your rating is shown to others.", "told": "It is told to the installation's owners."}
    said = words.get(request.args.get("saved", ""))
    return [{"text": said, "tone": "", "undo_url": ""}] if said else []


@blueprint.post("/t/<team>/templates/shared/<int:listing_id>")
@guard("edit")
@shown_by(show)
def install(listing_id: int) -> AnyResponse:
    """Install it as a template of the team."""
    slug = installing.install(g.actor, vault(), listing_id, is_sure=checked("sure"))
    return saved(url_for("library.show", slug=slug), "installed")


@blueprint.get("/t/<team>/templates/shared/<int:listing_id>/bundle")
@guard("see")
def bundle(listing_id: int) -> Response:
    """Send what is published here as a file."""
    return sent(*installing.bundle(g.actor, vault(), listing_id))


@blueprint.post("/t/<team>/templates/shared/<int:listing_id>/rating")
@guard("run")
@shown_by(show)
def rate(listing_id: int) -> AnyResponse:
    """Say what one thinks of it."""
    stars = text("stars")
    opinions.rate(g.actor, listing_id, int(stars) if stars in dict(_STARS) else 0, text("sentence"))
    return saved(url_for("library_shared.show", listing_id=listing_id), "rated")


@blueprint.post("/t/<team>/templates/shared/<int:listing_id>/reports")
@guard("run")
@shown_by(show)
def tell(listing_id: int) -> AnyResponse:
    """Report what is wrong with it."""
    opinions.report(g.actor, listing_id, text("reason"))
    return saved(url_for("library_shared.show", listing_id=listing_id), "told")


def _gallery(errors: Errors) -> str:
    return gallery(errors, "shared")


@blueprint.post("/t/<team>/templates/bundles")
@guard("edit")
@shown_by(_gallery)
def upload() -> AnyResponse:
    """Take in a bundle, and show what is in it."""
    file = request.files.get("file")
    if not file or not file.filename:
        raise Invalid({"file": "Choose a file that ends in .carillon."})
    listing_id = installing.upload(g.actor, file.stream.read(installing.LARGEST + 1))
    return redirect(url_for("library_shared.show", listing_id=listing_id), 303)


# --- reports


@blueprint.get("/t/<team>/templates/reports")
@guard("see")
def reports() -> str:
    """List what was reported, for those who look after the installation."""
    _must_settle()
    return page("library/reports.html", reports=opinions.reports(g.actor))


@blueprint.post("/t/<team>/templates/reports/<int:report_id>")
@guard("manage")
def settle(report_id: int) -> AnyResponse:
    """Settle a report: unpublish what it is about, or leave it."""
    _must_settle()
    opinions.settle(g.actor, report_id, unpublish=text("do") == "unpublish")
    return redirect(url_for("library_shared.reports"), 303)


def _must_settle() -> None:
    if not opinions.may_settle(g.actor):
        raise NotFound


# --- for other installations


@blueprint.get("/index.json")
@anyone
def index() -> Response:
    """List what is public here, signed."""
    return jsonify(indexes.document(vault(), security.settings()))


@blueprint.get("/index/<slug>.carillon")
@anyone
def public_bundle(slug: str) -> Response:
    """Send one that is public here."""
    return sent(f"{slug}.carillon", indexes.public_bundle(vault(), security.settings(), slug))
