"""What protects a house from its own contents: whole files, isolation, floods, the key (PROMISES E15, E16, I10, I16)."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.infra import vault
from app.infra.storage import Storage
from app.models.runs import Attempt, Run
from app.settings import ROOT
from tests import factories
from tests.factories import rows
from tests.faults.conftest import all_ended, is_running, queue, states
from tests.processes import eventually

pytestmark = [pytest.mark.fault, pytest.mark.alike]

BUBBLEWRAP = Path("/usr/bin/bwrap")
KEEPS = "import sys; from pathlib import Path; from app.infra.storage import Storage; Storage(Path(sys.argv[1])).keep(sys.stdin.buffer)"
FLOOD = "i=0; while [ $i -lt 1500 ]; do head -c 65536 /dev/zero | tr '\\0' x; echo; i=$((i+1)); done"


def test_e15_a_process_killed_while_it_stores_a_file_leaves_none(tmp_path, seen):
    writer = subprocess.Popen([sys.executable, "-c", KEEPS, tmp_path], cwd=ROOT, stdin=subprocess.PIPE)
    writer.stdin.write(b"x" * 4_000_000)
    writer.stdin.flush()
    eventually(lambda: list(tmp_path.iterdir()))
    writer.kill()
    writer.wait()
    writer.stdin.close()
    assert list(tmp_path.glob("??/*")) == []
    with (tmp_path / "source").open("w+b") as source:
        source.write(b"whole")
        source.seek(0)
        digest, _ = Storage(tmp_path).keep(source)
    assert [path.name for path in tmp_path.glob("??/*")] == [digest]
    seen("4 MB on their way, killed: no file under any name; the next one is whole")


def test_e16_a_worker_that_loses_its_isolation_refuses_what_needs_it(house, seen):
    if os.geteuid() or not BUBBLEWRAP.exists():
        pytest.skip("needs root and bubblewrap, to take it away from one worker alone")
    refuses = house.folder / "refuses"
    refuses.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    refuses.chmod(0o755)
    house.spawn("clock")
    worker = house.spawn("worker", enter=("unshare", "--mount"))
    needs = factories.needs_isolation(factories.task(house.team, "confined", "shell", {"script": "echo done"}), 2)
    (first,) = queue(house.team, needs, lane="code")
    (ended,) = all_ended([first])
    assert (ended.state, rows(Attempt)[0].isolation["level"]) == ("succeeded", 2)
    in_its_view = ["nsenter", "--mount", "--target", str(worker.pid)]
    subprocess.run([*in_its_view, "mount", "--bind", refuses, BUBBLEWRAP], check=True)
    (second,) = queue(house.team, needs, lane="code")
    (ended,) = all_ended([second])
    assert (ended.state, ended.reason) == ("blocked", "no_isolation")
    seen(f"before: succeeded at level 2; after user namespaces were refused: {ended.sentence}")


def test_i10_a_flood_of_log_leaves_memory_and_others_alone(house, probe, seen):
    house.spawn("clock")
    worker = psutil.Process(house.spawn("worker", CARILLON_CODE_SLOTS="1").pid)
    flood = factories.task(house.team, "flood", "shell", {"script": FLOOD}, timeout_seconds=60)
    (before,) = queue(house.team, probe())
    all_ended([before])
    at_rest = worker.memory_info().rss
    (loud,) = queue(house.team, flood, lane="code")
    eventually(lambda: is_running(loud))
    quiet = [queue(house.team, probe(name=f"quiet {number}"))[0] for number in range(10)]
    highest = 0
    while states([loud])[loud] == "running":
        highest = max(highest, worker.memory_info().rss)
        time.sleep(0.02)
    waits = [(run.started_at - run.queued_at).total_seconds() for run in all_ended(quiet)]
    (ended,) = all_ended([loud], 60)
    assert (highest - at_rest) / 2**20 < 120
    assert max(waits) < 2
    seen(
        f"98 MB of log in {(ended.ended_at - ended.started_at).total_seconds():.1f} s ({ended.state}): the worker grew by "
        f"{(highest - at_rest) / 2**20:.0f} MiB, others waited {max(waits) * 1000:.0f} ms at most"
    )


def test_i16_without_its_key_or_with_another_nothing_starts(house, seen):
    assert house.spawn("migrate").wait(30) == 0  # the database now knows its key
    key = house.folder / "key"
    said = []
    for damage in (key.unlink, lambda: vault.create_key(key)):
        damage()
        for command in ("web", "worker", "clock"):
            before = len(house.log(command))
            assert house.spawn(command).wait(20) == 1
            said.append(house.log(command)[before:].strip().splitlines()[-1])
    assert all("key" in line for line in said)
    assert "plain" not in " ".join(said)
    assert rows(Run) == []
    told = [line.replace(str(house.folder), "…") for line in (said[0], said[-1])]
    seen(f"web, worker and clock refuse: {told[0]} / {told[1]}")
