"""Calendars of exception: made, changed and looked at; which days and hours each covers next."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response, g
from pydantic import AwareDatetime, Field

from app.api.idempotency import once
from app.api.resource import Empty, In, Out, Resource, nothing
from app.core.errors import NotFound
from app.domain import calendars as rules
from app.domain.calendars import Kind
from app.services import calendars
from app.services.calendars import MOST_COMING, SETTINGS, Given, Line

api = Resource("calendars", "Calendars")

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""The years that calendars know."""

_EXAMPLE = {"name": "Holidays Berlin", "kind": "holidays", "timezone": "Europe/Berlin", "country": "DE", "region": "BE"}


class SettingsIn(In):
    """The settings of a calendar: those of its kind count."""

    name: str = Field("", max_length=60)
    timezone: str = Field("", max_length=64, description="Like Europe/Berlin; by default that of the token's person")
    hours: list[str] = Field([], max_length=500, description="hours: a line for each, like `Mon-Fri 09:00-17:00`")
    country: str = Field("", max_length=8, description="holidays: its code, like DE")
    region: str = Field("", max_length=20, description="holidays: the code of one of its regions, like BE")
    own: list[str] = Field([], max_length=500, description="holidays: days like `2026-12-31 Inventory` or `12-24`")
    weekly: list[str] = Field([], max_length=500, description="blackout: lines like `Fri 18:00 - Mon 06:00 Weekend`")
    dated: list[str] = Field([], max_length=500, description="blackout: lines like `2026-12-24 - 2027-01-01 Freeze`")
    url: str = Field("", max_length=500, description="ics: an address that is fetched every hour")
    content: str = Field("", max_length=2 * 1024 * 1024, description="ics: the text of a file, instead of an address")


class CalendarIn(SettingsIn):
    """A calendar to make."""

    name: str = Field(max_length=60)
    kind: Kind


class StretchOut(Out):
    """A stretch that a calendar covers."""

    begin: datetime
    end: datetime = Field(description="The first instant that is not covered any more")
    what: str = Field(description="What it is called: the holiday, the event, the words of the line")


class UserOut(Out):
    """A task whose schedules use a calendar."""

    name: str
    slug: str


class CalendarOut(Out):
    """A calendar."""

    slug: str
    name: str
    kind: str
    timezone: str
    hours: list[str]
    country: str
    region: str
    own: list[str]
    weekly: list[str]
    dated: list[str]
    url: str = Field(description="Only for those who may change it; the text of a file is not sent back")
    version: int = Field(description="One more with every change")
    problem: str = Field(description="Why it can't be applied, or could not be fetched again")
    refreshed_at: datetime | None = Field(description="When its address was last fetched")
    used_by: list[UserOut]
    coming: list[StretchOut] = Field(description="What it covers next")


class CalendarsOut(Out):
    """The team's calendars, by name, each with its next stretch."""

    items: list[CalendarOut]


class ComingQuery(In):
    """Which stretches."""

    after: AwareDatetime | None = Field(None, description="Those not over at this instant; by default, now")
    count: int = Field(8, ge=1, le=MOST_COMING)


class StretchesOut(Out):
    """Stretches, ascending, none more than three years ahead."""

    items: list[StretchOut]


class PlaceOut(Out):
    """A country or region by its code."""

    code: str
    name: str


class PlacesOut(Out):
    """Countries or regions, by name."""

    items: list[PlaceOut]


@api.get("/calendars")
@api.allow("see")
@api.output(CalendarsOut)
def list_calendars() -> CalendarsOut:
    """List the calendars"""
    return CalendarsOut(items=[_shown(line) for line in calendars.lines(g.actor)])


@api.post("/calendars")
@api.allow("manage")
@api.input(CalendarIn, example=_EXAMPLE)
@api.output(CalendarOut, status_code=201)
@once
def create_calendar(json_data: CalendarIn) -> CalendarOut:
    """Make a calendar; one with an address is fetched within moments"""
    row = calendars.add(g.actor, _given(json_data.kind, json_data.model_dump()))
    return _shown(calendars.find(g.actor, row.slug))


