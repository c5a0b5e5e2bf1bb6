"""Which of the things done a later run needs: dead ends, superseded attempts and mere looks go, each with why."""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice

from app.analysis.clauses import listed
from app.analysis.replay import cells, notebook
from app.analysis.replay.cells import Cell, base
from app.analysis.replay.doings import Doing

_SAME_CODE, _SAME_COMMAND, _SAME_BODY = 0.8, 0.85, 0.8
_COMPARED = 4000
_NEAR = 12
"""Attempts that a thing done is compared with: those soonest after it."""
_GLANCES = listed(
    "cd ls ll dir pwd cat head tail less more echo sleep whoami id date which type tree wc file stat env printenv true "
    "clear find du df uname free ps top history man help test locate nproc hostname"
)
_LOOKING_TOOLS = listed("read view open list ls glob grep find cat")
_OUT = re.compile(
    r"(?:(?<![0-9&])>>?[ \t]*|\btee(?:[ \t]+-a)?[ \t]+|[ \t]-[oO][ \t]*|--out(?:put)?(?:-file)?[= \t])"
    r"[\"']?([^\s;&|<>\"')]+)"
)
_TOKEN = re.compile(r"(?<![\w./~+-])[\w./~+-]+\.[A-Za-z][A-Za-z0-9]{0,7}\b")
_RUNS = re.compile(r"\b(?:python[\d.]*|node|bash|sh|Rscript|ruby|perl)[ \t]+(?:-u[ \t]+)?([\w./~-]+\.\w+)([^;&|\n]*)")
_IDLE = re.compile(r"[ \t\n]*(?:ls|pwd|cd|sleep|whoami|clear|which|echo|cat)\b[^|;&\n]*")
ONLY_LOOKED = "It only looked."
_MEASURES = re.compile(r"\btime[ \t]+[^;&|\n]{0,400}>[ \t]{0,9}/dev/null")
_CHANGES = re.compile(r"\bsed[ \t]+-i|\bpatch\b|>>")


@dataclass(frozen=True)
class Dropped:
    """Something done that is not done again, and why."""

    message: int
    what: str
    reason: str


@dataclass
class Kept:
    """What stays, in its order; `cells` are those of Python by number. `lacking` are names that nothing makes."""

    doings: list[Doing] = field(default_factory=list)
    cells: dict[int, Cell] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    lacking: list[tuple[str, Doing]] = field(default_factory=list)


def kept(done: Sequence[Doing]) -> Kept:
    """Return what a later run needs, read from the end: what nothing later needs, and what leaves nothing, goes."""
    found = Kept()
    constants: dict[str, str] = {}
    read: dict[int, Cell] = {}
    for one in done:
        if one.kind == "python":
            code = one.text if not one.has_failed else notebook.worked_part(one.text, one.output)
            read[one.number] = cells.read(code, constants)
            constants |= read[one.number].constants
    walk = _Walk(found, read)
    for one in reversed(done):
        walk.take(one)
    if not any(one.kind in {"python", "shell", "http"} and (one.text or one.settings) for one in found.doings):
        _look_again(found, done)
    found.doings.reverse()
    found.dropped.reverse()
    lacking = [(name, one) for name, one in walk.needed.items() if not _is_made(found, name, one)]
    found.lacking = sorted(lacking, key=lambda one: (one[1].number, one[0]))
    return found


def _is_made(found: Kept, name: str, by: Doing) -> bool:
    """Whether a cell before makes a name in some case: in a loop, or under a condition."""
    return any(number < by.number and name in cell.makes for number, cell in found.cells.items())


def _look_again(found: Kept, done: Sequence[Doing]) -> None:
    """Keep the looks where a thread did nothing else: to look is what it is about."""
    looks = [
        one for one in done if one.kind == "shell" and not one.has_failed and one.text and not _IDLE.fullmatch(one.text)
    ]
    last = [
        one
        for number, one in enumerate(looks)
        if not any(_is_same_run(one.text, later.text) for later in looks[number + 1 :])
    ]
    found.dropped = [
        one
        for one in found.dropped
        if one.reason != ONLY_LOOKED or not any(one.message == look.message for look in last)
    ]
    found.doings = sorted([*found.doings, *last], key=lambda one: -one.number)


