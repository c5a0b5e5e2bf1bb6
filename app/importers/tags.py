"""Calls that an agent wrote as XML-like tags into its text."""

import re
from itertools import islice
from typing import Any

OPENING, CLOSING = "<function_calls>", "</function_calls>"
INVOKE = re.compile(r'<invoke name="([^"\n]{1,100})">')
PARAMETER = re.compile(r'<parameter name="([^"\n]{1,100})">')
MOST_TAGS = 500  # of one message
OLD_TAG = re.compile(r"<([a-z]{2,20}(?:-[a-z]{1,20}){1,4}|ask|complete)((?:\s[^<>\n]{0,1000})?)>")
OLD_ATTRIBUTE = re.compile(r'([a-z_]{1,40})="([^"]*)"')


def calls_in_tags(text: str) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """Return a text without its calls, and the calls in their order: name and arguments."""
    if "<" not in text:
        return text, []
    kept, calls, place = [], [], 0
    while (start := text.find(OPENING, place)) >= 0:
        kept.append(text[place:start])
        end = text.find(CLOSING, start)
        block = text[start : end if end >= 0 else len(text)]
        calls += _invokes(block)
        place = end + len(CLOSING) if end >= 0 else len(text)
    kept.append(text[place:])
    plain = "".join(kept)
    if not calls:
        plain, calls = _old_tags(plain)
    return re.sub(r"\n{3,}", "\n\n", plain).strip(), calls


def _invokes(block: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    starts = list(INVOKE.finditer(block))
    for place, start in enumerate(starts):
        end = starts[place + 1].start() if place + 1 < len(starts) else len(block)
        found.append((start[1], _parameters(block[start.end() : end])))
    return found


def _parameters(block: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for match in PARAMETER.finditer(block):
        end = block.find("</parameter>", match.end())
        given[match[1]] = block[match.end() : end if end >= 0 else len(block)]
    return given


def _old_tags(text: str) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """Read tags such as <execute-command>…</execute-command>; outside of code only."""
    kept, calls, place = [], [], 0
    for match in islice(OLD_TAG.finditer(text), MOST_TAGS):
        end = text.find(f"</{match[1]}>", match.end())
        if match.start() < place or end < 0 or text.count("```", 0, match.start()) % 2:
            continue
        kept.append(text[place : match.start()])
        given: dict[str, Any] = dict(OLD_ATTRIBUTE.findall(match[2]))
        body = text[match.end() : end].strip()
        calls.append((match[1].replace("-", "_"), {**given, "input": body} if body else given))
        place = end + len(match[1]) + 3
    kept.append(text[place:])
    return "".join(kept), calls
