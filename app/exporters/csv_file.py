"""Tables as CSV (RFC 4180, UTF-8): a text in which a spreadsheet would see a formula stays a text."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from app.domain.analytics.answers import Answer
from app.exporters import cells

MEDIA_TYPE = "text/csv"

_FORMULA = re.compile(r"^(?=[\t\r\n])|(?:^|(?<=[;\t\r\n]))(?=[=+\-@＝＋－＠])")
"""Where one would begin, in letters of any width: also after what other countries have between cells."""

_PIECE_ROWS = 500


def lines(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield a table in pieces of a few hundred rows; numbers stay numbers, None is empty."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow([_safe(one) for one in headings])
    for number, row in enumerate(rows, 1):
        writer.writerow([_safe(value) for value in row])
        if number % _PIECE_ROWS == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def table(answer: Answer) -> bytes:
    """Return the table of an answer, its units in the headings."""
    rows = ([cells.shown(*one) for one in zip(answer.columns, row, strict=True)] for row in answer.rows)
    return "".join(lines(cells.headings(answer.columns), rows)).encode()


def _safe(value: Any) -> Any:
    """Keep a spreadsheet from taking a text for a formula, and the database's zero bytes out."""
    value = cells.plain(value)
    if not isinstance(value, str):
        return value
    return _FORMULA.sub("'", value.replace("\x00", ""))
