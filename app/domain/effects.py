"""What a task does to the outside, so that a person hears what would happen again before it does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from app.domain.wording import listed

WITHIN = " · "
"""Between the name of a step and a point within it."""

HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods of requests that change nothing outside."""

_READING = frozenset({"http_get", "read_file", "write_file", "list_files"})
_PROGRAMS = frozenset({"python", "shell"})
_CONFINED = 2
"""From this level of isolation on a program reaches no file but those of its workspace."""

_TOOLS = {"python": "Python", "shell": "shell commands"}


def parts_of(definition: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return (name, engine, settings) of each step of a definition; the name is empty where there is but one part."""
    steps = definition.get("steps") or ()
    if not steps:
        return [("", definition["engine"], definition["settings"])]
    return [(step["name"], step["engine"], step["settings"]) for step in steps]


def stays_inside(definition: Mapping[str, Any], level: int) -> bool:
    """Whether all that runs of a task bring about is seen here alone; `level` is the isolation of its programs.

    A request may be made for what it does over there, whatever its method; an agent only reads.
    """
    for _, engine, settings in parts_of(definition):
        used = set(settings.get("tools") or ()) if engine == "agent" else {engine}
        if engine != "agent" and engine not in _PROGRAMS:
            return False
        if used & _PROGRAMS and (settings.get("network") or level < _CONFINED):
            return False
    return True


def steps_after(names: Sequence[str], after: str) -> Sequence[str]:
    """Return the steps that are left behind `after`: the name of one, or of a point within one ("chart · Turn 3")."""
    name, mark, _ = after.partition(WITHIN)
    return names[names.index(name) + (not mark) :] if name in names else names


def repeated(definition: Mapping[str, Any], after: str = "") -> list[str]:
    """Say what is done to the outside once more when a run goes on behind the step `after`, "": from the start."""
    parts = parts_of(definition)
    names = [name for name, _, _ in parts]
    left = set(steps_after(names, after)) if after else set(names)
    is_idempotent = bool(definition.get("policy", {}).get("is_idempotent", True))
    return list(_said([part for part in parts if part[0] in left], is_idempotent=is_idempotent))


def _said(parts: Iterable[tuple[str, str, Mapping[str, Any]]], *, is_idempotent: bool) -> Iterator[str]:
    for name, engine, settings in parts:
        if words := _words(engine, settings, is_idempotent=is_idempotent):
            yield f"{name}: {words}" if name else words[0].upper() + words[1:]


def _words(engine: str, settings: Mapping[str, Any], *, is_idempotent: bool) -> str:
    if engine == "http":
        method = str(settings.get("method", "GET")).upper()
        host = urlsplit(str(settings.get("url", ""))).netloc.rpartition("@")[2]
        return "" if method in HARMLESS else f"sends {method} to {host} again"
    if engine == "report":
        return "its readers get the report again" if settings.get("mail_to") else ""
    if engine == "agent":
        tools = [_TOOLS.get(tool, tool) for tool in settings.get("tools") or () if tool not in _READING]
        return f"its agent may use {listed(tools)} again" if tools else ""
    return "" if is_idempotent else "runs again, and is not marked as safe to run twice"
