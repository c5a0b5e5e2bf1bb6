"""Secrets shown by at most their last characters: what leaves the analysis goes through here."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from app.analysis.base import Evidence, Finding

TAIL = 4
_BEGINNING = 5
"""Characters at which a secret is known when its end is missing."""

EXCERPT = 160
_SHOWN = 4 * EXCERPT
"""Characters on each side of a place that may be shown."""


def shown(secret: str) -> str:
    """Return how a secret may be shown: its last four characters, fewer of a very short one."""
    return "…" + secret[-min(TAIL, max(1, len(secret) // 2)) :]


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of the secrets shown by its last characters only. The longest is masked first."""
    for secret in sorted({one for one in secrets if one and one in text}, key=len, reverse=True):
        text = text.replace(secret, shown(secret))
    return text


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


def _uncut(excerpt: str, secrets: Iterable[str]) -> str:
    """Return an excerpt without the beginning of a secret at its end, where it was cut."""
    for secret in secrets:
        at = excerpt.rfind(secret[:_BEGINNING], max(0, len(excerpt) - len(secret)))
        if at >= 0 and len(secret) > _BEGINNING and secret.startswith(excerpt[at:]):
            excerpt = excerpt[:at] + "…"
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
