"""The clauses of what somebody said, and whether one denies something; in English, German, French and Spanish."""

import re
from collections.abc import Iterator

_CLAUSE = re.compile(r"(?:[^.,;:!?\n(){}]|[.,:](?=[\w/]))+")
_BREAK = re.compile(r"[;!?\n(){}]|[.,:](?![\w/])")
_LONGEST = 300
NEGATION = re.compile(
    r"\b(?:not|n['’]t|don['’]?t|doesn['’]?t|isn['’]?t|aren['’]?t|won['’]?t|never|no|without|nothing|neither|nor"
    r"|instead of|rather than|stop|forget|skip|exclude|excluding|drop|ignore"
    r"|nicht|kein\w{0,2}|nie|niemals|ohne|statt|anstatt|vergiss|pas|jamais|sans|aucune?|plus de|au lieu de"
    r"|oublie\w?|nunca|jamás|sin|ningun[oa]?|ningún|en vez de|olvida)\b",
    re.IGNORECASE,
)


def listed(words: str) -> frozenset[str]:
    """Return the words of a text as a set: how lists of words are written down."""
    return frozenset(words.split())


def clauses(text: str) -> Iterator[tuple[int, str]]:
    """Return the clauses of a text with their places; a dot inside a name or a number ends none."""
    for hit in _CLAUSE.finditer(text):
        if hit[0].strip():
            yield hit.start(), hit[0]


def around(text: str, at: int) -> tuple[int, str]:
    """Return the clause that a place of a text is in, with its own place; of a long one the part around it."""
    first, last = max(0, at - _LONGEST), min(len(text), at + _LONGEST)
    start = max((hit.end() for hit in _BREAK.finditer(text, first, last) if hit.end() <= at), default=first)
    end = _BREAK.search(text, at, last)
    return start, text[start : end.start() if end else last]


def is_denied(text: str, at: int) -> bool:
    """Whether a negation stands before a place, in the same clause."""
    start, _ = around(text, at)
    return bool(NEGATION.search(text[max(start, at - 80) : at]))
