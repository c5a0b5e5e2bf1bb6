"""A full disk, for data, logs and SQLite (PROMISES I6); SQLite's own file there (I5)."""

import json
import sqlite3
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest

from app.infra import snapshots
from app.models.runs import Alert, LogChunk, Run
from app.services import tokens
from tests import factories
from tests.cli.conftest import free_port
from tests.factories import ago, rows
from tests.faults import small_disk
from tests.faults.conftest import all_ended, assert_promises_kept, queue, states
from tests.processes import QUICK, Processes, eventually

WHY_NOT = small_disk.why_not()
pytestmark = [pytest.mark.fault, pytest.mark.alike, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

MIB = 1024**2
LOW_MIB = 4
FILLS = """
for part in 1 2 3 4 5 6 7 8; do echo "part $part"; sleep 0.3; head -c 2000000 /dev/zero >> big || exit 3; done
"""
TALKS = "for line in $(seq 1 90); do echo line $line; sleep 0.1; done"


@pytest.fixture
def disk(home, request):
    with small_disk.small_disk(home / f"disk-{abs(hash(request.node.nodeid)) % 10**8}") as made:
        yield made


@pytest.fixture
def house(home, disk, sqlite_template, key_file, request):
    """A house whose data folder, database and logs lie on a disk of 16 MiB."""
    given = {
        "CARILLON_KEY_FILE": str(key_file), "CARILLON_LOW_DISK_MIB": str(LOW_MIB), "CARILLON_BACKUP_MINUTES": "0",
        "CARILLON_PORT": str(free_port()), "CARILLON_CODE_SLOTS": "2",
    }  # fmt: skip
    (disk.path / "carillon.db").write_bytes(sqlite_template.read_bytes())
    outside = Processes(home / f"outside-{abs(hash(request.node.nodeid)) % 10**8}", **QUICK)
    outside.start_redis(persists=False)
    house = Processes(disk.path, REDIS_URL=outside.environ["REDIS_URL"], **QUICK, **given)
    try:
        with house.inside():
            house.team = factories.team()
            house.ada = factories.owner(house.team)
            yield house
    finally:
        house.close()
        outside.close()


def ask(house, token, task):
    """Ask for a run; returns (status, body)."""
    with closing(HTTPConnection("127.0.0.1", int(house.environ["CARILLON_PORT"]), timeout=20)) as connection:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/runs", json.dumps({"task": task}), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def is_up(house):
    """Whether web answers."""
    try:
        return ask(house, "x", "x")[0] == 401
    except OSError:
        return False


def test_i6_a_full_disk_holds_work_up_and_goes_on_by_itself(house, disk, server, seen):
    since = ago(seconds=1)
    settings = {"url": server.url + "/status/204", "method": "GET"}
    probe = factories.task(house.team, "probe", settings=settings, overlap="allow", grace_seconds=600)
    filler = factories.task(house.team, "filler", "shell", {"script": FILLS}, retries=0, label="filler")
    talker = factories.task(house.team, "talker", "shell", {"script": TALKS}, retries=0)
    token, _ = tokens.create(house.ada, "Tests", ["run"], 30)
    clock, worker = house.spawn("clock"), house.spawn("worker")
    house.spawn("web")
    eventually(lambda: is_up(house) and (disk.path / "ballast").exists(), 20)
    talks, fills = queue(house.team, talker, lane="code"), queue(house.team, filler, lane="code")
    eventually(lambda: set(states([*talks, *fills]).values()) == {"running"})
    # Low: what is planned is on record, nothing new begins, and who asks is told.
    schedule = factories.schedule(house.team, probe, "1s", overlap="allow", grace_seconds=600)
    disk.fill(leave_bytes=3 * MIB)
    eventually(lambda: rows(Alert, Alert.kind == "disk_low", Alert.ended_at.is_(None)))
    status, problem = ask(house, token, "probe")
    assert (status, problem["title"]) == (507, "The disk is full.")
    # Full: the run that fills it says so, the log of the other one is cut, the clock lives on.
    (filled,) = all_ended(fills)
    assert (filled.state, filled.reason) == ("failed", "no_space")
    disk.fill(leave_bytes=3 * MIB // 2)
    eventually(lambda: not (disk.path / "ballast").exists())
    eventually(lambda: any("cut here" in line[2] for chunk in rows(LogChunk) for line in chunk.lines))
    planned, started = len(states()), len(server.requests)
    eventually(lambda: len(states()) >= planned + 2)
    assert len(server.requests) == started
    # Not a byte: even the ballast's room is taken. Nothing can be written, and nobody dies of it.
    disk.fill(leave_bytes=0)
    eventually(lambda: "clock_waits_for_database" in house.log("clock"))
    assert ask(house, token, "probe")[0] == 507
    assert clock.poll() is worker.poll() is None
    # Room again: all goes on without a restart.
    disk.clear()
    began = time.monotonic()
    eventually(lambda: len(server.requests) > started + 2)
    resumed = time.monotonic() - began
    assert ask(house, token, "probe")[0] == 201
    eventually((disk.path / "ballast").exists)
    eventually(lambda: not rows(Alert, Alert.kind == "disk_low", Alert.ended_at.is_(None)))
    house.end(clock)
    all_ended()
    assert snapshots.sqlite_problem(disk.path / "carillon.db") == ""
    assert_promises_kept(since)
    assert {run.state for run in rows(Run, Run.schedule_id == schedule)} == {"succeeded"}
    seen(f"claims stopped, 507, {planned} runs kept; work went on {resumed:.1f} s after there was room")


def test_i5_a_full_disk_loses_the_write_and_not_the_file(disk, seen):
    path = disk.path / "x.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, content BLOB)")
        disk.fill(leave_bytes=3 * MIB)
        written, refusal = 0, ""
        while not refusal and written < 200:
            try:
                connection.execute("INSERT INTO t (content) VALUES (zeroblob(100000))")
                written += 1
            except sqlite3.OperationalError as error:
                refusal = str(error)
        assert "full" in refusal
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (written,)
        disk.clear()
        connection.execute("INSERT INTO t (content) VALUES (zeroblob(100000))")
    assert snapshots.sqlite_problem(path) == ""
    seen(f"{written} writes kept, the one that found no room refused, the next one taken")
