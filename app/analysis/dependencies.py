"""What a run will need: files, hosts, tools, environment variables and packages, with where the thread shows it."""

import re
from collections.abc import Iterator
from itertools import islice

from app.analysis import attachments, files, hosts, packages, secrets
from app.analysis.base import Analysis, Evidence, Finding
from app.analysis.calls import code_of, has_failed, is_housekeeping, is_shell, path_of, texts, words, writes_files
from app.analysis.clauses import listed
from app.analysis.code import DISTRIBUTIONS, Fragment, fragments, imported, installed, missed, variables
from app.analysis.masking import evidence
from app.domain.thread import Thread, ToolCall

_CREDENTIAL = re.compile(
    r"(?<![A-Za-z0-9_])((?:[A-Z][A-Z0-9]*_){1,6}(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|PWD|PASSPHRASE"
    r"|CREDENTIALS?|DSN|URL|URI|WEBHOOK|AUTH|PAT|LOGIN|USER|USERNAME|APIKEY|HOST|KEY_ID|CLIENT_ID|TENANT_ID"
    r"|CHAT_ID|ACCOUNT_SID))(?![A-Za-z0-9_])"
)
_NAMED_ENV = re.compile(
    r"\b(?:env(?:ironment)?(?: var(?:iable)?s?)?|umgebungsvariablen?|variables? d['’]environnement"
    r"|variables? de entorno|credentials?)\b[^\n.]{0,20}?[\s`'\"$({]([A-Z][A-Z0-9_]{3,60})(?![A-Za-z0-9_])"
)
_NO_CREDENTIAL = re.compile(
    r"(?i:^(?:tu|mi|dein|mein|ihr|votre|mon|ton|your|my)_(?:token|key|clave|api_key|schluessel|jeton)$)|^(?:BASE|NEW|OLD|THE|YOUR|MY|A|YOUR_.*|MY_.*)_(?:URL|URI|USER|HOST)$|^YOUR_|^MY_|^API_KEY_HERE$"
)
_CHANGES = listed("edit replace patch insert update append")
# commands that only look around
_GLANCES = listed(
    "cd ls ll pwd cat head tail less echo sleep whoami date which tree wc mkdir touch file stat env printenv true clear"
    " find du df uname test"
)

MOST = 200
"""Dependencies of a kind that are told."""


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return each dependency once: files, hosts, tools, variables of the environment, packages."""
    known, pieces = secrets.known(thread, sofar), fragments(thread)

    def found(kind: str, name: str, sure: float, where: Evidence) -> Finding:
        return Finding("dependency", {"kind": kind, "name": name}, sure, (where,))

    findings = []
    for name, number, sure in files.inputs(thread, _attached(thread, sofar)):
        text, at = _place(thread, number, name)
        findings.append(found("file", name, sure, evidence(number, text, at, known)))
    for host, number, text, at, sure in islice(hosts.hosts(thread), MOST):
        findings.append(found("api", host, sure, evidence(number, text, at, known)))
    for number, call, sure in needed_tools(thread):
        findings.append(found("tool", call.name, sure, evidence(number, f"{call.name} {_told(call)}", 0, known)))
    for name, number, text, at, sure in islice(_environment(thread, pieces), MOST):
        findings.append(found("env", name, sure, evidence(number, text, at, known)))
    for name, number, text, sure in islice(_packages(thread, pieces), MOST):
        findings.append(found("package", name, sure, evidence(number, text, max(0, text.find(name)), known)))
    return findings


def _attached(thread: Thread, sofar: Analysis) -> list[tuple[str, int]]:
    given = sofar.of("attachment") or attachments.stage(thread, sofar)
    return [(str(finding.value), finding.evidence[0].message) for finding in given]


def _place(thread: Thread, number: int, name: str) -> tuple[str, int]:
    message = thread.messages[number]
    for text in (message.text, *(text for call in message.calls for _, text in texts(call.arguments))):
        if name in text:
            return text, text.find(name)
    return name, 0


def _told(call: ToolCall) -> str:
    return " ".join(text for _, text in texts(call.arguments))


def needed_tools(thread: Thread) -> list[tuple[int, ToolCall, float]]:
    """Return the first good call of each tool the run needs, with its message. Left out: tools that only steer the
    conversation, that never worked, that only looked around, and those that wrote down the agent's own code.
    """
    first: dict[str, tuple[int, ToolCall, float]] = {}
    said = "\n".join(message.text for message in thread.messages if message.role == "user")
    named = {files.base(one) for one in re.findall(r"[\w./-]{1,120}\.\w{1,8}", said)}
    others = {call.name for call in thread.calls if not is_housekeeping(call) and not writes_files(call)}
    made: set[str] = set()
    for number, message in enumerate(thread.messages):
        for call in message.calls:
            is_own = writes_files(call) and _is_own(call, made)
            if call.name in first or is_housekeeping(call) or has_failed(call):
                continue
            if is_own and others and files.base(path_of(call)) not in named:
                continue
            if is_shell(call) and len(others) > 1 and all(is_glance(text) for text in code_of(call)):
                continue
            first[call.name] = (number, call, 0.85)
    return list(first.values())


def _is_own(call: ToolCall, made: set[str]) -> bool:
    """Whether a call writes the agent's own file: a new one, or a change of one that is in `made`, which it adds to."""
    parts = words(call.name) | words(str(call.arguments.get("command") or ""))
    if not parts & _CHANGES or parts & {"create"}:
        made.add(path_of(call))
    return path_of(call) in made


