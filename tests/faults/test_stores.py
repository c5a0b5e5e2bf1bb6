"""The stores: a backup brought back (PROMISES I15), a full disk (I6), SQLite under many writers and killed (I5)."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.infra import database, redis, snapshots
from app.models.instance import Audit, Fact, Leader
from app.models.runs import Attempt, Event, Run
from app.models.tasks import Schedule, Task
from app.services.execution import reconcile
from app.settings import ROOT
from tests import factories
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
