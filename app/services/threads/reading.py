"""Reading an import, in a worker: a conversation at a time, what is new is kept, and all can be begun again."""

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from app.core.errors import NoSpace, NotFound
from app.domain.thread import Thread
from app.importers.base import Broken, Unreadable
from app.importers.reading import read
from app.importers.sources import Meter
from app.infra import database, fetch
from app.infra.addresses import Failure, read_target
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.models import threads as rows
from app.models.threads import Import
from app.services.threads import analyses, calling
from app.services.threads.content import Box, Packed, cut, packed, plain
from app.services.threads.imports import call, too_large
from app.services.unit import Work, batch

log = structlog.get_logger()

MOST_TRIES = 4
MOST_BROKEN = 100
BATCH = 50
BATCH_BYTES = 4 * 1024 * 1024
TELL_SECONDS = 5.0
RING_SECONDS = 0.5
FETCH_SECONDS, FETCH_SILENCE = 1800.0, 30.0

_GIVEN_UP = f"It was begun {MOST_TRIES} times, and each time the worker was gone before its end. Import a part of it."
_TOO_DEEP = "The conversation is nested too deeply, or holds what is no text."
_COUNTS = ("found", "added", "updated", "known", "broken_count")


_stopping = threading.Event()


class _Stopped(Exception):
    """This process ends."""


class _Lost(Exception):
    """Another worker reads this import, or it is gone."""


def carry_out(storage: Storage, vault: Vault, import_id: int, most_bytes: int) -> None:
    """Read an import that waits, or whose reader fell silent; one that another worker reads is left to it.

    What is found in it is kept in small transactions. Read again after an interruption, it finds what it kept.
    """
    row = _claimed(import_id)
    if row is None:
        return
    reader = _Reader(storage, Box.of(storage, vault, row.team_id), row, most_bytes)
    try:
        with calling.beating(reader.live):
            reader.work()
    except _Lost:
        log.info("import_left", import_id=import_id)
    except _Stopped:
        reader.put_back()
    except (Unreadable, Failure, NotFound, NoSpace) as error:
        reader.end("failed", str(error))
    except database.Away:
        raise
    except Exception:
        reader.end("failed", "It could not be read, and the log of the worker says why. Try it again.")
        raise


def stop() -> None:
    """Let what is read in this process go back into the queue: the process ends, another begins it again."""
    _stopping.set()


def _claimed(import_id: int) -> Any:
    """Take an import to read; None when there is nothing to do."""
    with batch() as work:
        is_silent = sa.and_(Import.state == "reading", Import.beat_at < work.now - calling.SILENCE)
        mine = sa.and_(Import.id == import_id, sa.or_(Import.state == "waiting", is_silent))
        values = {"state": "reading", "token": Import.token + 1, "beat_at": work.now, "broken": [], "bytes_read": 0}
        values |= {"started_at": sa.func.coalesce(Import.started_at, work.now), **dict.fromkeys(_COUNTS, 0)}
        found = work.connection.execute(sa.update(Import).where(mine).values(values).returning(Import.__table__))
        row = found.first()
        if row is None:
            return None
        work.ring(row.team_id)
        if row.token <= MOST_TRIES:
            return row
        ended = {"state": "failed", "sentence": _GIVEN_UP, "ended_at": work.now, "address": ""}
        work.connection.execute(sa.update(Import).where(Import.id == import_id).values(ended))
        work.tell("import_ended", row.team_id, None, import_id=import_id, state="failed")
        return None


