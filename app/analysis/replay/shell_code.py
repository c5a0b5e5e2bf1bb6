"""Literals of a shell script in place of which a run puts its variables, quoted as the place asks for."""

import re
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
    r"|Rscript)\b|[|(]\s*(?:\S{1,40}/)?(?:ba|da|z|k)?sh\b|\(\("
)
"""What reads a text it is given as a program, on a machine of its own too."""

_READS_WORDS = re.compile(r"\b(?:ssh|eval)\b|\(\(|\[\[")
_READS_DOCUMENT = re.compile(r"\b(?:python[\d.]*|(?:ba|da|z|k)?sh)\b|\.(?:py|sh|bash|sql|js|rb|pl|php|R)\b")
_AROUND = 1000
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
                own = [one for one in places if one[0].kind in HARMLESS or not _is_read(script, stretch)]
                stayed += [one[0] for one in places if one not in own and any(standing(one[0], text))]
            text, found = _filled(text, stretch.kind, own)
            used += found
        pieces.append(text)
    return "".join(pieces), used, stayed


def _is_read(script: str, stretch: Stretch) -> bool:
    """Whether another program reads this as a part of its own: quotes of the shell don't keep a value a value there."""
    start, end = stretch.start, stretch.end
    if stretch.kind == "heredoc":
        start = end = max(0, start - 1)  # what counts is the line that the document belongs to
    first = script.rfind("\n", max(0, start - _AROUND), start) + 1 or max(0, start - _AROUND)
    last = script.find("\n", end, end + _AROUND)
    line = script[first : last if last >= 0 else end + _AROUND]
    if stretch.kind == "heredoc" and _READS_DOCUMENT.search(line):
        return True
    return bool((_READS_WORDS if stretch.kind == "bare" else _READS).search(line))


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
