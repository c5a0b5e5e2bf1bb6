"""The wall: what goes on in a team, read from across a room; and the settings where walls are made and removed."""

import math
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.core.numbers import whole
from app.domain.access import Actor
from app.domain.lifecycle import WENT_WRONG
from app.services import today, wall
from app.services.teams import Belonging
from app.services.wall import Face, Wall
from app.web import live, security
from app.web.forms import NO_ERRORS, Errors, checked, saved, shown_by, text
from app.web.guard import by_address, guard, vault
from app.web.pings import Minute
from app.web.render import alive, page, zone

blueprint = Blueprint("wall", __name__)

PARTS = ("name", "clock", "now", "next", "needs", "foot")
OF_ADDRESS = 300
"""So often one address may be asked in a minute, by all the screens that show it."""

UNKNOWN_OF_PLACE = 30
"""Requests from one place to walls that are not there, in a minute."""

TURN_SECONDS = 30
MOST_NOW, MOST_NEXT, MOST_NEEDS = 6, 5, 3
MOST_SCREENS = 50
"""Screens that show one wall; the oldest makes room for another."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
_DAY = (6, 22)
_WORKED = ("succeeded", "degraded")
_TICKS, _MINUTES_OF_TICK = 12, 120

_minute = Minute()


# --- the screen


@blueprint.get("/wall")
@by_address
def show() -> Response:
    """Show the wall to whoever knows its address."""
    shown = _asked()
    if isinstance(shown, Response):
        return shown
    turn = whole(request.args.get("turn", "")) or 0
    slug = request.args.get("team", "")
    face = next((face for face in shown.faces if face.slug == slug), shown.faces[turn % len(shown.faces)])
    g.zone = ZoneInfo(shown.timezone)
    turns = {"turn": turn, "turns": not slug and len(shown.faces) > 1, "seconds": TURN_SECONDS}
    shown_now = render_template("wall/show.html", token=request.args["token"], **turns, **_context(shown, face))
    return Response(shown_now, headers=_HEADERS)


@blueprint.get("/wall/live")
@by_address
def stream() -> Response:
    """Stream what a team's wall shows."""
    shown = _asked()
    if isinstance(shown, Response):
        return shown
    face = next((face for face in shown.faces if face.slug == request.args.get("team")), None)
    if face is None:
        return _said("There is nothing here.", 404)
    team = Belonging(face.id, face.slug, face.name, is_personal=False, role="viewer", member_count=0, is_first=False)
    group = live.Group("wall", str(shown.id), 0, team, shown.timezone, "auto")
    return live.answer(live.Ticket(group, 0, -shown.id, "", 0, MOST_SCREENS))


def live_parts(actor: Actor, key: str) -> dict[str, str]:
    """Return the parts that change by themselves, by their ids. Raises NotFound once the wall is gone."""
    context = _context(*wall.find(whole(key) or 0, actor.team_id))
    return {f"wall-{name}": render_template(f"wall/_{name}.html", **context) for name in PARTS}


live.view("wall", live_parts, pulses=True)


def _asked() -> Wall | Response:
    """Return the wall of the address that is asked for, or the refusal."""
    token = request.args.get("token", "")
    if _minute.count("address", token) > OF_ADDRESS:
        return _said("Asked too often; wait a minute.", 429)
    try:
        return wall.show(token)
    except NotFound:
        # Only what is not there is held against a place: others may ask for right addresses from behind the same one.
        if _minute.count("place", request.remote_addr or "") > UNKNOWN_OF_PLACE:
            return _said("Asked too often; wait a minute.", 429)
        return _said("There is nothing here.", 404)


def _said(sentence: str, status: int) -> Response:
    wait = {"Retry-After": "60"} if status == 429 else {}  # noqa: PLR2004 of HTTP
    return Response(f"{sentence}\n", status, _HEADERS | wait, mimetype="text/plain")


def _context(shown: Wall, face: Face) -> dict[str, Any]:
    actor, here = Actor(0, face.id, "viewer"), utc_now().astimezone(zone())
    now, coming, needs = today.now(actor), today.coming(actor, zone()), today.needs(actor)
    runs = [run for run in now.runs[:MOST_NOW] if run.state in {"running", "lost"}]
    times, asks = coming.times[:MOST_NEXT], needs[:MOST_NEEDS]
    if shown.masks_names:
        slugs = {time.slug for time in times} | {need.slug for need in asks}
        numbers = wall.numbers(face.id, slugs, {run.number for run in runs})
        runs = [replace(run, name=f"Task {numbers[run.number]}") for run in runs]
        times = [replace(time, name=f"Task {numbers[time.slug]}") for time in times]
        asks = [replace(need, name=f"Task {numbers[need.slug]}" if need.slug in numbers else "Alert") for need in asks]
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "wall": shown, "face": face, "runs": runs, "counts": now.counts, "times": times, "needs": asks,
        "left": sum(mark.count for mark in coming.marks), "more": len(needs) - len(asks), "health": alive(),
        "workers": today.workers(), "spent": None if shown.masks_names else today.spent(face.id, midnight, here),
        "month": None if shown.masks_names else today.month(face.id),
        **_clock(actor, here),
    }  # fmt: skip


def _clock(actor: Actor, here: datetime) -> dict[str, Any]:
    counts = today.past(actor, zone()).counts
    fine = sum(counts[state] for state in _WORKED)
    return {
        "here": here, "ticks": ticks(here.hour * 60 + here.minute), "is_night": not _DAY[0] <= here.hour < _DAY[1],
        "fine": fine, "told": fine + sum(counts[state] for state in WENT_WRONG),
    }  # fmt: skip


def ticks(minute: int) -> list[dict[str, float]]:
    """Return the ticks of the clock, two hours each from midnight at the top, and how far each has filled."""
    found = []
    for place in range(_TICKS):
        filled = min(1.0, max(0.0, minute / _MINUTES_OF_TICK - place))
        angle = math.radians(360 / _TICKS * (place + 0.5))
        x, y = math.sin(angle), -math.cos(angle)
        inner, outer = 286, 344
        end = inner + (outer - inner) * filled
        found.append({
            "x1": round(360 + inner * x, 1), "y1": round(360 + inner * y, 1), "x2": round(360 + outer * x, 1),
            "y2": round(360 + outer * y, 1), "x3": round(360 + end * x, 1), "y3": round(360 + end * y, 1),
            "filled": filled,
        })  # fmt: skip
    return found


# --- settings


@blueprint.get("/t/<team>/settings/walls")
@guard("see")
def index(errors: Errors = NO_ERRORS) -> str:
    """Show the team's walls; their addresses only to those who manage it."""
    may = g.actor.may("manage")
    return page(
        "settings/walls.html", errors=errors, walls=wall.listing(g.actor, vault()) if may else [],
        choices=wall.choices(g.actor), url=security.settings().url, chosen=request.form.getlist("teams"),
    )  # fmt: skip


@blueprint.post("/t/<team>/settings/walls")
@guard("manage")
@shown_by(index)
def create() -> AnyResponse:
    """Make a wall."""
    wall.create(g.actor, vault(), text("name"), request.form.getlist("teams"), masks_names=checked("masks_names"))
    return saved(url_for("wall.index"), "wall")


@blueprint.post("/t/<team>/settings/walls/<int:wall_id>/removal")
@guard("manage")
def remove(wall_id: int) -> AnyResponse:
    """Remove a wall, or this team from one of another team."""
    wall.remove(g.actor, wall_id)
    return saved(url_for("wall.index"), "wall-removed")
