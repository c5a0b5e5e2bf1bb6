"""The log of a run: a window of lines by number, and the whole as text."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.core.errors import NotFound
from app.domain.access import Actor
from app.infra import database
from app.infra.database import db
from app.models.runs import LogChunk, Run

TAIL_LINES = 2000
"""So many lines a page shows at once."""


class Line(NamedTuple):
    """One line of a log; numbers count from 1 over all attempts. Levels: debug, info, warn, error."""

    number: int
    at: datetime
    level: str
    text: str


def lines(
    actor: Actor, number: int, *, after: int | None = None, before: int | None = None, limit: int = TAIL_LINES
) -> Sequence[Line]:
    """Return at most `limit` lines of run `number`, ascending: those after a line, those before one, else the last.

    Raises NotFound.
    """
    run_id = _run_id(actor, number)
    if after is not None:
        first, last = after + 1, after + limit
    else:
        last = _last(run_id) if before is None else min(_last(run_id), before - 1)
        first = max(1, last - limit + 1)
    chunks = db.session.execute(_chunks(run_id, first, last))
    return [line for chunk in chunks for line in _lines(chunk) if first <= line.number <= last]


def last_number(actor: Actor, number: int) -> int:
    """Return the number of a run's last line, 0 without any. Raises NotFound."""
    return _last(_run_id(actor, number))


def text(actor: Actor, number: int) -> Iterator[str]:
    """Return the whole log piece by piece: time, level and text of each line. Raises NotFound at once."""
    return _text(_run_id(actor, number))


def _text(run_id: int) -> Iterator[str]:
    query = _CHUNK.where(LogChunk.run_id == run_id).order_by(LogChunk.first).limit(_CHUNKS)
    last = 0
    while True:
        with database.read() as connection:  # none stays open while a slow reader reads
            chunks = connection.execute(query.where(LogChunk.first > last)).all()
        if not chunks:
            return
        for chunk in chunks:
            yield "".join(f"{_stamp(line.at)} {line.level:<5} {line.text}\n" for line in _lines(chunk))
        last = chunks[-1].first


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def _run_id(actor: Actor, number: int) -> int:
    run_id = db.session.scalar(sa.select(Run.id).where(Run.team_id == actor.team_id, Run.number == number))
    if run_id is None:
        raise NotFound
    return run_id


def _last(run_id: int) -> int:
    ends = sa.select(LogChunk.first + LogChunk.count - 1).where(LogChunk.run_id == run_id)
    return db.session.scalar(ends.order_by(LogChunk.first.desc()).limit(1)) or 0


_CHUNKS = 16
_CHUNK = sa.select(LogChunk.first, LogChunk.at, LogChunk.lines)


def _chunks(run_id: int, first: int, last: int) -> sa.Select[Any]:
    # The window may begin in the middle of a chunk: that one starts at or before `first`.
    start = sa.select(sa.func.max(LogChunk.first)).where(LogChunk.run_id == run_id, LogChunk.first <= first)
    from_there = LogChunk.first >= sa.func.coalesce(start.scalar_subquery(), first)
    return _CHUNK.where(LogChunk.run_id == run_id, from_there, LogChunk.first <= last).order_by(LogChunk.first)


def _lines(chunk: Any) -> Iterator[Line]:
    for offset, (seconds, level, content) in enumerate(chunk.lines):
        yield Line(chunk.first + offset, chunk.at + timedelta(seconds=seconds), level, content)
