"""Counting rows: of CSV without its heading, of JSON lists, of lines."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

MOST_BYTES = 256 * 1024 * 1024
"""So much of a file is counted; JSON is read as a whole, so it may have less."""
MOST_JSON_BYTES = 16 * 1024 * 1024

Count = tuple[int, bool]
"""How many, and whether these are all."""


class Unreadable(Exception):
    """It has no rows that could be counted; the message goes on a sentence that begins with its name."""


def of_file(name: str, content: BinaryIO) -> Count:
    """Count the rows of a file by the ending of its name. Raises Unreadable."""
    kind = name.rpartition(".")[2].lower()
    if kind == "json":
        text = content.read(MOST_JSON_BYTES + 1)
        if len(text) > MOST_JSON_BYTES:
            raise Unreadable("is too large to be read as JSON")
        return of_value(_json(text.decode("utf-8-sig", "replace")))
    lines = _Lines(content)
    if kind in {"csv", "tsv"}:
        return _of_csv(lines, "\t" if kind == "tsv" else None), not lines.is_cut
    return sum(1 for line in lines if line.strip()), not lines.is_cut


def of_text(text: str) -> Count:
    """Count the rows of an answer: the items of a JSON list, or the lines that are not empty."""
    if text.lstrip()[:1] == "[":
        try:
            return of_value(json.loads(text))
        except (ValueError, RecursionError):
            pass
    return sum(1 for line in text.splitlines() if line.strip()), True


def of_value(value: Any) -> Count:
    """Count the items of a list, or of the only list that an object has. Raises Unreadable."""
    if isinstance(value, dict):
        lists = [one for one in value.values() if isinstance(one, list)]
        value = lists[0] if len(lists) == 1 else value
    if isinstance(value, list):
        return len(value), True
    if isinstance(value, str):
        return of_text(value)
    raise Unreadable("is no list")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("is not JSON") from None


def _of_csv(lines: "_Lines", delimiter: str | None) -> int:
    reader = csv.reader(lines, delimiter=delimiter or ",")
    try:
        return max(0, sum(1 for row in reader if any(cell.strip() for cell in row)) - 1)
    except csv.Error as error:
        raise Unreadable(f"can't be read as CSV: {error}") from None


class _Lines:
    """The lines of a file up to a size; `is_cut` says that there are more."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self.is_cut = False

    def __iter__(self) -> Iterator[str]:
        size = 0
        with io.TextIOWrapper(self._content, "utf-8-sig", "replace", newline="") as lines:
            for line in lines:
                size += len(line)
                if size > MOST_BYTES:
                    self.is_cut = True
                    return
                yield line
