"""Worker processes: that they are there, what they can do, and when they were last seen."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.infra import database
from app.infra.database import db
from app.models.instance import ALIVE, Worker
from app.services.unit import Work, batch


def arrive(values: dict[str, Any]) -> None:
    """Put a worker on the list; `values` are its columns but the times."""
    with batch() as work:
        insert = postgresql.insert if work.connection.dialect.name == "postgresql" else sqlite.insert
        row = values | {"started_at": work.now, "seen_at": work.now, "stopped_at": None, "is_draining": False}
        statement = insert(Worker).values(row)
        kept = {name: value for name, value in row.items() if name != "name"}
        work.connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=kept))
        work.connection.execute(sa.delete(Worker).where(Worker.seen_at < work.now - timedelta(days=1)))


def seen(work: Work, name: str, busy: int) -> None:
    """Note that the worker is alive and how many runs it holds."""
    work.connection.execute(sa.update(Worker).where(Worker.name == name).values(seen_at=work.now, busy=busy))


def drain(name: str) -> None:
    """Note that the worker takes no more runs."""
    with batch() as work:
        work.connection.execute(sa.update(Worker).where(Worker.name == name).values(is_draining=True))


def leave(name: str) -> None:
    """Note that the worker has stopped of its own will."""
    with batch() as work:
        work.connection.execute(sa.update(Worker).where(Worker.name == name).values(stopped_at=work.now, busy=0))


def alive() -> Sequence[Worker]:
    """Return the workers seen lately, by name."""
    now = database.now(db.session.connection())
    query = sa.select(Worker).where(Worker.stopped_at.is_(None), Worker.seen_at > now - ALIVE).order_by(Worker.name)
    return db.session.scalars(query).all()
