"""Notifications: what the person of the token was told, what they want to hear about, and the tasks they muted."""

from datetime import UTC, datetime
from typing import Any, Literal

from flask import Response, current_app, g
from pydantic import Field

from app.api import paging
from app.api.paging import Answer, PageQuery
from app.api.resource import In, Out, Resource, nothing
from app.core.errors import Forbidden, Invalid
from app.domain import stored_rules
from app.domain.alert_rules import EVENTS, Wishes
from app.services import notifications, teams, wishes
from app.services.notifications import Place
from app.services.wishes import Hours, Told

api = Resource("notifications", "Notifications")

_NOT_OWN = "What you hear about counts in all your teams, and this token is for one. Make a token in your own space."


class NotificationQuery(PageQuery):
    """Which notifications."""

    only: Literal["", "unread", "failures"] = ""


class NotificationOut(Out):
    """What a person was told in the app: once for an alert, and once for an incident."""

    id: int
    event: str
    sentence: str
    recovery: str = Field(description="How it ended, if it is over and that was told")
    is_over: bool
    is_read: bool
    created_at: datetime
    changed_at: datetime
    task: str = Field(description="The slug; empty when it is about no task")
    run: int | None
    incident_id: int | None


class NotificationsOut(Out):
    """A page of notifications, the newest first."""

    items: list[NotificationOut]
    next_cursor: str | None


class WishesIn(In):
    """What a person wants to hear in all their teams."""

    ways: dict[str, list[str]] = Field(
        {}, max_length=30, description="Of each event `app`, `email`, `push`, `channel:<id>`; one left out is as before"
    )
    held: list[str] = Field([], max_length=30, description="Events that wait for the digest")
    after: int = Field(1, ge=1, le=wishes.MOST_FAILURES, description="Failures in a row")
    is_all: bool = Field(False, description="Of all tasks of their teams, not only of those they own")
    quiet_since: str = Field("", max_length=5, description="Quiet hours begin, 22:00 in their time zone; empty: none")
    quiet_until: str = Field("", max_length=5, description="And end, 07:00")
    but: list[str] = Field([], max_length=30, description="Events that are sent in quiet hours all the same")
    digest_at: str = Field("17:00", max_length=5, description="When the digest comes; empty: nothing waits")


class WishesOut(WishesIn, Out):
    """The same as it holds now, with the defaults where nothing was said."""


class MuteIn(In):
    """How long."""

    until: datetime | None = Field(None, description="With a UTC offset; without it, until it is unmuted")


class MutedOut(Out):
    """A task of which the person hears nothing."""

    team: str
    task: str
    name: str
    until: datetime | None


class MutesOut(Out):
    """The tasks that the person has muted, by name."""

    items: list[MutedOut]


@api.get("/notifications")
@api.allow("see")
@api.input(NotificationQuery, location="query")
@api.output(NotificationsOut)
def list_notifications(query_data: NotificationQuery) -> Answer[NotificationsOut]:
    """List what the person of the token was told in this team"""
    asked = query_data
    found = notifications.listing(g.actor, asked.only, _place(paging.place(asked.cursor)), asked.limit)
    return paging.page(NotificationsOut, found.lines, _written(found.older))


@api.post("/notifications/read")
@api.allow("run")
@api.output({}, status_code=204)
def read_notifications() -> Response:
    """Note that all were read"""
    notifications.read_all(g.actor)
    return nothing()


@api.post("/notifications/<int:notification_id>/read")
@api.allow("run")
@api.output(NotificationOut)
def read_notification(notification_id: int) -> NotificationOut:
    """Note that one was read"""
    notifications.read(g.actor, notification_id)
    return NotificationOut.model_validate(notifications.find(g.actor, notification_id))


@api.get("/wishes")
@api.allow("see")
@api.output(WishesOut)
def read_wishes() -> WishesOut:
    """Read what the person of the token hears about, by which way and when

    It counts in all their teams, so it takes a token of their own space.
    """
    _in_own_space()
    return _wishes()


@api.put("/wishes")
@api.allow("run")
@api.input(WishesIn, example={"ways": {"failed": ["app", "email"]}, "digest_at": "17:00"})
@api.output(WishesOut)
def set_wishes(json_data: WishesIn) -> WishesOut:
    """Choose what the person of the token hears about

    It counts in all their teams, so it takes a token of their own space.
    """
    _in_own_space()
    given, person_id = json_data, g.actor.person_id
    wishes.save(
        person_id,
        Told(given.ways, given.held, given.after, is_all=given.is_all),
        Hours(given.quiet_since, given.quiet_until, given.but, given.digest_at),
    )
    return _wishes()


@api.get("/mutes")
@api.allow("see")
@api.output(MutesOut)
def list_mutes() -> MutesOut:
    """List the tasks of this team that the person of the token has muted"""
    return MutesOut.model_validate({"items": wishes.muted(g.actor.person_id, g.actor.team_id)})


@api.put("/tasks/<slug>/mute")
@api.allow("run")
@api.input(MuteIn, example={"until": "2026-12-01T09:00:00Z"})
@api.output({}, status_code=204)
def mute_task(slug: str, json_data: MuteIn) -> Response:
    """Tell the person of the token nothing of a task"""
    if json_data.until and json_data.until.tzinfo is None:
        raise Invalid({"until": "Write a moment with its UTC offset, such as 2026-12-01T09:00:00Z."})
    wishes.mute(g.actor, slug, json_data.until)
    return nothing()


@api.delete("/tasks/<slug>/mute")
@api.allow("run")
@api.output({}, status_code=204)
def unmute_task(slug: str) -> Response:
    """Tell the person of the token of a task again"""
    wishes.unmute_task(g.actor, slug)
    return nothing()


def _in_own_space() -> None:
    """Raises Forbidden for a token of another team."""
    if g.bearer.team_slug != teams.personal(current_app.extensions["vault"], g.actor.person_id):
        raise Forbidden("own_space", _NOT_OWN)


def _wishes() -> WishesOut:
    return WishesOut.model_validate(_said(wishes.of(g.actor.person_id)))


def _said(wanted: Wishes) -> dict[str, Any]:
    quiet = wanted.pace.quiet
    return {
        "ways": {event: sorted(wanted.ways_of(event)) for event in EVENTS},
        "held": [event for event in EVENTS if wanted.is_held(event)],
        "after": wanted.after,
        "is_all": wanted.is_all,
        "quiet_since": stored_rules.hour(quiet.since) if quiet else "",
        "quiet_until": stored_rules.hour(quiet.until) if quiet else "",
        "but": sorted(quiet.but) if quiet else [],
        "digest_at": stored_rules.hour(wanted.pace.digest_at),
    }


def _written(place: Place | None) -> str:
    return f"{place[0].astimezone(UTC).isoformat()} {place[1]}" if place else ""


def _place(text: str) -> Place | None:
    if not text:
        return None
    at, _, ident = text.partition(" ")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), int(ident[:18])
    except (ValueError, OverflowError):
        raise Invalid(
            {"cursor": "This is not a cursor. Use next_cursor of the page before, or leave it out."}
        ) from None
