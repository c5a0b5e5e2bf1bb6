"""Which template fits what somebody does or asks for, by words, hosts and intent, each with the reason."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.domain.library.content import Template

MOST = 3
_LEAST = 2.0
_TEXT = 20_000
_WORD = re.compile(r"[^\W\d_]{3,}")
_HOST = re.compile(r"https?://([a-z0-9.-]+\.[a-z]{2,}|localhost)", re.IGNORECASE)
_ASKS = re.compile(r"\b(?:curl|wget|urlopen|requests\.(?:get|head))\b")
_ENDINGS = ("ungen", "ments", "ment", "ing", "en", "es", "er", "ed", "s", "n", "e")
_STEM = 4
"""So many letters are left of a word at least."""

_SCRIPTS = 2
"""So many scripts that ask one host are better one check."""

_CATEGORIES: Mapping[str, str] = {
    "monitoring": "Watch", "data_analysis": "Data", "communication": "Team", "planning": "Team",
    "content_creation": "Agents", "research": "Agents",
}  # fmt: skip
"""The category that fits an intent of a thread."""


@dataclass(frozen=True)
class Suggestion:
    """A template that fits, and why, one sentence."""

    template: Template
    reason: str


@dataclass(frozen=True)
class Doing:
    """What a team does already: a task by its name, with all that its definition says."""

    name: str
    definition: Mapping[str, Any]


def suggest(
    text: str, templates: Iterable[Template], intent: str = "", hosts: Collection[str] = ()
) -> list[Suggestion]:
    """Return the templates that fit a text best, at most MOST; `hosts` are those that it asks.

    Two of the words by which a template is known must stand in it, or one and a host that it asks, too.
    """
    said = _stems(text[:_TEXT])
    known = {*hosts, *(host.lower() for host in _HOST.findall(text[:_TEXT]))}
    found = []
    for one in templates:
        score, reason = _fit(one, said, known, intent)
        if score >= _LEAST:
            found.append((score, Suggestion(one, reason)))
    found.sort(key=lambda pair: -pair[0])
    return [suggestion for _, suggestion in found[:MOST]]


def from_history(doings: Sequence[Doing], templates: Sequence[Template]) -> list[Suggestion]:
    """Return templates that could do what tasks of the team do by themselves, at most MOST."""
    found = _many_checks(doings, {one.slug: one for one in templates})
    alike: dict[str, list[str]] = defaultdict(list)
    for one in doings:
        text = f"{one.name} {_texts(one.definition)}"
        called = _stems(f"{one.name} {_prompts(one.definition)}")  # what people say: code speaks of join and csv, too
        likely = [
            template for template in templates if called.keys() & {_stem(word) for word in template.content.words}
        ]
        for suggestion in suggest(text, likely)[:1]:
            alike[suggestion.template.slug].append(one.name)
    by_slug = {one.slug: one for one in templates}
    taken = {one.template.slug for one in found}
    ranked = sorted(alike.items(), key=lambda pair: -len(pair[1]))
    found += [Suggestion(by_slug[slug], _like(names)) for slug, names in ranked if slug not in taken]
    return found[:MOST]


def _fit(one: Template, said: Mapping[str, str], hosts: Collection[str], intent: str) -> tuple[float, str]:
    words = [said[stem] for stem in dict.fromkeys(map(_stem, one.content.words)) if stem in said]
    theirs = {host.lower() for asked in one.content.form for host in _HOST.findall(asked.example + asked.default)}
    host = next((host for host in sorted(theirs & set(hosts)) if not host.endswith(".example")), "")
    fits = bool(intent) and _CATEGORIES.get(intent) == one.content.category
    score = len(words) + (1.5 if host else 0) + (0.5 if fits else 0)
    if not words:
        return 0, ""
    reason = f"It speaks of {_listed(words[:3])}" + (f" and asks {host}." if host else ".")
    return score, reason


def _many_checks(doings: Sequence[Doing], by_slug: Mapping[str, Template]) -> list[Suggestion]:
    asked: dict[str, set[str]] = defaultdict(set)
    for one in doings:
        text = _texts(one.definition)
        if _ASKS.search(text):
            for host in _HOST.findall(text):
                asked[host.lower()].add(one.name)
    host, names = max(asked.items(), key=lambda pair: len(pair[1]), default=("", set()))
    if len(names) < _SCRIPTS or "website-check" not in by_slug:
        return []
    reason = f"{len(names)} of your scripts ask {host} for an answer. One check would do."
    return [Suggestion(by_slug["website-check"], reason)]


def _texts(value: Any) -> str:
    if isinstance(value, str):
        return value
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return " ".join(_texts(one) for one in parts)[:_TEXT]


def _prompts(definition: Mapping[str, Any]) -> str:
    settings = [definition.get("settings"), *(step.get("settings") for step in definition.get("steps") or ())]
    return " ".join(str((one or {}).get("prompt", "")) for one in settings)[:_TEXT]


def _like(names: Sequence[str]) -> str:
    more = len(names) - 2
    return f"Much like {_listed([*names[:2], *([f'{more} more'] if more > 0 else [])])} of yours."


def _stems(text: str) -> dict[str, str]:
    """Return the words of a text as they were written, by their stems."""
    return {_stem(word): word.lower() for word in reversed(_WORD.findall(text))}


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    """Return a word without the endings that most languages here put to it, one after another."""
    word = word.lower()
    while ending := next((one for one in _ENDINGS if word.endswith(one) and len(word) - len(one) >= _STEM), ""):
        word = word.removesuffix(ending)
    return word


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
