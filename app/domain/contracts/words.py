"""A check in words: as pages show it, and as `reading` understands it."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from app.domain.contracts import patterns
from app.domain.contracts.kinds import (
    ANSWER,
    AnswerCheck,
    Check,
    Contract,
    DeliveredCheck,
    FileCheck,
    HttpCheck,
    PatternCheck,
    RowsCheck,
    SchemaCheck,
)
from app.domain.contracts.patterns import WORD

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
_BOUNDS = {
    "minimum": ("at least", ""), "maximum": ("at most", ""), "exclusiveMinimum": ("more than", ""),
    "exclusiveMaximum": ("less than", ""), "minLength": ("at least", "letter"), "maxLength": ("at most", "letter"),
    "minItems": ("at least", "item"), "maxItems": ("at most", "item"),
}  # fmt: skip
"""The bounds of a schema: how each is said, and what it counts."""


def in_words(check: Check) -> str:
    """Say a check in one sentence that `read` understands."""
    return _marked(_SAID[check.kind](check), check)


def shown(check: Check) -> str:
    """Say a check as it is shown, with whether it is optional: a bound of a schema in plain words."""
    return _marked(sentence(check), check)


def sentence(check: Check) -> str:
    """Say a check as it is shown, without whether it is optional."""
    if isinstance(check, PatternCheck) and check.pattern == patterns.ANYTHING and not check.is_absent:
        return _some_text(check.of)
    if isinstance(check, PatternCheck) and (label := patterns.number_of(check.pattern)):
        return f"{subject(check.of)} has {'no' if check.is_absent else 'a'} number for {_quoted(label)}"
    bound = bound_of(check)
    if not bound or not isinstance(check, SchemaCheck):
        return _capital(_SAID[check.kind](check))
    return f"{bound_name(check)} {'of ' if bound.endswith(('letter', 'letters')) else ''}{bound}"


def _some_text(of: str) -> str:
    if not of.startswith("steps."):
        return f"{subject(of)} has some text"
    _, step, path = of.split(".", 2)
    said = "answers with some text" if path == "text" else f"has some text in {path.removeprefix('outputs.')}"
    return f"{_step(step)} {said}"


def _step(name: str) -> str:
    return _capital(re.sub("[_-]", " ", name))


def _marked(said: str, check: Check) -> str:
    if check.is_optional != (check.kind == "judge"):
        said += " (optional)" if check.is_optional else " (required)"
    return _capital(said)


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]


def written(contract: Contract) -> str:
    """Write a contract as `read` reads it: a check a line."""
    return "\n".join(in_words(one) for one in contract)


def _file(check: FileCheck) -> str:
    least = check.min_bytes
    size = "" if least == 1 else " of any size" if not least else f" of at least {_bytes(least)}"
    return f"a {'new ' if check.is_new else ''}file {_quoted(check.name)}{size}"


def _http(check: HttpCheck) -> str:
    shows = f" and shows {_quoted(check.contains)}" if check.contains else ""
    return f"the page {check.url} answers {check.status}{shows}"


def _answer(check: AnswerCheck) -> str:
    least = check.min_length
    return "the answer is not empty" if least == 1 else f"the answer has at least {counted(least, 'letter')}"


def _pattern(check: PatternCheck) -> str:
    words = patterns.mentioned(check.pattern)
    verb = "mention" if words else "match"
    what = _quoted(words) if words else f"/{check.pattern}/"
    ending = "s" if verb == "mention" else "es"
    said = f"does not {verb}" if check.is_absent else f"{verb}{ending}"
    return f"{subject(check.of)} {said} {what}"


def subject(of: str) -> str:
    """Name a source at the beginning of a sentence: `The answer`, `The file report.csv`, `The output steps.a.json`."""
    if of == ANSWER:
        return "The answer"
    return f"The file {_quoted(of.removeprefix('file:'))}" if of.startswith("file:") else f"The output {of}"


def bound_of(check: Check) -> str:
    """Say the bound of a schema that has this one alone: `at least 5`; empty for any other check."""
    name = _bound(check)
    if not name or not isinstance(check, SchemaCheck):
        return ""
    (how, counts), value = _BOUNDS[name], check.json_schema[name]
    return f"{how} {counted(int(value), counts) if counts else _number(value)}"


def _bound(check: Check) -> str:
    if not isinstance(check, SchemaCheck):
        return ""
    names = [name for name in check.json_schema if name != "type"]
    return names[0] if len(names) == 1 and names[0] in _BOUNDS else ""


def bound_name(check: SchemaCheck) -> str:
    """Name what a bound is of: `Compare: lines` for an output of a step, else as `subject`."""
    if not check.of.startswith("steps."):
        return f"{subject(check.of)}:"
    _, step, path = check.of.split(".", 2)
    return f"{_step(step)}: {path.removeprefix('outputs.').replace('_', ' ')}"


def measured(check: SchemaCheck, value: Any) -> str:
    """Say what a value comes to where a schema has one bound: `is 3`, `has 12 letters`; empty for another kind."""
    counts = _BOUNDS[_bound(check)][1]
    if counts:
        fits = isinstance(value, str if counts == "letter" else list)
        return f"has {counted(len(value), counts)}" if fits else ""
    kind = int if check.json_schema.get("type") == "integer" else int | float
    return f"is {_number(value)}" if isinstance(value, kind) and not isinstance(value, bool) else ""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"


def is_step(to: str) -> bool:
    """Whether something is delivered by a step of this name, not to a host."""
    return bool(_NAME.fullmatch(to)) and to != "localhost"


def _delivered(check: DeliveredCheck) -> str:
    who = f"the step {check.to} delivers something" if is_step(check.to) else "something is delivered"
    return f"{who}{f' to {check.to}' if check.to and not is_step(check.to) else ''}{_times(check.min)}"


def row_words(check: RowsCheck) -> str:
    """Say how many rows are expected: `at least 1 row`, `between 2 and 5 rows`, `exactly 3 rows`."""
    if check.max is None:
        return f"at least {counted(check.min, 'row')}"
    if check.max == check.min:
        return f"exactly {counted(check.min, 'row')}" if check.max else "no rows"
    return (
        f"between {check.min:,} and {counted(check.max, 'row')}"
        if check.min
        else f"at most {counted(check.max, 'row')}"
    )


def counted(number: int, noun: str) -> str:
    """Say how many of something there are: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _quoted(text: str) -> str:
    """Return a name or words as they may stand in a sentence: in quotes where they would end too early."""
    is_plain = bool(re.fullmatch(rf"{WORD}+", text)) and not re.search(r"[(;]|[.,]$|^['\"“].*['\"”]$", text)
    return text if is_plain else f"“{text}”"


