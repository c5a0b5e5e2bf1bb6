"""Transcripts that were pasted as text or Markdown."""

import re
from typing import Any

from app.domain.thread import Thread
from app.importers.base import Unreadable
from app.importers.building import Builder
from app.importers.marks import read_answer
from app.importers.mentions import files_in
from app.importers.speakers import Head, chosen, head_of
from app.importers.values import joined

FENCE = re.compile(r"\s*(?:>\s*)?(`{3,}|~{3,})\s*([^\s`]{0,40})")
TITLE = re.compile(r"(?:#{1,2}\s+|title:\s*)(?P<title>\S.{0,300})$", re.IGNORECASE)
MODEL_LINE = re.compile(
    r"[*_>\s-]{0,6}mod(?:el|ell|èle|elo)[*_]{0,3}\s*[:：][*_\s`]{0,6}(?P<model>[\w./:-]{2,80}(?: [\w.]{1,20}){0,3})",
    re.IGNORECASE,
)
MODEL_NOTE = re.compile(r"(?=[^\d]*\d)(?=.*[a-zA-Z]{2})[\w./:-]{3,60}$")
RULE = re.compile(r"[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,})[ \t]*$")
DATE = re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})|(?P<a>\d{1,2})[./-](?P<b>\d{1,2})[./-](?P<c>\d{4})")
CLOCK = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::\d{2})?(?:\s?(?P<half>[ap])\.?m)?", re.IGNORECASE)
MOST_LINES = 200_000
MONTHS = 12
NO_SPEAKERS = "No speakers were found in the text. Begin each message with one, such as “User:” and “Assistant:”."


class Markdown:
    name = "markdown"
    label = "Pasted text"

    def knows(self, value: Any) -> bool:
        return isinstance(value, str) and bool(_heads(value.splitlines()[:MOST_LINES]))

    def thread(self, value: Any) -> Thread:
        lines = value.splitlines()[:MOST_LINES]
        heads = _heads(lines)
        if not heads:
            raise Unreadable(NO_SPEAKERS)
        build = Builder()
        system: list[str] = []
        ends = [head.line for head in heads[1:]] + [len(lines)]
        for head, end in zip(heads, ends, strict=True):
            text = _body(head, lines[head.line + 1 : end])
            if head.side == "system":
                system.append(text)
            elif head.side == "tool":
                build.result(text)
            elif head.side == "user":
                build.say("user", text, at=written(head.note), attachments=files_in(text))
            else:
                build.say("assistant", "", at=written(head.note))
                build.add_text(read_answer(build, text))
        messages = build.messages()
        if not any(message.text for message in messages):
            raise Unreadable("The text names speakers, but none of them says anything.")
        before = lines[: heads[0].line]
        return Thread(
            format="markdown",
            messages=messages,
            title=next((m["title"].strip(" *_\"'#") for line in before if (m := TITLE.match(line.strip()))), None),
            model=_model(before, heads),
            system_prompt=joined(system),
        )


def _heads(lines: list[str]) -> list[Head]:
    """Return where messages begin: outside of code, or anywhere in a text that is code as a whole."""
    inside = _fenced(lines)
    found = [head for number, line in enumerate(lines) if not inside[number] and (head := head_of(number, line))]
    picked = chosen(found)
    if not picked and any(inside):
        picked = chosen([head for number, line in enumerate(lines) if (head := head_of(number, line))])
    return picked or _quoted(lines, inside)


def _fenced(lines: list[str]) -> list[bool]:
    """Return for each line whether it stands in a code block; one that is never closed is none."""
    inside = [False] * len(lines)
    opened: tuple[int, str] | None = None
    for number, line in enumerate(lines):
        match = FENCE.match(line)
        if not match:
            continue
        if opened is None:
            opened = (number, match[1])
        elif match[1].startswith(opened[1]) and not match[2]:
            inside[opened[0] : number + 1] = [True] * (number + 1 - opened[0])
            opened = None
        elif match[2] and match[1] == opened[1]:
            opened = (number, match[1])  # the one before was left open
    return inside


def _quoted(lines: list[str], inside: list[bool]) -> list[Head]:
    """Return where messages begin in a text that quotes the person and leaves the answers plain."""
    first = next((line for line in lines if line.strip()), "")
    if not first.startswith(">") or first.startswith(">>"):
        return []
    heads: list[Head] = []
    for number, line in enumerate(lines):
        if inside[number] or not line.strip():
            continue
        side, rest = ("user", line[1:].strip()) if line.startswith(">") else ("assistant", line)
        if not heads or heads[-1].side != side:
            heads.append(Head(number, "", "user" if side == "user" else "assistant", "quote", rest))
    return heads if len(heads) > 1 else []


def written(note: str) -> str | None:
    """Return the date and time beside a speaker as ISO 8601, None where the date is missing."""
    date, clock = DATE.search(note), CLOCK.search(note)
    if not date:
        return None
    if date["y"]:
        year, month, day = date["y"], date["m"], date["d"]
    else:
        day, month, year = date["a"], date["b"], date["c"]
        if int(month) > MONTHS:  # months first, as Americans write
            day, month = month, day
    hour = int(clock["hour"]) if clock else 0
    if clock and clock["half"]:
        hour = hour % 12 + (12 if clock["half"].lower() == "p" else 0)
    return f"{year}-{int(month):02}-{int(day):02}T{hour:02}:{clock['minute'] if clock else '00'}"


def _body(head: Head, lines: list[str]) -> str:
    if head.style == "quote":
        lines = [line[1:].removeprefix(" ") if line.startswith(">") else line for line in lines]
    kept = [head.rest, *lines]
    while kept and (not kept[-1].strip() or RULE.match(kept[-1])):
        kept.pop()
    return "\n".join(kept).strip()


def _model(before: list[str], heads: list[Head]) -> str | None:
    for line in before:
        if match := MODEL_LINE.match(line):
            return match["model"].strip()
    notes = [head.note for head in heads if head.side == "assistant" and ":" not in head.note]
    return next(
        (
            note
            for note in reversed(notes)
            if MODEL_NOTE.match(note) and not note.replace("-", "").replace("/", "").replace(".", "").isdigit()
        ),
        None,
    )
