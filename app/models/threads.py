"""Imported conversations: the files they came in, the threads, and what was found in them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.infra.database import Base, Key
from app.models.people import Person

_OPEN = "state IN ('waiting', 'reading')"


class Import(Base):
    """A file, text or address that conversations are read from.

    `state` is waiting, reading, done or failed. Whoever reads it holds `token` and says so at `beat_at`; what has not
    been heard of for a while is read again from its beginning, which changes nothing in what was read already.
    """

    __tablename__ = "imports"
    __table_args__ = (
        sa.Index("imports_of_team", "team_id", "id"),
        sa.Index("imports_open", "id", sqlite_where=sa.text(_OPEN), postgresql_where=sa.text(_OPEN)),
        sa.Index("imports_by_digest", "digest"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    name: Mapped[str] = mapped_column(sa.String(300))  # of the file, "Pasted text", or the address
    source: Mapped[str] = mapped_column(sa.String(8))  # upload, paste, url, api, cli
    address: Mapped[str] = mapped_column(sa.String(2000), default="")  # of a shared file, until it is fetched
    digest: Mapped[str] = mapped_column(sa.String(64), default="")  # in the storage until it is read
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    state: Mapped[str] = mapped_column(sa.String(8), default="waiting")
    sentence: Mapped[str] = mapped_column(sa.String(500), default="")
    bytes_read: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    found: Mapped[int] = mapped_column(default=0)  # conversations, broken ones among them
    added: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)  # here before, and gone on since
    known: Mapped[int] = mapped_column(default=0)  # here before, the same
    broken_count: Mapped[int] = mapped_column(default=0)
    broken: Mapped[list[Any]] = mapped_column(default=list)  # the first of them: {"name", "sentence"}
    thread_id: Mapped[int | None] = mapped_column(Key)  # the thread, where it holds one alone
    token: Mapped[int] = mapped_column(default=0)
    beat_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    person: Mapped[Person | None] = relationship(lazy="raise")


class Thread(Base):
    """An imported conversation. Its content lies in the storage under `body`, compressed and sealed.

    What stands here in the open (title, excerpt, search) has its secrets masked.
    """

    __tablename__ = "threads"
    __table_args__ = (
        sa.UniqueConstraint("team_id", "format", "key"),
        sa.Index("threads_of_team", "team_id", "sorted_at", "id"),
        sa.Index("threads_by_body", "body"),
        sa.Index(
            "threads_to_analyse", "id",
            sqlite_where=sa.text("analysis_state IN ('waiting', 'running')"),
            postgresql_where=sa.text("analysis_state IN ('waiting', 'running')"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    import_id: Mapped[int | None] = mapped_column(sa.ForeignKey("imports.id", ondelete="SET NULL"))  # the last one
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    format: Mapped[str] = mapped_column(sa.String(16))
    key: Mapped[str] = mapped_column(sa.String(120))  # as the export calls it, else its digest
    digest: Mapped[str] = mapped_column(sa.String(64))  # of its content
    title: Mapped[str] = mapped_column(sa.String(200))
    message_count: Mapped[int]
    begun_at: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    sorted_at: Mapped[datetime]  # when the last message was said, or when it was imported
    excerpt: Mapped[str] = mapped_column(sa.String(300), default="")
    search: Mapped[str] = mapped_column(sa.Text, default="")  # title and what was asked, in lower case
    body: Mapped[str] = mapped_column(sa.String(64))
    body_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    analysis_state: Mapped[str] = mapped_column(sa.String(8), default="")  # none, waiting, running, done, failed
    analysis_stage: Mapped[str] = mapped_column(sa.String(24), default="")
    analysis_problems: Mapped[list[Any]] = mapped_column(default=list)
    analysis_at: Mapped[datetime | None]  # when it was asked for, or last heard of
    analysis_tries: Mapped[int] = mapped_column(server_default="0")  # how often a worker has begun it
    analysed_at: Mapped[datetime | None]
    analysis_cost_micros: Mapped[int | None] = mapped_column(sa.BigInteger)
    analysis_model: Mapped[str] = mapped_column(sa.String(60), default="")  # that reads it too, empty for none

    owner: Mapped[Person | None] = relationship(lazy="raise")

    @staticmethod
    def aad_of(team_id: int, thread_format: str, key: str, digest: str) -> str:
        """What binds a sealed conversation to its row and its content."""
        return f"{team_id}|threads|{thread_format}:{key}|body|{digest}"


class Finding(Base):
    """One piece of what was read out of a thread, with its evidence: [{"message": its index, "excerpt": …}]."""

    __tablename__ = "findings"
    __table_args__ = (sa.UniqueConstraint("thread_id", "position"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    thread_id: Mapped[int] = mapped_column(sa.ForeignKey("threads.id", ondelete="CASCADE"))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(sa.String(24))
    value: Mapped[dict[str, Any]]
    confidence: Mapped[float] = mapped_column(sa.Float)
    evidence: Mapped[list[Any]] = mapped_column(default=list)
    source: Mapped[str] = mapped_column(sa.String(8), default="rules")  # rules, model, person
    state: Mapped[str] = mapped_column(sa.String(8), default="found")  # found, accepted, changed, dropped
    changed: Mapped[dict[str, Any] | None]  # as a person has it
    seen: Mapped[dict[str, Any] | None]  # what a look at a dependency found: state, sentence, at
