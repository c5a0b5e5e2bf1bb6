"""Where the documents within a script of the shell end: each at a line that holds its mark alone."""

import re
from bisect import bisect_left
from functools import cached_property

_LINE = re.compile(r"^[ \t]*+(\w++)[ \t]*+$\n?", re.MULTILINE)


class Ends:
    """The lines of one script that may end a document. They are looked for once, however many documents there are."""

    def __init__(self, script: str) -> None:
        self._script = script

    @cached_property
    def _lines(self) -> dict[str, list[tuple[int, int]]]:
        found: dict[str, list[tuple[int, int]]] = {}
        for hit in _LINE.finditer(self._script):
            found.setdefault(hit[1], []).append(hit.span())
        return found

    def after(self, mark: str, at: int) -> tuple[int, int] | None:
        """Return where the first line with the mark begins and ends, from `at` on; None without one."""
        lines = self._lines.get(mark, [])
        number = bisect_left(lines, (at, at))
        return lines[number] if number < len(lines) else None
