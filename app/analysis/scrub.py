"""What a template would tell others of its team: found in every text of it, and replaced by plain stand-ins."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from app.analysis import hosts, secrets
from app.analysis.masking import masked, shown

Kind = Literal["secret", "e-mail", "person", "team", "team value", "host", "address"]
ORDER: tuple[Kind, ...] = ("secret", "e-mail", "person", "team", "team value", "host", "address")

EXCERPT = 90
_SHORTEST = 3
_SHORTEST_VALUE = 4
_ENUMERATED = frozenset({"engine", "category", "icon", "kind", "source"})
"""Fields that hold one of our own words."""

_PROSE = frozenset(
    {
        "name", "sentence", "about", "sample", "notes", "help", "label", "example", "default", "prompt",
        "instructions", "question",
    }
)  # fmt: skip
_WORDS = {
    "name": "Name", "sentence": "Sentence", "about": "What it does", "schedule": "Schedule", "words": "Search words",
    "sample": "Sample result", "settings": "Settings", "repair": "Repair", "limits": "Limits", "policy": "Policy",
}  # fmt: skip

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,5})(?![\w-])")
_PLACEHOLDER = re.compile(r"\{\{[^{}]{0,500}\}\}|<<\w{1,40}>>")
_RESERVED = re.compile(r"(?:^|\.)(?:example|test|invalid|localhost)$|(?:^|\.)example\.(?:com|org|net)$", re.IGNORECASE)
_INNER = re.compile(r"\.(?:local|internal|intranet|lan|corp|intra|private|home|localdomain|home\.arpa)$", re.IGNORECASE)
_BARE_INNER = re.compile(
    r"(?<![\w.@/-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}\.(?:local|internal|intranet|lan|corp)(?![\w(-]|\.\w)",
    re.IGNORECASE,
)
_SHARE = re.compile(r"(?<![\w\\])\\{2,4}([A-Za-z][\w.-]{1,60})\\{1,2}(?=\w)")
_IP4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IP6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.IGNORECASE)
_GROUPS = 3
_OF_NOBODY = [
    ip_network(one)
    for one in ("127.0.0.0/8", "0.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "255.0.0.0/8",
                "2001:db8::/32", "::/127")
]  # fmt: skip
_HOME = re.compile(r"(/home/|/Users/|[A-Za-z]:\\{1,2}Users\\{1,2})([\w.-]{1,60})")
_NO_HOME = frozenset({"someone", "user", "shared", "public", "username", "name"})
_MAIL_FOR_ALL = frozenset(
    {
        "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com", "me.com",
        "gmx.de", "gmx.net", "web.de", "proton.me", "protonmail.com", "posteo.de", "aol.com", "t-online.de",
        "orange.fr", "free.fr",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What belongs to the team: names and addresses of its people, its own names, its values, its secrets' values."""

    people: tuple[tuple[str, str], ...] = ()
    team: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    @property
    def domains(self) -> frozenset[str]:
        """Hosts under which its people have their mail, those of providers apart."""
        return frozenset(mail.rpartition("@")[2].lower() for _, mail in self.people if "@" in mail) - _MAIL_FOR_ALL


@dataclass(frozen=True)
class Found:
    """One thing that others would learn: where it stands, and what takes its place.

    `is_always`: it never leaves. `is_removed`: it does not, unless somebody decides otherwise; else they are asked.
    """

    kind: Kind
    value: str
    becomes: str
    places: tuple[str, ...]
    excerpt: str
    is_always: bool = False
    is_removed: bool = True

    @property
    def id(self) -> str:
        """A short name of it that tells nothing."""
        return sha256(f"{self.kind}|{self.value}".encode()).hexdigest()[:12]

    @property
    def said(self) -> str:
        """It, as it may be shown."""
        return shown(self.value) if self.is_always else self.value


_Hit = tuple[Kind, str, str, bool, bool]
"""Kind, value, stand-in, whether it always goes, whether it goes by default."""


