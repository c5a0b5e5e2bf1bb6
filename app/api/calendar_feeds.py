"""Calendar feeds of the token's person in its team, and when this person is busy.

The address of a feed goes on working when the token that asked for it does not, so it takes a token that may change
things. Calendars of one's own count in all teams, so it takes a token of one's own space.
"""

from datetime import UTC, datetime
from typing import Any, Literal

from flask import Response, current_app, g
from pydantic import Field

from app.api.idempotency import once
from app.api.resource import Empty, In, Out, Resource, nothing
from app.core.errors import Forbidden, NotFound
from app.domain.access import Actor
from app.domain.calendars.ics import LARGEST_BYTES
from app.services import busy, feeds, teams
from app.services.feeds import Feed

api = Resource("calendar_feeds", "Calendar feeds")

_NOT_OWN = "Your calendars are yours in all teams, and this token is for one. Make a token in your own space."


class FeedOut(Out):
    """A calendar feed: the runs of the person's tasks (mine), or of all tasks of the team (team)."""

    scope: Literal["mine", "team"]
    created_at: datetime
    fetched_at: datetime | None = Field(description="When a calendar app fetched it last")
    fetched_by: str = Field(description="What that app calls itself")


class FeedsOut(Out):
    """The person's feeds of the team that are on."""

    items: list[FeedOut]


class AddressOut(FeedOut):
    """A calendar feed with its secret address."""

    url: str = Field(description="Whoever knows it sees what the person may see; it works until it is renewed")


class BusyIn(In):
    """A calendar of which only the times are kept: an address, or the text of a file."""

    name: str = Field("", max_length=60)
    url: str = Field("", max_length=500, description="Fetched now and every hour")
    content: str = Field("", max_length=LARGEST_BYTES, description="The text of an ICS file, instead of an address")


class BusyOut(Out):
    """A calendar of which only the times are kept."""

    id: int
    name: str
    host: str = Field(description="Of its address; empty for a file")
    refreshed_at: datetime | None
    problem: str = Field(description="Why it could not be fetched")


class BusyCalendarsOut(Out):
    """The person's calendars, by name."""

    items: list[BusyOut]


class BusyTimeOut(Out):
    """A stretch in which the person is busy."""

    begin: datetime
    end: datetime


class BusyTimesOut(Out):
    """When the person is busy in the next days, by all their calendars together."""

    items: list[BusyTimeOut]


@api.get("/calendar-feeds")
@api.allow("see")
@api.output(FeedsOut)
def list_calendar_feeds() -> dict[str, Any]:
    """List the feeds that are on, without their addresses"""
    return {"items": [feed for feed in feeds.listing(g.actor, _vault()) if feed.scope != "all"]}


@api.put("/calendar-feeds/<scope>")
@api.allow("edit")
@api.input(Empty)
@api.output(AddressOut)
def turn_on_calendar_feed(scope: str, json_data: Empty) -> dict[str, Any]:  # noqa: ARG001 nothing is asked
    """Turn a feed on, and show its address; one that is on stays as it is"""
    return _shown(feeds.add(g.actor, _vault(), _of_team(scope)))


@api.post("/calendar-feeds/<scope>/rotation")
@api.allow("edit")
@api.input(Empty)
@api.output(AddressOut)
def rotate_calendar_feed(scope: str, json_data: Empty) -> dict[str, Any]:  # noqa: ARG001 nothing is asked
    """Give a feed another address; the old one stops working at once"""
    return _shown(feeds.rotate(g.actor, _vault(), _of_team(scope)))


@api.delete("/calendar-feeds/<scope>")
@api.allow("edit")
@api.output({}, status_code=204)
def turn_off_calendar_feed(scope: str) -> Response:
    """Turn a feed off; its address stops working at once"""
    feeds.remove(g.actor, _of_team(scope))
    return nothing()


@api.get("/busy-calendars")
@api.allow("see")
@api.output(BusyCalendarsOut)
def list_busy_calendars() -> dict[str, Any]:
    """List the calendars that say when the person is busy"""
    return {"items": busy.listing(_own().person_id)}


@api.post("/busy-calendars")
@api.allow("edit")
@api.input(BusyIn, example={"name": "Work", "url": "https://calendar.example/ada.ics"})
@api.output(BusyOut, status_code=201)
@once
def add_busy_calendar(json_data: BusyIn) -> BusyOut:
    """Add a calendar that says when the person is busy; only its times are kept"""
    return BusyOut.model_validate(busy.add(_own(), _vault(), json_data.name, json_data.url, json_data.content))


@api.post("/busy-calendars/<int:calendar_id>/refresh")
@api.allow("edit")
@api.input(Empty)
@api.output({}, status_code=204)
def refresh_busy_calendar(calendar_id: int, json_data: Empty) -> Response:  # noqa: ARG001 nothing is asked
    """Let a worker fetch a calendar from its address now"""
    busy.fetch_again(_own(), calendar_id)
    return nothing()


@api.delete("/busy-calendars/<int:calendar_id>")
@api.allow("edit")
@api.output({}, status_code=204)
def remove_busy_calendar(calendar_id: int) -> Response:
    """Forget a calendar that says when the person is busy"""
    busy.remove(_own(), calendar_id)
    return nothing()


@api.get("/busy-times")
@api.allow("see")
@api.output(BusyTimesOut)
def list_busy_times() -> dict[str, Any]:
    """List when the person is busy in the next 60 days"""
    now = datetime.now(UTC)
    found = busy.spans([g.actor.person_id], now, now + feeds.AHEAD)
    return {"items": found.get(g.actor.person_id, [])}


def _of_team(scope: str) -> str:
    """A token reaches no further than its team: the feed of all teams is made on the page alone."""
    if scope not in {"mine", "team"}:
        raise NotFound
    return scope


def _own() -> Actor:
    """Return what the person acts as in their own space. Raises Forbidden for a token of another team."""
    if g.bearer.team_slug != teams.personal(_vault(), g.actor.person_id):
        raise Forbidden("own_space", _NOT_OWN)
    actor: Actor = g.actor
    return actor


def _shown(feed: Feed) -> dict[str, Any]:
    url = f"{current_app.config['SETTINGS'].url}{feed.path}"
    return {"url": url, "scope": feed.scope, "created_at": feed.created_at, "fetched_at": feed.fetched_at,
            "fetched_by": feed.fetched_by}  # fmt: skip


def _vault() -> Any:
    return current_app.extensions["vault"]
