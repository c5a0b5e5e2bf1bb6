"""Settings > Calendars: the days and hours that schedules leave out, stay within or move to."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, g, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Invalid, NotFound
from app.domain import calendars as rules
from app.domain.calendars import CalendarError, Span
from app.domain.calendars.ics import LARGEST_BYTES
from app.domain.wording import clock, day
from app.services import calendars
from app.services.calendars import LINES, SETTINGS, Given, Line
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text, zone_named, zones
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("calendars", __name__, url_prefix="/t/<team>")

KINDS = {
    "hours": ("Business hours", "Days and hours at which somebody is there: Mon-Fri 09:00-17:00.", "today"),
    "holidays": ("Public holidays", "Of a country or one of its regions, and days of your own.", "globe"),
    "blackout": ("Blackout", "When nothing should run: Sunday nights, a freeze at the year's end.", "calendar-off"),
    "ics": ("Imported calendar", "Events of an ICS file or of an address that is fetched every hour.", "download"),
}  # fmt: skip
"""What each kind is called, and what it is for."""

EXAMPLES = {
    "hours": {"name": "Office hours", "hours": "Mon-Fri 09:00-17:00"},
    "holidays": {"name": "Public holidays"},
    "blackout": {"name": "Freeze"},
    "ics": {"name": "Team calendar"},
}
"""What the form of a new one is filled in with."""


@blueprint.get("/settings/calendars")
@guard("see")
def index(errors: Errors = NO_ERRORS) -> str:
    """Show the calendars, what each covers next, and which tasks use it."""
    return page("settings/calendars.html", errors=errors, calendars=calendars.lines(g.actor), **_words())


@blueprint.get("/settings/calendars/new")
@guard("manage")
def new(errors: Errors = NO_ERRORS) -> str:
    """Show the form of a new calendar of a kind; without one, the kinds."""
    kind = request.values.get("kind", "")
    if kind not in KINDS:
        return page("settings/calendars_new.html", errors=errors, **_words())
    return _form(kind, {"timezone": current_user.timezone, **EXAMPLES[kind]}, errors)


@blueprint.post("/settings/calendars")
@guard("manage")
@shown_by(new)
def create() -> AnyResponse:
    """Make a calendar."""
    row = calendars.add(g.actor, _given(text("kind")))
    return saved(url_for("calendars.show", slug=row.slug), "calendar")


@blueprint.post("/settings/calendars/preview")
@guard("manage")
def preview() -> str:
    """Show what a calendar would cover next as it is typed, and its form again; nothing is kept."""
    line = calendars.find(g.actor, slug) if (slug := request.args.get("slug")) else None
    kind = line.row.kind if line else text("kind")
    if kind not in KINDS:
        raise NotFound
    try:
        before = line.row if line else None
        return _form(kind, {}, NO_ERRORS, line, calendars.preview(_given(kind), before=before))
    except Invalid as error:
        return _form(kind, {}, error.fields, line, ())


@blueprint.get("/settings/calendars/<slug>")
@guard("see")
def show(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Show a calendar: what it covers next, who uses it, and its form."""
    line = calendars.find(g.actor, slug)
    return _form(line.row.kind, _stored(line), errors, line, line.coming)


@blueprint.post("/settings/calendars/<slug>")
@guard("manage")
@shown_by(show)
def change(slug: str) -> AnyResponse:
    """Change a calendar."""
    line = calendars.find(g.actor, slug)
    calendars.change(g.actor, slug, _given(line.row.kind))
    return saved(url_for("calendars.show", slug=slug), "calendar")


@blueprint.post("/settings/calendars/<slug>/refresh")
@guard("manage")
@shown_by(show)
def refresh(slug: str) -> AnyResponse:
    """Let a worker fetch an imported calendar now."""
    calendars.refresh(g.actor, slug)
    return saved(url_for("calendars.show", slug=slug), "refresh")


@blueprint.post("/settings/calendars/<slug>/deletion")
@guard("manage")
@shown_by(show)
def delete(slug: str) -> AnyResponse:
    """Delete a calendar that no schedule uses."""
    calendars.delete(g.actor, slug)
    return saved(url_for("calendars.index"), "calendars")


@blueprint.get("/settings/calendars/<slug>/row")
@guard("see")
def row(slug: str) -> str:
    """Show one calendar's row, as it is asked for while its address is fetched."""
    line = calendars.find(g.actor, slug, 1)
    shown = {"calendar": line, "calendars": [line], "errors": NO_ERRORS, **_words()}
    return page("settings/calendars.html", "settings/_calendar.html", **shown)


# --- forms


def _form(
    kind: str, stored: dict[str, str], errors: Errors, line: Line | None = None, coming: Sequence[Span] | None = None
) -> str:
    country = text("country") if request.method == "POST" else stored.get("country", "")
    return page(
        "settings/calendars_edit.html",
        "settings/_calendar_coming.html",
        errors=errors,
        kind=kind,
        stored=stored,
        calendar=line,
        coming=coming,
        zones=zones(),
        countries=[("", "None, only my own days"), *rules.countries()] if kind == "holidays" else (),
        regions=[("", "The whole country"), *rules.regions(country)] if kind == "holidays" else (),
        **_words(),
    )


def _words() -> dict[str, Any]:
    return {"kinds": KINDS, "span_said": span_said, "largest": LARGEST_BYTES}


def _stored(line: Line) -> dict[str, str]:
    kept = line.row.settings
    lists = {name: "\n".join(kept.get(name) or ()) for name in LINES}
    texts = {name: str(kept.get(name) or "") for name in ("country", "region", "url")}
    if not g.actor.may("manage"):
        texts["url"] = ""  # an address is often a secret
    return {"name": line.row.name, "timezone": line.row.timezone, **lists, **texts}


def _given(kind: str) -> Given:
    """Return what was typed. A region of another country than the one chosen is left out."""
    settings: dict[str, Any] = {}
    for name in SETTINGS.get(kind, ()):
        settings[name] = text(name).split("\n") if name in LINES else text(name)
    if kind == "holidays" and settings["region"] not in dict(rules.regions(settings["country"])):
        settings["region"] = ""
    return Given(text("name"), kind, zone_named(text("timezone")), settings, _content() if kind == "ics" else None)


def _content() -> str | None:
    """Return the file that was chosen, or the text that was pasted; None when neither was."""
    upload = request.files.get("file")
    if upload and upload.filename:
        try:
            return calendars.decoded(upload.read(LARGEST_BYTES + 1))
        except CalendarError as error:
            raise Invalid({error.field: error.sentence}) from None
    return text("content") or None


def span_said(span: Span, timezone: str) -> str:
    """Say a stretch in the zone of its calendar: whole days as days, others with their hours."""
    tz = ZoneInfo(timezone)
    begin, end = span.begin.astimezone(tz), span.end.astimezone(tz)
    if begin.time() == end.time() == time():
        last = end.date() - timedelta(1)
        return day(begin) if last <= begin.date() else f"{day(begin)} – {day(last)}"
    if begin.date() == end.date():
        return f"{day(begin)}, {clock(begin)}–{clock(end)}"
    return f"{day(begin)} {clock(begin)} – {day(end)} {clock(end)}"
