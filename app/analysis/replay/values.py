"""The variables of a replay: how each may stand in code, what it is called, and what a run puts in its place."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import date

from app.analysis.base import Analysis, Finding
from app.analysis.clauses import listed
from app.analysis.replay import dates
from app.analysis.replay.value import Taken, Value
from app.analysis.suggestions import keeps_names
from app.domain.thread import Thread

_READ = 20_000
_NUMBER = re.compile(r"\d{1,3}(?:[,. ']\d{3})+(?![\d])|\d+(?:[.,]\d+)?")
_FILE_NAME = re.compile(r"(?<![\w.-])[\w.-]{1,120}\.[A-Za-z][A-Za-z0-9]{1,4}\b")
_IDENTIFIER = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")

_SHORT = 24
_MOST_SAID, _MOST = 400, 200
"""Values in what people said that are looked for in the code, and variables that a replay has."""

_TAKEN = listed("run weekday previous team secrets steps false true none null and or not in is if")
_WORDS = {
    "email": "recipient", "money": "amount", "person": "person", "place": "place", "entity": "name",
    "number": "number",
}  # fmt: skip
_BOUND = re.compile(
    r"\b(?:over|above|under|below|more than|less than|at least|at most|threshold|limit|tolerance|within|percent"
    r"|schwelle|über|unter|mehr als|mindestens|höchstens)\b|%",
    re.IGNORECASE,
)


def values(thread: Thread, analysis: Analysis, code: str) -> list[Value]:
    """Return the variables whose literals stand in `code`, the longest literal first; names are still to be made."""
    day = _day(thread)
    said = "\n".join(message.text[:_READ] for message in thread.messages if message.role == "user")
    plain = _FILE_NAME.sub("", code) if keeps_names(thread) else code
    near = {one.literal: one for one in dates.near(plain, day, said)}
    found: dict[str, Value] = {}
    called = {f"{int(hit[1])}-{int(hit[2]):02}-{int(hit[3]):02}" for hit in dates.CALLED.finditer(code)}
    for finding in analysis.of("variable")[:_MOST_SAID]:
        for value in _of(finding, _day(thread, finding)):
            if value.kind == "url" and any(literal in value.literal for literal in near):
                continue  # the day in it is what changes
            if (value.literal in code or value.literal in called) and not (
                value.kind == "text" and _IDENTIFIER.fullmatch(value.literal)
            ):
                found.setdefault(value.literal, value)
    for value in near.values():
        if not any(value.literal in other for other in found):
            found.setdefault(value.literal, value)
    return sorted(found.values(), key=lambda one: -len(one.literal))[:_MOST]


def _day(thread: Thread, finding: Finding | None = None) -> date | None:
    """Return the day on which something was said, without a finding the one of the last call."""
    if finding:
        found = [thread.messages[one.message].at for one in finding.evidence]
    else:
        found = [message.at for message in thread.messages if message.calls]
    at = next((one for one in reversed(found) if one), None) or thread.last_at
    return at.date() if at else None


def _of(finding: Finding, day: date | None) -> Iterator[Value]:
    said, kind = str(finding.value["value"]), str(finding.value["kind"])
    evidence = tuple(one.message for one in finding.evidence)
    excerpt = " ".join(one.excerpt for one in finding.evidence)
    plain = Value("", said, kind, said, str(finding.value.get("expression") or ""), None, evidence, excerpt)
    if kind in {"date", "period"}:
        yield from dates.forms(plain, said, day)
    elif kind in {"number", "money"}:
        yield from _sizes(plain, said)
    if kind not in {"number", "money"} or not _NUMBER.search(said):
        yield plain


# --- numbers


def _sizes(plain: Value, said: str) -> Iterator[Value]:
    """Return a number as code may write it: without its unit, a share of a hundred as a fraction too."""
    hit = _NUMBER.search(said)
    if not hit:
        return
    digits = hit[0]
    if re.fullmatch(r"\d{1,3}(?:[,. ']\d{3})+", digits):
        digits = re.sub(r"\D", "", digits)
    digits = digits.replace(",", ".")
    size = float(digits)
    yield Value(
        "",
        plain.label,
        "number" if plain.kind == "number" else plain.kind,
        digits,
        "",
        size,
        plain.evidence,
        plain.excerpt,
    )
    if re.search(r"%|percent|prozent|pour ?cent|por ciento", said, re.IGNORECASE):
        share = f"{size / 100:.10g}"
        yield Value("", plain.label, "number", share, "", size / 100, plain.evidence, plain.excerpt)


# --- names


def named(found: Iterable[Value], hints: dict[str, str]) -> dict[str, str]:
    """Return a name for each literal: what the code calls it, else what kind of thing it is; no name twice."""
    names: dict[str, str] = {}
    taken = Taken()
    for value in found:
        name = slug(hints.get(value.literal, "")) or _name(value)
        name = f"{name}_value" if name in _TAKEN else name
        names[value.literal] = taken.free(name)
    return names


def slug(text: str) -> str:
    """Return a text as a name, empty where nothing of it can be one."""
    bare = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    letters = "".join(char for char in bare if not unicodedata.combining(char))
    found = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")[:30].strip("_")
    return found if re.match(r"[a-z]", found) else ""


def _name(value: Value) -> str:
    if value.kind in _NAMES:
        return _NAMES[value.kind](value)
    return _WORDS.get(value.kind, "value")


def _of_text(value: Value) -> str:
    """Say what a text is by its shape, else by its own words: it may be a folder, or the ending of files."""
    if re.fullmatch(r"\.[A-Za-z]\w{0,7}", value.literal):
        return "ending"
    if re.match(r"~?/|\.{0,2}/", value.literal):
        return "folder"
    return (slug(value.literal) if len(value.literal) <= _SHORT else "") or "text"


def _of_period(value: Value) -> str:
    if named := next((one for one in ("quarter", "week") if value.label == one.capitalize()), ""):
        return named
    is_month = "months" in value.expression or re.search(r"month|monat|mois|mes\b", value.label, re.IGNORECASE)
    return "month" if is_month else "since"


def _of_date(value: Value) -> str:
    edges = (("end_of", "last_day"), ("start_of", "first_day"))
    return next((name for edge, name in edges if edge in value.expression), "date")


def _of_file(value: Value) -> str:
    stem = slug(re.sub(r"[\d_-]{2,}", "_", value.literal.rpartition("/")[2].rpartition(".")[0]))
    return f"{stem}_file" if stem else "file"


def _of_url(value: Value) -> str:
    host = slug(re.split(r"[.:/]", re.sub(r"^https?://(?:www\.|api\.)?", "", value.literal))[0])
    return f"{host}_address" if host else "address"


def _of_number(value: Value) -> str:
    if _BOUND.search(value.excerpt) or "%" in value.label:
        return "threshold"
    unit = slug(_NUMBER.sub("", value.label))
    return unit if unit and value.kind == "number" else _WORDS[value.kind]


_NAMES: dict[str, Callable[[Value], str]] = {
    "text": _of_text, "period": _of_period, "date": _of_date, "file": _of_file, "url": _of_url, "number": _of_number,
    "money": _of_number,
}  # fmt: skip
