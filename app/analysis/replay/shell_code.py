"""Literals of a shell script in place of which a run puts its variables, quoted as the place asks for."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.analysis.replay.documents import Ends
from app.analysis.replay.python_code import put_in, standing
from app.analysis.replay.value import HARMLESS, Value

_MARK = re.compile(r"<<-?[ \t]*(['\"]?)(\w+)\1")
_CODE_NEXT = re.compile(r"(?:\s-\w*c|\beval)\s*$")
_PYTHON = re.compile(r"\bpython[\d.]*\b")
_READS = re.compile(
    r"\b(?:g?awk|jq|sed|perl|ruby|node|php|mysql|mariadb|psql|sqlite3|duckdb|mongosh?|redis-cli|ssh|eval|su|osascript"
    r"|Rscript)\b|[|(]\s*(?:\S{1,40}/)?(?:ba|da|z|k)?sh\b|\(\(|`"
)
"""What reads a text it is given as a program, on a machine of its own too; within backticks quotes count anew."""

_READS_WORDS = re.compile(r"\b(?:ssh|eval)\b|\(\(|\[\[|`")
_READS_DOCUMENT = re.compile(r"\b(?:python[\d.]*|(?:ba|da|z|k)?sh)\b|\.(?:py|sh|bash|sql|js|rb|pl|php|R)\b")
_DEEPEST = 3
"""Scripts within scripts that are looked into."""


@dataclass(frozen=True)
class Stretch:
    """A part of a script in which one way of quoting holds: bare, single, double, heredoc, fixed or python."""

    start: int
    end: int
    kind: str


def placed(
    script: str,
    places: Sequence[tuple[Value, str]],
    python: Callable[[str], tuple[str, list[Value]]] = lambda code: (code, []),
    depth: int = 0,
) -> tuple[str, list[Value], list[Value]]:
    """Return the script with `"$NAME"` for the literals of `places` (value, name of its variable).

    Beside it the values that were put in, and those that had to stay: where a text is itself a program of another
    language. A program of Python that stands in the script goes through `python`.
    """
    places = [(value, name) for value, name in places if value.literal in script]
    used: list[Value] = []
    stayed: list[Value] = []
    pieces: list[str] = []
    readers = _Readers(script)
    for stretch in stretches(script):
        text = script[stretch.start : stretch.end]
        if stretch.kind == "python":
            text, found = python(text)
            used += found
        elif stretch.kind == "script" and depth < _DEEPEST:
            text, found, more = placed(text, places, python, depth + 1)
            used, stayed = [*used, *found], [*stayed, *more]
        elif stretch.kind in {"fixed", "script"}:
            stayed += [value for value, _ in places if any(standing(value, text))]
        else:
            own = places
            if any(value.kind not in HARMLESS and value.literal in text for value, _ in places):
                own = [one for one in places if one[0].kind in HARMLESS or not readers.read(stretch)]
                stayed += [one[0] for one in places if one not in own and any(standing(one[0], text))]
            text, found = _filled(text, stretch.kind, own)
            used += found
        pieces.append(text)
    return "".join(pieces), used, stayed


class _Readers:
    """Which lines of a script hand what stands in them to another program; each line is looked through once."""

    def __init__(self, script: str) -> None:
        self._script = script
        self._starts = [0, *(found.end() for found in re.finditer("\n", script)), len(script) + 1]
        self._known: dict[tuple[int, re.Pattern[str]], bool] = {}

    def read(self, stretch: Stretch) -> bool:
        """Whether another program reads this as a part of its own: quotes don't keep a value a value there."""
        if stretch.kind == "heredoc":
            own = self._line(max(0, stretch.start - 1))  # that of the command which the document belongs to
            has_ticks = "`" in self._script[stretch.start : stretch.end]
            return has_ticks or self._holds(own, _READS_DOCUMENT) or self._holds(own, _READS)
        pattern = _READS_WORDS if stretch.kind == "bare" else _READS
        lines = range(self._line(stretch.start), self._line(stretch.end) + 1)
        return any(self._holds(line, pattern) for line in lines)

    def _line(self, at: int) -> int:
        return bisect_right(self._starts, at) - 1

    def _holds(self, line: int, pattern: re.Pattern[str]) -> bool:
        key = line, pattern
        if key not in self._known:
            end = self._starts[line + 1] - 1 if line + 1 < len(self._starts) else len(self._script)
            self._known[key] = bool(pattern.search(self._script, self._starts[line], end))
        return self._known[key]


