"""Walking through the runs that match, by planned time, a piece at a time."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from app.models.runs import Run
from app.services.run_list.filters import states


def found(
    query: Any, conditions: Sequence[sa.ColumnElement[bool]], status: str, is_up: bool, limit: int
) -> sa.Select[Any]:
    """Return the query for the first `limit` runs that match."""
    # A branch a state: each goes through its index and stops early, however rare the state is.
    more = [[Run.state == state] for state in states(status)] or [[]]
    by = order(is_up)
    firsts = [sa.select(Run.id).where(*conditions, *one).order_by(*by).limit(limit).subquery() for one in more]
    ids = sa.union_all(*(sa.select(first.c.id) for first in firsts)).subquery()
    newest: sa.Select[Any] = query.join(ids, ids.c.id == Run.id).order_by(*by).limit(limit)
    return newest


def order(is_up: bool) -> tuple[Any, Any]:
    """Return how runs are walked through: by planned time, the newest first, or `is_up` the oldest."""
    return (Run.planned_at, Run.id) if is_up else (Run.planned_at.desc(), Run.id.desc())
