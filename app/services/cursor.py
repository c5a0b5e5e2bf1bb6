"""Places in the events that were reached: each event is seen by each reader once. A helper of services, like unit."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.models.instance import Fact
from app.models.runs import Event
from app.services.unit import Work

_SETTLES = timedelta(seconds=5)
_LOOKED_BACK = 1000


def head(connection: sa.Connection, now: datetime, after: int | None = None) -> int:
    """Return the id of the last event before which none can still turn up; `now` is the database's.

    Whoever says which one they have reached hears of at most a thousand after it, and misses none however fast they
    come; else the last thousand are looked at.

    Ids are handed out before the commit: while one is missing in the row, it may belong to a transaction that is still
    open. One that is missing for longer than any transaction lasts was rolled back.
    """
    last = sa.select(sa.func.max(Event.id) - _LOOKED_BACK).scalar_subquery() if after is None else after
    looked_at = sa.select(Event.id, Event.at).where(Event.id > last).order_by(Event.id).limit(_LOOKED_BACK)
    rows = connection.execute(looked_at).all()
    settled = after if after is not None else rows[0].id if rows else 0
    for row in rows if after is not None else rows[1:]:
        if row.id != settled + 1 and row.at > now - _SETTLES:
            break
        settled = row.id
    return settled


def reached(connection: sa.Connection, name: str) -> int | None:
    """Return the event that a reader has reached, None if it never began."""
    return _event(connection.execute(_PLACE, {"name": name}).scalar())


def place(work: Work, name: str) -> int | None:
    """Return the same, and let nobody else read as this reader until the end of the transaction."""
    begun = {"name": name, "value": {}, "at": work.now}
    work.connection.execute(_BEGIN[work.connection.dialect.name], begun)
    return _event(work.connection.execute(_PLACE.with_for_update(), {"name": name}).scalar())


def _event(kept: dict[str, int] | None) -> int | None:
    return kept.get("event") if kept else None


def move(work: Work, name: str, to: int) -> None:
    """Note the event that a reader has reached, after `place` in the same transaction."""
    work.connection.execute(sa.update(Fact).where(Fact.name == name).values(value={"event": to}, at=work.now))


_PLACE = sa.select(Fact.value).where(Fact.name == sa.bindparam("name"))
_BEGIN: dict[str, Any] = {
    dialect: insert_into(Fact).on_conflict_do_nothing(index_elements=["name"])
    for dialect, insert_into in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
