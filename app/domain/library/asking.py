"""What a template needs and asks to be allowed, in words, read out of its definition alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain import contracts
from app.domain.library.content import Content

NEEDS: Mapping[str, str] = {
    "model": "a model", "network": "the web", "secret": "a secret", "packages": "packages", "file": "a file",
}  # fmt: skip
"""What a template may need, and how a page calls it."""

_MINUTES = 60
_HOST = re.compile(r"https?://(?:[^\s/@]{0,200}@)?([A-Za-z0-9][A-Za-z0-9.:-]{0,250})", re.IGNORECASE)
_ENGINES = {"http": "HTTP", "python": "Python", "shell": "Script", "agent": "Agent"}
_ALONE = {"http": "Ask", "python": "Run the program", "shell": "Run the script", "agent": "Ask the agent"}
_TOOLS = {
    "http_get": "read web pages", "python": "run Python", "shell": "run scripts", "read_file": "read its files",
    "write_file": "write files",
}  # fmt: skip


def needs(content: Content) -> list[str]:
    """Return the names of NEEDS that hold."""
    parts = [(engine, settings) for _, engine, settings in content.parts]
    found = {
        "model": any(engine == "agent" for engine, _ in parts),
        "network": any(reaches(engine, settings) for engine, settings in parts),
        "secret": any(one.kind == "secret" and one.is_required for one in content.form),
        "packages": any(settings.get("requirements") for _, settings in parts),
        "file": any(one.kind == "file" and one.is_required for one in content.form),
    }
    return [name for name in NEEDS if found[name]]


def reaches(engine: str, settings: Mapping[str, Any]) -> bool:
    """Whether a step goes out to the network."""
    return engine == "http" or bool(settings.get("network")) or "http_get" in (settings.get("tools") or ())


def engines(content: Content) -> list[str]:
    """Return what it is carried out with, in words, each once."""
    return list(dict.fromkeys(_ENGINES.get(engine, engine) for _, engine, _ in content.parts))


def parts(content: Content) -> list[tuple[str, str]]:
    """Return the steps in their order: the name of each, and what carries it out."""
    found = []
    for name, engine, settings in content.parts:
        words = _ENGINES.get(engine, engine)
        if engine in {"python", "shell"}:
            words += ", with the network" if settings.get("network") else ", no network"
        found.append((_title(name) or _ALONE.get(engine, words), words))
    return found


def needs_words(content: Content) -> str:
    """Say what it needs, in a few words."""
    return ", ".join(NEEDS[name] for name in needs(content)) or "nothing"


def cost_words(content: Content) -> str:
    """Say what a usual run costs."""
    least, most = content.cents
    return f"${least / 100:.2f}–{most / 100:.2f} a run" if most else "no cost"


def time_words(content: Content) -> str:
    """Say how long a usual run takes, empty where nobody has said."""
    if content.seconds is None:
        return ""
    least, most = content.seconds
    return f"{least:g}–{most:g} s" if most < _MINUTES else f"{least:g} s to {most / 60:g} min"


def promises(content: Content) -> list[str]:
    """Say what its contract holds a run to, a line each."""
    return [contracts.shown(one) for one in contracts.parse(content.contract)]


def permissions(content: Content) -> list[str]:
    """Say what it will be able to do, a sentence each."""
    return list(dict.fromkeys(_permission(engine, settings) for _, engine, settings in content.parts))


def _permission(engine: str, settings: Mapping[str, Any]) -> str:
    match engine:
        case "http":
            does = "Asks" if settings.get("method", "GET") in {"GET", "HEAD"} else "Sends something to"
            return f"{does} {_whom(settings)}{', with a secret that you choose' if _signs_in(settings) else ''}."
        case "agent":
            tools = [_TOOLS.get(tool, tool) for tool in settings.get("tools") or ()]
            return f"Lets an agent {_listed(tools)}." if tools else "Asks a model; the agent has no tools."
        case "python" | "shell":
            what = "a script" if engine == "shell" else "Python"
            where = "with the whole network" if settings.get("network") else "without any network"
            return f"Runs {what} in the sandbox, {where}."
    return f"Uses {_ENGINES.get(engine, engine)}."


def _signs_in(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("auth_secret")) or "secrets." in str(settings)


def _whom(settings: Mapping[str, Any]) -> str:
    found = _HOST.match(str(settings.get("url", "")))
    return found[1].lower() if found else "an address you type"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _title(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()
