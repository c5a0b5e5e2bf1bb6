"""What a literal is, and how a pattern becomes a rule that finds such."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Literal:
    """A value where it stands in a text; `key` is what makes two of them the same thing with another value."""

    start: int
    end: int
    value: str
    kind: str
    confidence: float
    key: str = ""


Rule = Callable[[str], Iterator[Literal]]

NUMBER = r"\d{1,3}(?:[.,'’ ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?"
"""A number in figures, as a part of a pattern."""


def by(pattern: re.Pattern[str], kind: str, confidence: float) -> Rule:
    """Return the rule that takes what a pattern matches, without the marks of the sentence behind it."""

    def rule(text: str) -> Iterator[Literal]:
        for match in pattern.finditer(text):
            shown = match[0].rstrip(".,;:!?)’'")
            yield Literal(match.start(), match.start() + len(shown), shown, kind, confidence)

    return rule