def _bytes(number: int) -> str:
    for size, unit in ((1024**2, "MB"), (1024, "KB")):
        if number % size == 0:
            return f"{number // size:,} {unit}"
    return counted(number, "byte")


def _times(number: int) -> str:
    return "" if number == 1 else f" at least {number:,} times"


def _cents(cents: float) -> str:
    if cents >= 100 and round(cents, 2) == cents:  # noqa: PLR2004 a dollar
        return f"${cents / 100:.4f}".removesuffix("00")
    return f"{cents:.10g} cent{'' if cents == 1 else 's'}"


def _seconds(seconds: float) -> str:
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return counted(int(seconds // size), unit)
    return f"{seconds:.10g} second{'' if seconds == 1 else 's'}"


_SAID: Mapping[str, Callable[[Any], str]] = {
    "file": _file,
    "schema": lambda one: f"{subject(one.of)} fits the schema {json.dumps(one.json_schema, ensure_ascii=False)}",
    "pattern": _pattern,
    "rows": lambda one: f"{subject(one.of)} has {row_words(one)}",
    "http": _http,
    "tool": lambda one: f"must use {one.name}{_times(one.min)}",
    "delivered": _delivered,
    "cost": lambda one: f"costs less than {_cents(one.below_cents)}",
    "duration": lambda one: f"takes less than {_seconds(one.below_seconds)}",
    "answer": _answer,
    "judge": lambda one: f"a model says yes to: {one.question}",
}
