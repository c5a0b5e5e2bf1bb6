"""Incidents: failures of one cause over runs and tasks, and what people do about them."""

from datetime import datetime
from typing import Literal

from flask import g
from pydantic import AwareDatetime, Field

from app.api.paging import Answer, PageQuery, gathered, number, page
from app.api.resource import Empty, In, Out, Resource
from app.services import incidents
from app.services.incidents import Shown

api = Resource("incidents", "Incidents")


class IncidentQuery(PageQuery):
    """Which incidents, and which page of them."""

    state: Literal["all", "open", "over"] = Field("all", description="`open`: what goes on; `over`: what was")


class IncidentOut(Out):
    """Failures of one cause; it is over when every task of it has worked again, or was paused or deleted."""

    id: int
    cause: str
    target: str = Field(description="The host, model, secret … that it is about; empty where there is none")
    sentence: str = Field(description="What the last failure said")
    failures: int
    tasks: int = Field(description="How many tasks it has touched")
    failing: int = Field(description="How many of them have not worked since")
    opened_at: datetime
    last_at: datetime = Field(description="When it was seen last")
    closed_at: datetime | None = Field(description="null: it is open")
    recovery: str
    acknowledged_at: datetime | None
    acknowledged_by: str
    muted_until: datetime | None = Field(description="Nobody is told of it before")
    note: str
    fix_url: str


class IncidentsOut(Out):
    """Incidents, the newest first."""

    items: list[IncidentOut]
    next_cursor: str | None


class TouchedOut(Out):
    """A task of an incident."""

    slug: str
    name: str
    failures: int
    first_at: datetime
    last_at: datetime
    run: int | None = Field(description="The number of its last run that failed by this cause")
    over_at: datetime | None = Field(description="Since when it works again, or fails otherwise")


class WholeIncidentOut(IncidentOut):
    """An incident with its tasks, those that still fail first; of very many the first two hundred."""

    touched: list[TouchedOut]


class IncidentMuteIn(In):
    """Until when nobody is told."""

    until: AwareDatetime


class IncidentNoteIn(In):
    """What people know about it."""

    note: str = Field("", max_length=500)
    fix_url: str = Field("", max_length=500, description="Where the fix is: http:// or https://")


@api.get("/incidents")
@api.allow("see")
@api.input(IncidentQuery, location="query")
@api.output(IncidentsOut)
def list_incidents(query_data: IncidentQuery) -> Answer[IncidentsOut]:
    """List failures of one cause, the newest first"""
    found, next_place = gathered(query_data, lambda at: _fetch(query_data, at), lambda one: str(one.id))
    return page(IncidentsOut, found, next_place)


@api.get("/incidents/<int:incident_id>")
@api.allow("see")
@api.output(WholeIncidentOut)
def read_incident(incident_id: int) -> WholeIncidentOut:
    """Read an incident with its tasks"""
    return _whole(incident_id)


@api.post("/incidents/<int:incident_id>/acknowledgement")
@api.allow("run")
@api.input(Empty)
@api.output(WholeIncidentOut)
def acknowledge_incident(incident_id: int, json_data: Empty) -> WholeIncidentOut:  # noqa: ARG001 nothing is asked
    """Say that somebody sees to an incident; nobody is told more of it but its end"""
    incidents.acknowledge(g.actor, incident_id)
    return _whole(incident_id)


@api.post("/incidents/<int:incident_id>/reopening")
@api.allow("run")
@api.input(Empty)
@api.output(WholeIncidentOut)
def reopen_incident(incident_id: int, json_data: Empty) -> WholeIncidentOut:  # noqa: ARG001 nothing is asked
    """Take it back that somebody sees to an incident, or that nobody is told of it"""
    incidents.reopen(g.actor, incident_id)
    return _whole(incident_id)


@api.post("/incidents/<int:incident_id>/mute")
@api.allow("run")
@api.input(IncidentMuteIn, example={"until": "2027-01-01T08:00:00Z"})
@api.output(WholeIncidentOut)
def mute_incident(incident_id: int, json_data: IncidentMuteIn) -> WholeIncidentOut:
    """Tell nobody of an incident for a while; who was told before hears of it again then, if it is not over"""
    incidents.mute(g.actor, incident_id, json_data.until)
    return _whole(incident_id)


@api.put("/incidents/<int:incident_id>/note")
@api.allow("run")
@api.input(IncidentNoteIn, example={"note": "The disk of db1 is full.", "fix_url": "https://wiki.example/db1"})
@api.output(WholeIncidentOut)
def note_incident(incident_id: int, json_data: IncidentNoteIn) -> WholeIncidentOut:
    """Keep what people know about an incident, and where its fix is"""
    incidents.note(g.actor, incident_id, json_data.note, json_data.fix_url)
    return _whole(incident_id)


def _fetch(query: IncidentQuery, at: str) -> tuple[list[Shown], bool]:
    found = incidents.listing(g.actor, query.state, number(at), query.limit)
    return list(found.incidents), found.has_older


def _whole(incident_id: int) -> WholeIncidentOut:
    found = incidents.find(g.actor, incident_id)
    own = {name: getattr(found.shown, name) for name in IncidentOut.model_fields}
    return WholeIncidentOut.model_validate({**own, "touched": found.tasks})
