"""What has been kept for long enough is removed, in small transactions that no run waits for."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.domain.analytics import periods
from app.infra import database
from app.infra.storage import Storage
from app.models.budgets import ModelReading
from app.models.people import SignIn, SignInLink, Throttle
from app.models.rollups import OF_TASK, Rollup
from app.models.runs import Alert, Artifact, Backfill, Checkpoint, Event, LogChunk, Run
from app.models.tasks import TaskFile
from app.models.teams import ApiToken, IdempotencyKey, Team
from app.models.telling import ActionLink, Incident
from app.models.threads import Import
from app.services.unit import Work, batch

KEEP_RUNS = timedelta(days=365)
KEEP_OUTPUT = timedelta(days=90)
"""Logs, artifacts and checkpoints go before the run they belong to."""

KEEP_DOORS = timedelta(days=30)
KEEP_UPLOADS = timedelta(hours=2)
BATCH = 40
"""Runs of one transaction, with all that is theirs: a few milliseconds, where a run waits for no more than 50."""

_LOOKED_AT = 2000
_ROLLUPS = 250
_BREATH_SECONDS = 0.005
"""Between two transactions others get their turn: SQLite gives the lock to whoever asks first."""


def prune(storage: Storage) -> dict[str, int]:
    """Remove what is old; returns how many runs lost each kind, and how many rows of others went. Audit stays."""
    return {
        "logs": _prune(LogChunk, KEEP_OUTPUT, lambda work, runs: _remove(work, LogChunk, runs)),
        "artifacts": _prune_files(storage, Artifact, Artifact.digest, lambda digest: (digest,)),
        "checkpoints": _prune_files(storage, Checkpoint, Checkpoint.files, lambda files: files.values()),
        "runs": _prune(None, KEEP_RUNS, lambda work, runs: _remove(work, Run, runs)),
        "events": _prune_events(),
        "doors": _prune_doors(),
        "uploads": _prune_uploads(storage),
        "alerts": _prune_small(),
        "rollups": _prune_rollups(),
    }


def _remove(work: Work, table: Any, runs: Sequence[int]) -> None:
    column = table.id if table is Run else table.run_id
    work.connection.execute(sa.delete(table).where(column.in_(runs)))


def _prune(table: Any, kept: timedelta, remove: Callable[[Work, Sequence[int]], Any]) -> int:
    """Let `remove` take what `table` holds of runs that ended so long ago; without a table, the runs themselves.

    Ids grow with time: where many in a row are young, those after them are, too. So it looks at the beginning alone,
    however long the table is, and it looks outside the transactions that remove.
    """
    total = after = 0
    while True:
        looked_at, old = _old_runs(table, kept, after)
        for runs in (old[first : first + BATCH] for first in range(0, len(old), BATCH)):
            with batch() as work:
                remove(work, runs)
            time.sleep(_BREATH_SECONDS)
        total += len(old)
        if not old:
            return total
        after = looked_at


def _old_runs(table: Any, kept: timedelta, after: int) -> tuple[int, list[int]]:
    """Return the last of the runs looked at after the one with the id `after`, and those of them that are old."""
    held = sa.select(Run.id.label("run_id")) if table is None else sa.select(table.run_id).distinct()
    column = Run.id if table is None else table.run_id
    some = held.where(column > after).order_by(column).limit(_LOOKED_AT).subquery()
    with database.read() as connection:
        until = database.now(connection) - kept
        is_old = Run.ended_at < until
        if table is Checkpoint:  # of a run that another goes on from, which is young or still to come
            later = aliased(Run)
            goes_on = sa.or_(later.ended_at.is_(None), later.ended_at >= until)
            is_old = sa.and_(is_old, sa.not_(sa.exists().where(later.resumes_id == Run.id, goes_on)))
        rows = connection.execute(sa.select(Run.id, is_old).join(some, some.c.run_id == Run.id).order_by(Run.id)).all()
    return (rows[-1][0] if rows else after), [run for run, is_old in rows if is_old]


def _prune_files(storage: Storage, table: Any, column: Any, digests_of: Callable[[Any], Iterable[str]]) -> int:
    """Do as `_prune`, and remove the stored files that nothing names any more.

    They are looked up after the transaction: a file that is named meanwhile was kept again, and `remove` spares it.
    """
    gone: list[str] = []

    def remove(work: Work, runs: Sequence[int]) -> None:
        removed = work.connection.execute(sa.delete(table).where(table.run_id.in_(runs)).returning(column)).scalars()
        gone.extend(digest for value in removed for digest in digests_of(value))

    total = _prune(table, KEEP_OUTPUT, remove)
    wanted = sorted(set(gone) - _in_checkpoints()) if gone else []
    for first in range(0, len(wanted), BATCH):
        some = set(wanted[first : first + BATCH])
        for digest in some - _named(some):
            storage.remove(digest)
    storage.sweep()
    return total


def _named(digests: Iterable[str]) -> set[str]:
    wanted = list(digests)
    with database.read() as connection:
        return {
            digest
            for column in (Artifact.digest, TaskFile.digest, Import.digest)
            for digest in connection.execute(sa.select(column).where(column.in_(wanted))).scalars()
        }


def _prune_uploads(storage: Storage) -> int:
    """Remove the files of imports that were read; one that another import or a task names stays."""
    with batch() as work:
        is_over = (Import.state.in_(("done", "failed")), Import.ended_at < work.now - KEEP_UPLOADS, Import.digest != "")
        ended = work.connection.execute(sa.select(Import.id, Import.digest).where(*is_over).limit(_LOOKED_AT)).all()
        is_one = Import.id.in_([row.id for row in ended])
        work.connection.execute(sa.update(Import).where(is_one).values(digest=""))
    gone = {row.digest for row in ended}
    for digest in gone - _named(gone) - (_in_checkpoints() if gone else set()):
        storage.remove(digest)
    return len(gone)


def _in_checkpoints() -> set[str]:
    with database.read() as connection:
        files = connection.execution_options(yield_per=500).execute(sa.select(Checkpoint.files)).scalars()
        return {digest for some in files for digest in some.values()}


def _prune_events() -> int:
    """Remove old events of no run; those of a run go with it."""
    total = 0
    while True:
        some = sa.select(Event.id, Event.run_id, Event.at).order_by(Event.id).limit(_LOOKED_AT)
        with database.read() as connection:
            until = database.now(connection) - KEEP_RUNS
            old = [row.id for row in connection.execute(some) if row.run_id is None and row.at < until]
        if not old:
            return total
        for first in range(0, len(old), BATCH):
            with batch() as work:
                work.connection.execute(sa.delete(Event).where(Event.id.in_(old[first : first + BATCH])))
            time.sleep(_BREATH_SECONDS)
        total += len(old)


def _prune_doors() -> int:
    with batch() as work:
        until = work.now - KEEP_DOORS
        statements = (
            sa.delete(SignIn).where(SignIn.expires_at < until),
            sa.delete(SignInLink).where(SignInLink.expires_at < until),
            sa.delete(ActionLink).where(ActionLink.expires_at < until),
            sa.delete(Throttle).where(Throttle.failed_at < until),
            sa.delete(ApiToken).where(sa.or_(ApiToken.expires_at < until, ApiToken.revoked_at < until)),
            sa.delete(IdempotencyKey).where(IdempotencyKey.created_at < work.now - IdempotencyKey.LASTS),
        )
        return sum(work.connection.execute(statement).rowcount for statement in statements)


def _prune_small() -> int:
    """Remove alerts with their messages, and incidents, that ended long ago; and what else of long ago is small."""
    total = 0
    for table, column in (
        (Alert, Alert.ended_at), (Incident, Incident.closed_at), (Backfill, Backfill.created_at),
        (Import, Import.ended_at), (ModelReading, ModelReading.at),
    ):  # fmt: skip
        with database.read() as connection:
            until = database.now(connection) - KEEP_RUNS
            old = list(connection.execute(sa.select(table.id).where(column < until)).scalars())
        for first in range(0, len(old), BATCH):
            with batch() as work:
                work.connection.execute(sa.delete(table).where(table.id.in_(old[first : first + BATCH])))
        total += len(old)
    return total


def _prune_rollups() -> int:
    """Remove the quarters of an hour of each task that nothing is read by any more; days stay, and those of teams."""
    with database.read() as connection:
        teams = list(connection.execute(sa.select(Team.id)).scalars())
    return sum(map(_prune_rollups_of, teams))


def _prune_rollups_of(team_id: int) -> int:
    total = 0
    while True:
        with batch() as work:
            is_of_task = (Rollup.team_id == team_id, Rollup.grain == OF_TASK)
            some = sa.select(Rollup.at).where(*is_of_task, Rollup.at < periods.fine_since(work.now))
            old = work.connection.execute(some.order_by(Rollup.at).limit(_ROLLUPS)).scalars().all()
            if old:
                gone = sa.delete(Rollup).where(*is_of_task, Rollup.at <= old[-1])
                total += work.connection.execute(gone).rowcount
        if not old:
            return total
        time.sleep(_BREATH_SECONDS)
