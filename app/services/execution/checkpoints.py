"""Points of a run to go on from: stored under the fencing token, found again by the next attempt or another run."""

import stat
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from app.engines.base import Checkpoint, CheckpointReached
from app.infra import database, sandbox_files
from app.infra.storage import Storage
from app.infra.writer import Writer
from app.models.runs import Checkpoint as Row
from app.models.runs import Run
from app.services.execution.claims import Claim
from app.services.execution.outcomes import charge, check_token
from app.services.unit import Work

log = structlog.get_logger()

MOST_FILES = 5000
"""A workspace with more files is not kept."""

_WHOLE = 2
"""Of so many checkpoints of a run the state is kept; the others only tell which files they had."""

_LONGEST_CHAIN = 100

_Mark = tuple[int, int, int]


class TooManyFiles(Exception):
    """The workspace has more files than a checkpoint keeps; the message says so."""


class CheckpointKeeper:
    """Stores the checkpoints of one attempt; a file that has not changed since the last one is not read again."""

    def __init__(self, held: Claim, storage: Storage, writer: Writer[Work]) -> None:
        self._held = held
        self._storage = storage
        self._writer = writer
        self._known: dict[str, tuple[_Mark, str]] = {}

    def keep(self, reached: CheckpointReached, cost_micros: int | None) -> None:
        """Store a checkpoint and what the attempt has cost. Raises Stale, TooManyFiles, OSError.

        While the database is away it goes on without one: the next will hold all that this one would have.
        """
        try:
            files = self._files(reached.workspace)
            values = {"after": reached.after[:60], "state": dict(reached.state), "files": files}
            self._writer.do(partial(_store, held=self._held, values=values, cost_micros=cost_micros))
        except database.Away:
            log.warning("checkpoint_not_stored", run=self._held.run_id)

    def _files(self, workspace: Path) -> dict[str, str]:
        known: dict[str, tuple[_Mark, str]] = {}
        for name, about in sandbox_files.walk(workspace):
            if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
                continue
            if len(known) >= MOST_FILES:
                raise TooManyFiles(f"The workspace has more than {MOST_FILES:,} files, so it is not kept.")
            mark = (about.st_ino, about.st_size, about.st_ctime_ns)
            before = self._known.get(name)
            same = before is not None and before[0] == mark
            known[name] = before if before and same else (mark, self._digest(workspace, name))
        self._known = known
        return {name: digest for name, (_, digest) in known.items()}

    def _digest(self, workspace: Path, name: str) -> str:
        return self._storage.keep_file(workspace / name, workspace)[0]


def _store(work: Work, held: Claim, values: dict[str, Any], cost_micros: int | None) -> None:
    check_token(work, held)
    number = work.connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(Row.number), 0) + 1).where(Row.run_id == held.run_id)
    ).scalar_one()
    own = {"team_id": held.team_id, "run_id": held.run_id, "number": number, "token": held.token, "at": work.now}
    work.connection.execute(sa.insert(Row).values(own | values))
    old = sa.and_(Row.run_id == held.run_id, Row.number == number - _WHOLE)
    work.connection.execute(sa.update(Row).where(old).values(state={}))
    charge(work, held, cost_micros)


def last(held: Claim, storage: Storage) -> tuple[Checkpoint | None, int]:
    """Return where the attempt goes on from, and what the run and those it goes on from have cost so far.

    Raises NotFound when a file of the checkpoint is no longer stored.
    """
    if held.token == 1 and held.resumes_id is None:
        return None, held.cost_micros or 0
    with database.read() as connection:
        chain = _chain(connection, held)
        rows = (connection.execute(_newest(run_id)).first() for run_id, _ in chain)
        row = next((row for row in rows if row), None)
    spent = sum(cost for _, cost in chain)
    if row is None:
        return None, spent
    return Checkpoint(row.after, row.state, {name: storage.path(digest) for name, digest in row.files.items()}), spent


def _newest(run_id: int) -> sa.Select[Any]:
    return sa.select(Row.after, Row.state, Row.files).where(Row.run_id == run_id).order_by(Row.number.desc()).limit(1)


def _chain(connection: sa.Connection, held: Claim) -> list[tuple[int, int]]:
    """Return (run, its cost) of this run, of the one it goes on from, of the one that one went on from, and so on."""
    chain = [(held.run_id, held.cost_micros or 0)]
    before = held.resumes_id
    while before is not None and len(chain) < _LONGEST_CHAIN:
        query = sa.select(Run.id, Run.cost_micros, Run.resumes_id).where(Run.id == before, Run.team_id == held.team_id)
        row = connection.execute(query).first()
        if row is None:
            break
        chain.append((row.id, row.cost_micros or 0))
        before = row.resumes_id
    return chain
