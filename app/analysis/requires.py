"""What a run requires: the network, leave to run code, and somebody's approval before it acts."""

import re

from app.analysis import approval, code, dependencies, secrets
from app.analysis.base import Analysis, Evidence, Finding
from app.analysis.calls import code_of, has_failed, is_shell, reaches_out, runs_code, words
from app.analysis.masking import evidence
from app.domain.thread import Thread, ToolCall

_ONLINE = re.compile(
    r"\b(?:search (?:the )?(?:web|internet|online)|look (?:it )?up online|google (?:it|for|the)|browse the"
    r"|check the (?:web)?site|scrape|on the (?:web|internet)|latest news|weather forecast"
    r"|im (?:internet|netz|web)|online (?:suchen|nachsehen|schauen)|recherchier\w{0,3}|wettervorhersage"
    r"|wetterbericht|en (?:internet|la web|línea)|busca en (?:internet|la red|google)"
    r"|sur (?:internet|le web|le net)|en ligne|météo|pronóstico|rss|webseite|página web|site web)\b",
    re.IGNORECASE,
)

_FETCHES = re.compile(
    r"\b(?:curl|wget|http|https|lynx)\s[^\n|;]{0,200}?(?:https?://|localhost|\d{1,3}(?:\.\d{1,3}){3}|[\w-]{1,60}(?:\.[\w-]{1,60}){1,4}[:/])"
    r"|\b(?:requests|httpx|session|client)\.(?:get|post|put|patch|delete|head|request)\(|\burlopen\(|\bfetch\(\s*[\"'`]http"
    r"|\b(?:Invoke-WebRequest|Invoke-RestMethod)\b|\b(?:ssh|scp|sftp)\s[^\n|;]{0,80}@"
)
"""Code that fetches or sends something by network, also within one's own machine."""

_READ = 20_000
_DATABASE = {"sql", "query", "database", "db"}


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return one finding: whether a run needs the network, runs code, and must be approved."""
    known = secrets.known(thread, sofar)
    needs = sofar.of("dependency") or dependencies.stage(thread, sofar)
    kinds = {finding.value["kind"] for finding in needs}
    tools = dependencies.needed_tools(thread)
    acts = list(approval.acts(thread))
    asked = [message.text for message in thread.messages if message.role == "user"]
    network = (
        "api" in kinds
        or any(reaches_out(call) or _asks_a_database(call) for _, call, _ in tools)
        or any(_fetches(call) for call in thread.calls)
        or any(approval.reaches_people(text) for text in {text for _, text, _, _ in acts})
        or (not tools and any(_ONLINE.search(text) for text in asked))
    )
    runs = "package" in kinds or any(_runs_code(call) for call in thread.calls) or code.was_shown(thread)
    value = {"network": network, "code_execution": runs, "approval": bool(acts)}
    return [Finding("requires", value, _sureness(thread, acts), _evidence(needs, acts, known))]


def _runs_code(call: ToolCall) -> bool:
    """Whether a call ran code: no query, no mere look into a file, nothing that was not found."""
    return runs_code(call) and not _asks_a_database(call) and not has_failed(call) and not _only_looks(call)


def _asks_a_database(call: ToolCall) -> bool:
    return runs_code(call) and (
        isinstance(call.arguments.get("sql"), str) or (bool(words(call.name) & _DATABASE) and not is_shell(call))
    )


def _fetches(call: ToolCall) -> bool:
    """Whether the code of a call that worked asks something by network."""
    return not has_failed(call) and any(_FETCHES.search(text[:_READ]) for text in code_of(call))


def _only_looks(call: ToolCall) -> bool:
    commands = code_of(call)
    return is_shell(call) and bool(commands) and all(dependencies.is_glance(text) for text in commands)


def _sureness(thread: Thread, acts: list[tuple[int, str, int, float]]) -> float:
    return max((sure for *_, sure in acts), default=0.8 if any(thread.calls) else 0.7)


def _evidence(
    needs: list[Finding], acts: list[tuple[int, str, int, float]], known: tuple[str, ...]
) -> tuple[Evidence, ...]:
    shown = [evidence(number, text, at, known) for number, text, at, _ in acts[:2]]
    for kind in ("api", "package", "tool"):
        shown += [finding.evidence[0] for finding in needs if finding.value["kind"] == kind][:1]
    return tuple(shown)
