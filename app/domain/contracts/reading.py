"""What somebody writes about a run -> checks; what is not understood asks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from app.domain.contracts.forms import FORMS, Said
from app.domain.contracts.kinds import CHECK, Check

EXAMPLES = (
    "a file report.csv with at least 10 rows",
    "the answer mentions Total",
    "the page https://example.com/ answers 200",
    "must use http_get",
    "something is delivered to hooks.example.com",
    "costs less than 20 cents",
    "takes less than 5 minutes",
)
LONGEST = 100_000
"""So many letters are read."""

_LONGEST_LINE = 20_000
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")
_WHOLE = re.compile(r"[{/“\"]|\bjudge|\ba model", re.IGNORECASE)
"""Lines in which a semicolon may be part of what is meant."""
_SPACES = re.compile(r"“[^”]*”|(?<=matches )/.*/|\s+")
"""What is quoted stays as it is; other spaces count as one."""

_OPTIONAL = re.compile(
    r"^(?:optional(?:ly)?|if possible)\s*[:,]?\s+|(?<!\s)\s*\((?:optional|if possible)\)\.?$", re.IGNORECASE
)
_REQUIRED = re.compile(r"(?<!\s)\s*\(required\)\.?$", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """What was understood of some words; `asks` has a sentence for each of the `lines` that were not."""

    checks: list[Check]
    asks: list[str]
    lines: list[str]


def read(text: str) -> Reading:
    """Read checks, one a line or parted by semicolons, in English; an empty line says nothing."""
    found = Reading([], [], [])
    for line in _lines(text[:LONGEST]):
        try:
            found.checks.append(_check(line))
        except ValidationError as error:
            why = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
            found.asks.append(f"“{_cut(line)}”: {why}")
            found.lines.append(line)
        except ValueError as error:
            found.asks.append(f"“{_cut(line)}” {error}")
            found.lines.append(line)
    return found


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        parts = [line] if _WHOLE.search(line) else line.split(";")
        yield from (found for part in parts if (found := _BULLET.sub("", part).strip()))


def _check(line: str) -> Check:
    if len(line) > _LONGEST_LINE:
        raise ValueError("is too long for one check.")
    words = line if "{" in line else _SPACES.sub(lambda found: " " if found[0].isspace() else found[0], line)
    without = _OPTIONAL.sub("", words)
    plain = _REQUIRED.sub("", without).strip()
    is_optional = {"is_optional": without != words} if plain != words else {}
    plain = plain.removesuffix(".").rstrip()
    for pattern, means in FORMS:
        if found := pattern.fullmatch(plain):
            return CHECK.validate_python({**means(Said(found.groupdict())), **is_optional})
    raise ValueError(f"can't be read as a check. Write it like: {'; '.join(EXAMPLES[:4])}.")


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004 letters that fit a sentence
