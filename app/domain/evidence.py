"""The line of a log that tells why a run failed: the last that looks like an error, not the last one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LINES = 400
"""So many lines of the end of a log are looked at."""

LETTERS = 500
"""So much of one line is looked at and shown."""

CONTEXT = 4
"""A line that tells most stands last among so many at most."""

_TRACEBACK = "Traceback (most recent call last):"
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_STRONG = re.compile(
    r"^\s*(?:\[cause\]: )?(?:[\w$]+\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Timeout|Disconnected)(?:: |:?\s*$)"
    r"|(?:^|[\s:\[(])(?:fatal|error|panic|critical|FATAL|ERROR|PANIC|CRITICAL|Error|Fatal|ERR)(?:[\]):!]| -|\s*$)"
)
_WEAK = re.compile(
    r"\b(?:errors?|failed|failure|cannot|can't|could not|couldn't|unable|denied|refused|not found|no such|unbound|"
    r"timed out|exhausted|exceeded|invalid|aborted|killed|unavailable|unreachable|missing|illegal)\b",
    re.IGNORECASE,
)
_NOISE = re.compile(r"^\s*(?:at .+|[\^~]+|[{}()\[\],;]+)?\s*$|^\s+File \"|^\s*(?:Usage|usage|Try) ")
_OWN_FRAME = re.compile(r"^\s+File \"(?!.*/(?:site-packages|lib/python[\d.]+)/)(?!<frozen)")


@dataclass(frozen=True)
class Line:
    """A line of a log: its number from 1, its level, and its text."""

    number: int
    level: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """The line that tells most; `context` are the lines to judge it by, the line itself last."""

    line: Line
    context: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it, one line below the other."""
        return "\n".join(self.context)


def find(lines: Sequence[Line], besides: str = "") -> Evidence | None:
    """Return the line that tells why it failed, from the end of a log; None where no line tells anything.

    `besides` is the sentence that is known anyway: a line that only repeats it is not taken.
    """
    kept = [line for line in _shortened(lines[-LINES:]) if not _NOISE.search(line.text) and line.text != besides]
    if not kept:
        return None
    raised = _raised(kept)
    at = raised if raised is not None else _last(kept, _STRONG)
    if at is None:
        at = _last(kept, _WEAK)
    if at is None:
        errors = [place for place, line in enumerate(kept) if line.level in {"warn", "error"}]
        at = errors[-1] if errors else len(kept) - 1
    found = kept[at]
    return Evidence(found, (*_context(lines[-LINES:], found), found.text.strip()))


def _shortened(lines: Sequence[Line]) -> list[Line]:
    return [Line(line.number, line.level, _COLOUR.sub("", line.text)[:LETTERS]) for line in lines]


def _last(lines: Sequence[Line], pattern: re.Pattern[str]) -> int | None:
    return next((at for at in range(len(lines) - 1, -1, -1) if pattern.search(lines[at].text)), None)


def _raised(lines: Sequence[Line]) -> int | None:
    """Return the place of the error that the last traceback ends with, whatever that error is called.

    What a program said to be an error after it counts for more.
    """
    start = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].text.strip() == _TRACEBACK), None)
    if start is None:
        return None
    depth = len(lines[start].text) - len(lines[start].text.lstrip())
    after = (at for at in range(start + 1, len(lines)) if not lines[at].text[depth:].startswith((" ", "\t")))
    ended = next(after, None)
    later = _last(lines, _STRONG)
    return max(ended, later) if ended is not None and later is not None else ended


def _context(lines: Sequence[Line], found: Line) -> list[str]:
    """Return what stands before it and belongs to it: the task's own lines of a traceback, or what announces it."""
    before = [line for line in lines if line.number < found.number]
    start = next((at for at in range(len(before) - 1, -1, -1) if before[at].text.strip() == _TRACEBACK), None)
    if start is not None:
        frames = range(start + 1, len(before) - 1)
        own = [before[at + 1].text.strip()[:LETTERS] for at in frames if _OWN_FRAME.search(before[at].text)]
        return own[1 - CONTEXT :]
    last = before[-1].text.rstrip() if before else ""
    return [last.strip()[:LETTERS]] if last.endswith(":") else []
