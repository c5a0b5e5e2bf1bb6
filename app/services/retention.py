"""What has been kept for long enough is removed, in small transactions that no run waits for."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.infra.storage import Storage
from app.models.people import SignIn, SignInLink, Throttle
from app.models.runs import Artifact, LogChunk, Run
from app.models.tasks import TaskFile
from app.services.unit import Work, batch

KEEP_RUNS = timedelta(days=365)
KEEP_OUTPUT = timedelta(days=90)
"""Logs and artifacts go before the run they belong to."""

KEEP_DOORS = timedelta(days=30)
BATCH = 200


def prune(storage: Storage) -> dict[str, int]:
    """Remove old logs, artifacts, runs and sign-ins; returns how many rows of each went."""
    return {
        "logs": _all(_prune_logs),
        "artifacts": _all(lambda work: _prune_artifacts(work, storage)),
        "runs": _all(_prune_runs),
        "doors": _prune_doors(),
    }


def _all(step: Callable[[Work], int]) -> int:
    total = 0
    while True:
        with batch() as work:
            count = step(work)
        total += count
        if count < BATCH:
            return total


def _prune_logs(work: Work) -> int:
    # In the order of the rows, so that each batch begins where the last one ended.
    old = _old(work.now - KEEP_OUTPUT).where(sa.exists().where(LogChunk.run_id == Run.id))
    return _delete(work, LogChunk.run_id, work.connection.execute(old).scalars().all())


def _prune_artifacts(work: Work, storage: Storage) -> int:
    old = _old(work.now - KEEP_OUTPUT).where(sa.exists().where(Artifact.run_id == Run.id))
    runs = work.connection.execute(old).scalars().all()
    digests = set(work.connection.execute(sa.select(Artifact.digest).where(Artifact.run_id.in_(runs))).scalars())
    count = _delete(work, Artifact.run_id, runs)
    for digest in digests - _still_named(work, digests):
        storage.remove(digest)
    return count


def _prune_runs(work: Work) -> int:
    return _delete(work, Run.id, work.connection.execute(_old(work.now - KEEP_RUNS)).scalars().all())


def _prune_doors() -> int:
    with batch() as work:
        until = work.now - KEEP_DOORS
        statements = (
            sa.delete(SignIn).where(SignIn.expires_at < until),
            sa.delete(SignInLink).where(SignInLink.expires_at < until),
            sa.delete(Throttle).where(Throttle.failed_at < until),
        )
        return sum(work.connection.execute(statement).rowcount for statement in statements)


def _old(before: datetime) -> sa.Select[int]:
    return sa.select(Run.id).where(Run.ended_at < before).order_by(Run.id).limit(BATCH)


def _delete(work: Work, column: sa.orm.InstrumentedAttribute[int], ids: Iterable[int]) -> int:
    found = list(ids)
    if found:
        work.connection.execute(sa.delete(column.class_).where(column.in_(found)))
    return len(found)


def _still_named(work: Work, digests: Iterable[str]) -> set[str]:
    wanted = list(digests)
    columns = (Artifact.digest, TaskFile.digest)
    return {
        digest
        for column in columns
        for digest in work.connection.execute(sa.select(column).where(column.in_(wanted))).scalars()
    }
