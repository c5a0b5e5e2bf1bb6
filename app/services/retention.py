"""What has been kept for long enough is removed, in small transactions that no run waits for."""

from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa

from app.infra import database
from app.infra.storage import Storage
from app.models.people import SignIn, SignInLink, Throttle
from app.models.runs import Artifact, Checkpoint, LogChunk, Run
from app.models.tasks import TaskFile
from app.models.teams import ApiToken, IdempotencyKey
from app.services.unit import Work, batch

KEEP_RUNS = timedelta(days=365)
KEEP_OUTPUT = timedelta(days=90)
"""Logs and artifacts go before the run they belong to."""

KEEP_DOORS = timedelta(days=30)
BATCH = 200


def prune(storage: Storage) -> dict[str, int]:
    """Remove old logs, artifacts, runs, sign-ins and tokens; returns how many runs lost each, and how many went."""
    return {
        "logs": _prune_logs(),
        "artifacts": _prune_artifacts(storage),
        "checkpoints": _prune_checkpoints(storage),
        "runs": _prune_runs(),
        "doors": _prune_doors(),
    }


def _prune_logs() -> int:
    total = 0
    while runs := _old_runs(KEEP_OUTPUT, sa.exists().where(LogChunk.run_id == Run.id)):
        with batch() as work:
            work.connection.execute(sa.delete(LogChunk).where(LogChunk.run_id.in_(runs)))
        total += len(runs)
    return total


def _prune_artifacts(storage: Storage) -> int:
    total = 0
    while runs := _old_runs(KEEP_OUTPUT, sa.exists().where(Artifact.run_id == Run.id)):
        gone = sa.delete(Artifact).where(Artifact.run_id.in_(runs)).returning(Artifact.digest)
        with batch() as work:
            digests = set(work.connection.execute(gone).scalars())
            digests -= _still_named(work, digests)
        for digest in digests:
            storage.remove(digest)
        total += len(runs)
    storage.sweep()
    return total


def _prune_checkpoints(storage: Storage) -> int:
    total = 0
    while runs := _old_runs(KEEP_OUTPUT, sa.exists().where(Checkpoint.run_id == Run.id)):
        gone = sa.delete(Checkpoint).where(Checkpoint.run_id.in_(runs)).returning(Checkpoint.files)
        with batch() as work:
            digests = {digest for files in work.connection.execute(gone).scalars() for digest in files.values()}
            digests -= _still_named(work, digests)
        for digest in digests:
            storage.remove(digest)
        total += len(runs)
    return total


def _prune_runs() -> int:
    total = 0
    while runs := _old_runs(KEEP_RUNS):
        with batch() as work:
            work.connection.execute(sa.delete(Run).where(Run.id.in_(runs)))
        total += len(runs)
    return total


def _prune_doors() -> int:
    with batch() as work:
        until = work.now - KEEP_DOORS
        statements = (
            sa.delete(SignIn).where(SignIn.expires_at < until),
            sa.delete(SignInLink).where(SignInLink.expires_at < until),
            sa.delete(Throttle).where(Throttle.failed_at < until),
            sa.delete(ApiToken).where(sa.or_(ApiToken.expires_at < until, ApiToken.revoked_at < until)),
            sa.delete(IdempotencyKey).where(IdempotencyKey.created_at < work.now - IdempotencyKey.LASTS),
        )
        return sum(work.connection.execute(statement).rowcount for statement in statements)


def _old_runs(kept: timedelta, *which: sa.ColumnElement[bool]) -> list[int]:
    """Return the next batch of runs that ended long ago, in the order of the rows.

    They are looked for outside the transaction that removes them: a million runs take a while, and no writer waits.
    """
    with database.read() as connection:
        old = sa.select(Run.id).where(Run.ended_at < database.now(connection) - kept, *which)
        return list(connection.execute(old.order_by(Run.id).limit(BATCH)).scalars())


def _still_named(work: Work, digests: Iterable[str]) -> set[str]:
    wanted = list(digests)
    columns = (Artifact.digest, TaskFile.digest)
    named = {
        digest
        for column in columns
        for digest in work.connection.execute(sa.select(column).where(column.in_(wanted))).scalars()
    }
    kept = work.connection.execute(sa.select(Checkpoint.files)).scalars()
    return named.union(*(set(wanted).intersection(files.values()) for files in kept))
