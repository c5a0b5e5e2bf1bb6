"""Me, devices: the browsers that take notifications while no page is open."""

from typing import Any

from flask import Blueprint, Response, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.services import devices
from app.services.devices import Given
from app.web import security
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text
from app.web.guard import vault
from app.web.render import browser_name, page

blueprint = Blueprint("devices", __name__, url_prefix="/me/devices")

_HERE = "/me/devices"


@blueprint.get("")
def index(errors: Errors = NO_ERRORS, **more: Any) -> str:
    """List the person's devices, and offer to add this one."""
    found = devices.of(current_user.id)
    return page("me/devices.html", errors=errors, devices=found, key=devices.public_key(vault()), **more)


@blueprint.post("")
@shown_by(index)
def add() -> AnyResponse:
    """Let this browser take notifications."""
    given = Given(text("endpoint"), text("public_key"), text("auth"), browser_name(request.user_agent.string))
    devices.add(current_user.id, current_user.sign_in_id, given)
    return saved(_HERE, "device")


@blueprint.post("/seen")
def seen() -> Response:
    """Hear from a browser that it is used, once a sign-in; 404: it is not a device of this person."""
    is_known = devices.seen(current_user.id, current_user.sign_in_id, text("endpoint"))
    return Response(status=204 if is_known else 404)


@blueprint.post("/<int:device_id>/name")
@shown_by(index)
def rename(device_id: int) -> AnyResponse:
    """Change the name of a device."""
    devices.rename(current_user.id, device_id, text("name"))
    return saved(_HERE, "name")


@blueprint.post("/<int:device_id>/removal")
def remove(device_id: int) -> AnyResponse:
    """Tell a device nothing any more."""
    devices.remove(current_user.id, device_id)
    return saved(_HERE, "removed")


@blueprint.post("/<int:device_id>/test")
def test(device_id: int) -> str:
    """Send a test to a device, and show what its push service answered."""
    return index(tested=devices.test(vault(), current_user.id, device_id, security.settings().url))
