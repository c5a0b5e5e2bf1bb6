"""Where the files of a thread lay, and the same in the working folder of a run; files the agent wrote itself."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.analysis.clauses import listed
from app.analysis.replay import shell_code
from app.analysis.replay.cells import base
from app.analysis.replay.doings import Doing

_FOLDERS = (
    r"(?:/mnt/data|/mnt/user-data(?:/uploads|/outputs)?|/workspace(?:/uploads|/outputs?)?|/content(?:/drive/MyDrive)?"
    r"|/home/(?:claude|user|ubuntu|sandbox|jovyan|oai)|/root|/tmp(?:/outputs|/inputs)?|/repl|/code|/sandbox)"
)
_PATH = re.compile(rf"(?<![\w/.-])(?:sandbox:)?{_FOLDERS}(?:/+|(?![\w./-]))")
_LEAVES = re.compile(rf"\b(?:cd|pushd)[ \t]+(?!{_FOLDERS}/?[ \t]*(?:[;&\n]|$))[^\s;&]")
"""Commands that go into another folder than the working folder: from there on, relative paths mean something else."""

_MOST_FILES = 40
_EXPANDS = frozenset({"bare", "double", "heredoc"})
"""Ways of quoting in which `$HOME` is a folder."""

_DATA = listed(
    "csv tsv txt json jsonl ndjson xml yaml yml toml ini xls xlsx xlsm ods doc docx odt pdf md html htm sqlite "
    "sqlite3 db parquet feather zip gz tar tgz log png jpg jpeg gif webp svg ics vcf eml msg bib tex geojson gpx kml "
    "h5 npy npz pkl dat srt vtt fasta fastq fa wav mp3 mp4"
)


def moved(text: str, *, is_shell: bool) -> str:
    """Return code in which the folders of the thread's own machine are the working folder."""
    if not is_shell:
        return _PATH.sub(lambda hit: "" if hit[0].endswith("/") else ".", text)
    if not leaves(text):
        return _PATH.sub(lambda hit: "./" if hit[0].endswith("/") else ".", text)
    parts = ((one.kind, text[one.start : one.end]) for one in shell_code.stretches(text))
    return "".join(_at_home(part) if kind in _EXPANDS else moved(part, is_shell=False) for kind, part in parts)


def _at_home(text: str) -> str:
    return _PATH.sub(lambda hit: "$HOME/" if hit[0].endswith("/") else "$HOME", text)


def leaves(script: str) -> bool:
    """Whether commands go into another folder than the working folder."""
    return bool(_LEAVES.search(script))


def is_data(name: str) -> bool:
    """Whether a file holds data, by its ending."""
    return name.rpartition(".")[2].lower() in _DATA


@dataclass
class Laid:
    """Files that the agent wrote: what is in each, call by call. None: an edit that can't be followed."""

    history: dict[str, list[tuple[int, str | None]]] = field(default_factory=dict)
    _wanted: dict[tuple[str, int], list[str]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, done: Iterable[Doing]) -> "Laid":
        """Read the files out of what was done; what failed wrote nothing."""
        laid = cls()
        for one in done:
            if one.kind == "file" and not one.has_failed:
                laid._add(one, one.text)
            elif one.kind == "edit" and not one.has_failed:
                old, new = json.loads(one.text)
                before = laid.content(base(one.path), one.number)
                is_there = before is not None and bool(old) and old in before
                laid._add(one, before.replace(old, new, 1) if before is not None and is_there else None)
        return laid

    def _add(self, one: Doing, content: str | None) -> None:
        self.history.setdefault(base(one.path), []).append((one.number, content))

    def content(self, name: str, number: int) -> str | None:
        """Return what is in a file when the call of this number is made; None if that is not known."""
        before = [content for at, content in self.history.get(name, ()) if at <= number]
        return before[-1] if before else None

    def known(self, name: str, number: int) -> str | None:
        """Return the last content that is known for sure up to a call."""
        return next(
            (content for at, content in reversed(self.history.get(name, ())) if at <= number and content is not None),
            None,
        )

    def is_unclear(self, name: str, number: int) -> bool:
        """Whether a file was changed, before this call, in a way that can't be followed."""
        return any(at <= number and content is None for at, content in self.history.get(name, ()))

    def changed_after(self, name: str, number: int) -> bool:
        """Whether a file was changed after a call."""
        return any(at > number for at, _ in self.history.get(name, ()))

    def wanted(self, text: str, number: int) -> list[str]:
        """Return the names of files that code needs at a call: those it names, and modules it imports; not too many."""
        if (text, number) in self._wanted:
            return self._wanted[text, number]
        found: list[str] = []
        open_texts = [text]
        while open_texts and len(found) < _MOST_FILES:
            code = open_texts.pop()
            for name in self.history:
                if name not in found and self.known(name, number) is not None and _names(code, name):
                    found.append(name)
                    open_texts.append(self.known(name, number) or "")
        self._wanted[text, number] = found[:_MOST_FILES]
        return self._wanted[text, number]


def _names(code: str, name: str) -> bool:
    stem, _, ending = name.rpartition(".")
    if stem not in code:
        return False
    if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", code):
        return True
    return ending == "py" and bool(re.search(rf"^[ \t]*(?:from|import)[ \t]+{re.escape(stem)}\b", code, re.MULTILINE))


def unique(names: Sequence[str]) -> list[str]:
    """Return each name once, in their order."""
    return list(dict.fromkeys(names))
