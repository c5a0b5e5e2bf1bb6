"""Badges: how a task does as a picture and as JSON, for pages elsewhere; and where a task is given one."""

import hashlib
from base64 import b64encode
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import NotFound
from app.services import badges
from app.services.badges import Badge
from app.web import security
from app.web.forms import checked, saved
from app.web.guard import by_address, guard, vault
from app.web.pings import Minute
from app.web.render import iso, page

blueprint = Blueprint("badges", __name__)

OF_ADDRESS = 120
"""So often one address may be fetched in a minute."""

UNKNOWN_OF_PLACE = 30
"""Requests from one place to badges that are not there, in a minute."""

_MINUTE_SECONDS = 60
_LONGEST = 40
_STYLE = "@media (prefers-color-scheme: dark) { .name { fill: #323840 } }"
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": f"public, max-age={_MINUTE_SECONDS}",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}

_LOOKS = {
    "succeeded": ("#1C6B57", "succeeded"), "degraded": ("#8A4B00", "degraded"), "unmet": ("#8A4B00", "unmet"),
    "failed": ("#AE2418", "failed"), "timed_out": ("#AE2418", "timed out"), "missed": ("#AE2418", "missed"),
    "lost": ("#AE2418", "lost"), "blocked": ("#8A4B00", "blocked"), "running": ("#2457A6", "running"),
    "paused": ("#5B616A", "paused"), "none": ("#5B616A", "no run yet"),
}  # fmt: skip
"""Ground and word of each state; white on the ground is told apart well enough by everybody."""

_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[] "), frozenset("mwMW@%")

_minute = Minute()


@blueprint.get("/badge/<token>.<any(svg, json):ending>")
@by_address
def show(token: str, ending: str) -> AnyResponse:
    """Send the badge to whoever knows its address."""
    if _minute.count("address", token) > OF_ADDRESS:
        return _refusal("Fetched too often; wait a minute.", 429)
    try:
        badge = badges.show(token)
    except NotFound:
        if _minute.count("place", request.remote_addr or "") > UNKNOWN_OF_PLACE:
            return _refusal("Asked too often; wait a minute.", 429)
        return _refusal("There is nothing here.", 404)
    answer = _picture(badge) if ending == "svg" else jsonify(_said(badge))
    answer.headers.update(_HEADERS)
    answer.add_etag()
    return answer.make_conditional(request)


def _refusal(sentence: str, status: int) -> Response:
    wait = {"Retry-After": str(_MINUTE_SECONDS)} if status == 429 else {}  # noqa: PLR2004 of HTTP
    return Response(f"{sentence}\n", status, _HEADERS | {"Cache-Control": "no-store"} | wait, "text/plain")


def _said(badge: Badge) -> dict[str, Any]:
    last = {"state": badge.last_state, "at": iso(badge.last_at)} if badge.last_at else None
    return {
        "name": badge.name or None, "state": badge.state, "last_run": last, "runs_30d": badge.runs,
        "next_at": iso(badge.next_at) if badge.next_at else None,
        "success_30d": None if badge.success is None else round(badge.success, 4),
    }  # fmt: skip


def _picture(badge: Badge) -> Response:
    ground, word = _LOOKS[badge.state]
    name = badge.name or "Carillon"
    name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    # Not by render_template: what that knows of every page sets a cookie.
    template = current_app.jinja_env.get_template("wall/badge.svg")
    widths = {"left": _width(name), "right": _width(word)}
    picture = template.render(name=name, word=word, ground=ground, style=_STYLE, **widths)
    return Response(picture, mimetype="image/svg+xml")


def _width(text: str) -> int:
    """Return about how wide a text is in pixels; the picture stretches it to that."""
    return round(sum(4 if one in _NARROW else 10 if one in _WIDE else 6.8 for one in text))


# --- giving a task one


@blueprint.get("/t/<team>/tasks/<slug>/badge")
@guard("see")
def index(slug: str) -> str:
    """Show the badge of a task with what to paste, to those who manage the team."""
    name, badge = badges.name(g.actor, slug), None
    with suppress(NotFound):
        badge = badges.find(g.actor, vault(), slug) if g.actor.may("manage") else None
    return page("tasks/badge.html", slug=slug, name=name, badge=badge, url=security.settings().url)


@blueprint.post("/t/<team>/tasks/<slug>/badge")
@guard("manage")
def put(slug: str) -> AnyResponse:
    """Give the task a badge, or change what it says."""
    badges.put(g.actor, vault(), slug, masks_names=checked("masks_names"))
    return saved(url_for("badges.index", slug=slug), "badge")


@blueprint.post("/t/<team>/tasks/<slug>/badge/removal")
@guard("manage")
def remove(slug: str) -> AnyResponse:
    """Revoke the badge."""
    badges.remove(g.actor, slug)
    return saved(url_for("badges.index", slug=slug), "badge-removed")
