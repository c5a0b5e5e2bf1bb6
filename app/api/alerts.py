"""The alerts of the team: what is wrong, what was, and whether people were told."""

from datetime import datetime
from typing import Literal

from flask import Response, g
from pydantic import Field

from app.api.paging import Answer, PageQuery, gathered, number, page
from app.api.resource import Empty, Out, Resource, nothing
from app.services import alerts
from app.services.alerts import Shown

api = Resource("alerts", "Alerts")


class AlertQuery(PageQuery):
    """Which alerts, and which page of them."""

    state: Literal["all", "open", "over"] = Field("all", description="`open`: what is wrong now; `over`: what was")


class MessageOut(Out):
    """One message of an alert on its way by one channel."""

    channel: str = Field(description="email or webhook of the installation, email:…, push:… or channel:… by their ids")
    way: str = Field(description="The same in words, with whom it reaches")
    is_recovery: bool = Field(description="Whether it tells of the end")
    state: str = Field(description="waiting, sent or failed")
    tries: int
    problem: str = Field(description="Why the last try failed; empty if it did not")
    next_try_at: datetime | None
    sent_at: datetime | None


class AlertOut(Out):
    """Something that people are told of when it begins, and again when it is over."""

    id: int
    kind: str = Field(description="What is wrong, as the guide names it")
    sentence: str
    at: datetime
    ended_at: datetime | None = Field(description="null: it is open")
    recovery: str = Field(description="What was said when it ended; empty when nothing was")
    of_installation: bool = Field(description="Whether it belongs to no team: for who looks after the installation")
    task: str | None = Field(description="The slug of the task that it is about")
    run: int | None = Field(description="The number of the run that it is about")
    incident: int | None = Field(description="The incident that it is part of")
    acknowledged_at: datetime | None = Field(description="When somebody said that they see to it")
    acknowledged_by: str
    messages: list[MessageOut]


class AlertsOut(Out):
    """Alerts, the newest first."""

    items: list[AlertOut]
    next_cursor: str | None


@api.get("/alerts")
@api.allow("see")
@api.input(AlertQuery, location="query")
@api.output(AlertsOut)
def list_alerts(query_data: AlertQuery) -> Answer[AlertsOut]:
    """List what is wrong and what was, the newest first"""
    found, next_place = gathered(query_data, lambda at: _fetch(query_data, at), lambda alert: str(alert.id))
    return page(AlertsOut, found, next_place)


@api.post("/alerts/<int:alert_id>/acknowledgement")
@api.allow("run")
@api.input(Empty)
@api.output({}, status_code=204)
def acknowledge_alert(alert_id: int, json_data: Empty) -> Response:  # noqa: ARG001 nothing is asked
    """Say that somebody sees to an alert of no incident; nobody is told more of it but its end"""
    alerts.acknowledge(g.actor, alert_id)
    return nothing()


def _fetch(query: AlertQuery, at: str) -> tuple[list[Shown], bool]:
    found = alerts.listing(g.actor, query.state, number(at), query.limit)
    return list(found.alerts), found.has_older
