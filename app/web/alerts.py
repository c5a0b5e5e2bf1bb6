"""Alerts of a team: what is wrong now, what was, who sees to it, and whether people were told."""

from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.domain.access import Actor
from app.services import alerts, incidents
from app.web import live
from app.web.forms import text
from app.web.guard import guard, safe_next
from app.web.render import page

blueprint = Blueprint("alerts", __name__, url_prefix="/t/<team>")

_MOST_OPEN = 200


@blueprint.get("/alerts")
@guard("see")
def index() -> str:
    """Show what is open, and a page of what is past: incidents, and alerts that belong to none."""
    before, incident = (request.args.get(name, type=int) for name in ("before", "incident"))
    is_first = before is None and incident is None
    past = _past(g.actor, before, incident)
    return page(
        "alerts/index.html", is_first=is_first, past=past, **(_opened(g.actor) if is_first else {"now": utc_now()})
    )


@blueprint.post("/alerts/<int:alert_id>/acknowledgement")
@guard("run")
def acknowledge(alert_id: int) -> Response:
    """Say that somebody sees to an alert."""
    alerts.acknowledge(g.actor, alert_id)
    return redirect(safe_next(text("back") or url_for("alerts.index")), 303)


def _opened(actor: Actor) -> dict[str, Any]:
    found = incidents.listing(actor, "open", limit=_MOST_OPEN).incidents
    alone = alerts.listing(actor, "open", limit=_MOST_OPEN, alone=True).alerts
    return {"opened": _mixed(found, alone), "teller": alerts.teller(), "now": utc_now()}


def _past(actor: Actor, before: int | None, incident: int | None) -> dict[str, Any]:
    """Return a page of both kinds, the newest first, and where the next one begins in each."""
    found = incidents.listing(actor, "over", incident)
    alone = alerts.listing(actor, "over", before, alone=True)
    mixed = _mixed(found.incidents, alone.alerts)
    lines = mixed[: alerts.PAGE_ROWS]
    last = {kind: [line["id"] for line in lines if line["kind"] == kind][-1:] for kind in ("alert", "incident")}
    has_older = found.has_older or alone.has_older or len(mixed) > len(lines)
    older = {"before": (last["alert"] or [before])[0], "incident": (last["incident"] or [incident])[0]}
    return {"lines": lines, "older": older if has_older else None}


def _mixed(found: Any, alone: Any) -> list[dict[str, Any]]:
    lines = [{"kind": "incident", "id": one.id, "at": one.opened_at, "one": one} for one in found]
    lines += [{"kind": "alert", "id": one.id, "at": one.at, "one": one} for one in alone]
    return sorted(lines, key=lambda line: line["at"], reverse=True)


def live_parts(actor: Actor, key: str) -> dict[str, str]:
    """Return what is open, which changes by itself. Raises NotFound."""
    if key:
        raise NotFound
    return {"alerts-open": render_template("alerts/_open.html", **_opened(actor))}


live.view("alerts", live_parts)
