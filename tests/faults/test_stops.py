"""Processes that are asked whether they live, asked to stop, or killed beside others (E2, E12)."""

import signal
import socket
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from app.models.instance import Clock, Worker
from app.models.runs import Attempt
from app.services import accounts
from app.services.unit import batch
from app.settings import ROOT
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, ask, assert_promises_kept, queue, states
from tests.processes import eventually

pytestmark = pytest.mark.fault


# --- probes


def probe_says(house, part, **variables):
    """What the health check of a container says: (exit code, its line)."""
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "probe", part],
        env=house.environ | variables, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize(("part", "table"), [("clock", Clock), ("worker", Worker)])
def test_a_probe_tells_who_lives_who_hangs_and_who_is_gone(house, part, table):
    name = socket.gethostname()
    assert probe_says(house, part) == (1, f"no {part} of {name} runs")
    first, second = house.spawn(part), house.spawn(part)
    eventually(lambda: len(rows(table)) == 2)
    assert probe_says(house, part) == (0, f"{part} lives")
    first.send_signal(signal.SIGSTOP)
    late = sa.update(table).where(table.pid == first.pid)
    with batch() as work:
        work.connection.execute(late.values(seen_at=ago(seconds=20)))
    code, line = probe_says(house, part)
    assert code == 1
    assert line.startswith(f"a {part} was last seen 2")
    house.kill(first)
    assert probe_says(house, part) == (0, f"{part} lives")
    house.end(second)
    assert probe_says(house, part) == (1, f"no {part} of {name} runs")


def test_a_probe_blames_nobody_for_a_database_that_is_away(house):
    away = {"DATABASE_URL": "postgresql+psycopg://x@127.0.0.1:1/x"}
    assert probe_says(house, "worker", **away) == (0, "worker lives")


# --- web


@pytest.mark.always
def test_web_that_is_asked_to_stop_answers_what_it_was_asked_and_ends_its_streams(house, web):
    process, port = web
    assert probe_says(house, "web", CARILLON_PORT=str(port)) == (0, "web lives")
    with socket.create_connection(("127.0.0.1", port)) as slow, socket.create_connection(("127.0.0.1", port)) as stream:
        link = accounts.sign_in_link(f"ada-{house.team}@x.example").rpartition("/")[2]
        token = accounts.sign_in_by_link(link, accounts.Browser("127.0.0.1", "Firefox"))
        stream.sendall(f"GET /t/northgate/live/today HTTP/1.1\r\nHost: x\r\nCookie: carillon={token}\r\n\r\n".encode())
        assert b" 200 " in stream.recv(20)
        slow.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf=")
        time.sleep(0.5)
        process.terminate()
        asked_at = time.monotonic()
        while stream.recv(65536):
            pass
        assert time.monotonic() - asked_at < 2  # of a grace of 5
        time.sleep(1)
        assert ask(port, "/healthz")[0] == 0  # nobody new
        slow.sendall(b"other")
        assert slow.recv(100).startswith(b"HTTP/1.1 4")  # without its token it is refused: an answer all the same
        assert process.wait(15) in {0, -signal.SIGTERM}  # uvicorn ends, then ends by the signal
    assert probe_says(house, "web", CARILLON_PORT=str(port))[0] == 1


# --- workers


@pytest.mark.always
def test_of_three_workers_one_is_killed_and_every_run_ends_once(house, probe, server):
    since = ago(seconds=1)
    house.spawn("clock")
    workers = [house.spawn("worker", CARILLON_IO_SLOTS="4") for _ in range(3)]
    eventually(lambda: len(rows(Worker)) == 3)
    ids = queue(house.team, probe("/delay/0.5"), 60)
    victim = {row.name for row in rows(Worker, Worker.pid == workers[0].pid)}
    eventually(lambda: rows(Attempt, Attempt.state == "running", Attempt.worker.in_(victim)))
    house.kill(workers[0])
    ended = all_ended(ids, seconds=30)
    assert {run.state for run in ended} == {"succeeded"}
    lost = rows(Attempt, Attempt.state == "lost")
    assert 1 <= len(lost) <= 4
    assert {row.worker for row in lost} == victim
    assert len(rows(Attempt)) == 60 + len(lost)
    assert list(states(ids).values()).count("succeeded") == len(ids)
    assert_promises_kept(since)
