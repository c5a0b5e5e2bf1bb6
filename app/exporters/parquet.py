"""Tables as Parquet, by DuckDB: it reads what was written as text, so that no table has to fit into memory.

DuckDB is large and few need it: it is installed by who wants Parquet, and loaded with the first file.
"""

import csv
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app.core.errors import Unavailable
from app.domain.analytics.answers import Answer, Kind
from app.exporters import cells

MEDIA_TYPE = "application/vnd.apache.parquet"

Type = str
"""One of SQL: VARCHAR, BIGINT, DOUBLE, TIMESTAMPTZ, DATE."""

MISSING = (
    "Parquet files need DuckDB, which is not installed. Ask who looks after this Carillon to install "
    "requirements-parquet.txt, or choose CSV."
)
_TYPES: Mapping[Kind, Type] = {
    "text": "VARCHAR", "task": "VARCHAR", "number": "DOUBLE", "share": "DOUBLE", "change": "DOUBLE",
    "seconds": "DOUBLE", "minutes": "DOUBLE", "hours": "DOUBLE", "money": "BIGINT", "day": "DATE", "hour": "BIGINT",
}  # fmt: skip
_NOTHING = "\x01"
"""Stands for NULL in the text: an empty text is one, and this can't be typed."""


def is_there() -> bool:
    """Whether this installation can write Parquet."""
    return find_spec("duckdb") is not None


def table(answer: Answer) -> bytes:
    """Return the table of an answer, its columns by name. Raises Unavailable."""
    columns = {one.name: _TYPES[one.kind] for one in answer.columns} or {"question": "VARCHAR"}
    with tempfile.TemporaryDirectory(prefix="carillon-") as folder:
        return write(columns, answer.rows, Path(folder)).read_bytes()


def write(columns: Mapping[str, Type], rows: Iterable[Sequence[Any]], folder: Path) -> Path:
    """Write a file of columns with their types into a folder, and return its path. Raises Unavailable."""
    if not is_there():
        raise Unavailable(MISSING)
    import duckdb

    text, target = folder / "table.csv", folder / "table.parquet"
    with text.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([_written(value) for value in row] for row in rows)
    settings = {"memory_limit": "256MB", "threads": "1", "autoinstall_known_extensions": "false"}
    with duckdb.connect(config={**settings, "temp_directory": str(folder)}) as connection:
        read = connection.read_csv(
            str(text), header=False, columns=dict(columns), delimiter=",", quotechar='"', escapechar='"',
            na_values=_NOTHING, auto_detect=False, parallel=False,
        )  # fmt: skip
        read.write_parquet(str(target), compression="zstd")
    text.unlink()
    return target


def _written(value: Any) -> str:
    if value is None:
        return _NOTHING
    return str(cells.plain(value)).replace("\x00", "").replace(_NOTHING, "")
