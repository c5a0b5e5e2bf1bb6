"""The numbers for Prometheus beside what is on record (PROMISES O6)."""

import re
import signal
import socket
import time
from collections import Counter

import pytest

from app.models.runs import Attempt, Run
from app.services import accounts
from tests import factories
from tests.factories import rows
from tests.faults.conftest import all_ended, ask, is_running, queue, states
from tests.processes import eventually

pytestmark = pytest.mark.fault

_SERIES = re.compile(r"^(carillon_\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


def scraped(port):
    """What /metrics says: value by series."""
    return {name: float(value) for name, value in _SERIES.findall(ask(port, "/metrics")[1].decode())}


def test_o6_the_numbers_are_what_is_on_record(house, web, probe, seen):
    _, port = web
    clock, first = house.spawn("clock"), house.spawn("worker")
    (held,) = queue(house.team, probe("/delay/2", "held"))
    eventually(lambda: is_running(held))
    first.send_signal(signal.SIGSTOP)  # its lease is lost, and what it says afterwards is refused
    second = house.spawn("worker")
    all_ended([held])
    first.send_signal(signal.SIGCONT)
    eventually(lambda: "stale_token" in house.log("worker"))
    factories.schedule(house.team, probe("/delay/2", "long"), "1s", overlap="skip")
    eventually(lambda: len(rows(Run, Run.reason == "overlap")) >= 2)
    house.end(clock)
    all_ended()
    for worker in (first, second):
        house.end(worker)
    (waiting,) = queue(house.team, probe(name="waiting"))
    with socket.create_connection(("127.0.0.1", port)) as stream:
        link = accounts.sign_in_link(f"ada-{house.team}@x.example").rpartition("/")[2]
        token = accounts.sign_in_by_link(link, accounts.Browser("127.0.0.1", "Firefox"))
        stream.sendall(f"GET /t/northgate/live/today HTTP/1.1\r\nHost: x\r\nCookie: carillon={token}\r\n\r\n".encode())
        assert b" 200 " in stream.recv(20)
        time.sleep(1)
        found = scraped(port)
    assert found["carillon_streams"] == 1
    assert found["carillon_stream_drops"] == 0
    assert 1 <= found["carillon_oldest_queued_seconds"] < 10
    assert found["carillon_leases_lost_total"] == len(rows(Attempt, Attempt.state == "lost")) == 1
    assert found["carillon_writes_refused_total"] == house.log("worker").count("stale_token") >= 1
    on_record = Counter((run.state, run.reason) for run in rows(Run) if run.ended_at)
    ended = {name: value for name, value in found.items() if name.startswith("carillon_runs_last_day") and value}
    assert ended == {f'carillon_runs_last_day{{reason="{r}",state="{s}"}}': many for (s, r), many in on_record.items()}
    assert found['carillon_runs{state="queued"}'] == list(states().values()).count("queued") == 1
    lags = [(run.queued_at - run.planned_at).total_seconds() for run in rows(Run) if run.schedule_id and run.queued_at]
    assert found["carillon_lag_seconds_count"] == len(lags)
    assert found["carillon_lag_seconds_sum"] == pytest.approx(sum(lags), abs=0.01)
    house.spawn("worker")
    all_ended([waiting])
    seen(
        f"{len(found)} series; lateness, lost leases, refused writes, {len(ended)} ends by reason, streams: as on record"
    )
