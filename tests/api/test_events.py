"""Events over the API: as pages to read on from, and as a stream over a real server that is cut and comes back."""

import http.client
import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from app.api import events as doors
from app.api.feeds import MOST_OF_TOKEN
from app.models.runs import Event, Run
from app.services import events
from app.services.unit import batch
from tests.web.live_site import serve


@pytest.fixture
def site(app):
    yield from serve(app)


@pytest.fixture
def run(ada_program, task):
    return ada_program.make("/runs", {"task": task})["number"]


def tell(app, kind, number=1, state=None, **data):
    """Let something happen to a run."""
    with app.app_context(), batch() as work:
        row = work.connection.execute(sa.select(Run.id, Run.team_id).where(Run.number == number)).one()
        if state:
            work.connection.execute(sa.update(Run).where(Run.id == row.id).values(state=state))
        work.tell(kind, row.team_id, row.id, **data)


class Stream:
    """A program that listens; `next` gives (id, kind, data)."""

    def __init__(self, site, program, path, **headers):
        self._connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
        sent = {"Authorization": f"Bearer {program.token}", "Accept": "text/event-stream"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request("GET", f"/api/v1{path}", headers=sent)
        self.answer = self._connection.getresponse()
        self.status = self.answer.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()
        self._connection.close()

    def next(self):
        fields = {}
        while line := self.answer.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value
            if not name and "data" in fields:
                return fields.get("id"), fields["event"], json.loads(fields["data"])
            if not name:
                fields = {}
        return None

    def kinds(self, count):
        return [self.next()[1] for _ in range(count)]


def test_events_are_read_on_from_the_last_one(app, ada_program, run):
    page = ada_program.get("/events").json
    assert [(one["kind"], one["task"], one["run"]) for one in page["items"]] == [
        ("task_created", "probe", None), ("queued", "probe", 1),
    ]  # fmt: skip
    assert ada_program.get(f"/events?after={page['after']}").json == {"items": [], "after": page["after"]}
    tell(app, "running")
    [one] = ada_program.get(f"/events?after={page['after']}").json["items"]
    assert (one["kind"], one["run"]) == ("running", 1)
    first = ada_program.get("/events?after=0&limit=1").json
    assert ([one["kind"] for one in first["items"]], first["after"]) == (["task_created"], 1)


def test_the_events_of_one_run_begin_with_its_beginning(app, ada_program, run, task):
    ada_program.make("/runs", {"task": task})
    tell(app, "running")
    assert [one["kind"] for one in ada_program.get("/runs/1/events").json["items"]] == ["queued", "running"]


def test_from_too_far_back_nobody_reads_on(ada_program, run, monkeypatch):
    assert ada_program.get("/events?after=99999").status_code == 409
    monkeypatch.setattr(events, "FARTHEST", 1)
    assert ada_program.get("/events?after=0").status_code == 409


def test_one_that_is_committed_late_is_waited_for(app, ada_program, run):
    with app.app_context(), batch() as work:
        values = {"id": 10, "kind": "later", "team_id": 1, "token": 0, "data": {}, "at": work.now}
        work.connection.execute(sa.insert(Event).values(values))
    with app.app_context():
        assert events.head() == 2  # 3 to 9 may belong to transactions that are still open
    with app.app_context(), batch() as work:
        old = work.now - timedelta(seconds=6)
        work.connection.execute(sa.update(Event).where(Event.id == 10).values(at=old))
    with app.app_context():
        assert events.head() == 10  # no transaction is open for so long


@pytest.mark.slow
def test_a_stream_tells_what_happens_as_it_happens_and_ends_with_the_run(app, site, ada_program, run):
    with Stream(site, ada_program, "/runs/1/events") as stream:
        assert (stream.status, stream.answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
        number, kind, data = stream.next()
        assert (kind, data["run"], data["task"], int(number)) == ("queued", 1, "probe", data["id"])
        tell(app, "running", state="running")
        assert stream.next()[1] == "running"
        tell(app, "succeeded", state="succeeded")
        assert stream.kinds(2) == ["succeeded", "finished"]
        assert stream.next() is None


@pytest.mark.slow
def test_a_stream_that_was_cut_goes_on_where_it_was(app, site, ada_program, run):
    with Stream(site, ada_program, "/events?after=0") as stream:
        assert stream.next()[1] == "task_created"
        number, kind, _ = stream.next()
        assert kind == "queued"
    tell(app, "running")
    tell(app, "stopping")
    with Stream(site, ada_program, "/events", Last_Event_ID=number) as stream:
        assert stream.kinds(2) == ["running", "stopping"]
    with Stream(site, ada_program, "/events", Last_Event_ID="99999") as stream:
        assert stream.next()[1] == "reset"


@pytest.mark.slow
def test_without_a_place_the_teams_stream_begins_now(app, site, ada_program, run):
    with Stream(site, ada_program, "/events") as stream:
        tell(app, "running")
        assert stream.next()[1] == "running"


@pytest.mark.slow
def test_who_may_not_listen_is_refused_and_a_revoked_token_is_cut_off(app, site, ada_program, cid_program, run):
    with Stream(site, cid_program, "/runs/1/events") as stream:
        assert (stream.status, stream.answer.headers["Content-Type"]) == (404, "application/problem+json")
    with Stream(site, SimpleNamespace(token="car_no"), "/events") as stream:
        assert stream.status == 401
    with Stream(site, ada_program, "/events") as stream:
        ada_program.delete("/me")
        assert stream.next() is None


@pytest.mark.slow
def test_a_token_has_so_many_streams_and_the_oldest_makes_room(site, ada_program, run):
    streams = [Stream(site, ada_program, "/events") for _ in range(MOST_OF_TOKEN + 1)]
    assert streams[0].next() is None
    for stream in streams:
        stream.__exit__()


def test_a_server_without_a_loop_streams_from_a_thread_for_a_while(app, ada_program, run, monkeypatch):
    monkeypatch.setattr(doors, "_POLL_SECONDS", 0)
    tell(app, "succeeded", state="succeeded")
    answer = ada_program.get("/runs/1/events", Accept="text/event-stream")
    assert answer.mimetype == "text/event-stream"
    assert [line for line in answer.text.splitlines() if line.startswith("event")] == [
        "event: queued", "event: succeeded", "event: finished",
    ]  # fmt: skip


def test_the_same_comes_as_lines_of_json(app, site, ada_program, run):
    after = ada_program.get("/events").json["after"]
    with Stream(site, ada_program, f"/events?after={after - 1}", Accept="application/x-ndjson") as stream:
        assert stream.answer.headers["Content-Type"] == "application/x-ndjson"
        first = json.loads(stream.answer.readline())
        assert (first["kind"], first["id"]) == ("queued", after)
        tell(app, "running")
        second = json.loads(stream.answer.readline())
        while second["kind"] == "alive":
            second = json.loads(stream.answer.readline())
        assert (second["kind"], second["task"], second["run"]) == ("running", "probe", run)


def test_lines_of_a_run_end_with_it(app, site, ada_program, run):
    tell(app, "succeeded", state="succeeded")
    with Stream(site, ada_program, f"/runs/{run}/events", Accept="application/x-ndjson") as stream:
        kinds = [json.loads(line)["kind"] for line in stream.answer.read().splitlines()]
    assert [kind for kind in kinds if kind != "alive"] == ["queued", "succeeded", "finished"]
