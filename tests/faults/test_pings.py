"""O5: jobs that run elsewhere, with the real clock and the real web: late, absent and out of order."""

import urllib.error
import urllib.request
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models.instance import Leader
from app.models.runs import Alert, Run
from app.models.tasks import Heartbeat
from app.services.unit import batch
from tests import factories
from tests.cli.conftest import free_port
from tests.factories import ago, rows
from tests.faults.conftest import assert_promises_kept
from tests.processes import eventually

pytestmark = pytest.mark.fault

TOKEN = "the-token-of-a-fault-test"
GRACE = timedelta(seconds=1.5)


@pytest.fixture
def site(house):
    """The web server of the house."""
    port = free_port()
    house.spawn("web", CARILLON_PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: ask(f"{url}/healthz") == 200, 20)
    return url


def ask(url, data=None):
    """The status of an answer, 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, data=data, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.fixture
def job(house):
    """A job that runs elsewhere, and may take three seconds."""
    task = factories.task(house.team, name="backup", engine="ping", timeout_seconds=3)
    with batch() as work:
        values = {"task_id": task, "team_id": house.team, "token": TOKEN, "last_kind": "", "created_at": work.now}
        work.connection.execute(sa.insert(Heartbeat).values(values))
    return task


@pytest.mark.always
def test_o5_a_ping_that_does_not_come_is_told_and_one_that_comes_ends_it(house, job, site, seen):
    since = ago()
    house.spawn("clock")
    eventually(lambda: rows(Leader), 15)
    factories.schedule(house.team, job, "FREQ=SECONDLY;INTERVAL=2", "rrule", grace_seconds=GRACE.total_seconds())
    missed = eventually(lambda: rows(Run, Run.reason == "no_ping"), 15)[0]
    noticed = (missed.ended_at - missed.planned_at - GRACE).total_seconds()
    assert missed.state == "missed"
    assert [alert.kind for alert in rows(Alert)] == ["no_ping"]
    assert ask(f"{site}/ping/{TOKEN}", b"done") == 200
    eventually(lambda: rows(Alert)[0].ended_at, 5)
    assert ask(f"{site}/ping/{TOKEN[:-1]}") == 404
    eventually(lambda: len(rows(Alert)) == 2, 10)  # and so again, when the next one does not come
    seen(f"missed {noticed:.1f} s after its grace, told once, over with the next ping")
    assert_promises_kept(since)


def test_o5_starts_ends_and_silence_give_the_right_states(house, job, site, seen):
    since = ago()
    house.spawn("clock")
    for path in ("/start?rid=a", "/start?rid=b", "/0?rid=a", "/success?rid=c", "/start?rid=c", "/7?rid=b"):
        assert ask(f"{site}/ping/{TOKEN}{path}") == 200
    assert [(run.state, run.reason) for run in rows(Run)] == [
        ("succeeded", "ok"), ("failed", "exit_code"), ("succeeded", "ok"),
    ]  # fmt: skip
    assert ask(f"{site}/ping/{TOKEN}/start") == 200
    silent = eventually(lambda: rows(Run, Run.state == "timed_out"), 15)[0]
    after = (silent.ended_at - silent.started_at - timedelta(seconds=3)).total_seconds()
    seen(f"2 side by side, end before start, exit code: right; silence ended {after:.1f} s after its time limit")
    assert_promises_kept(since)