def look(content: Mapping[str, Any], known: Known) -> list[Found]:
    """Return what a template says of its team, secrets first, each thing once with all its places."""
    found: dict[tuple[Kind, str], Found] = {}
    for path, text in _texts(content):
        for kind, value, becomes, is_always, is_removed in _hits(path, text, known):
            place, before = _place(content, path), found.get((kind, value))
            if before is None:
                found[kind, value] = Found(kind, value, becomes, (place,), text, is_always, is_removed)
            elif place not in before.places:
                found[kind, value] = replace(before, places=(*before.places, place))
    hidden = [one.value for one in found.values() if one.is_always]
    kept = [one for one in found.values() if one.is_always or not any(one.value in secret for secret in hidden)]
    kept.sort(key=lambda one: ORDER.index(one.kind))
    return [replace(one, excerpt=_excerpt(masked(one.excerpt, hidden), one.said)) for one in kept]


def cleaned(content: Mapping[str, Any], removed: Iterable[Found]) -> dict[str, Any]:
    """Return the template with stand-ins for what is removed, in names of fields, too."""
    stand_ins = {one.value: one for one in removed}
    if not stand_ins:
        return dict(content)
    longest = sorted(stand_ins.values(), key=lambda one: -len(one.value))
    shape = re.compile("|".join(_shape(one) for one in longest))
    new: dict[str, Any] = _replaced(content, lambda text: shape.sub(lambda hit: stand_ins[hit[0]].becomes, text))
    return new


def _shape(one: Found) -> str:
    value = re.escape(one.value)
    if one.is_always:
        return value
    before, after = {"host": (r"[\w.@-]", r"[\w-]|\.\w"), "address": (r"[\w.-]", r"\w")}.get(one.kind, (r"\w", r"\w"))
    start, end = one.value[0].isalnum(), one.value[-1].isalnum()
    return f"{f'(?<!{before})' if start else ''}{value}{f'(?!{after})' if end else ''}"


def _replaced(value: Any, new: Callable[[str], str], path: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, str):
        return value if _ENUMERATED.intersection(path[-1:]) else new(value)
    if isinstance(value, Mapping):
        return {
            new(name) if _is_theirs(path) else name: _replaced(one, new, (*path, name)) for name, one in value.items()
        }
    return [_replaced(one, new, path) for one in value] if isinstance(value, list | tuple) else value


def _is_theirs(path: tuple[Any, ...]) -> bool:
    """Whether somebody has chosen the names of the fields here: of headers, of an environment, in a schema."""
    return "schema" in path or "settings" in path[:-1]


def _texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, str) and value and not (path and path[-1] in _ENUMERATED):
        yield path, value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if _is_theirs(path):
                yield (*path, "name of a field"), name
            yield from _texts(one, (*path, name))
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _texts(one, (*path, number))


def _place(content: Mapping[str, Any], path: tuple[Any, ...]) -> str:
    """Say where a text stands."""
    match path:
        case ("form" | "steps" | "variables" as part, int(number), *rest):
            one = content[part][number]
            words = {"form": "Form", "steps": "Step", "variables": "Variable"}[part]
            return _listed(f"{words} {one.get('label') or one.get('name', '')}", *(w for w in rest if w != "settings"))
        case ("contract" | "notes" as part, int(number), *rest):
            return _listed(f"{'Contract, check' if part == 'contract' else 'Note on version'} {number + 1}", *rest)
        case (first, *rest):
            return _listed(_WORDS.get(first, str(first)), *(one for one in rest if isinstance(one, str)))
    return ""


def _listed(*words: Any) -> str:
    return ", ".join(str(one) for one in words if one != "")


