"""Secrets somebody left in a thread: keys, tokens and passwords in texts, arguments, outputs and attachments."""

import re
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

from app.analysis.base import Analysis, Finding
from app.analysis.calls import texts
from app.analysis.clauses import listed
from app.analysis.masking import evidence, shown
from app.analysis.tokens import places, tokens
from app.domain.thread import Thread

_PEM = re.compile(
    r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s)*([^-]{16,8000}?)(?:\\n|\s)*-----END"
)
_IN_URL = re.compile(r"[^\s:/@'\"<>]{0,100}:([^\s/'\"<>?#]{3,200})@[\w.\[\]-]{1,200}")
_QUERY = re.compile(
    r"[?&](?:api[_-]?key|apikey|access[_-]?key|key|token|access[_-]?token|auth|secret|client[_-]?secret|password"
    r"|pwd|sig"
    r"|signature|appid|app[_-]?key|subscription[_-]?key)=([^\s&#'\"<>`)\]}]{8,400})",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"\b(?:(?:proxy-)?authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?\s{0,3}(?:bearer|basic|token|apikey|digest)|bearer"
    r"|x-[\w-]{0,30}(?:key|token|secret)[\"']?\s{0,3}:)"
    r"\s{1,3}[\"']?([A-Za-z0-9_\-.=+/~:!]{8,2000})",
    re.IGNORECASE,
)
_BASIC = re.compile(r"\bcurl\b[^\n|]{0,300}?\s(?:-u|--user)[ =]?[\"']?[^\s:'\"]{1,80}:([^\s'\"]{4,200})")
_CERTAIN = r"pass(?:word|phrase|wort|wd|code)|pwd|pw|kennwort|contrase(?:ñ|n)a|mot de passe|mdp"
_PASSWORD = rf"{_CERTAIN}|pass|clave(?: de acceso)?"
_KEY = (
    r"keys?|tokens?|secrets?|jeton|credentials?|clé(?: d['’]api| api| secrète)?|llave|(?:api-?)?schlüssel"
    r"|clave (?:de )?(?:la )?api"
)
_CORES = (
    *listed("pass pwd pw kennwort contrase clave mdp key token secret jeton credential clé llave schlüssel"),
    "mot de passe",
)
_SAYS = r"\s{0,3}(?:[=:]{1,2}>?|->|→|\bis now\b|\bis\b|\bwas\b|\bist\b|\blautet\b|\best\b|\bes\b)\s{0,3}"
_VALUE = r"(?P<quote>[\"'`“„«]?)(?P<value>[^\s\"'`“”„«»,;<>(){}\[\]]{4,300})"
_ABOUT = r"(?:[ \t](?:for|of|to|on|für|vom|zum|zu|der|des|de|del|la|el|du|le|pour|para|the|our|my)\b[^\n.:=!?]{1,40}?)?"
_NAME = rf"(?:(?P<password>{_PASSWORD})|(?P<key>{_KEY}))"
_STATED = re.compile(rf"{_NAME}[\"'`]?{_ABOUT}(?P<says>{_SAYS}){_VALUE}", re.IGNORECASE)
_BARE = re.compile(rf"{_NAME}[ \t]{{1,3}}{_VALUE}", re.IGNORECASE)
_SURE = re.compile(_CERTAIN, re.IGNORECASE)
_QUALIFIED = re.compile(
    r"(?:api|access|secret|private|auth|signing|encryption|account|client|service|app|bot|zugangs|geheim)[ _-]?$",
    re.IGNORECASE,
)
_FIELD = re.compile(rf"[\w.-]{{0,40}}(?:{_PASSWORD}|{_KEY})", re.IGNORECASE)
_FLAG = re.compile(rf"--?(?:password|passwd|token|api-?key|secret|auth-token)[ =]{_VALUE}", re.IGNORECASE)
_LOGIN = re.compile(
    r"\b(?:login|log-?in|credentials?|zugangsdaten|zugang|identifiants?|credenciales|acceso|user(?:name)?"
    r"|benutzer(?:name)?|usuario|utilisateur)"
    r"(?=[ \t:=])[ \t]{0,2}(?:is|are|sind|ist|lautet|lauten|son|es|sont|est|:"
    r"|=)?[ \t]{0,2}[\w.@+-]{2,60}[ \t]?[/:][ \t]?(?P<value>[^\s\"'`,;<>(){}/|\[\]]{6,100})",
    re.IGNORECASE,
)
# keys and tokens that open nothing
_HARMLESS = re.compile(
    r"(?:next|page|pagination|sync|continuation|cursor|csrf|xsrf|idempotency|primary|foreign|partition|sort|cache"
    r"|object|public|publishable"
    r"|row|group|dict|map|sorting|max|min|num|total|prompt|completion|input|output|tool|special|unk|pad|eos|bos"
    r"|stop|issue|project)[\w. -]{0,12}(?:key|token|clave|clé)s?$"
    r"|(?:key|token|password|secret)s?_?(?:id|name|env|type|count|length|url|uri|file|path|hash|vault|manager"
    r"|policy|field|var|expiry|expires\w*)$|tokens$",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"your|^my[_-]|x{4,}|\*{3,}|•{2,}|\.{3}|…|change[_-]?me|placeholder|redacted|masked|hidden|removed|^\W|_here$"
    r"|-here$|^<|^\$|^%|\{\{|=$"
    r"|(?:dein|ihr|mein|votre|mon|tu|su|mi)[_-](?:\w+[_-])?(?:token|key|passwor[td]|pass|clave|clé|api)|^(?:0{6,}"
    r"|1{6,}|a{6,})$",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(r"example|ejemplo|exemple|beispiel|foobar|dummy|^abc-?123|^12345678|lorem", re.IGNORECASE)
_SETTING = re.compile(
    r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$|^[a-z_]+(?:\.[A-Za-z_]\w*)+$|^[a-z]+(?:_[a-z]+)+$|^https?://[^?@]*$"
)
_NUMBER = re.compile(r"^[A-Za-z]{1,8}[-_/#]?\d+$")
_ADDRESS = re.compile(r"[^@]+@[^@]*\.[^@]*$")
_WORDS = re.compile(r"[^\W\d_]+(?:[-'’/][^\W\d_]+)*")
_UUID = re.compile(r"^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$", re.IGNORECASE)
_DATE = re.compile(r"^\d{1,4}[-./]\d{1,2}(?:[-./]\d{1,4})?(?:T[\d:.]+Z?)?$|^\d{1,2}:\d{2}")
_FILE = re.compile(r"^[\w./-]{1,80}\.(?:txt|json|ya?ml|env|csv|py|js|ts|pem|key|toml|ini|md|pdf|xlsx?)$", re.IGNORECASE)
_NO_VALUE = listed(
    "required optional string wrong incorrect expired missing empty null none true false set reset given valid "
    "invalid changed needed stored saved protected correct unknown default secret hidden below above attached "
    "follows following there here same erforderlich falsch abgelaufen leer gesetzt geändert nötig requerido "
    "incorrecta caducada obligatorio incorrect expiré requis obligatoire integer number object text user password "
    "token key value field bearer basic this that what which your the"
)
SCANNED = 2_000_000
LONG_KEY, KEY, PASSWORD, VERY_LONG = 12, 8, 6, 20


@dataclass(frozen=True)
class Secret:
    """A secret as it stands in the thread; `text` and `at` say where."""

    value: str
    kind: str
    message: int
    text: str
    at: int


_last: "tuple[weakref.ref[Thread], list[Secret]] | None" = None


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return one finding for each secret, masked; its value never leaves this module but through `raw`."""
    found = scan(thread)
    known = [secret.value for secret in found]
    return [
        Finding(
            "secret",
            {"masked": shown(secret.value), "kind": secret.kind},
            0.7 if secret.kind == "Password" else 0.9,
            (evidence(secret.message, secret.text, secret.at, known),),
        )
        for secret in found
    ]


def raw(thread: Thread) -> tuple[str, ...]:
    """Return the secrets themselves, to mask them elsewhere; for nothing else."""
    return tuple(secret.value for secret in scan(thread))


def scan(thread: Thread) -> list[Secret]:
    """Return each secret once, where it stands first."""
    global _last  # noqa: PLW0603 every stage masks with the same secrets: those of the thread at hand are kept while it lives
    before = _last
    if before is not None and before[0]() is thread:
        return before[1]
    found = _scanned(thread)
    _last = (weakref.ref(thread, _forget), found)
    return found


def _forget(reference: "weakref.ref[Thread]") -> None:
    global _last  # noqa: PLW0603 one scan of a thread serves every stage
    if _last is not None and _last[0] is reference:
        _last = None


def _scanned(thread: Thread) -> list[Secret]:
    found: dict[str, Secret] = {}
    for number, text, is_said in _sources(thread):
        for value, kind, at in in_text(text[:SCANNED], is_said):
            found.setdefault(value, Secret(value, kind, number, text, at))
    # a piece of a longer one is the same secret
    return [one for one in found.values() if not any(one.value != other and one.value in other for other in found)]


def _sources(thread: Thread) -> Iterator[tuple[int, str, bool]]:
    """Return all texts with the number of their message and whether the person said them."""
    yield 0, thread.system_prompt, False
    for number, message in enumerate(thread.messages):
        yield number, message.text, message.role == "user"
        for attachment in message.attachments:
            yield number, attachment.text, False
        for call in message.calls:
            for key, text in texts(call.arguments):
                yield number, text, False
                if _FIELD.fullmatch(key):
                    yield number, f"{key}={text}", False
            yield number, call.output, False


def in_text(text: str, is_said: bool) -> Iterator[tuple[str, str, int]]:
    """Return the secrets of one text with their kind and place. `is_said`: the person's own words, where a bare
    `password` with a value behind it counts.
    """
    for value, kind, at in tokens(text):
        if (
            not _PLACEHOLDER.search(value)
            and (is_said or not _EXAMPLE.search(value))
            and any(c.isdigit() for c in value)
        ):
            yield value, kind, at
    if "-----BEGIN" in text:
        yield from ((hit[1].strip(), "Private key", hit.start()) for hit in _PEM.finditer(text))
    for at in places(text, "://"):
        hit = _IN_URL.match(text, at + 3)
        if hit and not _is_placeholder(hit[1], is_said):
            yield hit[1], "Password in a URL", hit.start(1)
    yield from _in_requests(text, is_said)
    yield from _stated(text, is_said)


def _in_requests(text: str, is_said: bool) -> Iterator[tuple[str, str, int]]:
    """Keys in the query of a URL, in headers and in arguments of commands."""
    small = text.lower()
    shapes = [(_QUERY, "Key in a URL", "=")]
    shapes += [(_HEADER, "Authorization header", word) for word in ("authorization", "bearer", "x-") if word in small][
        :1
    ]
    shapes += [(_BASIC, "Password", "curl"), (_FLAG, "API key or token", "--")]
    for shape, kind, word in shapes:
        if word in small:
            for hit in shape.finditer(text):
                value = _trimmed(hit["value"] if shape is _FLAG else hit[1])
                if not _is_placeholder(value, is_said) and (shape is _BASIC or _is_random(value)):
                    yield value, kind, hit.start()


def _stated(text: str, is_said: bool) -> Iterator[tuple[str, str, int]]:
    """What stands behind words such as `password`, `token` and `key`."""
    small = text.lower()
    small = small if len(small) == len(text) else text
    for at in sorted({at for core in _CORES for at in places(small, core)}):
        for shape in (_STATED, _BARE) if is_said else (_STATED,):
            hit = shape.match(text, at)
            if hit and (found := _value(hit, text, is_said)):
                yield found
                break
    if is_said:
        for hit in _LOGIN.finditer(text):
            if _is_secret(value := _trimmed(hit["value"]), True, True, False) and any(c.isdigit() for c in value):
                yield value, "Password", hit.start("value")


def _value(hit: re.Match[str], text: str, is_said: bool) -> tuple[str, str, int] | None:
    """The secret that a word such as `password` is followed by, if it is one."""
    value, is_password, is_bare = _trimmed(hit["value"]), bool(hit["password"]), hit.re is _BARE
    name = text[max(0, hit.start() - 24) : hit.end("password" if is_password else "key")]
    if _HARMLESS.search(name) or text[hit.end("value") :][:1] in {"(", "["}:
        return None
    before = text[max(0, hit.start() - 24) : hit.start()]
    if is_bare and before[-1:].isalnum():
        return None
    is_plain = (
        not is_password
        and hit["key"].lower() in {"key", "keys", "llave", "clé", "schlüssel"}
        and not _QUALIFIED.search(before)
    )
    if is_plain and not (is_said and len(value) >= LONG_KEY):
        return None
    may_be_word = (
        is_password
        and is_said
        and not is_bare
        and bool(_SURE.fullmatch(hit["password"]) and (hit["quote"] or re.search(r"[=:]", hit["says"])))
    )
    if not _is_secret(value, is_password, is_said, may_be_word):
        return None
    return value, "Password" if is_password else "API key or token", hit.start("value")


def _trimmed(value: str) -> str:
    return value.rstrip(".,;:?)]}\\|")


def _is_placeholder(value: str, is_said: bool) -> bool:
    return bool(
        _PLACEHOLDER.search(value)
        or _SETTING.match(value)
        or (not is_said and _EXAMPLE.search(value))
        or value.lower() in _NO_VALUE
    )


def _is_random(value: str) -> bool:
    """Whether a text looks drawn by lot: letters and digits mixed, or long with both cases."""
    if len(value) < KEY or not any(c.isalpha() for c in value):
        return False
    is_varied = len(value) >= VERY_LONG and len(set(value)) >= LONG_KEY and value != value.lower()
    return is_varied or any(c.isdigit() for c in value)


def _is_secret(value: str, is_password: bool, is_said: bool, may_be_word: bool) -> bool:
    """Whether what stands behind `password` or `token` is one, and not a placeholder, a setting's name or a word."""
    if _is_placeholder(value, is_said) or _DATE.match(value) or _FILE.match(value):
        return False
    if not is_password:
        return _is_random(value) and not _NUMBER.match(value) and not (_UUID.match(value) and not is_said)
    return _is_password(value, is_said) or (is_said and len(value) >= PASSWORD and (may_be_word or value.isdigit()))


def _is_password(value: str, is_said: bool) -> bool:
    """Whether a text is no word of the language: letters, digits and signs are mixed."""
    if len(value) < PASSWORD - 1 or _ADDRESS.match(value):
        return False
    has_digit, has_letter = any(c.isdigit() for c in value), any(c.isalpha() for c in value)
    if has_digit:
        return has_letter or any(not c.isalnum() for c in value.strip("-'’!?"))
    is_name = not is_said and value.replace("_", "").isalnum()
    return has_letter and not is_name and not _WORDS.fullmatch(value) and not value.strip("-'’!?").isalnum()
