"""O7: what is sealed under load, with clocks that die, is one chain, and each way to change it is named."""

import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sa

from app.infra import anchors, database
from app.models.instance import Audit
from app.services.audit import chain
from app.services.unit import batch
from app.settings import ROOT
from tests.factories import ago, rows
from tests.faults.conftest import assert_promises_kept
from tests.processes import eventually

pytestmark = pytest.mark.fault

WAYS = {
    "an edit": ("UPDATE audit SET action = 'nothing' WHERE number = 5", "Entry 5 does not fit its seal"),
    "a deletion": ("DELETE FROM audit WHERE number = 7", "Entry 7 is missing: it was deleted"),
    "a cut end": ("DELETE FROM audit WHERE number > 30", "Entry 31 and all after it are missing"),
}


def verify(house):
    """What the command says: exit code and text."""
    command = [sys.executable, "-m", "app.cli", "audit", "verify"]
    done = subprocess.run(command, env=house.environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout


def write(house, threads, each):
    """So many threads write entries at once."""

    def writer(name):
        for number in range(each):
            with batch(house.ada) as work:
                work.audit("task_changed", f"{name}/{number}", task=number)

    writers = [threading.Thread(target=writer, args=(name,)) for name in range(threads)]
    for thread in writers:
        thread.start()
    return writers


def unsealed():
    return len(rows(Audit, Audit.number.is_(None)))


@pytest.mark.always
def test_o7_entries_are_sealed_soon_and_each_change_is_named(house, seen):
    house.spawn("clock")
    for thread in write(house, 4, 10):
        thread.join()
    started = time.monotonic()
    eventually(lambda: rows(Audit) and not unsealed(), 10)
    sealed_after = time.monotonic() - started
    assert chain.verify(house.folder).flaw is None
    with database.write() as connection:
        connection.execute(sa.text(WAYS["an edit"][0]))
    code, text = verify(house)
    assert (code, WAYS["an edit"][1] in text) == (1, True)
    seen(f"all sealed after {sealed_after:.1f} s; an edit is named")


def test_o7_fifty_writers_and_dying_clocks_make_one_chain(house, seen):
    since = ago()
    clocks = [house.spawn("clock") for _ in range(2)]
    writers = write(house, 50, 6)
    house.kill(clocks.pop(0))
    clocks.append(house.spawn("clock"))
    for thread in writers:
        thread.join()
    eventually(lambda: not unsealed(), 20)
    numbers = [row.number for row in rows(Audit)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert numbers == sorted(numbers), "in the order of their ids"
    code, text = verify(house)
    assert code == 0, text
    anchored = list(anchors.lines(house.folder))
    assert {anchor["seal"] for anchor in anchored} <= {row.seal for row in rows(Audit)}
    _name_each_change(house)
    seen(f"{len(numbers)} entries of 50 writers, one clock killed: one chain; named: {', '.join(WAYS)}")
    assert_promises_kept(since)


def _name_each_change(house):
    kept = [dict(row._mapping) for row in rows(Audit)]
    for change, said in WAYS.values():
        with database.write() as connection:
            connection.execute(sa.text(change))
        found = chain.verify(house.folder).flaw
        assert found
        assert said in found.sentence
        with database.write() as connection:
            connection.execute(sa.delete(Audit))
            connection.execute(sa.insert(Audit), kept)
    assert chain.verify(house.folder).flaw is None