def is_glance(command: str) -> bool:
    """Whether a command only looks around, and neither changes nor computes anything."""
    parts = [part.split() for part in re.split(r"&&|\|\|?|;|\n", command) if part.strip()]
    return ">" not in command and all(part[0] in _GLANCES and not {"-exec", "-delete"} & set(part) for part in parts)


def _environment(thread: Thread, pieces: list[Fragment]) -> Iterator[tuple[str, int, str, int, float]]:
    seen: set[str] = set()
    for name, number, text, at, sure in (*_in_words(thread), *_in_code(pieces)):
        if name not in seen and not _NO_CREDENTIAL.match(name):
            seen.add(name)
            yield name, number, text, at, sure


def _in_words(thread: Thread) -> Iterator[tuple[str, int, str, int, float]]:
    """Names of credentials in what was said and in what tools were given."""
    for number, message in enumerate(thread.messages):
        for text in (message.text, *(text for call in message.calls for _, text in texts(call.arguments))):
            yield from ((hit[1], number, text, hit.start(), 0.8) for hit in _CREDENTIAL.finditer(text))
        yield from ((hit[1], number, message.text, hit.start(1), 0.7) for hit in _NAMED_ENV.finditer(message.text))


def _in_code(pieces: list[Fragment]) -> Iterator[tuple[str, int, str, int, float]]:
    for piece in pieces:
        for name in variables(piece):
            yield name, piece.message, piece.text, max(0, piece.text.find(name)), 0.9


def _packages(thread: Thread, pieces: list[Fragment]) -> Iterator[tuple[str, int, str, float]]:
    """Packages by the name they are installed by where the thread shows it, else by that they are imported by."""
    own = {re.sub(r"\.\w+$", "", files.base(path_of(call))) for call in thread.calls if path_of(call)}
    own |= {
        hit[1]
        for piece in pieces
        for hit in re.finditer(r">\s?(?:[\w./-]{0,100}/)?(\w{1,60})\.(?:py|js|ts)\b", piece.text)
    }
    wanted = {**_said(thread), **_installs(pieces)}
    lacking = {name for piece in pieces for name in missed(piece.output)}
    working = {name for one in pieces if lacking and one.was_run and one.is_sound for name in imported(one)}
    seen: set[str] = set()
    for piece in pieces:
        for name in imported(piece):
            there = [
                one for one in (*DISTRIBUTIONS.get(name, ()), name, name.replace("_", "-")) if one.lower() in wanted
            ]
            # what was missing and never came is no part of what worked
            is_gone = name in lacking and not there and name not in working
            if name in own or is_gone:
                continue
            package = wanted[there[0].lower()][0] if there else name
            if package.lower() not in seen:
                seen.add(package.lower())
                yield package, piece.message, piece.text, 0.9
    for key, (package, piece) in wanted.items():
        if key not in seen and piece.is_sound:
            seen.add(key)
            yield package, piece.message, piece.text, 0.8


def _said(thread: Thread) -> dict[str, tuple[str, Fragment]]:
    """The packages that somebody says are used."""
    return {
        name.lower(): (name, Fragment(number, message.text, is_shell=False, is_sound=True, was_run=False))
        for number, message in enumerate(thread.messages)
        for name, _ in packages.named(message.text)
    }


def _installs(pieces: list[Fragment]) -> dict[str, tuple[str, Fragment]]:
    found: dict[str, tuple[str, Fragment]] = {}
    for piece in pieces:
        for name in installed(piece.text):
            if name.lower() not in found or (piece.is_sound and not found[name.lower()][1].is_sound):
                found[name.lower()] = (name, piece)
    return found