@api.post("/calendars/preview")
@api.allow("manage")
@api.input(CalendarIn, example=_EXAMPLE)
@api.output(StretchesOut)
def preview_calendar(json_data: CalendarIn) -> StretchesOut:
    """Say what a calendar would cover next, without keeping it"""
    return _stretches(calendars.preview(_given(json_data.kind, json_data.model_dump())))


@api.get("/calendars/<slug>")
@api.allow("see")
@api.output(CalendarOut)
def read_calendar(slug: str) -> CalendarOut:
    """Read a calendar with what it covers next"""
    return _shown(calendars.find(g.actor, slug))


@api.patch("/calendars/<slug>")
@api.allow("manage")
@api.input(SettingsIn, example={"dated": ["2026-12-24 - 2027-01-01 Freeze"]})
@api.output(CalendarOut)
def change_calendar(slug: str, json_data: SettingsIn) -> CalendarOut:
    """Change a calendar; what is not sent stays, and schedules that use it are planned anew"""
    row = calendars.find(g.actor, slug).row
    before = {"name": row.name, "timezone": row.timezone, **row.settings}
    sent = json_data.model_dump(exclude_unset=True)
    if sent.get("content"):
        before["url"] = ""
    calendars.change(g.actor, slug, _given(row.kind, before | sent))
    return _shown(calendars.find(g.actor, slug))


@api.delete("/calendars/<slug>")
@api.allow("manage")
@api.output({}, status_code=204)
def delete_calendar(slug: str) -> Response:
    """Delete a calendar that no schedule uses"""
    calendars.delete(g.actor, slug)
    return nothing()


@api.get("/calendars/<slug>/stretches")
@api.allow("see")
@api.input(ComingQuery, location="query")
@api.output(StretchesOut)
def list_stretches(slug: str, query_data: ComingQuery) -> StretchesOut:
    """List what a calendar covers after an instant"""
    after = min(max(query_data.after, _FIRST), _LAST) if query_data.after else None
    return _stretches(calendars.find(g.actor, slug, query_data.count, after).coming)


@api.post("/calendars/<slug>/refresh")
@api.allow("manage")
@api.input(Empty)
@api.output({}, status_code=204)
def refresh_calendar(slug: str, json_data: Empty) -> Response:  # noqa: ARG001 nothing is asked
    """Let a worker fetch an imported calendar from its address now"""
    calendars.refresh(g.actor, slug)
    return nothing()


@api.get("/countries")
@api.allow("see")
@api.output(PlacesOut)
def list_countries() -> PlacesOut:
    """List the countries whose public holidays are known"""
    return _places(rules.countries())


@api.get("/countries/<country>")
@api.allow("see")
@api.output(PlacesOut)
def list_regions(country: str) -> PlacesOut:
    """List the regions of a country that have holidays of their own"""
    if country not in dict(rules.countries()):
        raise NotFound
    return _places(rules.regions(country))


def _given(kind: str, values: Mapping[str, Any]) -> Given:
    settings = {name: values.get(name) for name in SETTINGS.get(kind, ())}
    zone = values.get("timezone") or g.bearer.timezone
    return Given(values["name"], kind, zone, settings, values.get("content") or None)


def _shown(line: Line) -> CalendarOut:
    row, kept = line.row, line.row.settings
    lists = {name: kept.get(name) or [] for name in ("hours", "own", "weekly", "dated")}
    url = (kept.get("url") or "") if g.actor.may("manage") else ""
    return CalendarOut(
        slug=row.slug, name=row.name, kind=row.kind, timezone=row.timezone, version=row.version, problem=line.problem,
        country=kept.get("country") or "", region=kept.get("region") or "", url=url, refreshed_at=row.refreshed_at,
        used_by=[UserOut.model_validate(user) for user in line.used_by],
        coming=_stretches(line.coming).items, **lists,
    )  # fmt: skip


def _stretches(spans: Any) -> StretchesOut:
    return StretchesOut(items=[StretchOut.model_validate(span) for span in spans])


def _places(found: Any) -> PlacesOut:
    return PlacesOut(items=[PlaceOut(code=code, name=name) for code, name in found])
