"""Notifications: the bell in the header, its panel, and the page of what a person was told."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, g, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.domain.access import Actor
from app.services import notifications, wishes
from app.services.notifications import ONLY, Only, Place
from app.web.forms import saved, text
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("notifications", __name__, url_prefix="/t/<team>")


@dataclass(frozen=True)
class Bell:
    """How many are unread, and what changes when somebody may have been told of something new."""

    unread: int
    mark: str


@blueprint.app_context_processor
def _context() -> dict[str, Callable[[], Bell]]:
    return {"bell": _bell}


def _bell() -> Bell:
    if "bell" not in g:
        actor = g.get("actor") or Actor(current_user.id, g.team.id, g.team.role)
        g.bell = Bell(notifications.unread(actor), notifications.mark())
    found: Bell = g.bell
    return found


@blueprint.get("/notifications")
@guard("see")
def index() -> str:
    """Show what the person was told, the newest first."""
    only = _only()
    found = notifications.listing(g.actor, only, _place(request.args.get("after", "")))
    older = url_for("notifications.index", only=only or None, after=_written(found.older)) if found.older else None
    return page("notifications/index.html", found=found, only=only, older=older, is_first="after" not in request.args)


@blueprint.get("/notifications/bell")
@guard("see")
def bell() -> str:
    """Show how many are unread, as the header asks when something was told."""
    return page("shared/_bell.html", at=f"/t/{g.team.slug}")


@blueprint.get("/notifications/panel")
@guard("see")
def panel() -> str:
    """Show the newest, grouped by task, as the bell asks when it is opened."""
    newest = notifications.listing(g.actor, limit=notifications.NEWEST)
    return page("notifications/_panel.html", groups=notifications.by_task(newest.lines))


@blueprint.get("/notifications/<int:notification_id>")
@guard("see")
def show(notification_id: int) -> AnyResponse:
    """Lead to what a notification is about; who opens it has read it."""
    line = notifications.find(g.actor, notification_id)
    if not line.is_read:
        notifications.read(g.actor, notification_id)
    start = f"/t/{line.team or g.team.slug}"
    if line.incident_id:
        return redirect(f"{start}/incidents/{line.incident_id}")
    if line.run:
        return redirect(f"{start}/runs/{line.run}")
    return redirect(f"{start}/tasks/{line.task}" if line.task else f"{start}/alerts")


@blueprint.post("/notifications/<int:notification_id>/read")
@guard("see")
def read(notification_id: int) -> AnyResponse:
    """Note that one was read."""
    notifications.read(g.actor, notification_id)
    return redirect(_back(), 303)


@blueprint.post("/notifications/read")
@guard("see")
def read_all() -> AnyResponse:
    """Note that all were read."""
    notifications.read_all(g.actor)
    return saved(url_for("notifications.index"), "read")


@blueprint.post("/notifications/mute")
@guard("see")
def mute() -> AnyResponse:
    """Tell the person nothing of a task any more."""
    wishes.mute(g.actor, text("task"))
    return saved(url_for("notifications.index"), "muted")


def _back() -> str:
    return url_for("notifications.index", only=text("only") or None)


def _only() -> Only:
    return next((one for one in ONLY if one == request.args.get("only", "")), "")


def _written(place: Place) -> str:
    return f"{place[0].astimezone(UTC):%Y%m%dT%H%M%S.%f}-{place[1]}"


def _place(text: str) -> Place | None:
    at, _, ident = text.partition("-")
    try:
        return datetime.strptime(at, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC), int(ident[:15])
    except ValueError:
        return None
