"""Events: what happened, as a page to read on from, or as a stream: server-sent events, or lines of JSON."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, Response, current_app, g, request
from pydantic import Field

from app.api.resource import In, Out, Resource
from app.core.errors import Conflict
from app.domain.access import Actor
from app.services import events, runs
from app.services.events import Happened

api = Resource("events", "Events")

ADMIT = "carillon.admit"
"""Where a server that holds the connection itself leaves the function that takes the ticket."""

STREAM, LINES = "text/event-stream", "application/x-ndjson"
PAGE = 200

_POLL_SECONDS, _POLLS = 1.0, 60
_LARGEST = 2**63 - 1


class EventQuery(In):
    """Which events."""

    after: int | None = Field(None, ge=0, le=_LARGEST, description="The `id` of the last one you have")
    limit: int = Field(50, ge=1, le=PAGE)


class EventOut(Out):
    """Something that happened."""

    id: int
    kind: str = Field(description="Past tense, like queued, running, succeeded, task_changed")
    at: datetime
    run: int | None = Field(description="The number of its run")
    task: str | None = Field(description="The slug of its task")
    data: dict[str, Any]


class EventsOut(Out):
    """Some events, ascending."""

    items: list[EventOut]
    after: int = Field(description="Ask again with it for what happens next")


@dataclass(frozen=True)
class Ticket:
    """Leave to listen to what happens in a team, or to a run of it (its number), after an event; `form` says how."""

    actor: Actor
    token_id: int
    run: int | None
    run_id: int
    after: int
    form: str = STREAM

    @property
    def has_lines(self) -> bool:
        """Whether it is told in lines of JSON, not in server-sent events."""
        return self.form == LINES


@api.get("/events")
@api.allow("see")
@api.input(EventQuery, location="query")
@api.output(EventsOut)
def list_events(query_data: EventQuery) -> EventsOut | Response:
    """Read what happened in the team

    Without `after`: the last events. With `Accept: text/event-stream` the connection stays open and each event comes as
    it happens, named by its kind; `Last-Event-ID` or `after` goes on where a cut one ended, without it a stream begins
    now. When that is too long ago, the event `reset` says so, and it goes on from now. With `Accept:
    application/x-ndjson` the same comes as lines of JSON, an event each; a line of the kind `alive` is a sign of life
    whose `after` says how far it is.
    """
    after = _last_id(query_data)
    if form := _stream_form():
        return _stream(Ticket(g.actor, g.bearer.token_id, None, 0, events.head() if after is None else after, form))
    if after is None:
        return _page(*events.latest(g.actor, query_data.limit))
    if events.reset(after) is not None:
        raise Conflict("Too much has happened since then. Leave `after` out to go on from now.")
    return _page(*events.listing(g.actor, after, query_data.limit))


@api.get("/runs/<int:number>/events")
@api.allow("see")
@api.input(EventQuery, location="query")
@api.output(EventsOut)
def list_run_events(number: int, query_data: EventQuery) -> EventsOut | Response:
    """Read what happened to a run

    Without `after`: from its beginning. With `Accept: text/event-stream` or `application/x-ndjson` as a stream; the
    event `finished` ends it when the run is over.
    """
    run_id = runs.id_of(g.actor, number)
    after = _last_id(query_data) or 0
    if form := _stream_form():
        return _stream(Ticket(g.actor, g.bearer.token_id, number, run_id, after, form))
    return _page(*events.listing(g.actor, after, query_data.limit, number))


def _last_id(asked: EventQuery) -> int | None:
    said = request.headers.get("Last-Event-ID", "")
    return min(int(said[:20]), _LARGEST) if said.isascii() and said.isdecimal() else asked.after


def _stream_form() -> str:
    best = request.accept_mimetypes.best or ""
    return best if best in {STREAM, LINES} else ""


def _page(found: Sequence[Happened], after: int) -> EventsOut:
    return EventsOut.model_validate({"items": found, "after": after})


def _stream(ticket: Ticket) -> Response:
    if admit := request.environ.get(ADMIT):
        admit(ticket)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 Flask's documented way
    return Response(_poll(app, ticket), mimetype=ticket.form, headers=headers)


# --- what a stream says


def look(app: Flask, ticket: Ticket, after: int) -> tuple[bytes, int, bool]:
    """Return what a listener is told now, the event up to which it was looked, and whether nothing more will come."""
    with app.app_context():
        instead = events.reset(after) if ticket.run is None else None
        if instead is not None:
            return _message(ticket, instead, "reset", {"after": instead}), instead, False
        # First whether it is over: only then what is read after it is the last.
        is_over = ticket.run is not None and runs.is_over(ticket.actor, ticket.run)
        found, upto = events.listing(ticket.actor, after, PAGE, ticket.run)
    shown = [(one, EventOut.model_validate(one).model_dump(mode="json")) for one in found]
    said = b"".join(_message(ticket, one.id, one.kind, data) for one, data in shown)
    return said, upto, is_over and len(found) < PAGE


def begin(ticket: Ticket) -> bytes:
    """Return what a stream begins with."""
    return b"" if ticket.has_lines else b"retry: 1000\n\n"


def beat(ticket: Ticket, after: int) -> bytes:
    """Return a sign of life; it also tells the listener how far they are."""
    if ticket.has_lines:
        return _line({"kind": "alive", "after": after})
    return f"id: {after}\n\n".encode() if after else b":\n\n"


def finished(ticket: Ticket) -> bytes:
    """Return what says that nothing more will come."""
    return _line({"kind": "finished"}) if ticket.has_lines else b"event: finished\ndata: {}\n\n"


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode() + b"\n"


def _message(ticket: Ticket, number: int, kind: str, data: dict[str, Any]) -> bytes:
    if ticket.has_lines:
        return _line({"kind": kind, **data})
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def _poll(app: Flask, ticket: Ticket) -> Iterator[bytes]:
    """Stream from a thread that looks once a second, for servers without a loop. It ends after a minute."""
    after = ticket.after
    yield begin(ticket)
    for _ in range(_POLLS):
        said, after, is_over = look(app, ticket, after)
        yield said or beat(ticket, after)
        if is_over:
            yield finished(ticket)
            return
        time.sleep(_POLL_SECONDS)
