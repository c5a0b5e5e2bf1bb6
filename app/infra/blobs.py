"""Stored files in the database, for web and workers on several hosts: in pieces, whole or not at all."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import NotFound
from app.infra import database
from app.infra.database import Base

KEPT_LATELY = timedelta(hours=1)
TORN = timedelta(days=1)
"""What was begun so long ago and is not whole never will be."""


class Blob(Base):
    """A stored file by the SHA-256 of its content; until `is_whole`, pieces may be missing."""

    __tablename__ = "blobs"

    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    is_whole: Mapped[bool]
    kept_at: Mapped[datetime]


class BlobPiece(Base):
    """A part of a stored file; numbers count from 0."""

    __tablename__ = "blob_pieces"

    digest: Mapped[str] = mapped_column(sa.ForeignKey("blobs.digest", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]


def keep(digest: str, size: int, content: Iterable[bytes]) -> None:
    """Store the pieces of `content`. Each is a transaction of its own, so that no other writer waits for a large file.

    Whoever stores the same content at the same time writes the same pieces: nobody waits, nothing is there twice.
    """
    with database.write() as connection:
        row = {"digest": digest, "size_bytes": size, "is_whole": False, "kept_at": database.now(connection)}
        insert = _insert(connection)(Blob).values(row)
        again = insert.on_conflict_do_update(index_elements=["digest"], set_={"kept_at": row["kept_at"]})
        if connection.execute(again.returning(Blob.is_whole)).scalar_one():
            return
    for number, piece in enumerate(content):
        with database.write() as connection:
            part = {"digest": digest, "number": number, "content": piece}
            connection.execute(_insert(connection)(BlobPiece).values(part).on_conflict_do_nothing())
    with database.write() as connection:
        whole = sa.update(Blob).where(Blob.digest == digest)
        connection.execute(whole.values(is_whole=True, kept_at=database.now(connection)))


def pieces(digest: str) -> Iterator[bytes]:
    """Yield the content piece by piece, without holding a connection meanwhile. Raises NotFound."""
    with database.read() as connection:
        is_whole = connection.execute(sa.select(Blob.is_whole).where(Blob.digest == digest)).scalar()
    if not is_whole:
        raise NotFound("This file is no longer stored.")
    number = 0
    while (piece := _piece(digest, number)) is not None:
        yield piece
        number += 1


def remove(digest: str) -> None:
    """Remove a file that nothing names any more, unless it was kept again lately: its row may be on its way."""
    with database.write() as connection:
        is_old = Blob.kept_at < database.now(connection) - KEPT_LATELY
        connection.execute(sa.delete(Blob).where(Blob.digest == digest, is_old))


def discard(digest: str) -> None:
    """Remove a file at once, however lately it was kept."""
    with database.write() as connection:
        connection.execute(sa.delete(Blob).where(Blob.digest == digest))


def sweep() -> None:
    """Remove what was begun and never finished."""
    with database.write() as connection:
        is_old = Blob.kept_at < database.now(connection) - TORN
        connection.execute(sa.delete(Blob).where(Blob.is_whole.is_(False), is_old))


def _piece(digest: str, number: int) -> bytes | None:
    with database.read() as connection:
        wanted = sa.select(BlobPiece.content).where(BlobPiece.digest == digest, BlobPiece.number == number)
        return connection.execute(wanted).scalar_one_or_none()


def _insert(connection: sa.Connection) -> type[postgresql.Insert] | type[sqlite.Insert]:
    return postgresql.Insert if connection.dialect.name == "postgresql" else sqlite.Insert