@dataclass
class _Walk:
    """The way back from the last thing done: what those after it still need."""

    found: Kept
    read: dict[int, Cell]
    needed: dict[str, Doing] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)

    def take(self, one: Doing) -> None:
        match one.kind:
            case "python":
                self._python(one)
            case "shell":
                self._shell(one)
            case "http":
                self._http(one)
            case "tool":
                self._tool(one)
            case _:
                self.found.doings.append(one)  # files are laid down where something needs them

    def _drop(self, one: Doing, reason: str) -> None:
        what = " ".join(one.text.split())[:80] or one.name
        self.found.dropped.append(Dropped(one.message, what, reason))

    def _keep(self, one: Doing) -> None:
        self.found.doings.append(one)

    def _after(self, kind: str) -> Iterator[Doing]:
        later = (one for one in reversed(self.found.doings) if one.kind == kind)
        return islice(later, _NEAR)

    def _python(self, one: Doing) -> None:
        cell = self.read[one.number]
        wanted = set(self.needed) & (cell.makes | cell.changes)
        if one.has_failed and not wanted:
            self._drop(one, _failed(one))
            return
        is_again = any(_is_like(one.text, later.text, _SAME_CODE) for later in self._after("python"))
        leaves = (cell.writes - self.written) | (cell.writes & self.files)
        has_result = not one.has_failed and (leaves or ((cell.tells or cell.acts) and not is_again))
        if not wanted and not has_result:
            self._drop(one, _why_not(one, cell, is_again=is_again))
            return
        if not has_result and wanted <= cell.imports:
            one, cell = _only_imports(one)
        elif one.has_failed:
            one = replace(one, text=cell.code)
        self.found.cells[one.number] = cell
        self._keep(one)
        for name in cell.makes - cell.changes - cell.maybe:
            self.needed.pop(name, None)
        for name in sorted(cell.needs):
            self.needed[name] = one
        self.files |= cell.reads
        self.written |= cell.writes

    def _shell(self, one: Doing) -> None:
        writes = {base(path) for path in written(one.text)}
        if not one.text:
            self._keep(one)  # packages alone
            return
        if one.has_failed:
            self._drop(one, _failed(one))
        elif is_glance(one.text) and not writes & self.files:
            self._drop(one, ONLY_LOOKED)
        elif _MEASURES.search(one.text) and not writes & self.files:
            self._drop(one, "It only measured how long it takes.")
        elif self._is_run_again(one) and not writes & self.files:
            self._drop(one, "It was run again later, changed or not.")
        else:
            self._keep(one)
            self.files |= mentioned(one.text) - writes
            self.written |= writes

    def _is_run_again(self, one: Doing) -> bool:
        return any(_is_same_run(one.text, later.text) for later in self._after("shell")) and not _CHANGES.search(
            one.text
        )

    def _http(self, one: Doing) -> None:
        if one.has_failed:
            self._drop(one, _failed(one))
        elif any(_is_same_request(one, later) for later in self._after("http")):
            self._drop(one, "The same was asked again later.")
        else:
            self._keep(one)
            self.written |= {one.settings["save_as"]} if one.settings.get("save_as") else set()

    def _tool(self, one: Doing) -> None:
        if one.has_failed:
            self._drop(one, _failed(one))
        else:
            self._keep(one)


def _failed(one: Doing) -> str:
    return f"It failed: {one.why}" if one.why else "It failed."


def _why_not(one: Doing, cell: Cell, *, is_again: bool) -> str:
    if is_again:
        return "A later attempt took its place."
    if cell.writes:
        return "A later step writes the same files."
    return "A later step makes the same anew." if cell.makes - cell.imports else ONLY_LOOKED


def _only_imports(one: Doing) -> tuple[Doing, Cell]:
    code = notebook.imports_only(one.text)
    return replace(one, text=code), cells.read(code)


def is_glance(script: str) -> bool:
    """Whether commands only look around: they neither change nor compute anything."""
    if ">" in re.sub(r"[012&]?>[ \t]*(?:/dev/null|&[12])", "", script):
        return False
    parts = [
        part.split() for part in re.split(r"&&|\|\|?|;|\n", script) if part.strip() and not part.strip().startswith("#")
    ]
    return all(part[0] in _GLANCES and not {"-exec", "-delete"} & set(part) for part in parts)


def is_looking_tool(name: str) -> bool:
    """Whether a tool of files only looks."""
    return bool(set(re.findall(r"[a-z]+", name.lower())) & _LOOKING_TOOLS)


def written(script: str) -> list[str]:
    """Return the files that commands write into, as their paths."""
    return [path for path in _OUT.findall(script) if not path.startswith("/dev/") and not path.startswith("&")]


def runs_scripts(script: str) -> bool:
    """Whether commands run a program of somebody's own: files they name that nobody gave are made by it."""
    return bool(_RUNS.search(script))


def scripts_of(script: str) -> list[str]:
    """Return the scripts that commands run, without their folders."""
    return [base(hit[1]) for hit in _RUNS.finditer(script)]


def mentioned(script: str) -> set[str]:
    """Return the names of files that stand in commands, without their folders."""
    return {base(token) for token in _TOKEN.findall(script)}


def _is_like(first: str, second: str, least: float) -> bool:
    """Whether two texts are nearly the same: made of the same words and signs, whatever their order."""
    one, other = _words(first[:_COMPARED]), _words(second[:_COMPARED])
    whole = one.total() + other.total()
    return not whole or 2 * (one & other).total() >= least * whole


@lru_cache(maxsize=_NEAR * 4)
def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+|[^\w\s]", text))


def _is_same_run(first: str, second: str) -> bool:
    """Whether the second runs the same again: the same commands, or the same script for the same files."""
    scripts = [_scripts(text) for text in (first, second)]
    if scripts[0]:
        return set(scripts[0]) <= set(scripts[1])
    return _is_like(first, second, _SAME_COMMAND) and _numbers(first) == _numbers(second)


@lru_cache(maxsize=_NEAR * 4)
def _scripts(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the scripts that commands run, each with the arguments that are no options or their values."""
    return [(base(hit[1]), tuple(_positional(hit[2]))) for hit in _RUNS.finditer(text)]


def _positional(text: str) -> Iterable[str]:
    try:
        words = shlex.split(re.sub(r"[012&]?>+[ \t]*\S+", "", text))
    except ValueError:
        words = text.split()
    skip = False
    for word in words:
        if word.startswith("-"):
            skip = "=" not in word
        elif skip:
            skip = False
        else:
            yield word


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def _is_same_request(first: Doing, second: Doing) -> bool:
    own, other = first.settings, second.settings
    if (own["method"], own["url"]) != (other["method"], other["url"]):
        return False
    return own["method"] in {"GET", "HEAD"} or _is_like(own.get("body", ""), other.get("body", ""), _SAME_BODY)
