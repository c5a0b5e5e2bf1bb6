"""Threads: imported conversations, listed and searched, read, put aside and brought back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.errors import NotFound
from app.domain.access import Actor
from app.domain.thread import Thread as Conversation
from app.importers.formats import IMPORTERS
from app.infra import database
from app.infra.database import db
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.models.tasks import Task
from app.models.threads import Thread
from app.services.threads import analyses
from app.services.threads.content import Box
from app.services.unit import batch

PAGE_ROWS = 50
MOST_AT_ONCE = 200
UNDO = timedelta(hours=1)
"""For so long a deleted thread can be brought back; then its content is removed."""

FORMATS: Mapping[str, str] = {importer.name: importer.label for importer in IMPORTERS}
"""The formats by name, as people call them."""

STATES: Mapping[str, tuple[str, ...]] = {
    "new": ("",),
    "going": ("waiting", "running"),
    "done": ("done",),
    "failed": ("failed",),
}
"""What the list can be narrowed to, and the states of analysis behind it."""

_LINE = (
    Thread.id, Thread.format, Thread.title, Thread.message_count, Thread.begun_at, Thread.last_at, Thread.sorted_at,
    Thread.excerpt, Thread.body_bytes, Thread.import_id, Thread.created_at, Thread.changed_at, Thread.analysis_state,
    Thread.analysis_stage, Thread.analysed_at,
)  # fmt: skip


@dataclass(frozen=True)
class Filters:
    """Words that all occur in the title or in what was asked; a format; a name of STATES; the number of an import."""

    q: str = ""
    format: str = ""
    state: str = ""
    brought_by: str = ""


@dataclass(frozen=True)
class Page:
    """Some threads, the ones that went on last first, and where the next page begins: empty at the end."""

    rows: Sequence[Any]
    after: str


def listing(actor: Actor, filters: Filters, after: str = "", most: int = PAGE_ROWS) -> Page:
    """Return the threads behind the place `after` that match; a place that is none is the beginning."""
    conditions = _matching(actor, filters)
    if place := _place(after):
        conditions.append(sa.tuple_(Thread.sorted_at, Thread.id) < place)
    query = sa.select(*_LINE).where(*conditions).order_by(Thread.sorted_at.desc(), Thread.id.desc())
    rows = db.session.execute(query.limit(most + 1)).all()
    shown = rows[:most]
    return Page(shown, place_of(shown[-1]) if len(rows) > most else "")


def place_of(row: Any) -> str:
    """Return the place of a row in the list."""
    return f"{row.sorted_at.isoformat()}/{row.id}"


def counts(actor: Actor) -> Mapping[str, int]:
    """Count the team's threads by format."""
    query = sa.select(Thread.format, sa.func.count().label("number")).where(
        Thread.team_id == actor.team_id, Thread.deleted_at.is_(None)
    )
    return {row.format: row.number for row in db.session.execute(query.group_by(Thread.format))}


def _matching(actor: Actor, filters: Filters) -> list[Any]:
    conditions: list[Any] = [Thread.team_id == actor.team_id, Thread.deleted_at.is_(None)]
    conditions += [Thread.search.contains(word, autoescape=True) for word in filters.q.lower().split()[:8]]
    if filters.format:
        conditions.append(Thread.format == filters.format)
    if filters.state in STATES:
        conditions.append(Thread.analysis_state.in_(STATES[filters.state]))
    if filters.brought_by.isdecimal() and len(filters.brought_by) < 10:  # noqa: PLR2004 no larger number is one of a row
        conditions.append(Thread.import_id == int(filters.brought_by))
    return conditions


def _place(text: str) -> tuple[datetime, int] | None:
    at, _, number = text.partition("/")
    try:
        moment = datetime.fromisoformat(at)
        return (moment.astimezone(UTC), int(number)) if moment.tzinfo and len(number) < 16 else None  # noqa: PLR2004 as above
    except (ValueError, OverflowError):
        return None


def find(actor: Actor, thread_id: int) -> Thread:
    """Return a thread with its owner. Raises NotFound."""
    query = sa.select(Thread).where(
        Thread.id == thread_id, Thread.team_id == actor.team_id, Thread.deleted_at.is_(None)
    )
    row = db.session.scalar(query.options(joinedload(Thread.owner)))
    if row is None:
        raise NotFound
    return row


