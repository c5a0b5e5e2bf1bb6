"""A live view of our own over a real server, and a listener that knows nothing but HTTP."""

import http.client
import re
import socket
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
import uvicorn
from flask import render_template_string

from app.api.feeds import Feeds
from app.core.errors import NotFound
from app.infra.database import db
from app.models.runs import LogChunk, Run
from app.models.tasks import Task, TaskVersion
from app.services.unit import batch
from app.web import live
from app.web.hub import Hub

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


# --- a view of our own: the log of a run, its state, and a form


def diary_run(actor, key):
    number = int(key) if key.isdigit() else 0
    found = sa.select(Run.id).where(Run.team_id == actor.team_id, Run.number == number)
    run_id = db.session.scalar(found)
    if run_id is None:
        raise NotFound
    return run_id


def diary_parts(actor, key):
    state = db.session.scalar(sa.select(Run.state).where(Run.id == diary_run(actor, key)))
    form = '<form id="stop"><input name="csrf_token" value="{{ csrf_token }}">{{ noon|clock }}</form>'
    return {"state": f'<p id="state">{state}</p>', "stop": render_template_string(form, noon=NOON)}


def diary_lines(actor, key, after, limit):
    chunks = db.session.scalars(
        sa.select(LogChunk)
        .where(LogChunk.run_id == diary_run(actor, key), LogChunk.first + LogChunk.count > after + 1)
        .order_by(LogChunk.first)
        .limit(limit)
    )
    lines = [(chunk.first + i, line[2]) for chunk in chunks for i, line in enumerate(chunk.lines)]
    lines = [(number, text) for number, text in lines if number > after][:limit]
    return lines[-1][0] if lines else after, "".join(f"<li>{number} {text}</li>\n" for number, text in lines)


def diary_is_over(actor, key):
    return db.session.scalar(sa.select(Run.state).where(Run.id == diary_run(actor, key))) == "succeeded"


DIARY = live.View(diary_parts, diary_lines, diary_is_over, diary_run)


@dataclass
class Story:
    """A run whose log is written by hand."""

    app: object
    team_id: int
    run_id: int
    path: str
    written: int = 0

    def write(self, count=1, text="tick"):
        with self.app.app_context(), batch() as work:
            first, self.written = self.written + 1, self.written + count
            lines = [[0.0, "info", f"{text} {number}"] for number in range(first, first + count)]
            row = {"run_id": self.run_id, "first": first, "count": count, "size_bytes": 9, "token": 1, "at": work.now}
            work.connection.execute(sa.insert(LogChunk).values(row | {"lines": lines}))
            work.ring(self.team_id, self.run_id)

    def set(self, state):
        with self.app.app_context(), batch() as work:
            work.connection.execute(sa.update(Run).where(Run.id == self.run_id).values(state=state))
            work.ring(self.team_id, self.run_id)


def begin_story(app, ada, northgate):
    """A run that has begun, number 7, and no line yet."""
    team_id = ada.actor(app, northgate).team_id
    now = datetime.now(UTC)
    with app.app_context(), batch() as work:
        add = lambda model, **values: work.connection.execute(sa.insert(model).values(values)).inserted_primary_key[0]  # noqa: E731 three rows
        task = add(Task, team_id=team_id, slug="diary", name="Diary", engine="shell", created_at=now, changed_at=now)
        version = add(TaskVersion, team_id=team_id, task_id=task, number=1, definition={}, created_at=now)
        run = add(
            Run, team_id=team_id, number=7, task_id=task, version_id=version, key="k", trigger="person",
            planned_at=now, lane="code", state="running", facts={},
        )  # fmt: skip
    return Story(app, team_id, run, f"/t/{northgate}/live/diary/7")


# --- a real server, and a listener that knows nothing but HTTP


@dataclass
class Site:
    """Where the server is, and its hub."""

    hub: Hub
    port: int


def serve(app):
    hub = Hub(app, Feeds(app))
    door = socket.create_server(("127.0.0.1", 0), backlog=128)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # so that who reads slowly is soon behind
    server = uvicorn.Server(uvicorn.Config(hub, log_config=None, ws="none", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    yield Site(hub, door.getsockname()[1])
    server.should_exit = True
    thread.join(10)
    door.close()
    assert not thread.is_alive()


@dataclass
class Event:
    """One message as a browser gets it."""

    id: str
    name: str
    data: str

    @property
    def lines(self):
        return [int(number) for number in re.findall(r'<li(?: id="L|>)(\d+)', self.data)]


class Listener:
    """One connection; `status` and `headers` of its answer, then events."""

    def __init__(self, site, path, visit=None, last_id=None):
        self._connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
        headers = {"HX-Request": "true"} | ({"Cookie": f"carillon={cookie(visit)}"} if visit else {})
        if last_id:
            headers["Last-Event-ID"] = last_id
        self._connection.request("GET", path, headers=headers)
        self._answer = self._connection.getresponse()
        self.status, self.headers = self._answer.status, self._answer.headers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()

    def cut(self):
        self._answer.close()
        self._connection.close()

    def break_off(self):
        self._connection.sock.shutdown(socket.SHUT_RDWR)

    def next(self):
        """The next event with data; None at the end of the stream."""
        fields = {"id": "", "event": "", "data": []}
        while line := self._answer.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name in {"data", "data:"}:
                fields["data"].append(value)
            elif name in fields:
                fields[name] = value
            elif not name and fields["data"]:
                return Event(fields["id"], fields["event"], "\n".join(fields["data"]))
        return None

    def until(self, is_it):
        """All events up to the first that `is_it`."""
        events = []
        while not events or not is_it(events[-1]):
            event = self.next()
            assert event, f"The stream ended ({self.status}) after {events}."
            events.append(event)
        return events

    def lines_upto(self, last):
        return [number for event in self.until(lambda event: last in event.lines) for number in event.lines]


def cookie(visit):
    return visit.client.get_cookie("carillon").value
