"""The content of threads: compressed and sealed in the storage, and of it in the open what lists show, masked."""

import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.analysis import masking, secrets
from app.domain import thread as threads
from app.domain.thread import Thread
from app.infra import database
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.models import threads as rows
from app.models.teams import Team

LONGEST_TITLE = 200
LONGEST_EXCERPT = 240
LONGEST_SEARCH = 4000
LONGEST_KEY = 120
_LEVEL = 3  # of the compression: higher ones take much longer for little
_LONG_WORD = re.compile(r"(?<!\S)(?=\S*\d)(?=\S*[A-Za-z])\S{8,}")
_HARMLESS = re.compile(r"\S*://\S*|[\w./-]+\.[A-Za-z]{1,5}[.,;:?!)]*|\d[\d:./T+-]*\w{0,3}[.,;:?!)]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Packed:
    """A conversation ready to be kept: what tells it apart, what is shown of it, and its content as JSON."""

    format: str
    key: str
    digest: str
    content: bytes
    last_at: datetime | None
    shown: dict[str, Any]


@dataclass(frozen=True)
class Box:
    """Where the contents of one team's threads lie."""

    storage: Storage
    vault: Vault
    team_id: int
    data_key: bytes

    @classmethod
    def of(cls, storage: Storage, vault: Vault, team_id: int) -> "Box":
        """Return the box of a team."""
        with database.read() as connection:
            key = connection.execute(sa.select(Team.data_key).where(Team.id == team_id)).scalar_one()
        return cls(storage, vault, team_id, key)

    def keep(self, packed: Packed) -> tuple[str, int]:
        """Compress, seal and store a content; returns its digest in the storage, which no other has, and its bytes."""
        small = zlib.compress(packed.content, _LEVEL)
        aad = rows.Thread.aad_of(self.team_id, packed.format, packed.key, packed.digest)
        return self.storage.keep_bytes(self.vault.seal(self.data_key, small, aad))

    def open(self, row: rows.Thread) -> Thread:
        """Return a conversation as it was imported, its secrets in clear. Raises NotFound when it is gone, WrongKey."""
        sealed = self.storage.path(row.body).read_bytes()
        aad = rows.Thread.aad_of(self.team_id, row.format, row.key, row.digest)
        return threads.of_json(json.loads(zlib.decompress(self.vault.unseal_bytes(self.data_key, sealed, aad))))


def packed(thread: Thread) -> Packed:
    """Return a conversation ready to be kept. Raises what a strange one may raise: RecursionError, ValueError."""
    content = json.dumps(threads.as_json(thread), separators=(",", ":")).encode()
    digest = hashlib.sha256(content).hexdigest()
    key = plain(thread.key).strip() or digest
    if len(key) > LONGEST_KEY:
        key = hashlib.sha256(key.encode()).hexdigest()
    return Packed(thread.format, key, digest, content, thread.last_at, _shown(thread))


def plain(text: str) -> str:
    """Return a text that every database takes: without control characters and halves of characters, on one line."""
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode()


def _shown(thread: Thread) -> dict[str, Any]:
    asked = [message.text for message in thread.asked]
    said = asked or [message.text for message in thread.visible[:1]]
    title, words = thread.title or "", "\n".join(said)[: 2 * LONGEST_SEARCH]
    hidden = _secrets(thread, [title, *said])
    title, words = (" ".join(plain(masking.masked(text, hidden)).split()) for text in (title, words))
    begun_at = next((message.at for message in thread.messages if message.at), None)
    return {
        "title": cut(title or words or "Without a title", LONGEST_TITLE if title else 80),
        "message_count": len(thread.messages),
        "begun_at": begun_at,
        "last_at": thread.last_at,
        "excerpt": cut(words, LONGEST_EXCERPT),
        "search": f"{title} {words}".lower()[:LONGEST_SEARCH],
    }


def _secrets(thread: Thread, shown: list[str]) -> tuple[str, ...]:
    """Return the secrets that may stand in what is shown; the whole is looked through where something may be one."""
    if any(_may_be_drawn(text) for text in shown):
        return tuple(secret.value for secret in secrets.scan(thread))
    return tuple(value for text in shown for value, *_ in secrets.in_text(text, True))


def _may_be_drawn(text: str) -> bool:
    """Whether letters and digits are mixed in a word as in a key: not in addresses, names of files, and dates."""
    return any(not _HARMLESS.fullmatch(hit[0]) for hit in _LONG_WORD.finditer(text))


def cut(text: str, longest: int) -> str:
    """Return a text of at most so many characters, with a sign where it was cut."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
