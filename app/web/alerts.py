"""Alerts of a team: what is wrong now, what was, and whether people were told."""

from flask import Blueprint, g, request

from app.services import alerts
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("alerts", __name__, url_prefix="/t/<team>")


@blueprint.get("/alerts")
@guard("see")
def index() -> str:
    """Show the open alerts, and a page of the past ones."""
    before = request.args.get("before", type=int)
    return page(
        "alerts/index.html",
        opened=alerts.listing(g.actor, "open").alerts if before is None else (),
        past=alerts.listing(g.actor, "over", before),
        before=before,
        teller=alerts.teller(),
    )
