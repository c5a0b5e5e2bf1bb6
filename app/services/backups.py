"""Backups: made on request and by themselves; how the last one went is a fact and, when it failed, an alert."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from app.core.clock import utc_now
from app.core.errors import CarillonError, Conflict
from app.infra import archives, database, disk, snapshots
from app.infra.archives import Manifest
from app.models.instance import Fact
from app.services import alerting
from app.services.unit import Work, batch
from app.settings import SettingError, Settings

log = structlog.get_logger()

FACT, INTEGRITY = "backup", "integrity"
"""The facts: how the last backup went, and what the last look at SQLite's file found."""

_AGAIN = timedelta(hours=1)
"""After a failure it is tried again so soon, or at the next time if that comes first."""


def make(settings: Settings, folder: Path, *, with_key: bool = False) -> Manifest:
    """Make a backup in `folder` while everything runs. Raises Conflict, CarillonError, SettingError with what to do."""
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty. Name a new folder.")
    try:
        return archives.make(settings, folder, ", ".join(sorted(database.revisions())), with_key=with_key)
    except (OSError, sa.exc.DBAPIError, snapshots.Failed) as error:
        raise Conflict(f"The backup could not be made in {folder}: {str(error).rstrip('.')}.") from error


def make_when_due(settings: Settings) -> bool:
    """Make the backup that is due by the settings, and remove the oldest; whether one was due."""
    if not settings.backup_minutes or not _take_turn(settings):
        return False
    path = settings.backups / f"{utc_now():%Y-%m-%dT%H-%M-%SZ}"
    try:
        _refuse_without_room(settings)
        manifest = make(settings, path)
    except (CarillonError, SettingError) as error:
        _note(path, ok=False, problem=str(error))
        log.warning("backup_failed", problem=str(error))
    else:
        archives.keep_latest(settings.backups, settings.backup_keep)
        _note(path, ok=True, size=manifest.bytes)
        log.info("backup_made", path=str(path), bytes=manifest.bytes)
    return True


def check_integrity(settings: Settings) -> str:
    """Look whether SQLite's file is whole, and return what is wrong; PostgreSQL looks after itself."""
    problem = snapshots.sqlite_problem(settings.sqlite_file) if settings.sqlite_file else ""
    with batch() as work:
        _set(work, INTEGRITY, {"ok": not problem, "problem": problem})
        if problem:
            sentence = f"The database is damaged: {problem} Restore the last backup (./carillon restore)."
            alerting.begin(work, INTEGRITY, "database_damaged", sentence, None)
        else:
            alerting.end(work, INTEGRITY, "The database is whole.")
    return problem


def _take_turn(settings: Settings) -> bool:
    """Whether a backup is due; then it is this process that makes it."""
    with batch() as work:
        query = sa.select(Fact.value, Fact.at).where(Fact.name == FACT).with_for_update()
        row = work.connection.execute(query).first()
        wait = timedelta(minutes=settings.backup_minutes)
        if row and not row.value["ok"]:
            wait = min(wait, _AGAIN)
        if row and work.now - row.at < wait:
            return False
        # What is being made is not yet made: until then the fact tells of the one before, later.
        first = {"at": work.now.isoformat(), "path": "", "bytes": 0, "ok": True, "problem": "It is being made."}
        _set(work, FACT, row.value if row else first)
        return True


def _refuse_without_room(settings: Settings) -> None:
    disk.refuse_if_low()
    file = settings.sqlite_file
    with suppress(OSError):
        if file and disk.free(settings.backups) < file.stat().st_size:
            raise Conflict(f"{settings.backups} has too little room for a copy of the database.")


def _note(path: Path, *, ok: bool, size: int = 0, problem: str = "") -> None:
    with batch() as work:
        value = {"at": work.now.isoformat(), "path": str(path), "bytes": size, "ok": ok, "problem": problem}
        _set(work, FACT, value)
        if ok:
            alerting.end(work, FACT, "A backup was made again.")
        else:
            alerting.begin(work, FACT, "backup_failed", f"The backup failed: {problem}", None)


def _set(work: Work, name: str, value: dict[str, Any]) -> None:
    work.connection.execute(sa.delete(Fact).where(Fact.name == name))
    work.connection.execute(sa.insert(Fact).values(name=name, value=value, at=work.now))
