"""Settings > Webhooks: which addresses are told of what happens, and the log of what was sent and answered."""

import json
from datetime import timedelta
from typing import Any

from flask import Blueprint, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.domain.webhooks import FAMILIES, MOST_TRIES, USUAL
from app.services import webhooks
from app.services.webhooks import Line, Wanted, deliveries
from app.web import security
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text
from app.web.guard import guard, vault
from app.web.render import page

blueprint = Blueprint("webhooks", __name__, url_prefix="/t/<team>")

_SOON = timedelta(seconds=10)
"""While a message is due within this, the log looks again by itself."""


@blueprint.get("/settings/webhooks")
@guard("see")
def index() -> str:
    """Show the webhooks of the team, and how each does."""
    return page("settings/webhooks.html", webhooks=webhooks.lines(g.actor))


@blueprint.get("/settings/webhooks/new")
@guard("manage")
def new(errors: Errors = NO_ERRORS) -> str:
    """Show the form of a new webhook."""
    return _form(None, errors)


@blueprint.post("/settings/webhooks")
@guard("manage")
@shown_by(new)
def create() -> str:
    """Make a webhook and show its secret, this once."""
    line, secret = webhooks.create(g.actor, vault(), _wanted())
    return _form(line, NO_ERRORS, secret)


@blueprint.get("/settings/webhooks/<int:webhook_id>")
@guard("manage")
def show(webhook_id: int, errors: Errors = NO_ERRORS) -> str:
    """Show a webhook: its form, how it does, and its log."""
    return _form(webhooks.find(g.actor, webhook_id), errors)


@blueprint.post("/settings/webhooks/<int:webhook_id>")
@guard("manage")
@shown_by(show)
def change(webhook_id: int) -> AnyResponse:
    """Change a webhook."""
    webhooks.change(g.actor, webhook_id, _wanted())
    return saved(url_for("webhooks.show", webhook_id=webhook_id), "webhook")


@blueprint.post("/settings/webhooks/<int:webhook_id>/rotation")
@guard("manage")
def rotate(webhook_id: int) -> str:
    """Give a webhook another secret and show it, this once."""
    secret = webhooks.rotate(g.actor, vault(), webhook_id)
    return _form(webhooks.find(g.actor, webhook_id), NO_ERRORS, secret)


@blueprint.post("/settings/webhooks/<int:webhook_id>/off")
@guard("manage")
def turn_off(webhook_id: int) -> AnyResponse:
    """Send it nothing any more."""
    webhooks.turn_off(g.actor, webhook_id)
    return saved(url_for("webhooks.show", webhook_id=webhook_id), "off")


@blueprint.post("/settings/webhooks/<int:webhook_id>/on")
@guard("manage")
def turn_on(webhook_id: int) -> AnyResponse:
    """Send to it again, what happens from now on."""
    webhooks.turn_on(g.actor, webhook_id)
    return saved(url_for("webhooks.show", webhook_id=webhook_id), "on")


@blueprint.post("/settings/webhooks/<int:webhook_id>/test")
@guard("manage")
def test(webhook_id: int) -> AnyResponse:
    """Send a test message now."""
    webhooks.test(g.actor, webhook_id, security.settings().url)
    return saved(url_for("webhooks.show", webhook_id=webhook_id), "test")


@blueprint.post("/settings/webhooks/<int:webhook_id>/replay")
@guard("manage")
def replay_failed(webhook_id: int) -> AnyResponse:
    """Send all that failed once more."""
    deliveries.replay_failed(g.actor, webhook_id)
    return saved(url_for("webhooks.show", webhook_id=webhook_id), "replay")


@blueprint.post("/settings/webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/replay")
@guard("manage")
def replay(webhook_id: int, delivery_id: int) -> AnyResponse:
    """Send one message once more."""
    deliveries.replay(g.actor, webhook_id, delivery_id)
    return saved(url_for("webhooks.show", webhook_id=webhook_id), "replay")


@blueprint.get("/settings/webhooks/<int:webhook_id>/log")
@guard("manage")
def log(webhook_id: int) -> str:
    """Show the log, as it is asked for while messages wait."""
    line = webhooks.find(g.actor, webhook_id)
    return page("settings/webhook.html", "settings/_webhook_log.html", **_shown(line), errors=NO_ERRORS)


@blueprint.post("/settings/webhooks/<int:webhook_id>/deletion")
@guard("manage")
def delete(webhook_id: int) -> AnyResponse:
    """Delete a webhook and its log."""
    webhooks.delete(g.actor, webhook_id)
    return saved(url_for("webhooks.index"), "webhooks")


def _wanted() -> Wanted:
    events = request.form.getlist("events")
    return Wanted(text("name"), text("url"), events, text("task"), text("condition"))


def _form(line: Line | None, errors: Errors, secret: str = "") -> str:
    return page("settings/webhook.html", **_shown(line) | {"errors": errors, "secret": secret})


def _shown(line: Line | None) -> dict[str, Any]:
    state, before = request.args.get("state", ""), request.args.get("before", "")
    start = int(before) if before.isascii() and before.isdecimal() and len(before) < 16 else 0  # noqa: PLR2004 an id
    entries = deliveries.listing(g.actor, line.id, state, start) if line else []
    is_typed = request.method == "POST" and "events" in request.form
    return {
        "webhook": line,
        "secret": "",
        "entries": entries,
        "older": entries[-1].id if len(entries) == deliveries.PAGE else 0,
        "state": state,
        "is_busy": any(one.next_try_at and one.next_try_at < utc_now() + _SOON for one in entries),
        "families": FAMILIES,
        "chosen": request.form.getlist("events") if is_typed else line.events if line else USUAL,
        "tasks": [("", "Any task"), *webhooks.choices(g.actor)],
        "most_tries": MOST_TRIES,
        "pretty": lambda body: json.dumps(json.loads(body), indent=2, ensure_ascii=False),
    }
