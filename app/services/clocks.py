"""Clock processes: that they are there, where, when they were last seen, and which of them leads."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.infra import database
from app.infra.database import db
from app.models.instance import ALIVE, Clock, Leader
from app.services.unit import batch


def arrive(name: str, host: str, pid: int) -> None:
    """Put a clock on the list, and take those off that were not seen for a day."""
    with batch() as work:
        insert = postgresql.insert if work.connection.dialect.name == "postgresql" else sqlite.insert
        row = {"host": host, "pid": pid, "started_at": work.now, "seen_at": work.now, "stopped_at": None}
        statement = insert(Clock).values(name=name, **row)
        work.connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
        work.connection.execute(sa.delete(Clock).where(Clock.seen_at < work.now - timedelta(days=1)))


def seen(name: str) -> None:
    """Note that the clock goes."""
    with batch() as work:
        work.connection.execute(sa.update(Clock).where(Clock.name == name).values(seen_at=work.now))


def leave(name: str) -> None:
    """Note that the clock has stopped of its own will."""
    with batch() as work:
        work.connection.execute(sa.update(Clock).where(Clock.name == name).values(stopped_at=work.now))


def alive() -> Sequence[Clock]:
    """Return the clocks seen lately, by name."""
    now = database.now(db.session.connection())
    query = sa.select(Clock).where(Clock.stopped_at.is_(None), Clock.seen_at > now - ALIVE).order_by(Clock.name)
    return db.session.scalars(query).all()


def leader() -> str | None:
    """Return the name of the clock that leads now, None when none does."""
    now = database.now(db.session.connection())
    query = sa.select(Leader.holder).where(Leader.name == "clock", Leader.lease_until > now)
    return db.session.scalar(query)
