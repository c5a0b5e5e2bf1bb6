"""Counts of what happened, kept in SQL so that they outlive every process. A helper of services, like unit."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.infra import database
from app.models.instance import Counter
from app.services.unit import Work


def count(work: Work, name: str, more: int = 1) -> None:
    """Add to a counter, which begins at nothing."""
    work.connection.execute(_ADD[work.connection.dialect.name], {"name": name, "value": more})


def count_all(work: Work, counts: Mapping[str, int]) -> None:
    """Add to several counters, in one order everywhere: two writers never wait for each other in a circle."""
    rows = [{"name": name, "value": more} for name, more in sorted(counts.items())]
    if rows:
        work.connection.execute(_ADD[work.connection.dialect.name], rows)


def counted() -> dict[str, int]:
    """Return every counter by name."""
    with database.read() as connection:
        return dict(connection.execute(sa.select(Counter.name, Counter.value)).all())


def _adding(insert_into: Any) -> Any:
    adding = insert_into(Counter)
    more = Counter.__table__.c.value + adding.excluded.value
    return adding.on_conflict_do_update(index_elements=["name"], set_={"value": more})


_ADD: dict[str, Any] = {"sqlite": _adding(sqlite.insert), "postgresql": _adding(postgresql.insert)}