def _excerpt(text: str, value: str) -> str:
    at = max(0, text.find(value))
    start = max(0, at - EXCERPT // 3)
    words = " ".join(text[start : start + EXCERPT].split())
    return ("…" if start else "") + words + ("…" if start + EXCERPT < len(text) else "")


# --- what is looked for


def _hits(path: tuple[Any, ...], text: str, known: Known) -> Iterator[_Hit]:
    for value in list(_secrets(path, text, known)):
        yield "secret", value, "removed", True, True
        text = text.replace(value, " ")
    text = _PLACEHOLDER.sub(" ", text)
    yield from _mails(text, known)
    yield from _names(text, known)
    yield from _hosts(text, known)
    yield from _addresses(text)


def _secrets(path: tuple[Any, ...], text: str, known: Known) -> Iterator[str]:
    yield from (one for one in known.secrets if one and one in text)
    keys = [one for one in path if isinstance(one, str)]
    is_said = bool(keys) and keys[-1] in _PROSE
    for one in (text, *([f"{keys[-1]}={text}"] if keys else [])):
        # What is asked for later is no secret; what stands around it may be one.
        for value, _, _ in secrets.in_text(one, is_said):
            if value in text and not _PLACEHOLDER.search(value):
                yield value


def _mails(text: str, known: Known) -> Iterator[_Hit]:
    for hit in _EMAIL.finditer(text):
        if not _RESERVED.search(hit[1]) or hit[1].lower() in known.domains:
            yield "e-mail", hit[0], "someone@example.com", False, True


def _names(text: str, known: Known) -> Iterator[_Hit]:
    for name, _ in known.people:
        for one in _whole(name, text, re.IGNORECASE):
            yield "person", one, "someone", False, True
            text = text.replace(one, " ")
        for part in name.split():
            if len(part) >= _SHORTEST and part != name:
                yield from (("person", one, "someone", False, True) for one in _whole(part, text))
    for name in known.team:
        flags = 0 if name.isalpha() else re.IGNORECASE  # a word that may be any other, as it is written alone
        yield from (("team", one, "our team", False, True) for one in _whole(name, text, flags))
    for value in known.values.values():
        is_telling = len(value) >= _SHORTEST_VALUE and not (value.isdecimal() and len(value) <= _SHORTEST_VALUE)
        if is_telling and not _EMAIL.fullmatch(value):
            yield from (("team value", one, "example", False, True) for one in _whole(value, text))


def _whole(name: str, text: str, flags: int = 0) -> Iterator[str]:
    if len(name) >= _SHORTEST and name.lower() in text.lower():
        yield from {hit[0] for hit in re.finditer(rf"(?<![\w@.-]){re.escape(name)}(?![\w@])", text, flags)}


def _hosts(text: str, known: Known) -> Iterator[_Hit]:
    found = {hit[1]: hit.start(1) for hit in hosts.URL.finditer(text)}
    found |= {hit[0]: hit.start() for hit in _BARE_INNER.finditer(text)}
    found |= {hit[1]: hit.start(1) for hit in _SHARE.finditer(text)}
    for domain in known.domains:
        own = rf"(?<![\w@.-])(?:[\w-]{{1,63}}\.){{0,5}}{re.escape(domain)}(?![\w-]|\.\w)"
        found |= {hit[0]: hit.start() for hit in re.finditer(own, text, re.IGNORECASE)}
    for name in found:
        host = name.strip(".-_")
        if not host or _IP4.fullmatch(host) or host.lower() == "localhost":
            continue
        is_own = any(host.lower() == one or host.lower().endswith(f".{one}") for one in known.domains)
        is_inner = is_own or "." not in host or bool(_INNER.search(host))
        if is_inner or not _RESERVED.search(host):
            yield "host", host, "example.com", False, is_inner


def _addresses(text: str) -> Iterator[_Hit]:
    for hit in _IP4.finditer(text):
        if _is_somebodys(hit[0]):
            yield "address", hit[0], "192.0.2.1", False, True
    for hit in _IP6.finditer(text):
        if len([one for one in hit[0].split(":") if one]) >= _GROUPS and _is_somebodys(hit[0]):
            yield "address", hit[0], "2001:db8::1", False, True
    for hit in _HOME.finditer(text):
        if hit[2].lower() not in _NO_HOME:
            yield "address", hit[0], hit[1] + "someone", False, True


def _is_somebodys(text: str) -> bool:
    try:
        found = ip_address(text)
    except ValueError:
        return False
    return not any(found.version == net.version and found in net for net in _OF_NOBODY)
