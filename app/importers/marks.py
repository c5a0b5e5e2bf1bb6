"""What a pasted transcript shows of calls and their results: the marks that chat programs leave in a copied text."""

import re
from typing import Any

from app.importers.building import Builder
from app.importers.values import unpacked, words

LEADS = (
    r"tool[ _-]?(?:calls?|use|used|invocation)?|function[ _-]?call|call(?:ing|ed)(?: the)?(?: tool| function)?|"
    r"us(?:ed|ing)(?: the)? tool|running(?: tool)?|ran(?: tool)?|invok(?:e|ed|ing)|action|"
    r"werkzeug(?:aufruf)?|appel (?:d'outil|de l'outil)|outil|herramienta|llamada(?: a (?:la )?herramienta)?"
)
CALL = re.compile(
    r"\s{0,8}(?:[-*>]\s+)?(?P<symbol>[^\w\s*_\[\]<>()|:#`\"'.,;!?=+/\\{}$%&@~^-]{1,4}\s*)?(?P<open>[\[(*_`]{0,4})"
    rf"(?:(?P<lead>{LEADS})\s*(?P<colon>[:：])?[*_]{{0,3}}\s*)?"
    r"`?(?P<name>[A-Za-z_][\w.-]{1,63}(?:/[\w.-]{1,63})?)`?[*_]{0,3}\s*(?P<args>.*)$",
    re.IGNORECASE,
)
RESULT = re.compile(
    r"\s{0,8}(?:>\s*)?[\[(*_]{0,4}(?:->|=>|→|⇒|➜|↳|└|⎿|"
    r"(?:tool )?(?:result|output|response|observation|ergebnis|résultat|resultado)\s*[:：][*_]{0,3})\s?",
    re.IGNORECASE,
)
INPUT = re.compile(
    r"\s{0,8}[>*_-]{0,4}\s?(?:input|arguments?|args|parameters?|eingabe|entrée|entrada)[*_]{0,3}\s*[:：][*_]{0,3}\s*`?"
    r"(?P<given>\{.*\})`?\s*$",
    re.IGNORECASE,
)
MOST_LINES = 60  # of the arguments of a call
TAGGED = "<tool_call>"
FENCE = re.compile(r"\s*(`{3,}|~{3,})")
THOUGHT = re.compile(
    r"(?:thought|reasoned|worked|nachgedacht|réfléchi|réflexion|pensó|razonó)\b.{0,20}\b"
    r"(?:\d{1,4}\s?\w{1,10}|moment|seconds?)(?:\s\d{1,2}\s?s)?$",
    re.IGNORECASE,
)
CRUMB = re.compile(
    r"(?:gpt-)?\d(?:\.\d)?o(?:[- ]mini)?|o\d(?:[- ]\w{1,6})?|gpt-[\w.-]{1,20}|"
    r"copy(?: code)?|kopieren|copier|copiar|retry|edit",
    re.IGNORECASE,
)
LONGEST = 20_000


def read_answer(build: Builder, text: str) -> str:
    """Add the calls of an answer to its message, with their results, and return the rest of its text."""
    lines, place, waiting = text.split("\n"), 0, False
    kept: list[str] = []
    while place < len(lines):
        line = lines[place]
        last = _last_of(lines, place)
        call = _call(" ".join(lines[place : last + 1]))
        if call:
            place = last
            given = INPUT.match(lines[place + 1]) if place + 1 < len(lines) and call[1] is None else None
            build.call(call[0], unpacked(given["given"]) if given else call[1])
            place += 1 if given else 0
            while kept and not kept[-1].strip():
                kept.pop()
            kept += [""] if kept else []
            place, waiting = place + 1, True
        elif waiting and not line.strip():
            place += 1
        elif waiting and FENCE.match(line):
            body, place = _fence(lines, place)
            build.result(body)
        elif (waiting and line.lstrip().startswith(">")) or (waiting and RESULT.match(line)):
            output, place = _quote(lines, place)
            build.result(output)
        else:
            waiting = False
            block, place = _fence(lines, place) if FENCE.match(line) else ("", place)
            if block or FENCE.match(line):
                kept += [line, *block.split("\n"), "```"]
            else:
                kept.append(line)
                place += 1
    return _trimmed(kept)


