"""Secrets shown by at most their last characters: what leaves the analysis goes through here."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from app.analysis.base import Evidence, Finding

TAIL = 4
_BEGINNING = 5
"""Characters at which a secret is known when its end is missing."""

_FEW = 24
"""So many secrets are looked for one by one; more of them by how they begin, all in one pass."""

EXCERPT = 160
_SHOWN = 4 * EXCERPT
"""Characters on each side of a place that may be shown."""


def shown(secret: str) -> str:
    """Return how a secret may be shown: its last four characters, fewer of a very short one."""
    return "…" + secret[-min(TAIL, max(1, len(secret) // 2)) :]


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of the secrets shown by its last characters only. The longest is masked first."""
    for secret in sorted(_standing(text, tuple(secrets)), key=lambda one: (-len(one), one)):
        text = text.replace(secret, shown(secret))
    return text


def beginning(text: str, most: int, secrets: Iterable[str]) -> str:
    """Return the first `most` characters of a text masked, and of a secret that lies across their end all of it."""
    known = tuple(secrets)
    end = min(most, len(text))
    while (wider := _around(text, end, known)[1]) > end:
        end = wider
    return masked(text[:end], known)


@dataclass(frozen=True)
class _Index:
    """Secrets by how they begin and how long they are; those too short for that; all in their order."""

    alike: Mapping[str, Mapping[int, set[str]]]
    short: tuple[str, ...]
    ordered: tuple[str, ...]
    longest: int


@lru_cache(maxsize=8)
def _index(secrets: tuple[str, ...]) -> _Index:
    alike: dict[str, dict[int, set[str]]] = {}
    ordered = tuple(sorted(set(secrets) - {""}))
    for one in ordered:
        alike.setdefault(one[:_BEGINNING], {}).setdefault(len(one), set()).add(one)
    short = tuple(one for one in ordered if len(one) < _BEGINNING)
    return _Index(alike, short, ordered, max(map(len, ordered), default=0))


def _standing(text: str, secrets: tuple[str, ...]) -> set[str]:
    """Return those of the secrets that stand in a text."""
    if len(secrets) <= _FEW:
        return {one for one in secrets if one and one in text}
    index = _index(secrets)
    found = {one for one in index.short if one in text}
    for at in range(len(text) - _BEGINNING + 1):
        if alike := index.alike.get(text[at : at + _BEGINNING]):
            found.update(part for length, ones in alike.items() if (part := text[at : at + length]) in ones)
    return found


def evidence(number: int, text: str, at: int, secrets: Iterable[str]) -> Evidence:
    """Return the words around a place of a message, on one line, at most about 160 characters, secrets masked."""
    known = tuple(secrets)
    at, _ = _around(text, at, known)
    first, _ = _around(text, max(0, at - _SHOWN), known)
    _, last = _around(text, at + _SHOWN, known)
    before, after = masked(text[first:at], known), masked(text[at:last], known)
    start = max(0, len(before) - EXCERPT // 3)
    words = " ".join((before[start:] + after[:EXCERPT]).split())
    return Evidence(number, ("…" if first or start else "") + words[:EXCERPT])


def _around(text: str, at: int, secrets: tuple[str, ...]) -> tuple[int, int]:
    """Return the bounds of the secrets a place is inside of, the place twice without: a half is masked by nothing."""
    first = last = at
    if len(secrets) > _FEW:
        longest = _index(secrets).longest
        secrets = tuple(_standing(text[max(0, at - longest) : at + longest], secrets))
    for secret in secrets:
        start = text.rfind(secret, max(0, at - len(secret) + 1), at + len(secret) - 1)
        if 0 <= start < at < start + len(secret):
            first, last = min(first, start), max(last, start + len(secret))
    return first, last


def cleaned(findings: Iterable[Finding], secrets: Iterable[str]) -> list[Finding]:
    """Return the findings with the secrets masked in every text of their values and evidence."""
    known = tuple(secrets)
    return [
        replace(
            finding,
            value=hidden(finding.value, known),
            evidence=tuple(replace(one, excerpt=_uncut(masked(one.excerpt, known), known)) for one in finding.evidence),
        )
        for finding in findings
    ]


def _uncut(excerpt: str, secrets: tuple[str, ...]) -> str:
    """Return an excerpt without the beginning of a secret at its end, where it was cut."""
    ordered = _index(secrets).ordered
    for at in range(len(excerpt) - _BEGINNING + 1):
        place = bisect_left(ordered, excerpt[at:])
        if place < len(ordered) and ordered[place].startswith(excerpt[at:]):
            return excerpt[:at] + "…"
    return excerpt


def hidden(value: Any, secrets: tuple[str, ...]) -> Any:
    """Return JSON with the secrets masked in all its texts, names of fields too."""
    if isinstance(value, str):
        return masked(value, secrets)
    if isinstance(value, Mapping):
        return {masked(str(key), secrets): hidden(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(item, secrets) for item in value]
    return value
