"""One house a test: a real Valkey, both databases, and processes that can be killed, stopped and wiped."""

import http.client

import pytest
import sqlalchemy as sa

from app.infra import database
from app.models.runs import Run
from app.services import verify
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows
from tests.processes import QUICK, Processes, eventually
from tests.servers import closed_port, web_server

ENDED = ("succeeded", "failed", "timed_out", "cancelled", "missed", "skipped", "blocked", "unmet", "degraded")


@pytest.fixture
def server():
    """The web server that tasks ask; it knows how often it was asked."""
    with web_server() as running:
        yield running


@pytest.fixture
def house(home, database_url, request):
    """Processes over a fresh database; the test is inside an application context of its own."""
    folder = home / f"house-{abs(hash(request.node.nodeid)) % 10**8}"
    house = Processes(folder, DATABASE_URL=database_url, **QUICK)
    try:
        house.start_redis(persists=False)
        with house.inside():
            since = ago(seconds=1)
            house.team = factories.team()
            house.ada = factories.owner(house.team)
            yield house
            house.end_all()
            if not request.node.get_closest_marker("own_check"):
                assert_promises_kept(since)
    finally:
        house.close()


@pytest.fixture
def probe(house, server):
    """Make a task that asks the server for `path`; returns its id."""

    def make(path="/status/204", name="probe", **policy):
        settings = {"url": server.url + path, "method": "GET"}
        return factories.task(house.team, name=name, settings=settings, **({"overlap": "allow"} | policy))

    return make


@pytest.fixture
def web(house):
    """A web process that answers, and its port."""
    port = closed_port()
    process = house.spawn("web", CARILLON_PORT=str(port), CARILLON_STOP_GRACE_SECONDS="5")
    eventually(lambda: ask(port, "/healthz")[0] == 200, seconds=30)
    return process, port


@pytest.fixture
def seen(record_property):
    """Say what was seen, for the table of `./carillon test faults`: seen("noticed after 3.1 s, 0 of 100 lost")."""
    return lambda text: record_property("seen", text)


def ask(port, path, **headers):
    """Ask a web process; (0, nothing) when it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


def queue(team, task, count=1, **values):
    """Ask for runs as a person does: rows, then calls for the queue."""
    ids = [factories.run(team, task, **values) for _ in range(count)]
    with batch() as work:
        for run in ids:
            work.enqueue(run, 1, "io")
    return ids


def states(ids=None):
    """The states of these runs, or of all, by id."""
    with database.read() as connection:
        query = sa.select(Run.id, Run.state)
        return dict(connection.execute(query.where(Run.id.in_(ids)) if ids else query).all())


def all_ended(ids=None, seconds=20.0):
    """Wait until these runs have ended; returns their rows."""
    eventually(lambda: all(state in ENDED for state in states(ids).values()), seconds)
    return rows(Run, *([Run.id.in_(ids)] if ids else []))


def is_running(run):
    """Whether this run is being carried out."""
    return states([run])[run] == "running"


def assert_promises_kept(since):
    """The checker finds nothing."""
    with database.read() as connection:
        report = verify.check(connection, since, database.now(connection))
    assert report.findings == []
    return report
