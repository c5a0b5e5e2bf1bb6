"""`up` from nothing to the last process gone."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing

import psutil
import pytest

from app import bootstrap
from app.infra import database
from app.services import accounts
from app.settings import read
from tests.cli.test_refusals import refused

pytestmark = pytest.mark.slow


def ask(port, path):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            return answer.status, answer.read().decode()


def wait_for(question, seconds):
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def gone(pids):
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


def child(running, word):
    return next(process for process in psutil.Process(running.process.pid).children() if word in process.cmdline())


LIBRARIES = "import alembic.command, flask, pydantic, redis, sqlalchemy.orm"


def cost(running):
    """What the start cost, in times of what it costs to load some libraries: so it is the same on slow and busy machines."""
    supervisor = psutil.Process(running.process.pid)
    took = sum(sum(process.cpu_times()[:4]) for process in (supervisor, *supervisor.children()))
    before = sum(os.times()[2:4])
    for _ in range(2):
        subprocess.run([sys.executable, "-c", LIBRARIES], check=True)
    return took / ((sum(os.times()[2:4]) - before) / 2)


def test_first_start_second_start_and_stop(up, carillon, tmp_path, port):
    running = up()
    address, link, parts = running.greeting
    assert address == f"  Carillon is ringing at  http://localhost:{port}"
    path = re.fullmatch(
        rf"  First sign-in link      http://localhost:{port}(/setup/\S+)   \(valid 30 min, once\)", link
    )[1]
    assert parts == f"  Worker 1 ready · scheduler ready · data in {tmp_path / 'data'}"
    assert ask(port, path)[0] == 200
    assert json.loads(ask(port, "/readyz")[1]) == {
        "ready": True, "database": True, "tables": True, "redis": True, "clock": True, "worker": True,
    }  # fmt: skip
    assert refused(carillon("up", "--data", tmp_path / "data"), f"process {running.process.pid}")

    pids = running.children()
    assert len(pids) == 5
    assert running.stop() == 0
    assert gone(pids)
    assert not (tmp_path / "data" / "redis-url").exists()
    assert running.said == []

    again = up()
    assert cost(again) < 12
    assert again.stop(signal.SIGINT) == 0


def test_a_link_signs_somebody_in_where_carillon_runs(running, carillon):
    here = {"CARILLON_DATA": str(running.data), "CARILLON_LOG_LEVEL": "error"}
    with bootstrap.start(read(here)).app_context():
        token = accounts.setup_link(read(here)).rpartition("/")[2]
        ada = accounts.NewPerson("Ada", "ada@example.com", "correct horse battery", "UTC")
        accounts.set_up(token, ada, accounts.Browser("", ""))
        database.dispose()
    assert carillon("users", "list", **here).stdout == "ada@example.com\tAda\n"
    # The port was given to `up` alone; the link names it all the same.
    link = carillon("users", "link", "Ada@example.com", **here).stdout.strip()
    assert link.startswith(f"http://localhost:{running.port}/sign-in/")
    assert ask(running.port, link.removeprefix(f"http://localhost:{running.port}"))[0] == 200


def test_the_doctor_finds_nothing_wrong_while_it_runs(running, carillon):
    done = carillon("doctor", "--json", CARILLON_DATA=str(running.data), CARILLON_LOG_LEVEL="error")
    checks = json.loads(done.stdout)
    assert [check for check in checks if check["state"] == "wrong"] == []
    assert {"python", "data", "key", "redis", "database", "clock"} <= {check["name"] for check in checks}
    assert done.returncode == 0


def test_what_dies_is_started_again_and_said(running):
    for name, word in (("web", "web"), ("worker 1", "worker")):
        child(running, word).kill()
        wait_for(
            lambda name=name: f"carillon: {name} stopped (signal SIGKILL); it starts again in 0.5 s.\n" in running.said,
            5,
        )
    supervisor = psutil.Process(running.process.pid)
    next(one for one in supervisor.children() if {"valkey-server", "redis-server"} & {one.name()}).kill()
    wait_for(lambda: any(line.startswith("carillon: Valkey stopped") for line in running.said), 5)
    wait_for(lambda: ask(running.port, "/readyz")[0] == 200, 10)


def test_nothing_outlives_a_supervisor_that_is_killed(up):
    running = up()
    pids = running.children()
    running.process.kill()
    running.process.wait()
    wait_for(lambda: gone(pids), 2)
