"""What makes failures of several runs and tasks the same one: their signature."""

import hashlib
import re
from dataclasses import dataclass

from app.domain import causes, evidence

_LONGEST = 1200  # letters that are looked at
_TITLE = 120
_VARYING = re.compile(
    r"\x1b\[[0-9;]*[A-Za-z]"  # colours
    r"|0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b|\b(?=[a-fA-F]*\d)[0-9a-fA-F]{7,}\b"
    r"|(?<![\w:/.])[.~]?/[^\s'\",:;)\]]+"  # paths
    r"|\d+(?:[.,:/-]\d+)*"
)
_QUOTE = re.compile(r"Last line: “(.*?)”(?:\.|$)", re.DOTALL)
_AGAIN = re.compile(r" (?:It tries again after|Not tried again:|All attempts) [^“”]*$")


@dataclass(frozen=True)
class Failure:
    """How a run failed. `sentence` is what was stored of it, `step` the part of the task it failed in.

    `line` is the line of its log that tells most, or the last lines of it; `task` its id, by which what lies in the
    task itself is kept apart from the same in other tasks.
    """

    reason: str
    error_class: str
    sentence: str
    engine: str
    step: str = ""
    line: str = ""
    exit_code: int | None = None
    task: int | None = None


def who(task: str, tasks: int) -> str:
    """Name the first task that failed, and how many more did."""
    others = tasks - 1
    return f"{task} and {others} more {'task' if others == 1 else 'tasks'}" if others > 0 else task


def headline(task: str, cause: str, tasks: int = 1, times: int = 1) -> str:
    """Say in one sentence who failed and why: of one task how many times in a row, of several how many there are."""
    often = f" {times} times in a row" if times > 1 else ""
    said = who(task, tasks) if tasks > 1 else f"{task} failed{often}"
    return f"{said}: {cause.rstrip('.')}."


@dataclass(frozen=True)
class Signature:
    """Failures of one `key` (at most 64 characters) have one cause: `cause` is its title, `target` what it is about."""

    key: str
    cause: str
    target: str


def signature(failure: Failure) -> Signature:
    """Return what this failure has in common with others of the same cause, whichever run or task or engine it was."""
    known = cause_of(failure)
    task = "" if failure.task is None else str(failure.task)
    if known is None:
        text = said(failure)
        is_bare = failure.reason in _BARE and not (failure.line or _QUOTE.search(failure.sentence))
        title = text if len(text) <= _TITLE else f"{text[: _TITLE - 1]}…"
        return Signature(_key(failure.reason or "failed", plain(text), task if is_bare else ""), title, "")
    if known.is_own or not (known.target or known.is_whole):
        return Signature(_key(known.kind, known.target, task or plain(said(failure))), known.title, known.target)
    return Signature(_key(known.kind, known.target.lower()), known.title, known.target)


_BARE = frozenset({"exit_code", "crash"})
"""Reasons of which the sentence alone tells nothing: two tasks that end with exit code 1 have nothing in common."""


def cause_of(failure: Failure) -> causes.Cause | None:
    """Return the known cause of a failure, None if its text is of no known kind."""
    # What tells most is read first, and then the rest of the log, from its end.
    lines = [_telling(failure), *reversed(failure.line.splitlines())] if failure.line else []
    return causes.recognise(failure.reason, "\n".join([*lines, without_step(failure)])[:_LONGEST])


def without_step(failure: Failure) -> str:
    """Return the stored sentence without the name of the step before it and what was said of further tries."""
    sentence = failure.sentence.removeprefix(f"{failure.step}: ") if failure.step else failure.sentence
    return _AGAIN.sub("", sentence) if "tri" in sentence or "ttempts" in sentence else sentence


def said(failure: Failure) -> str:
    """Return the words of the failed program or host themselves: the last telling line, else the sentence."""
    if telling := _telling(failure):
        return telling
    sentence = without_step(failure)
    quoted = _QUOTE.search(sentence) if "Last line: “" in sentence else None
    return quoted[1].strip() if quoted else sentence


def _telling(failure: Failure) -> str:
    """Return the one line that tells most: the last of a few, found out among many."""
    texts = failure.line.splitlines() or [""]
    if len(texts) <= evidence.CONTEXT:
        return texts[-1].strip()
    found = evidence.find([evidence.Line(number, "", text) for number, text in enumerate(texts, 1)], failure.sentence)
    return found.line.text.strip() if found else ""


def plain(text: str) -> str:
    """Return a text without what differs from run to run: numbers, times, ids, paths, colours."""
    return " ".join(_VARYING.sub("#", text[:300]).lower().split())


def _key(*parts: str) -> str:
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16)
    return f"{parts[0][:24]}-{digest.hexdigest()}"
