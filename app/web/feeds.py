"""Calendar feeds: what calendar apps fetch by a secret address, and where people make, renew and turn off theirs."""

from flask import Blueprint, Response, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import NotFound
from app.domain.access import Actor
from app.services import feeds
from app.web import security
from app.web.forms import saved
from app.web.guard import by_address, guard, vault
from app.web.pings import Minute
from app.web.render import page

blueprint = Blueprint("feeds", __name__)

_MINUTE_SECONDS = 60

OF_ADDRESS = 30
"""So often one address may be fetched in a minute."""

UNKNOWN_OF_PLACE = 30
"""Requests from one place to addresses that are not there, in a minute."""

_CLIENTS = (
    ("Google-Calendar", "Google Calendar"), ("Microsoft", "Outlook"), ("Outlook", "Outlook"),
    ("Thunderbird", "Thunderbird"), ("iOS", "iPhone or iPad"), ("dataaccessd", "Apple Calendar"),
    ("CalendarAgent", "Apple Calendar"), ("macOS", "Apple Calendar"), ("vdirsyncer", "vdirsyncer"),
    ("Nextcloud", "Nextcloud"), ("DAVx5", "DAVx5"), ("ICSx5", "ICSx5"),
)  # fmt: skip
"""What a client writes somewhere in its name, and what people call it."""

_minute = Minute()


@blueprint.get("/feeds/<token>.ics")
@by_address
def show(token: str) -> AnyResponse:
    """Send the calendar to whoever knows its address."""
    if _minute.count("address", token) > OF_ADDRESS:
        return _too_many()
    try:
        shown = feeds.show(token, request.user_agent.string, security.settings().url)
    except NotFound:
        # Only what is not there is held against a place: others may fetch right addresses from behind the same one.
        if _minute.count("place", request.remote_addr or "") > UNKNOWN_OF_PLACE:
            return _too_many()
        return _said("There is nothing here.", 404)
    answer = Response(shown.content, content_type="text/calendar; charset=utf-8")
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.last_modified = shown.changed_at
    answer.set_etag(shown.digest[:32])
    return answer.make_conditional(request)


def _too_many() -> Response:
    return _said("Fetched too often; wait a minute.", 429, {"Retry-After": str(_MINUTE_SECONDS)})


def _said(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(f"{text}\n", status, {"Cache-Control": "no-store", **(headers or {})}, mimetype="text/plain")


# --- a team's


@blueprint.get("/t/<team>/settings/integrations")
@guard("see")
def integrations() -> str:
    """Show the person's feeds of this team."""
    return page(
        "settings/integrations.html", feeds=shown(g.actor), scopes=feeds.scopes(g.actor), url=security.settings().url,
        client=client_name,
    )  # fmt: skip


@blueprint.post("/t/<team>/settings/integrations/feeds/<scope>")
@guard("see")
def add(scope: str) -> AnyResponse:
    """Make a feed."""
    feeds.add(g.actor, vault(), scope)
    return saved(url_for("feeds.integrations"), f"feed-{scope}")


@blueprint.post("/t/<team>/settings/integrations/feeds/<scope>/rotation")
@guard("see")
def rotate(scope: str) -> AnyResponse:
    """Give a feed another address."""
    feeds.rotate(g.actor, vault(), scope)
    return saved(url_for("feeds.integrations"), f"feed-{scope}")


@blueprint.post("/t/<team>/settings/integrations/feeds/<scope>/removal")
@guard("see")
def remove(scope: str) -> AnyResponse:
    """Turn a feed off."""
    feeds.remove(g.actor, scope)
    return saved(url_for("feeds.integrations"), "feed-off")


def shown(actor: Actor) -> dict[str, feeds.Feed]:
    """Return the person's feeds of a team by their scopes."""
    return {feed.scope: feed for feed in feeds.listing(actor, vault())}


def client_name(user_agent: str) -> str:
    """Return what people call a calendar app, by what it calls itself."""
    name = next((name for mark, name in _CLIENTS if mark in user_agent), "")
    return name or user_agent.partition("/")[0].strip()[:40] or "an app without a name"
