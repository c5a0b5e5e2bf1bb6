"""The System page: how every part of the installation is, and what to do where one is not well."""

from flask import Blueprint
from flask_login import current_user

from app.services.health import system
from app.web import security
from app.web.render import page

blueprint = Blueprint("system", __name__)

_WORST = ("fail", "warn")


@blueprint.get("/system")
def show() -> str:
    """Show all parts, those that need somebody first."""
    parts = system.parts(current_user.id, security.settings())
    troubled = [part for tone in _WORST for part in parts if part.tone == tone]
    return page("settings/system.html", troubled=troubled, well=[part for part in parts if part not in troubled])
