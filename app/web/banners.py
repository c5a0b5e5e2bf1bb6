"""What stands above every page while it holds: a restore that nobody has confirmed, a disk without room."""

from flask import Blueprint, g, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.domain.access import Actor
from app.services import room
from app.services.insights import satisfaction
from app.services.tasks import restored
from app.services.tasks.restored import Unconfirmed
from app.web.guard import guard

blueprint = Blueprint("banners", __name__, url_prefix="/t/<team>")


def unconfirmed() -> Unconfirmed | None:
    """Return what the team has still to confirm after a restore."""
    return restored.unconfirmed(g.team.id)


def is_disk_low() -> bool:
    """Whether new runs wait for room on the disk."""
    return room.is_low()


def is_asked(actor: Actor) -> bool:
    """Whether this person is asked now if Carillon is a help."""
    return satisfaction.is_due(actor)


@blueprint.post("/restored")
@guard("edit")
def confirm() -> AnyResponse:
    """Let all tasks go on that a restore has paused."""
    restored.resume_all(g.actor)
    return redirect(url_for("today.show"), 303)
