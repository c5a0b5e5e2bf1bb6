"""What of a thread no step stands in for, what may keep a replay from running, and what was never asked for."""

import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.analysis.base import Analysis
from app.analysis.calls import words
from app.analysis.clauses import listed
from app.analysis.replay import cells, keeping
from app.analysis.replay.blocks import USUAL, Block
from app.analysis.replay.cells import base
from app.analysis.replay.doings import Doing
from app.analysis.replay.keeping import Dropped, Kept
from app.analysis.replay.places import Laid, is_data
from app.domain.thread import Thread

_HOST = re.compile(r"https?://([\w.-]+)|(?<![\w.+-])[\w.+-]+@([\w-]+\.[\w.-]+)")
_COPIED, _COPIED_SHARE = 6, 0.6
"""From so many values on, and such a part of all in a program, they were copied."""

_MOST_COMPARED, _NEAR, _LONGEST_ANSWER = 24, 30, 10_000
"""Values of a program that are looked for, answers before it in which they are, and letters of each."""

_CODE = re.compile(r"\.(?:py|sh|bash|js|ts|rb|r|sql)$", re.IGNORECASE)
_LANGUAGE = "Write it as Python or as a script of the shell, or let an agent do this part."
_ADVICE = (
    (
        listed("file files document documents drive rename append edit replace"),
        "Keep the files with the task, and work on them in a Python step.",
    ),
    (
        listed("search"),
        "No step searches the web by itself: name the addresses to ask in HTTP steps, or let an agent do this part.",
    ),
    (
        listed("mail email gmail outlook smtp imap"),
        "Send it with an HTTP step to the address of your mail service, or let an agent with that tool do this part.",
    ),
    (
        listed("slack discord telegram teams sms whatsapp message post notify webhook"),
        "Send it with an HTTP step to the webhook of that service.",
    ),
    (
        listed("browser browse click navigate screenshot playwright puppeteer selenium"),
        "No step has a browser: see whether the address answers an HTTP step, or let an agent do this part.",
    ),
    (
        listed("sql query database db postgres mysql bigquery snowflake"),
        "Ask the database in a Python step, with its address as a secret.",
    ),
    (listed("repl javascript node code interpreter"), _LANGUAGE),
    (listed("image picture draw dalle generate"), "Only a model makes this: let an agent do this part."),
)
_OTHERWISE = "Ask the service in an HTTP step, or let an agent with that tool do this part."
_WROTE = "The agent wrote this text itself: let an agent do this part, or keep the file with the task."
_PAGES = listed("scrape webpage page crawl read")


@dataclass(frozen=True)
class Lacking:
    """A tool whose call can't be done again: in which message, what it did, and what a person could do."""

    message: int
    tool: str
    what: str
    advice: str


def without_injected(done: Sequence[Doing], thread: Thread, analysis: Analysis) -> tuple[list[Doing], list[Dropped]]:
    """Return what was done without what reaches places that only hidden instructions name."""
    hidden = {host for finding in analysis.of("injection") for one in finding.evidence for host in _hosts(one.excerpt)}
    if not hidden:
        return list(done), []
    hidden -= {host for message in thread.messages if message.role == "user" for host in _hosts(message.text)}
    bad = [one for one in done if hidden & _hosts(one.text)]
    dropped = [Dropped(one.message, one.text[:80], "Only a hidden instruction asked for it.") for one in bad]
    return [one for one in done if one not in bad], dropped


def _hosts(text: str) -> set[str]:
    return {(hit[1] or hit[2]).lower().rstrip(".") for hit in _HOST.finditer(text)}


def tells_body(tool: str) -> bool:
    """Whether a tool gives back what a server answered as it was, and not the words of a page."""
    return not words(tool) & _PAGES


def lacking(kept: Kept, laid: Laid, blocks: Sequence[Block]) -> Iterator[Lacking]:
    """Yield each tool once that no step stands in for, and texts that the agent wrote into files that nothing uses."""
    seen: set[str] = set()
    for one in kept.doings:
        if one.kind == "tool" and one.name not in seen and not keeping.is_looking_tool(one.name):
            seen.add(one.name)
            yield Lacking(one.message, one.name, " ".join(one.text.split())[:120], _advice(one.name))
    for name, message in _unused(kept, laid, blocks):
        if not _CODE.search(name):
            yield Lacking(message, "create_file", name, _WROTE)


def _advice(tool: str) -> str:
    parts = words(tool)
    return next((advice for cues, advice in _ADVICE if parts & cues), _OTHERWISE)


def unused_files(kept: Kept, laid: Laid, blocks: Sequence[Block]) -> Iterator[Dropped]:
    """Yield code that was written into a file and never run."""
    for name, message in _unused(kept, laid, blocks):
        if _CODE.search(name):
            yield Dropped(message, name, "It was written and never run.")


def _unused(kept: Kept, laid: Laid, blocks: Sequence[Block]) -> Iterator[tuple[str, int]]:
    used = {name for block in blocks for one in block.doings for name in laid.wanted(one.text, one.number)}
    for one in kept.doings:
        if one.kind == "file" and not one.has_failed and base(one.path) not in used:
            used.add(base(one.path))
            yield base(one.path), one.message


def copied(done: Sequence[Doing], kept: Kept) -> Iterator[str]:
    """Yield a sentence for each program into which the agent wrote what another call had answered."""
    answered = [one for one in done if one.kind != "python" and one.output]
    for one in kept.doings:
        near = [before for before in answered if before.number < one.number][-_NEAR:]
        if one.kind != "python" or not near:
            continue
        values = sorted(cells.values_in(one.text))
        values = values[:: max(1, len(values) // _MOST_COMPARED)]
        for before in near:
            output = before.output[:_LONGEST_ANSWER]
            told = sum(value in output for value in values)
            if told >= _COPIED and told >= len(values) * _COPIED_SHARE:
                what = " ".join(before.text.split())[:60] or before.name
                yield (
                    f"The code of message {one.message + 1} holds what “{what}” answered, written out by the agent: "
                    "it would be the same in each run. Let it read that answer instead."
                )
                break


def problems(kept: Kept, laid: Laid, blocks: Sequence[Block]) -> Iterator[str]:
    """Yield a sentence for each thing that may keep the steps from running as they are."""
    for name, one in kept.lacking:
        if not hasattr(builtins, name) and name not in USUAL:
            yield f"“{name}” is used in message {one.message + 1}, but no call that worked makes it."
    said: set[str] = set()
    for block in blocks:
        for one in block.doings:
            for name in laid.wanted(one.text, one.number):
                if name not in said and laid.is_unclear(name, one.number):
                    said.add(name)
                    yield f"A change of {name} could not be followed: look whether its code is whole."
                elif name not in said and laid.changed_after(name, one.number) and not is_data(name):
                    said.add(name)
                    yield f"{name} was changed after it last ran: that change is not in it."
            if hit := re.search(r"\b(?:apt(?:-get)?|apk|yum|dnf|brew)\b", one.installs):
                yield f"It installs programs with {hit[0]}: they must be on the worker."