def _filled(text: str, kind: str, places: Sequence[tuple[Value, str]]) -> tuple[str, list[Value]]:
    used = []
    for value, name in places:
        if value.literal not in text or (kind == "bare" and re.search(r"\s", value.literal)):
            continue
        written = {"bare": f'"${name}"', "single": f"'\"${name}\"'"}.get(kind, f"${{{name}}}")
        new = put_in(value, written, text)
        if new != text:
            used.append(value)
            text = new
    return text, used


def stretches(script: str) -> list[Stretch]:
    """Cut a script where its quoting changes."""
    reader = _Reader(script)
    while reader.at < len(script):
        reader.step()
    reader.cut(len(script), "fixed" if reader.kind == "single" else reader.kind)
    return reader.found


class _Reader:
    """Reads a script letter by letter and knows which way of quoting holds."""

    def __init__(self, script: str) -> None:
        self.script = script
        self.found: list[Stretch] = []
        self.at = self.start = 0
        self.states = ["bare"]
        self.documents: list[tuple[str, str]] = []
        self.ends = Ends(script)

    @property
    def kind(self) -> str:
        """The way of quoting that holds here."""
        return self.states[-1]

    def cut(self, end: int, kind: str) -> None:
        """End a stretch."""
        self.found.append(Stretch(self.start, end, kind))
        self.start = end

    def step(self) -> None:
        """Read on: a letter, or what belongs to it."""
        char = self.script[self.at]
        if self.kind == "single":
            if char == "'":
                self.cut(self.at, _program(self.script, self.start, "single"))
                self.states.pop()
        elif char == "\\":
            self.at += 1
        elif char == '"':
            self._double()
        elif self.script.startswith("$(", self.at):
            self.cut(self.at, self.kind)
            self.states.append("bare")
        elif self.kind == "bare":
            return self._bare(char)
        self.at += 1
        return None

    def _double(self) -> None:
        if self.kind == "double":
            self.cut(self.at, _program(self.script, self.start, "double"))
            self.states.pop()
            return
        self.cut(self.at, self.kind)
        self.cut(self.at + 1, "fixed")
        self.states.append("double")

    def _bare(self, char: str) -> None:
        script, at = self.script, self.at
        hit = _MARK.match(script, at)
        if hit and not script.startswith("<<<", at):
            self.documents.append((hit[2], hit[1]))
            self.at = hit.end()
            return
        if char == "\n" and self.documents:
            self._read_documents()
            return
        if char == "#" and (at == 0 or script[at - 1] in " \t\n;"):
            self.cut(at, "bare")
            end = script.find("\n", at)
            self.at = end if end >= 0 else len(script)
            self.cut(self.at, "fixed")
            return
        if char == "'":
            self.cut(at + 1, "bare")
            self.states.append("single")
        elif char == ")" and len(self.states) > 1:
            self.cut(at, "bare")
            self.states.pop()
        self.at += 1

    def _read_documents(self) -> None:
        self.cut(self.at + 1, "bare")
        for mark, quote in self.documents:
            found = self.ends.after(mark, self.start)
            self.cut(found[0] if found else len(self.script), _document(self.script, self.start, quote))
        self.at, self.documents = self.start, []


def _program(script: str, start: int, kind: str) -> str:
    """Say that a quoted text is a program, as behind `python -c`."""
    return "fixed" if _CODE_NEXT.search(script[max(0, start - 40) : start - 1]) else kind


def _document(script: str, start: int, quote: str) -> str:
    line = script[script.rfind("\n", 0, start - 1) + 1 : start - 1]
    before = line.partition("<<")[0].rstrip()
    if quote and (_PYTHON.search(re.split(r"[|;&]", before)[-1]) or before.endswith(".py")):
        return "python"
    if quote and before.endswith((".sh", ".bash")):
        return "script"
    return "fixed" if quote else "heredoc"
