"""Me, my calendars: the feed of all one's teams, when one is busy, and the calendar elsewhere that is written to."""

from flask import Blueprint, g, redirect, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Invalid
from app.domain.access import Actor
from app.domain.calendars import CalendarError
from app.domain.calendars.ics import LARGEST_BYTES, decoded
from app.services import busy, feeds
from app.services.feeds import accounts, google
from app.web.feeds import client_name, shown
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text
from app.web.guard import vault
from app.web.render import page
from app.web.security import settings

blueprint = Blueprint("my_calendars", __name__, url_prefix="/me/calendars")

_HERE = "/me/calendars"


@blueprint.get("")
def index(errors: Errors = NO_ERRORS) -> str:
    """Show the person's own calendars."""
    return page(
        "me/calendars.html",
        errors=errors,
        feeds=shown(_own()),
        url=settings().url,
        client=client_name,
        busy=busy.listing(current_user.id),
        push=accounts.find(current_user.id),
        has_google=google.provider(settings()) is not None,
    )


@blueprint.post("/feed")
def add_feed() -> AnyResponse:
    """Make the feed of all teams."""
    feeds.add(_own(), vault(), "all")
    return saved(_HERE, "feed-all")


@blueprint.post("/feed/rotation")
def rotate_feed() -> AnyResponse:
    """Give the feed another address."""
    feeds.rotate(_own(), vault(), "all")
    return saved(_HERE, "feed-all")


@blueprint.post("/feed/removal")
def remove_feed() -> AnyResponse:
    """Turn the feed off."""
    feeds.remove(_own(), "all")
    return saved(_HERE, "feed-off")


# --- when one is busy


@blueprint.post("/busy")
@shown_by(index)
def add_busy() -> AnyResponse:
    """Keep when the person is busy, by an address or a file."""
    busy.add(_own(), vault(), text("name"), text("url"), _file())
    return saved(_HERE, "busy")


@blueprint.post("/busy/<int:calendar_id>/fetching")
@shown_by(index)
def fetch_busy(calendar_id: int) -> AnyResponse:
    """Fetch one of them now."""
    busy.fetch_again(_own(), calendar_id)
    return saved(_HERE, "busy-asked")


@blueprint.post("/busy/<int:calendar_id>/removal")
def remove_busy(calendar_id: int) -> AnyResponse:
    """Forget one of them."""
    busy.remove(_own(), calendar_id)
    return saved(_HERE, "busy-removed")


# --- a calendar elsewhere


@blueprint.post("/push")
@shown_by(index)
def save_push() -> AnyResponse:
    """Put runs into a calendar elsewhere from now on."""
    password = request.form.get("password", "")
    accounts.save(_own(), vault(), text("server"), text("username"), password, text("scope"))
    return saved(_HERE, "push")


@blueprint.post("/push/now")
def push_now() -> AnyResponse:
    """Bring it up to date now."""
    accounts.push_now(_own())
    return saved(_HERE, "push-asked")


@blueprint.post("/push/removal")
def remove_push() -> AnyResponse:
    """Put nothing there any more."""
    is_given_back = accounts.remove(_own(), vault(), settings())
    return saved(_HERE, "push-removed" if is_given_back else "push-not-given-back")


# --- one at Google


@blueprint.get("/google")
def connect() -> AnyResponse:
    """Lead to Google, where the person lets Carillon in. A link leads here: forms lead to no other site."""
    return redirect(google.begin(_own(), vault(), settings()), 303)


@blueprint.get("/google/return")
@shown_by(index)
def connected() -> AnyResponse:
    """Keep what Google says to a person who comes back."""
    google.finish(_own(), vault(), settings(), request.args)
    return saved(_HERE, "google")


@blueprint.post("/google")
@shown_by(index)
def choose_calendar() -> AnyResponse:
    """Name the calendar at Google that runs are put into."""
    accounts.choose(_own(), settings(), text("calendar"), text("scope"))
    return saved(_HERE, "push")


def _file() -> str:
    upload = request.files.get("file")
    if not upload or not upload.filename:
        return ""
    try:
        return decoded(upload.read(LARGEST_BYTES + 1))
    except CalendarError as error:
        raise Invalid({error.field: error.sentence}) from None


def _own() -> Actor:
    """Return what the person acts as in their own space, with whose key their calendars are sealed."""
    own = next(team for team in g.teams if team.is_personal)
    return Actor(current_user.id, own.id, own.role)
