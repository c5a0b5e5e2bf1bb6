"""Imports: files, texts and addresses that conversations are read from; accepted here, read by a worker."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.errors import Invalid, NotFound
from app.domain.access import Actor
from app.domain.wording import listed
from app.importers.formats import importer_of
from app.infra import database, queues
from app.infra.addresses import Failure, read_target
from app.infra.database import db
from app.infra.storage import Storage
from app.models.threads import Import
from app.services.threads import calling
from app.services.threads.content import cut, plain
from app.services.unit import batch

MIB = 1024 * 1024
LARGEST_TEXT = 2 * MIB
LONGEST_ADDRESS = 2000
PASTED = "Pasted text"
_LATELY = timedelta(days=1)
_MOST_SHOWN = 6


# --- asking for one


def start(actor: Actor, folder: Path, stream: BinaryIO, name: str, most_bytes: int, source: str = "upload") -> int:
    """Take in a file, piece by piece, and let a worker read it; returns the import's id. Raises Invalid, NoSpace.

    `folder` is that of stored files.
    """
    digest, size = Storage(folder).keep(_Limited(stream, most_bytes))  # type: ignore[arg-type]  # it is read, and nothing else
    if not size:
        raise Invalid({"file": "The file is empty."})
    name = plain(name).replace("\\", "/").rpartition("/")[2].strip() or "A file"
    return _record(actor, name, source, digest=digest, size_bytes=size)


def start_text(actor: Actor, folder: Path, text: str, source: str = "paste") -> int:
    """Take in a pasted conversation; returns the import's id. Raises Invalid."""
    if not text.strip():
        raise Invalid({"text": "Paste the conversation here."})
    if len(text) > LARGEST_TEXT:
        raise Invalid({"text": "This is longer than 2 million characters. Put it into a file and import that."})
    digest, size = Storage(folder).keep_bytes(text.encode("utf-8", "replace"))
    return _record(actor, PASTED, source, digest=digest, size_bytes=size)


def is_conversation(text: str) -> bool:
    """Whether a text reads as a conversation: it names who speaks."""
    return len(text) <= LARGEST_TEXT and importer_of(text) is not None


def start_address(actor: Actor, address: str, source: str = "url") -> int:
    """Let a worker fetch a shared file and read it; returns the import's id. Raises Invalid."""
    address = address.strip()
    try:
        target = read_target(address)
    except Failure as failure:
        raise Invalid({"address": failure.message}) from None
    if len(address) > LONGEST_ADDRESS:
        raise Invalid({"address": f"An address has at most {LONGEST_ADDRESS:,} characters."})
    name = f"{target.host}{target.path.partition('?')[0]}"  # what follows may open the file to everybody
    return _record(actor, plain(name).rstrip("/"), source, address=address)


class _Limited:
    """A stream of which no more is taken than allowed."""

    def __init__(self, stream: BinaryIO, most_bytes: int) -> None:
        self._stream, self._most, self._left = stream, most_bytes, most_bytes

    def read(self, count: int) -> bytes:
        """Read the next bytes. Raises Invalid once there are too many."""
        piece = self._stream.read(count)
        self._left -= len(piece)
        if self._left < 0:
            raise Invalid({"file": too_large(self._most)})
        return piece


def too_large(most_bytes: int) -> str:
    """Say that a file is larger than is taken."""
    return f"The file is larger than {most_bytes // MIB:,} MiB. Export fewer conversations, or let an admin raise it."


def _record(actor: Actor, name: str, source: str, **more: Any) -> int:
    name = cut(name, 300)
    with batch(actor) as work:
        row = {
            "team_id": actor.team_id, "person_id": actor.person_id, "name": name, "source": source,
            "address": "", "digest": "", "size_bytes": 0, "state": "waiting", "broken": [], "created_at": work.now,
        } | more  # fmt: skip
        import_id: int = work.connection.execute(sa.insert(Import).values(row).returning(Import.id)).scalar_one()
        work.audit("import_started", name, import_id=import_id, source=source)
        work.tell("import_started", actor.team_id, None, import_id=import_id, source=source)
    db.session.rollback()  # ends what was read before, or what is read next would not see it
    if source != "cli":  # the command reads it itself; where it dies, a worker does
        call([import_id])
    return import_id


def call(import_ids: Sequence[int]) -> None:
    """Let a worker read imports."""
    calling.call(queues.IMPORT, "import", import_ids)


def call_again() -> int:
    """Let a worker read what was interrupted, or whose call was lost with Redis; returns how many were called."""
    return calling.call_again(
        queues.IMPORT, "import", Import.id,
        waits=Import.state == "waiting", since=Import.created_at,
        works=Import.state == "reading", beat=Import.beat_at,
    )  # fmt: skip


# --- looking


def find(actor: Actor, import_id: int) -> Import:
    """Return an import with who asked for it. Raises NotFound."""
    query = sa.select(Import).where(Import.id == import_id, Import.team_id == actor.team_id)
    row = db.session.scalar(query.options(joinedload(Import.person)))
    if row is None:
        raise NotFound
    return row


def latest(actor: Actor) -> Sequence[Import]:
    """Return the team's imports of the last day, the newest first, a few at most."""
    with database.read() as connection:
        since = database.now(connection) - _LATELY
    query = sa.select(Import).where(Import.team_id == actor.team_id, Import.created_at > since)
    return db.session.scalars(query.order_by(Import.id.desc()).limit(_MOST_SHOWN)).all()


def told(row: Import) -> str:
    """Say in a sentence how far an import is, or what became of it."""
    if row.sentence:
        return row.sentence
    if row.state == "waiting":
        return "Waits for a worker."
    if row.state == "reading" and not row.found:
        return "Is being fetched." if row.address and not row.digest else "Is being read."
    counts = (
        (row.added, "new"), (row.updated, "brought up to date"), (row.known, "here already"),
        (row.broken_count, "can't be read"),
    )  # fmt: skip
    said = listed([f"{count:,} {words}" for count, words in counts if count] or [""])
    return f"{row.found:,} conversation{'' if row.found == 1 else 's'}{f': {said}' if said else ''}."