def _last_of(lines: list[str], place: int) -> int:
    """Return the last line of a call whose arguments go over several lines; the line itself of any other."""
    match = CALL.match(lines[place][:LONGEST]) if lines[place].rstrip().endswith(("{", "(", "[")) else None
    if not match or not (match["lead"] or match["symbol"]):
        return place
    after = range(place + 1, min(place + MOST_LINES, len(lines)))
    return next((n for n in after if set(lines[n].strip()) and set(lines[n].strip()) <= set("})]`")), place)


def _call(line: str) -> tuple[str, Any] | None:
    """Return name and arguments of the call that a line shows."""
    if line.strip().startswith(TAGGED):
        told = unpacked(line.strip().removeprefix(TAGGED).removesuffix("</tool_call>").strip())
        return (words(told.get("name")), told.get("arguments")) if isinstance(told, dict) else None
    match = CALL.match(line[:LONGEST])
    if not match:
        return None
    name, rest, lead = match["name"], match["args"].strip(), match["lead"]
    if match["open"][:1] in {"[", "("}:
        rest = rest.removesuffix("]" if match["open"][0] == "[" else ")").strip()
    is_call = rest.startswith("(") and rest.endswith(")")
    given = rest[1:-1].strip() if is_call else rest.lstrip(":").strip("*_` ")
    if given.lower().startswith("with "):
        given = given[5:]
    has_json = given.startswith("{") and given.endswith("}")
    is_named = "_" in name or "." in name
    if lead and (match["colon"] or match["open"][:1] == "["):
        is_shown = not given or has_json or is_call or is_named
    elif lead or match["symbol"]:
        is_shown = is_call or has_json or (is_named and not given)
    else:
        is_shown = (is_call or has_json) and is_named and (has_json or given[:1] in {'"', "'"})
    return (name, unpacked(given) if given else None) if is_shown else None


def _fence(lines: list[str], place: int) -> tuple[str, int]:
    """Return what stands in the code block that begins here, and the line after it."""
    mark = FENCE.match(lines[place])
    closing = mark[1] if mark else "```"
    end = next((n for n in range(place + 1, len(lines)) if lines[n].strip().startswith(closing)), len(lines))
    return "\n".join(lines[place + 1 : end]), end + 1


def _quote(lines: list[str], place: int) -> tuple[str, int]:
    """Return a result that is quoted or marked by an arrow, and the line after it."""
    first = lines[place]
    if first.lstrip().startswith(">") and not first.lstrip().startswith("->"):
        end = next((n for n in range(place, len(lines)) if not lines[n].lstrip().startswith(">")), len(lines))
        quoted = [line.lstrip()[1:].removeprefix(" ") for line in lines[place:end]]
        return RESULT.sub("", "\n".join(quoted), count=1), end
    output = RESULT.sub("", first, count=1)
    if not output.strip() and place + 1 < len(lines) and FENCE.match(lines[place + 1]):
        return _fence(lines, place + 1)
    end = place + 1
    while end < len(lines) and lines[end].strip() and not _call(lines[end]) and lines[end].startswith((" ", "\t")):
        end += 1
    return "\n".join([output, *lines[place + 1 : end]]).rstrip("])"), end


def _trimmed(lines: list[str]) -> str:
    """Return a text without what the chat program put around it: how long it thought, the name of its model."""
    while lines and (not lines[0].strip() or THOUGHT.match(lines[0].strip(" *_>"))):
        lines = lines[1:]
    while lines and (not lines[-1].strip() or CRUMB.fullmatch(lines[-1].strip())):
        lines = lines[:-1]
    return "\n".join(lines).strip()
