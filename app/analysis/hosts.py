"""The hosts a run must reach: those the person names, those that calls and code reached."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.analysis import injection
from app.analysis.calls import code_of, has_failed, is_housekeeping, parsed, texts, writes_files
from app.analysis.clauses import NEGATION, around, clauses, is_denied
from app.analysis.code import fragments, without_comments
from app.analysis.units import TOP
from app.domain.thread import Thread, ToolCall

URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://(?:[^\s/@'\"<>]{0,200}@)?([A-Za-z0-9][\w.-]{0,250})", re.IGNORECASE)
BARE = re.compile(
    rf"(?<![\w@/.:-])((?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.){{1,5}}(?:{TOP}))(?![\w@-]|\.\w|\()", re.IGNORECASE
)
# names of files whose endings are those of countries, too
_FILE_LIKE = re.compile(
    r"^[\w-]+\.(?:py|sh|md|rs|pl|ps|app|ai|in|it|de|at|no|is|be|to|me|am|pm|es|so|do|us)$", re.IGNORECASE
)
# a name of two parts is often a brand, so it is a host only behind such a word
_MEANT = re.compile(
    r"(?:\b(?:from|on|at|via|using|use|query|check|read|scrape|crawl|watch|call|ask|api|sites?|website|page|host"
    r"|server|domain|is|and|or"
    r"|auf|von|bei|über|aus|seite|webseite|und|oder|sur|depuis|chez|et|ou|desde|en|de|sitio|página|y|o)|^"
    r"|[:,(])[\s\"'`(„«]{1,3}$|^$",
    re.IGNORECASE,
)
_NOWHERE = re.compile(
    r"^(?:localhost|0\.0\.0\.0|127\.\d+\.\d+\.\d+|::1|(?:www\.)?w3\.org|schemas\.[\w.-]+|json-schema\.org"
    r"|(?:files\.)?pypi\.org|pypi\.python\.org|registry\.npmjs\.org"
    r"|registry\.yarnpkg\.com|deb\.debian\.org|(?:\w+\.)?archive\.ubuntu\.com|pythonhosted\.org|host|hostname"
    r"|your[\w.-]*|docs?\.[\w.-]+|[\w.-]*readthedocs\.io|(?:[\w-]+\.)?stackoverflow\.com|developer\.mozilla\.org)$",
    re.IGNORECASE,
)
_NAMESPACE = re.compile(r"(?:xmlns(?::\w{1,20})?|namespace|\$schema)\W{1,6}$", re.IGNORECASE)
"""Before an address that only names a vocabulary."""

_ORIGIN = {"source", "provider", "endpoint", "api", "base_url", "host", "upstream", "service"}
READ = 10_000
_PAYLOAD = {
    "body",
    "text",
    "content",
    "contents",
    "file_text",
    "file_contents",
    "message",
    "html",
    "markdown",
    "new_str",
    "insert_text",
    "subject",
    "description",
    "data",
}


def hosts(thread: Thread) -> Iterator[tuple[str, int, str, int, float]]:
    """Return each host once: its name, the message, the text and the place in it, and how sure it is needed."""
    seen: set[str] = set()
    named = list(_of_person(thread))
    said = {host for host, *_ in named}
    for host, number, text, at, sure in [*named, *_of_calls(thread, said), *_of_code(thread)]:
        if host not in seen and not _NOWHERE.match(host):
            seen.add(host)
            yield host, number, text, at, sure


def name_of(text: str) -> str:
    """Return a host as it is compared: lower case, without a dot or dash at its end."""
    return text.lower().strip(".-_")


def _of_person(thread: Thread) -> Iterator[tuple[str, int, str, int, float]]:
    for number, message in enumerate(thread.messages):
        if message.role != "user":
            continue
        said = message.text[:READ]
        for hit in URL.finditer(said):
            if "." in hit[1] and not is_denied(message.text, hit.start()):
                yield name_of(hit[1]), number, message.text, hit.start(), 0.9
        for hit in BARE.finditer(said):
            before = message.text[max(0, hit.start() - 40) : hit.start()]
            is_meant = hit[1].count(".") > 1 or _MEANT.search(before)
            if is_meant and not _FILE_LIKE.match(hit[1]) and not is_denied(message.text, hit.start()):
                yield name_of(hit[1]), number, message.text, hit.start(), 0.8


def _of_calls(thread: Thread, said: set[str]) -> Iterator[tuple[str, int, str, int, float]]:
    """Hosts that a good call was sent to, unless the person turned them down or they tried to steer the agent."""
    judged: set[str] = set()
    for number, message in enumerate(thread.messages):
        for call in message.calls:
            if has_failed(call) or is_housekeeping(call) or writes_files(call) or code_of(call):
                continue
            for key, value in texts(call.arguments):
                if key.lower() in _PAYLOAD:
                    continue
                for hit in URL.finditer(value):
                    host = name_of(hit[1])
                    if (
                        "." not in host
                        or host in judged
                        or _NAMESPACE.search(value[max(0, hit.start() - 40) : hit.start()])
                    ):
                        continue
                    judged.add(host)
                    if host in said or not (_steers(call) or _is_turned_down(thread, number, host)):
                        yield host, number, value, hit.start(), 0.8
            for host in _told(parsed(call.output)):
                yield host, number, call.output, 0, 0.6


def _steers(call: ToolCall) -> bool:
    return injection.suspicion(call.output[:20_000]) is not None


def _told(value: Any) -> Iterator[str]:
    """Hosts that a result names as the service it came from."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if str(key).lower() in _ORIGIN and isinstance(item, str) and BARE.fullmatch(item.strip()):
                yield name_of(item.strip())


def _is_turned_down(thread: Thread, number: int, host: str) -> bool:
    """Whether the person's next words deny a word that is part of the host's name."""
    answer = next((message.text for message in thread.messages[number + 1 :] if message.role == "user"), "")
    for _, clause in clauses(answer):
        if NEGATION.search(clause):
            for word in re.findall(r"[^\W\d_]{4,}", clause.lower()):
                if word.removesuffix("s") in host and f"{host}" not in clause.lower():
                    return True
    return any(
        host in around(answer, hit.start())[1].lower() and is_denied(answer, hit.start())
        for hit in re.finditer(re.escape(host), answer, re.IGNORECASE)
    )


def _of_code(thread: Thread) -> Iterator[tuple[str, int, str, int, float]]:
    """Hosts in code that went well; in code that was only shown or written, too."""
    for fragment in fragments(thread):
        if fragment.is_sound:
            text = without_comments(fragment.text)
            for hit in URL.finditer(text):
                host = name_of(hit[1])
                is_name = _NAMESPACE.search(text[max(0, hit.start() - 40) : hit.start()])
                if "." in host and not is_name and re.search(r"[a-z]", host.rsplit(".", 1)[-1]):
                    yield host, fragment.message, text, hit.start(), 0.7