class _Reader:
    """Reads one import under its token."""

    def __init__(self, storage: Storage, box: Box, row: Any, most_bytes: int) -> None:
        self._storage, self._box, self._row, self._most_bytes = storage, box, row, most_bytes
        self._meter = Meter(on_read=self._tell)
        self._size, self._digest = row.size_bytes, row.digest
        self._counts = dict.fromkeys(_COUNTS, 0)
        self._broken: list[dict[str, str]] = []
        self._held: dict[tuple[str, str], Packed] = {}
        self._seen: set[tuple[str, str]] = set()
        self._thread_id: int | None = None
        self._told_at = self._rung_at = time.monotonic()

    def work(self) -> None:
        """Read all. Raises _Lost, and what says why it can't be read."""
        if not self._digest:
            self._fetch()
        path = self._storage.path(self._digest)
        for item in read(path, self._meter):
            self._take(item)
        self._keep()
        self.end("done")

    # --- an address

    def _fetch(self) -> None:
        """Bring a shared file into the storage."""
        with TemporaryFile(dir=self._folder()) as content:
            sink: Any = _Sink(content, self._look)
            ask = fetch.Request(
                "GET", self._row.address, {"Accept": "*/*"}, timeout_seconds=FETCH_SECONDS,
                silence_seconds=FETCH_SILENCE, into=sink, most_bytes=self._most_bytes,
            )  # fmt: skip
            answer = fetch.Call(ask).answer()
            if answer.status // 100 != 2:  # noqa: PLR2004 HTTP
                host = read_target(answer.url).host
                raise Unreadable(f"{host} answered {answer.status} {answer.phrase}. Check the address.")
            if answer.is_cut:
                raise Unreadable(too_large(self._most_bytes))
            content.seek(0)
            self._digest, self._size = self._storage.keep(content)
        with batch() as work:
            self._hold(work, digest=self._digest, size_bytes=self._size)

    def _folder(self) -> Path:
        self._storage.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._storage.folder

    # --- conversations

    def _take(self, item: Thread | Broken) -> None:
        self._look()
        self._counts["found"] += 1
        if isinstance(item, Broken):
            self._name(item.name, item.sentence)
            return
        try:
            one = packed(item)
        except (RecursionError, ValueError, TypeError):
            self._name(item.title or "A conversation", _TOO_DEEP)
            return
        key = (one.format, one.key)
        if key in self._held:
            self._counts["known"] += 1
        self._held[key] = one
        if len(self._held) >= BATCH or sum(len(held.content) for held in self._held.values()) > BATCH_BYTES:
            self._keep()

    def _name(self, name: str, sentence: str) -> None:
        """Name a conversation that can't be read."""
        self._counts["broken_count"] += 1
        if len(self._broken) < MOST_BROKEN:
            self._broken.append({"name": cut(plain(name), 120), "sentence": cut(plain(sentence), 400)})

    def _keep(self) -> None:
        """Keep what is held and not known yet, in one transaction; contents lie in the storage before it."""
        held, self._held = self._held, {}
        known = _rows(held, self._row.team_id)
        fresh = {key: one for key, one in held.items() if not self._is_known(known.get(key), one)}
        bodies = {key: self._box.keep(one) for key, one in fresh.items()}
        unused = {body for body, _ in bodies.values()}
        try:
            with batch() as work:
                now_known = _rows(fresh, self._row.team_id, work) if fresh else {}
                replaced = [self._write(work, fresh[key], *bodies[key], now_known.get(key)) for key in sorted(fresh)]
                self._counts["known"] += len(held) - len(fresh) - self._of_mine(known, held, fresh)
                self._hold(work)
            unused = {body for body in replaced if body}
        except database.Away:
            unused = set()  # it may have been committed
            raise
        finally:
            for body in unused:
                self._storage.discard(body)
        self._seen |= set(held)

    def _is_known(self, row: Any, one: Packed) -> bool:
        """Whether a conversation is here as it is, or has gone on here since."""
        if row is None or row.deleted_at:
            return False
        self._thread_id = row.id
        if row.digest == one.digest:
            return True
        return bool(row.last_at and one.last_at and one.last_at < row.last_at)

    def _of_mine(self, known: Any, held: Iterable[Any], fresh: Iterable[Any]) -> int:
        """Count those that this import itself kept, before it was interrupted."""
        mine = [key for key in set(held) - set(fresh) - self._seen if known[key].import_id == self._row.id]
        new = sum(known[key].created_at >= self._row.created_at for key in mine)
        self._counts["added"] += new
        self._counts["updated"] += len(mine) - new
        return len(mine)

    def _write(self, work: Work, one: Packed, body: str, size: int, row: Any) -> str:
        """Insert or update a thread; returns the content that nothing names any more, if there is one."""
        values = one.shown | {
            "import_id": self._row.id, "owner_id": self._row.person_id, "digest": one.digest, "body": body,
            "body_bytes": size, "sorted_at": one.last_at or work.now, "changed_at": work.now, "deleted_at": None,
            "analysis_state": "", "analysis_stage": "", "analysis_problems": [],
        }  # fmt: skip
        if row is None:
            new = values | {"team_id": self._row.team_id, "format": one.format, "key": one.key, "created_at": work.now}
            new |= {"analysis_model": ""}
            made = work.connection.execute(_INSERT[work.connection.dialect.name].values(new)).scalar()
            self._thread_id = made or self._thread_id
            self._counts["added" if made else "known"] += 1
            return "" if made else body
        self._thread_id = row.id
        work.connection.execute(sa.update(rows.Thread).where(rows.Thread.id == row.id).values(values))
        self._counts["added" if row.deleted_at else "updated"] += 1
        old: str = row.body
        return old

    # --- saying so

    def _hold(self, work: Work, **more: Any) -> None:
        """Write how far it is. Raises _Lost when somebody else reads it now."""
        share = min(1.0, self._meter.done / self._meter.total) if self._meter.total else 0.0
        values = {**self._counts, "broken": self._broken, "bytes_read": int(self._size * share), "beat_at": work.now}
        if not work.connection.execute(self._mine().values(values | more)).rowcount:
            raise _Lost
        self._told_at = time.monotonic()
        if more or self._told_at - self._rung_at > RING_SECONDS:
            self._rung_at = self._told_at
            work.ring(self._row.team_id)

    def _tell(self) -> None:
        """Say now and then how far it is, also while nothing is found."""
        self._look()
        if time.monotonic() - self._told_at > TELL_SECONDS:
            with batch() as work:
                self._hold(work)

    def live(self) -> bool:
        """Say that it is being read; False when it is another worker's by now."""
        with batch() as work:
            return bool(work.connection.execute(self._mine().values(beat_at=work.now)).rowcount)

    def _mine(self) -> sa.Update:
        mine = (Import.id == self._row.id, Import.token == self._row.token, Import.state == "reading")
        return sa.update(Import).where(*mine)

    def _look(self) -> None:
        if _stopping.is_set():
            raise _Stopped

    def put_back(self) -> None:
        """Let another worker read it."""
        with suppress(_Lost), batch() as work:
            self._hold(work, state="waiting")
        call([self._row.id])

    def end(self, state: str, sentence: str = "") -> None:
        """Say what became of it."""
        self._meter.done = self._meter.total if state == "done" else self._meter.done
        only = self._thread_id if state == "done" and self._counts["found"] == 1 else None
        news = None if self._counts["known"] else only  # one conversation, and not as it was before: it is wanted
        with suppress(_Lost), batch() as work:
            values = {"state": state, "sentence": cut(plain(sentence), 500), "ended_at": work.now, "address": ""}
            self._hold(work, thread_id=only, **values)
            if news:
                analyses.want(work, self._row.team_id, news, self._row.name)
            work.tell("import_ended", self._row.team_id, None, import_id=self._row.id, state=state)
        if news:
            analyses.call([news])