def body(folder: Path, vault: Vault, row: Thread) -> Conversation:
    """Return the conversation as it was imported, its secrets in clear: mask before it is shown.

    `folder` is that of stored files. Raises NotFound when the content is gone, WrongKey.
    """
    return Box.of(Storage(folder), vault, row.team_id).open(row)


def tasks_of(actor: Actor, thread_ids: Collection[int]) -> dict[int, list[Any]]:
    """Return slug, name and time of the tasks that were made of threads, by the thread; without any it is left out."""
    mine = (Task.thread_id.in_(thread_ids), Task.team_id == actor.team_id, Task.deleted_at.is_(None))
    query = sa.select(Task.thread_id, Task.slug, Task.name, Task.created_at).where(*mine).order_by(Task.id)
    found: dict[int, list[Any]] = {}
    for row in db.session.execute(query):
        found.setdefault(row.thread_id, []).append(row)
    return found


def origin_of(actor: Actor, task: Task) -> Any | None:
    """Return id and title of the thread that a task was made of; None without one, and where it is gone."""
    if task.thread_id is None:
        return None
    mine = (Thread.id == task.thread_id, Thread.team_id == actor.team_id, Thread.deleted_at.is_(None))
    return db.session.execute(sa.select(Thread.id, Thread.title).where(*mine)).one_or_none()


# --- what is done with some of them


def analyse(actor: Actor, thread_ids: Sequence[int]) -> None:
    """Let a worker say what threads ask for; those that wait or are looked at already stay so. Raises NotFound."""
    analyses.start(actor, thread_ids)


def delete(actor: Actor, thread_ids: Sequence[int]) -> None:
    """Delete threads; for an hour they can be brought back. Raises NotFound."""
    with batch(actor) as work:
        titles = _own(work.connection, actor, thread_ids)
        values = {"deleted_at": work.now}
        work.connection.execute(sa.update(Thread).where(Thread.id.in_(thread_ids)).values(values))
        for thread_id, title in titles.items():
            work.audit("thread_deleted", title, thread=thread_id)
            work.tell("thread_deleted", actor.team_id, None, thread=thread_id)
    db.session.rollback()


def recover(actor: Actor, thread_ids: Sequence[int]) -> None:
    """Bring deleted threads back. Raises NotFound when they are gone for good."""
    with batch(actor) as work:
        titles = _own(work.connection, actor, thread_ids, is_deleted=True)
        work.connection.execute(sa.update(Thread).where(Thread.id.in_(thread_ids)).values(deleted_at=None))
        for thread_id, title in titles.items():
            work.audit("thread_recovered", title, thread=thread_id)
            work.tell("thread_recovered", actor.team_id, None, thread=thread_id)
    db.session.rollback()


def _own(
    connection: sa.Connection, actor: Actor, thread_ids: Sequence[int], *, is_deleted: bool = False
) -> dict[int, str]:
    """Lock the team's threads and return their titles. Raises NotFound when one of them is not there."""
    wanted = set(thread_ids)
    is_gone = Thread.deleted_at.is_not(None) if is_deleted else Thread.deleted_at.is_(None)
    query = sa.select(Thread.id, Thread.title).where(Thread.id.in_(wanted), Thread.team_id == actor.team_id, is_gone)
    rows = connection.execute(query.order_by(Thread.id).with_for_update())
    found = {row.id: row.title for row in rows}
    if len(found) < len(wanted):
        raise NotFound
    return found


def purge(storage: Storage) -> int:
    """Remove for good what was deleted long enough ago; returns how many threads."""
    with database.read() as connection:
        is_over = Thread.deleted_at < database.now(connection) - UNDO
        gone = connection.execute(sa.select(Thread.id).where(is_over).limit(MOST_AT_ONCE)).scalars().all()
    if not gone:
        return 0
    with batch() as work:
        still = (Thread.id.in_(gone), Thread.deleted_at < work.now - UNDO)
        bodies = work.connection.execute(sa.delete(Thread).where(*still).returning(Thread.body)).scalars().all()
    for digest in bodies:
        storage.discard(digest)
    return len(bodies)
