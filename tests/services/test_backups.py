"""Backups that Carillon makes by itself: when one is due, how many are kept, and what is told when one fails."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import CarillonError, Conflict
from app.infra import archives
from app.infra.storage import Storage
from app.models.instance import Fact
from app.models.runs import Alert
from app.services import backups
from app.services.unit import batch
from tests.factories import rows


@pytest.fixture
def inside(app):
    with app.app_context():
        yield app


def an_hour_passes(hours=1):
    with batch() as work:
        before = sa.update(Fact).where(Fact.name == backups.FACT)
        work.connection.execute(before.values(at=work.now - timedelta(hours=hours)))


def fact():
    [row] = rows(Fact, Fact.name == backups.FACT)
    return row.value


@pytest.mark.alike
def test_one_is_made_when_it_is_due_and_the_oldest_go(inside, settings, tmp_path):
    settings = replace(settings, backup_minutes=60, backup_keep=2)
    with (tmp_path / "a.txt").open("w+b") as file:
        file.write(b"kept")
        file.seek(0)
        digest, _ = Storage(settings.data_dir / "files").keep(file)
    assert backups.make_when_due(settings)
    assert not backups.make_when_due(settings)
    made = fact()
    assert (made["ok"], made["problem"]) == (True, "")
    assert made["bytes"] > 100_000
    [first] = settings.backups.iterdir()
    assert str(first) == made["path"]
    assert archives.check(settings, first).files == 1
    assert (first / "files" / digest[:2] / digest).read_bytes() == b"kept"
    first.rename(settings.backups / "2020-01-03")
    for number in range(2):
        (settings.backups / f"2020-01-0{number + 1}").mkdir()
        (settings.backups / f"2020-01-0{number + 1}" / archives.MANIFEST).touch()
    an_hour_passes()
    assert backups.make_when_due(settings)
    assert len(list(settings.backups.iterdir())) == 2
    assert not backups.make_when_due(replace(settings, backup_minutes=0))


@pytest.mark.alike
def test_one_that_fails_is_told_and_tried_again_within_the_hour(inside, settings, tmp_path):
    settings = replace(settings, backup_folder=tmp_path / "file" / "backups")
    (tmp_path / "file").touch()
    assert backups.make_when_due(settings)
    assert fact()["ok"] is False
    [alert] = rows(Alert)
    assert alert.kind == "backup_failed"
    an_hour_passes()
    assert backups.make_when_due(replace(settings, backup_folder=tmp_path / "elsewhere"))
    assert fact()["ok"] is True
    assert rows(Alert)[0].ended_at


def test_what_was_changed_in_a_backup_is_found(inside, settings, tmp_path):
    backups.make(settings, tmp_path / "backup")
    with pytest.raises(Conflict, match="is not empty"):
        backups.make(settings, tmp_path / "backup")
    name = archives.check(settings, tmp_path / "backup").database
    content = (tmp_path / "backup" / name).read_bytes()
    (tmp_path / "backup" / name).write_bytes(content[:-1] + b"!")
    with pytest.raises(CarillonError, match="is not what it was"):
        archives.check(settings, tmp_path / "backup")
    assert backups.check_integrity(settings) == ""
