"""Reports and tables as JSON: one document, or for a long table a list that is written as it is read."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from app.domain.reporting import Report
from app.exporters import cells

MEDIA_TYPE = "application/json"

_PIECE_ROWS = 500


def document(report: Report) -> bytes:
    """Return a report: its team, its days, and the answers with their tables."""
    period = report.period
    content = {
        "team": report.team, "from": period.first.isoformat(), "to": period.last.isoformat(),
        "timezone": period.timezone, "answers": [cells.told(one) for one in report.answers],
    }  # fmt: skip
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def pieces(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield a list of objects in pieces of a few hundred."""
    left, mark = iter(rows), "["
    while some := list(islice(left, _PIECE_ROWS)):
        yield mark + ",\n".join(_line(dict(zip(names, row, strict=True))) for row in some)
        mark = ",\n"
    yield "[]\n" if mark == "[" else "]\n"


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps({name: cells.plain(value) for name, value in row.items()}, ensure_ascii=False)
