"""The audit as it is read: who asked for what, filtered, in pages, and row by row as a file."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.core.errors import Forbidden, NotFound
from app.domain.access import Actor
from app.exporters import csv_file
from app.infra import database
from app.infra.database import db
from app.models.instance import Audit
from app.models.people import Person
from app.models.runs import Run
from app.models.tasks import Task
from app.models.teams import Membership

PAGE_ROWS = 50
_EXPORTED_AT_ONCE = 1000
_COLUMNS = ("number", "at", "person_id", "person", "action", "object", "data", "seal")


@dataclass(frozen=True)
class Filters:
    """Which entries: of a person, of an action, about something (part of its name), from `since` until `until` (UTC).

    `is_of_installation` asks for those that belong to no team: sign-ins, and what Carillon did by itself.
    """

    person_id: int | None = None
    action: str = ""
    what: str = ""
    since: datetime | None = None
    until: datetime | None = None
    is_of_installation: bool = False


@dataclass(frozen=True)
class Entry:
    """Who asked for what. `person` is empty where Carillon acted by itself; `number` is None until it is sealed.

    `task` (slug) and `run` (number) are there while what it is about is.
    """

    id: int
    number: int | None
    at: datetime
    person_id: int | None
    person: str
    action: str
    object: str
    data: Mapping[str, Any]
    seal: str | None = None
    task: str | None = None
    run: int | None = None


@dataclass(frozen=True)
class Page:
    """Entries, the newest first, and whether there are older ones."""

    entries: Sequence[Entry] = field(default_factory=tuple)
    has_older: bool = False


def listing(actor: Actor, filters: Filters, before: int | None = None, limit: int = PAGE_ROWS) -> Page:
    """Return the newest entries, or those before the entry with id `before`. Raises Forbidden."""
    query = _query(actor, filters).order_by(Audit.id.desc()).limit(limit + 1)
    rows = db.session.execute(query.where(Audit.id < before) if before else query).all()
    return Page(_linked(actor, rows[:limit]), len(rows) > limit)


def export(actor: Actor, filters: Filters, form: str) -> tuple[str, Iterator[str]]:
    """Return the media type and the pieces of a file (`csv` or `ndjson`) with all entries, the oldest first.

    What they are about is not looked up. Raises Forbidden, NotFound for another form.
    """
    entries = _pieces(_query(actor, filters).order_by(Audit.id).limit(_EXPORTED_AT_ONCE))
    rows = ({name: getattr(one, name) for name in _COLUMNS} | {"data": dict(one.data)} for one in entries)
    if form == "ndjson":
        return "application/x-ndjson", (json.dumps(row | {"at": row["at"].isoformat()}) + "\n" for row in rows)
    if form == "csv":
        table = ((row | {"data": json.dumps(row["data"])}).values() for row in rows)
        return csv_file.MEDIA_TYPE, csv_file.lines(_COLUMNS, map(tuple, table))
    raise NotFound


def _pieces(query: sa.Select[Any]) -> Iterator[Entry]:
    after = 0
    while True:
        with database.read() as connection:
            rows = connection.execute(query.where(Audit.id > after)).all()
        if not rows:
            return
        yield from (_entry(row) for row in rows)
        after = rows[-1].id


def choices(actor: Actor, filters: Filters) -> tuple[Sequence[tuple[int, str]], Sequence[str]]:
    """Return who (id, name) and which actions there are to filter by. Raises Forbidden."""
    scope = _scope(actor, filters)
    people = (
        sa.select(Person.id, Person.name)
        .where(Person.id.in_(sa.select(Audit.person_id).where(scope).distinct()))
        .order_by(sa.func.lower(Person.name), Person.id)
    )
    actions = sa.select(Audit.action).where(scope).distinct().order_by(Audit.action)
    return [(row.id, row.name) for row in db.session.execute(people)], db.session.scalars(actions).all()


def administers(actor: Actor) -> bool:
    """Whether this person may see the entries that belong to no team."""
    return bool(db.session.scalar(sa.select(Membership.administers(actor.person_id, actor.token_team_id))))


def _scope(actor: Actor, filters: Filters) -> sa.ColumnElement[bool]:
    if not filters.is_of_installation:
        return Audit.team_id == actor.team_id
    if not administers(actor):
        raise Forbidden("own", "Only those who look after this Carillon see entries that belong to no team.")
    return Audit.team_id.is_(None)


def _query(actor: Actor, filters: Filters) -> sa.Select[Any]:
    columns = (
        Audit.id, Audit.number, Audit.at, Audit.person_id, Person.name, Audit.action, Audit.object, Audit.data,
        Audit.seal,
    )  # fmt: skip
    query = sa.select(*columns).outerjoin(Person, Person.id == Audit.person_id).where(_scope(actor, filters))
    if filters.person_id:
        query = query.where(Audit.person_id == filters.person_id)
    if filters.action:
        query = query.where(Audit.action == filters.action)
    if filters.what:
        query = query.where(Audit.object.icontains(filters.what, autoescape=True))
    if filters.since:
        query = query.where(Audit.at >= filters.since)
    if filters.until:
        query = query.where(Audit.at < filters.until)
    return query


def _entry(row: Any, **links: Any) -> Entry:
    return Entry(
        row.id, row.number, row.at, row.person_id, row.name or "", row.action, row.object, row.data, row.seal, **links
    )


def _linked(actor: Actor, rows: Sequence[Any]) -> list[Entry]:
    """Look up where the things are now; one that is no longer there has no link."""
    tasks = {row.data["task"] for row in rows if isinstance(row.data.get("task"), int)}
    is_here = (Task.team_id == actor.team_id, Task.deleted_at.is_(None), Task.id.in_(tasks))
    slugs = dict(db.session.execute(sa.select(Task.id, Task.slug).where(*is_here)).all())
    wanted = {row.id: int(found[1]) for row in rows if (found := _RUN.match(row.object))}
    runs = sa.select(Run.number).where(Run.team_id == actor.team_id, Run.number.in_(wanted.values()))
    numbers = set(db.session.scalars(runs))
    return [
        _entry(row, task=slugs.get(row.data.get("task")), run=wanted[row.id] if wanted.get(row.id) in numbers else None)
        for row in rows
    ]


_RUN = re.compile(r"#(\d{1,9}) ")
"""How an entry names a run: by its number in the team."""
