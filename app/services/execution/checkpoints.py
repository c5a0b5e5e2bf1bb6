"""Points of a run to go on from: stored under the fencing token, found again by the next attempt or another run."""

import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from app.core.errors import NotFound
from app.domain.effects import WITHIN
from app.engines.base import Checkpoint, CheckpointReached, Limits
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

LONGEST_NAME = 60
RESULT = "step_result"
"""What the state of a checkpoint holds that is the end of a step: its result."""

_WHOLE = 2
"""Of so many checkpoints of a run the state is kept; the others only tell which files they had. Results all stay."""

_LONGEST_CHAIN = 100

_Mark = tuple[int, int, int]


class TooManyFiles(Exception):
    """The workspace has more files, or more in them, than a checkpoint keeps; the message says so."""


@dataclass(frozen=True)
class Kept:
    """What an attempt goes on from. `spent_micros`: what the run, and those it goes on from, have cost so far.

    `checkpoint` is the last one an engine reached (in a task with steps: within the step that comes next), `results`
    are those of steps by name, and `files` what the last of them left: digests by path.
    """

    checkpoint: Checkpoint | None = None
    spent_micros: int = 0
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[str, str] | None = None


class CheckpointKeeper:
    """Stores the checkpoints of one attempt; a file that has not changed since the last one is not read again."""

    def __init__(self, held: Claim, storage: Storage, writer: Writer[Work]) -> None:
        self._held = held
        self._storage = storage
        self._writer = writer
        self._known: dict[str, tuple[_Mark, str]] = {}

    def keep(self, reached: CheckpointReached, cost_micros: int | None) -> dict[str, str]:
        """Store a checkpoint and what the attempt has cost; returns its files. Raises Stale, TooManyFiles, OSError.

        While the database is away it goes on without one: the next will hold all that this one would have.
        """
        files = self.files(reached.workspace, reached.besides)
        try:
            self.store(reached.after, dict(reached.state), files, cost_micros)
        except database.Away:
            log.warning("checkpoint_not_stored", run=self._held.run_id)
        return files

    def store(
        self,
        after: str,
        state: dict[str, Any],
        files: Mapping[str, str],
        cost_micros: int | None,
        also: Callable[[Work], None] | None = None,
    ) -> None:
        """Store a checkpoint with files that are stored already, and do `also` in the same transaction.

        Raises Stale, and what the database raises.
        """
        values = {"after": after[:LONGEST_NAME], "state": state, "files": dict(files)}
        self._writer.do(partial(_store, held=self._held, values=values, cost_micros=cost_micros, also=also))

    def files(self, workspace: Path, besides: Collection[str] = ()) -> dict[str, str]:
        """Store the files of a workspace but `besides`; returns their digests. Raises TooManyFiles, OSError."""
        known: dict[str, tuple[_Mark, str]] = {}
        room = most = self._most_bytes
        for name, about in sandbox_files.walk(workspace):
            if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1 or name in besides:
                continue
            if len(known) >= MOST_FILES:
                raise TooManyFiles(f"The workspace has more than {MOST_FILES:,} files, so it is not kept.")
            room -= about.st_size  # as it says: a file with holes is stored without them
            if room < 0:
                raise TooManyFiles(f"The workspace holds more than {most // 1024**2:,} MiB, so it is not kept.")
            mark = (about.st_ino, about.st_size, about.st_ctime_ns)
            before = self._known.get(name)
            same = before is not None and before[0] == mark
            known[name] = before if before and same else (mark, self._digest(workspace, name, about.st_size + room))
        self._known = known
        return {name: digest for name, (_, digest) in known.items()}

    @property
    def _most_bytes(self) -> int:
        limits = self._held.definition.limits if self._held.definition else {}
        return int(limits.get("disk_bytes", Limits.disk_bytes))

    def _digest(self, workspace: Path, name: str, most_bytes: int) -> str:
        return self._storage.keep_file(workspace / name, workspace, most_bytes)[0]


def _store(
    work: Work,
    held: Claim,
    values: dict[str, Any],
    cost_micros: int | None,
    also: Callable[[Work], None] | None = None,
) -> None:
    check_token(work, held)
    number = work.connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(Row.number), 0) + 1).where(Row.run_id == held.run_id)
    ).scalar_one()
    own = {"team_id": held.team_id, "run_id": held.run_id, "number": number, "token": held.token, "at": work.now}
    # One that is reached again takes the place of the one before; a result takes that of all points within its step.
    name, mark, _ = values["after"].partition(WITHIN)
    is_same = Row.after == values["after"]
    within = Row.after.startswith(f"{name}{WITHIN}", autoescape=True)
    gone = is_same if mark else sa.or_(is_same, within)
    if number > 1:
        work.connection.execute(sa.delete(Row).where(Row.run_id == held.run_id, gone))
    work.connection.execute(sa.insert(Row).values(own | values))
    if RESULT not in values["state"]:
        its = within if mark else sa.true()
        old = sa.and_(Row.run_id == held.run_id, Row.number == number - _WHOLE, its)
        work.connection.execute(sa.update(Row).where(old).values(state={}))
    charge(work, held, cost_micros)
    if also:
        also(work)


def last(held: Claim, storage: Storage) -> Kept:
    """Return what the attempt goes on from. Raises NotFound when a file or the chosen step is no longer stored."""
    if held.token == 1 and held.resumes_id is None:
        return Kept(spent_micros=held.cost_micros or 0)
    return now(held, storage)


def now(held: Claim, storage: Storage) -> Kept:
    """Do as `last`, with what the attempt itself has stored since it began."""
    with database.read() as connection:
        chain = _chain(connection, held)
        rows = _rows(connection, chain)
    spent = sum(link.cost_micros or 0 for link in chain)
    results = {row.after: row.state[RESULT] for row in rows if RESULT in row.state}
    files = next((row.files for row in reversed(rows) if RESULT in row.state), None)
    if not rows or RESULT in rows[-1].state:
        return Kept(None, spent, results, files)
    row = rows[-1]
    content = {name: storage.path(digest) for name, digest in row.files.items()}
    return Kept(Checkpoint(row.after, row.state, content), spent, results, files)


def _rows(connection: sa.Connection, chain: Sequence[Any]) -> list[Any]:
    """Return the checkpoints of a run and of those it goes on from, oldest first, each cut where the next went on."""
    rows: list[Any] = []
    for link, following in zip(reversed(chain), [*reversed(chain[:-1]), None], strict=True):
        query = sa.select(Row.after, Row.state, Row.files).where(Row.run_id == link.id).order_by(Row.number)
        rows += connection.execute(query).all()
        if following is not None and following.resumes_after:
            last = max((place for place, row in enumerate(rows) if row.after == following.resumes_after), default=-1)
            if last < 0:
                raise NotFound(f"The checkpoint after {following.resumes_after} is no longer kept.")
            del rows[last + 1 :]
    return rows


_LINK = sa.select(Run.id, Run.cost_micros, Run.resumes_id, Run.resumes_after)


def _chain(connection: sa.Connection, held: Claim) -> list[Any]:
    """Return this run, the one it goes on from, the one that one went on from, and so on."""
    chain: list[Any] = []
    run_id: int | None = held.run_id
    while run_id is not None and len(chain) < _LONGEST_CHAIN:
        row = connection.execute(_LINK.where(Run.id == run_id, Run.team_id == held.team_id)).first()
        if row is None:
            break
        chain.append(row)
        run_id = row.resumes_id
    return chain
