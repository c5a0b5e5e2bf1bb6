"""Job names are strings below, functions here; and what upkeep does when it is rung."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module

import pytest
import sqlalchemy as sa

from app.infra import queues
from app.infra.storage import Storage
from app.models.runs import Artifact, Checkpoint, LogChunk, Run
from app.services import retention
from app.services.unit import batch
from jobs import upkeep
from jobs.recurring import TABLE
from tests import factories
from tests.factories import ago, rows


@pytest.mark.parametrize("name", sorted(queues.ALLOWED))
def test_each_allowed_name_is_a_function(name):
    module, _, function = name.rpartition(".")
    assert callable(getattr(import_module(module), function))


def test_what_recurs_is_allowed_and_has_ids_of_its_own():
    assert {entry.function for entry in TABLE} <= queues.ALLOWED
    assert len({entry.id for entry in TABLE}) == len(TABLE)


@pytest.mark.parametrize("function", sorted({entry.function for entry in TABLE}))
def test_what_recurs_works_on_a_thread_that_knows_no_application(app, monkeypatch, function):
    monkeypatch.setattr(upkeep, "read", lambda: app.config["SETTINGS"])
    queues.call(function)
    (job,) = queues.waiting(queues.UPKEEP)
    with ThreadPoolExecutor(1) as slot:
        assert slot.submit(upkeep.carry_out, app, job).exception(20) is None


@pytest.fixture
def storage(app, tmp_path):
    with app.app_context():
        yield Storage(tmp_path / "files")


def ended(team, task, age, storage, content):
    run = factories.run(team, task, "succeeded", ended_at=ago(days=age), queued_at=None)
    (storage.folder.parent / "new").write_bytes(content)
    digest, size = storage.keep_file(storage.folder.parent / "new")
    with batch() as work:
        made = {"team_id": team, "run_id": run, "name": "a.txt", "media_type": "text/plain", "created_at": work.now}
        work.connection.execute(sa.insert(Artifact).values(made | {"size_bytes": size, "digest": digest}))
        chunk = {"run_id": run, "first": 1, "count": 1, "size_bytes": 1, "token": 1, "at": work.now, "lines": []}
        work.connection.execute(sa.insert(LogChunk).values(chunk))
    return run, digest


def test_output_goes_after_90_days_runs_after_a_year_and_shared_files_stay(storage):
    team = factories.team()
    task = factories.task(team)
    _, shared = ended(team, task, 400, storage, b"shared")
    old, alone = ended(team, task, 100, storage, b"alone")
    young, _ = ended(team, task, 1, storage, b"shared")
    _, again = ended(team, task, 100, storage, b"kept again by a run that is about to end")
    for digest in (shared, alone):
        os.utime(storage.path(digest), (0, 0))
    removed = retention.prune(storage)
    assert [run.id for run in rows(Run)][:2] == [old, young]
    assert [row.run_id for row in rows(LogChunk)] == [row.run_id for row in rows(Artifact)] == [young]
    assert storage.path(shared).read_bytes() == b"shared"
    assert not (storage.folder / alone[:2] / alone).exists()
    assert storage.path(again)
    assert (removed["runs"], removed["logs"]) == (1, 3)
    assert timedelta(days=364) < retention.KEEP_RUNS


def test_what_a_young_run_goes_on_from_is_kept_however_old_it_is(storage):
    team = factories.team()
    task = factories.task(team)
    old, alone = (factories.run(team, task, "failed", ended_at=ago(days=100)) for _ in range(2))
    factories.run(team, task, "running", resumes_id=old)
    with batch() as work:
        for run in (old, alone):
            row = {"team_id": team, "run_id": run, "number": 1, "token": 1, "after": "make", "at": work.now}
            work.connection.execute(sa.insert(Checkpoint).values(row | {"state": {}, "files": {}}))
    retention.prune(storage)
    assert [row.run_id for row in rows(Checkpoint)] == [old]
