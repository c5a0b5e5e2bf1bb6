"""The stores: a backup (PROMISES I15), SQLite under many writers (I5), a long history (I14), files (E15)."""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from app.infra import database, redis, snapshots
from app.infra.storage import Storage
from app.models.instance import Audit, Fact, Leader
from app.models.runs import Run
from app.models.tasks import Task
from app.services import counting, retention, run_list
from app.services.run_list.filters import Filters
from app.settings import ROOT
from tests import factories
from tests.bench import history
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, queue, states
from tests.processes import QUICK, Processes, eventually

pytestmark = pytest.mark.fault


def carillon(house, *words, code=0):
    """Carry out a command over the data of `house`; returns what it said."""
    command = [sys.executable, "-m", "app.cli", *map(str, words)]
    done = subprocess.run(command, env=house.environ, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


# --- I15: backup and restore


@pytest.fixture
def elsewhere(home, backend, request, tmp_path):
    """Another data folder with an empty database and a Redis of its own; the key is brought by hand."""
    if backend == "sqlite":
        url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    else:
        cluster = request.getfixturevalue("postgres_cluster")
        cluster.run("CREATE DATABASE elsewhere")
        url = cluster.url("elsewhere")
    there = Processes(home / f"there-{abs(hash(request.node.nodeid)) % 10**8}", DATABASE_URL=url, **QUICK)
    there.start_redis(persists=False)
    yield there
    there.close()
    if backend != "sqlite":
        cluster.run("DROP DATABASE elsewhere WITH (FORCE)")


@pytest.mark.own_check
def test_i15_a_backup_made_during_writes_comes_back_whole_and_nothing_fires(house, elsewhere, probe, tmp_path, seen):
    house.spawn("clock")
    house.spawn("worker")
    factories.schedule(house.team, probe(), "1s", overlap="allow")
    slow = queue(house.team, probe("/delay/30", name="slow"))
    eventually(lambda: "succeeded" in states().values() and states(slow)[slow[0]] == "running")
    backup = tmp_path / "backup"
    carillon(house, "backup", backup)
    held = len(states())
    house.close()
    database.dispose()

    shutil.copy(house.folder / "key", elsewhere.folder / "key")
    said = carillon(elsewhere, "restore", backup)
    assert re.search(r"\d+ runs of that time were ended; 2 tasks are paused", said)
    with elsewhere.inside():
        if elsewhere.settings.sqlite_file:
            assert snapshots.sqlite_problem(elsewhere.settings.sqlite_file) == ""
        assert abs(len(states()) - held) <= 3
        assert (states(slow)[slow[0]], rows(Run, Run.id == slow[0])[0].reason) == ("failed", "restored")
        assert not {"running", "queued", "waiting"} & set(states().values())
        assert [task.paused_for for task in rows(Task)] == ["restore", "restore"]
        assert "restored" in [entry.action for entry in rows(Audit)]
        assert rows(Leader)[0].holder == ""
        since, before = ago(seconds=0), len(states())
        clock, _ = elsewhere.spawn("clock"), elsewhere.spawn("worker")
        eventually(lambda: redis.client().get(redis.EPOCH))
        assert redis.client().get(redis.EPOCH).decode() == rows(Fact, Fact.name == "redis_epoch")[0].value["epoch"]
        time.sleep(1.5)
        assert len(states()) == before
        carillon(elsewhere, "restore", "--confirm")
        eventually(lambda: "succeeded" in [run.state for run in rows(Run, Run.planned_at > since)])
        elsewhere.end(clock)
        all_ended()
        assert_promises_kept(since)
    seen(f"{before} runs whole, none of them started again, nothing fired before the word")


# --- I5: SQLite

WRITERS, WRITES = 8, 40
WRITES_ROWS = """
import sys, time
from app import bootstrap
from app.infra import database
from app.services.counting import count
from app.services.unit import batch
from app.settings import read

with bootstrap.start(read()).app_context():
    print("ready", flush=True)
    sys.stdin.readline()
    took = []
    for _ in range(int(sys.argv[1])):
        began = time.monotonic()
        with batch() as work:
            count(work, "writes")
            if len(sys.argv) > 2:
                print("inside", flush=True)
                time.sleep(60)
        took.append(time.monotonic() - began)
    print(*took)
"""


def writer(house, *words):
    """A process that writes, once it is told to."""
    command = [sys.executable, "-c", WRITES_ROWS, *map(str, words)]
    process = subprocess.Popen(
        command, env=house.environ, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.alike
def test_i5_eight_writers_at_once_lose_no_write_and_see_no_lock(house, seen):
    writers = [writer(house, WRITES) for _ in range(WRITERS)]
    began = time.monotonic()
    for one in writers:
        one.stdin.write("\n")
        one.stdin.flush()
    waits = sorted(float(wait) for one in writers for wait in one.communicate()[0].split())
    p99 = waits[int(len(waits) * 0.99)]
    took = time.monotonic() - began
    assert [one.returncode for one in writers] == [0] * WRITERS
    assert counting.counted()["writes"] == WRITERS * WRITES
    assert p99 < 2
    assert snapshots.sqlite_problem(house.settings.sqlite_file) == ""
    seen(
        f"{WRITERS * WRITES} writes of {WRITERS} processes in {took:.1f} s, p99 {p99:.2f} s, the longest {waits[-1]:.2f} s"
    )


@pytest.mark.alike
@pytest.mark.always
def test_i5_a_writer_killed_inside_a_write_leaves_the_others_and_the_file_whole(house, seen):
    killed = writer(house, 1, "slowly")
    killed.stdin.write("\n")
    killed.stdin.flush()
    assert killed.stdout.readline() == "inside\n"
    killed.kill()
    killed.communicate()
    began = time.monotonic()
    factories.task(house.team, "after")
    waited = time.monotonic() - began
    assert waited < 2
    assert "writes" not in counting.counted()
    assert snapshots.sqlite_problem(house.settings.sqlite_file) == ""
    seen(f"its write is gone, the next one waited {waited:.2f} s, the file is whole")


# --- I14: a long history

BUDGET_SECONDS = 0.025
"""Of this process, so that others on the machine don't count."""


def _fill_and_look(house, runs):
    with database.write() as connection:
        history.fill(connection, runs, house.team, days=400)
    now = datetime.now(UTC)
    filters = [Filters(now - timedelta(days=days), now) for days in (1, 7)] + [
        Filters(now - timedelta(days=30), now, status="failed"),
        Filters(now - timedelta(days=30), now, task="task-1"),
    ]
    lists, counts = [], []
    for wanted in filters * 10:
        began = time.thread_time()
        assert run_list.listing(house.ada, wanted).rows
        listed = time.thread_time()
        run_list.account(house.ada, wanted)
        lists.append(listed - began)
        counts.append(time.thread_time() - listed)
    return [sorted(took)[int(len(took) * 0.95)] for took in (lists, counts)]


def _prune_and_watch(house, monkeypatch):
    held = []
    plain = retention.batch

    @contextmanager
    def watched():
        with plain() as work:
            began = time.thread_time()
            yield work
            held.append(time.thread_time() - began)

    monkeypatch.setattr(retention, "batch", watched)
    gone = retention.prune(Storage(house.folder / "files"))["runs"]
    return gone, max(held)


@pytest.mark.parametrize("runs", [pytest.param(10_000), pytest.param(1_000_000, marks=[pytest.mark.long])])
@pytest.mark.alike
@pytest.mark.own_check
def test_i14_lists_stay_quick_and_what_is_old_goes_without_holding_anybody_up(house, runs, monkeypatch, seen):
    p95, counted = _fill_and_look(house, runs)
    gone, longest = _prune_and_watch(house, monkeypatch)
    again = time.thread_time()
    assert retention.prune(Storage(house.folder / "files"))["runs"] < 10  # more grow old meanwhile
    again = time.thread_time() - again
    assert p95 < BUDGET_SECONDS
    assert counted < 2 * BUDGET_SECONDS  # of a month, and of no more than is asked for
    assert gone == pytest.approx(runs * 35 / 400, rel=0.02)
    assert longest < 0.05
    assert again < 1
    seen(
        f"{runs:,} runs: lists p95 {p95 * 1000:.1f} ms, counts of a month {counted * 1000:.0f} ms; {gone:,} old ones gone, {longest * 1000:.1f} ms at most at once"
    )


# --- E15: a file is whole or absent

KEEPS = """
import io, sys, time
from pathlib import Path
from app.infra.storage import Storage

class Slow(io.BytesIO):
    def read(self, size=-1):
        if self.tell() > 3_000_000:
            print("halfway", flush=True)
            time.sleep(60)
        return super().read(size)

Storage(Path(sys.argv[1])).keep(Slow(b"x" * 8_000_000))
"""


@pytest.mark.alike
def test_e15_a_worker_killed_while_it_keeps_a_file_leaves_no_part_of_it(house, seen):
    folder = house.folder / "files"
    command = [sys.executable, "-c", KEEPS, str(folder)]
    process = subprocess.Popen(command, env=house.environ, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "halfway\n"
    process.kill()
    process.communicate()
    assert [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".new-")] == []
    (part,) = folder.glob(".new-*")
    os.utime(part, (0, 0))
    Storage(folder).sweep()
    assert not part.exists()
    seen("nothing under its name; what was begun is swept")
