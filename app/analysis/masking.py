"""Secrets shown by at most their last characters: what leaves the analysis goes through here."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from app.analysis.base import Evidence, Finding

TAIL = 4
EXCERPT = 160


def shown(secret: str) -> str:
    """Return how a secret may be shown: its last four characters, fewer of a very short one."""
    return "…" + secret[-min(TAIL, max(1, len(secret) // 2)) :]


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of the secrets shown by its last characters only. The longest is masked first."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if secret and secret in text:
            text = text.replace(secret, shown(secret))
    return text


def evidence(number: int, text: str, at: int, secrets: Iterable[str]) -> Evidence:
    """Return the words around a place of a message, on one line, at most about 160 characters, secrets masked."""
    known = tuple(secrets)
    at = _outside(text, at, known)
    before, after = masked(text[:at], known), masked(text[at:], known)
    start = max(0, len(before) - EXCERPT // 3)
    words = " ".join((before[start:] + after[:EXCERPT]).split())
    return Evidence(number, ("…" if start else "") + words[:EXCERPT])


def _outside(text: str, at: int, secrets: tuple[str, ...]) -> int:
    """Move a place that is inside a secret to its start: what is cut in two is masked in neither half."""
    for secret in secrets:
        start = text.rfind(secret, max(0, at - len(secret) + 1), at + len(secret) - 1)
        if start < at < start + len(secret) and start >= 0:
            return _outside(text, start, secrets)
    return at


def cleaned(findings: Iterable[Finding], secrets: Iterable[str]) -> list[Finding]:
    """Return the findings with the secrets masked in every text of their values and evidence."""
    known = tuple(secrets)
    return [
        replace(
            finding,
            value=hidden(finding.value, known),
            evidence=tuple(replace(one, excerpt=masked(one.excerpt, known)) for one in finding.evidence),
        )
        for finding in findings
    ]


def hidden(value: Any, secrets: tuple[str, ...]) -> Any:
    """Return JSON with the secrets masked in all its texts, names of fields too."""
    if isinstance(value, str):
        return masked(value, secrets)
    if isinstance(value, Mapping):
        return {masked(str(key), secrets): hidden(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(item, secrets) for item in value]
    return value