class _Sink:
    """Where a fetched file is written, until the process ends."""

    def __init__(self, content: Any, look: Any) -> None:
        self._content, self._look = content, look

    def write(self, piece: bytes) -> None:
        self._content.write(piece)
        self._look()


_LOOKED_AT = (
    rows.Thread.id, rows.Thread.format, rows.Thread.key, rows.Thread.digest, rows.Thread.body, rows.Thread.last_at,
    rows.Thread.deleted_at, rows.Thread.import_id, rows.Thread.created_at,
)  # fmt: skip


def _rows(keys: Iterable[tuple[str, str]], team_id: int, work: Work | None = None) -> dict[tuple[str, str], Any]:
    """Return the rows of these conversations; with `work` they are locked until its end."""
    wanted = [key for _, key in keys]
    query = sa.select(*_LOOKED_AT).where(rows.Thread.team_id == team_id, rows.Thread.key.in_(wanted))
    if work:
        found = work.connection.execute(query.order_by(rows.Thread.id).with_for_update()).all()
    else:
        with database.read() as connection:
            found = connection.execute(query).all()
    return {(row.format, row.key): row for row in found}


_INSERT = {
    "sqlite": sqlite.insert(rows.Thread).on_conflict_do_nothing().returning(rows.Thread.id),
    "postgresql": postgresql.insert(rows.Thread).on_conflict_do_nothing().returning(rows.Thread.id),
}
"""The same conversation that another import brings at the same moment is kept once."""
