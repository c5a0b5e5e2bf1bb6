"""Runs that match, as a file: read a thousand at a time, and written as they are read."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from app.core.errors import NotFound
from app.domain.access import Actor
from app.domain.reporting import TABLES, Form
from app.exporters import csv_file, json_file, parquet, reports
from app.infra import database, disk
from app.models.runs import Run
from app.models.tasks import Task
from app.services.run_list import filters as chosen
from app.services.run_list.filters import Filters
from app.services.run_list.walking import found

OFFERED = reports.offered(TABLES)
"""In which forms runs can be had here, and what they are called."""

_AT_ONCE, _PIECE_BYTES = 1000, 64 * 1024
_COLUMNS: dict[str, tuple[Any, parquet.Type]] = {
    "number": (Run.number, "BIGINT"), "task": (Task.slug, "VARCHAR"), "name": (Task.name, "VARCHAR"),
    "state": (Run.state, "VARCHAR"), "reason": (Run.reason, "VARCHAR"), "sentence": (Run.sentence, "VARCHAR"),
    "trigger": (Run.trigger, "VARCHAR"), "planned_at": (Run.planned_at, "TIMESTAMPTZ"),
    "started_at": (Run.started_at, "TIMESTAMPTZ"), "ended_at": (Run.ended_at, "TIMESTAMPTZ"),
    "attempt": (Run.attempt, "BIGINT"), "worker": (Run.worker, "VARCHAR"), "cost_micros": (Run.cost_micros, "BIGINT"),
    "stands_for": (Run.folded_count, "BIGINT"), "rehearses_at": (Run.rehearses_at, "TIMESTAMPTZ"),
}  # fmt: skip


def export(actor: Actor, filters: Filters, form: Form) -> tuple[str, Iterator[str] | Iterator[bytes]]:
    """Return the media type and the pieces of a file with all runs that match, the newest first.

    Columns are named as in the API; times are UTC, money is in millionths of a US dollar. Raises NotFound for a form
    that lists do not have, Unavailable, NoSpace.
    """
    if form not in TABLES:
        raise NotFound
    conditions = chosen.within(actor, filters)
    chosen.states(filters.status)  # what is wrong with it is said before the file begins
    rows = _rows(conditions, filters.status)
    if form == "csv":
        return csv_file.MEDIA_TYPE, csv_file.lines(list(_COLUMNS), rows)
    if form == "json":
        return json_file.MEDIA_TYPE, json_file.pieces(list(_COLUMNS), rows)
    return parquet.MEDIA_TYPE, _pieces(_parquet(rows))


def _rows(conditions: Sequence[sa.ColumnElement[bool]], status: str) -> Iterator[Sequence[Any]]:
    query = sa.select(*(column.label(name) for name, (column, _) in _COLUMNS.items()), Run.id)
    query = query.select_from(Run).join(Task, Task.id == Run.task_id)
    here: list[sa.ColumnElement[bool]] = []
    while True:
        with database.read() as connection:  # a piece each: who reads slowly holds no transaction open
            rows = connection.execute(found(query, [*conditions, *here], status, False, _AT_ONCE)).all()
        yield from (row[:-1] for row in rows)
        if len(rows) < _AT_ONCE:
            return
        here = [sa.tuple_(Run.planned_at, Run.id) < (rows[-1].planned_at, rows[-1].id)]


def _parquet(rows: Iterator[Sequence[Any]]) -> IO[bytes]:
    """Return the file, which is gone from its folder already."""
    with tempfile.TemporaryDirectory(prefix="carillon-") as folder:
        types = {name: kind for name, (_, kind) in _COLUMNS.items()}
        return parquet.write(types, _with_room(rows, Path(folder)), Path(folder)).open("rb")


def _with_room(rows: Iterator[Sequence[Any]], folder: Path) -> Iterator[Sequence[Any]]:
    """Yield rows while there is room to write them down."""
    for number, row in enumerate(rows):
        if number % _AT_ONCE == 0:
            disk.refuse_if_low(folder)
        yield row


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
