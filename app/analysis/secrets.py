"""Secrets somebody left in a thread: keys, tokens and passwords in texts, arguments, outputs and attachments."""

import re
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
_CERTAIN = r"pass(?:word|phrase|wort|wd|code)|pwd|pw|kennwort|contrase(?:ñ|n)a|mot de passe|mdp|psk"
_PASSWORD = rf"{_CERTAIN}|pass|clave(?: de acceso)?|access code|zugangscode|code d['’]accès|código de acceso"
_KEY = (
    r"keys?|tokens?|secrets?|jeton|credentials?|clé(?: d['’]api| api| secrète)?|llave|(?:api-?)?schlüssel"
    r"|clave (?:de )?(?:la )?api"
)
_CORES = (
    *listed(
        "pass pwd pw psk kennwort contrase clave mdp zugangscode key token secret jeton credential clé llave schlüssel"
    ),
    "mot de passe",
    "access code",
    "code d'accès",
    "código de acceso",
)
_SAYS = r"\s{0,3}(?:[=:]{1,2}>?|->|→|\bis now\b|\bis\b|\bwas\b|\bist\b|\blautet\b|\bc['’]est\b|\best\b|\bes\b)\s{0,3}"
_LONG = 300
_OF_VALUE = r"[^\s\"'`“”„«»,;<>(){}\[\]]"
_VALUE = rf"(?P<quote>[\"'`“„«]?)(?P<value>{_OF_VALUE}{{4,{_LONG}}})"
_REST = re.compile(_OF_VALUE + "{1,8000}")
_ABOUT = (
    r"(?:[ \t]\([^)\n]{1,40}\)|[ \t](?:we|i|they|you|wir|ich|nous|on|for|of|to|für|vom|zum|zu|der|des|de|del|la|el|du"
    r"|le|pour|para|the|our|my)\b[^\n.:=!?]{1,40}?)?"
)
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
    r"\b(?:login|log-?in|sign-?in|account|credentials?|access|zugangsdaten|zugang|anmeldung|anmeldedaten|konto"
    r"|identifiants?|connexion|accès|compte|credenciales|acceso|cuenta|sesión|user(?:name)?|benutzer(?:name)?|usuario"
    r"|utilisateur|auth|log in|einloggen|anmelden)"
    r"(?=[ \t:=,])[ \t,]{0,2}(?:is|are|as|als|sind|ist|lautet|lauten|son|es|sont|est|:"
    r"|=)?[ \t:]{0,2}[\w.@+-]{2,60}(?P<between>[ \t]?[/:|][ \t]?|,[ \t]|[ \t](?:with|and|mit|und|avec|et|con"
    r"|y)[ \t])(?P<value>[^\s\"'`,;<>(){}/|\[\]]{6,100})",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"(?<=[\w@.+-])(?:\s/\s?|\s?\|\s?|\s?:\s)(?=(?P<value>[^\s\"'`“”„«»,;<>(){}\[\]|]{8,200})"
    r"(?:[\s,;)]|[.?!](?:\s|$)|$))"
)
_SIGNS = frozenset("!?#$%&*+=@^~")
_SPACED = re.compile(
    rf"\b(?:{_CERTAIN})\b(?:{_SAYS}|[ \t]{{1,3}})[\"'`“„«]([^\"'`“”„«»\n]{{3,40}}\s[^\"'`“”„«»\n]{{1,40}})[\"'`“”»]",
    re.IGNORECASE,
)
_AFTER_KEY = re.compile(
    r"(?<![A-Za-z0-9])A(?:KIA|SIA)[A-Z0-9]{16}[\s/:,;|\"'=]{1,6}([A-Za-z0-9/+]{30,64}={0,2})(?![A-Za-z0-9/+])"
)
_OF_CLIENT = re.compile(
    r"\b(?:mysql\w{0,10}|mariadb\w{0,10}|sshpass)\b[^\n|]{0,200}?\s-p ?[\"']?([^\s'\"-][^\s'\"]{3,100})"
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
    r"|-here$|^<|^\$|^%|\{\{|^\w{0,12}=$"
    r"|(?:dein|ihr|mein|votre|mon|tu|su|mi)[_-](?:\w+[_-])?(?:token|key|passwor[td]|pass|clave|clé|api)|^(?:0{6,}"
    r"|1{6,}|a{6,})$|^AKIAIOSFODNN7|bPxRfiCYEXAMPLE",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(r"example|ejemplo|exemple|beispiel|foobar|dummy|^abc-?123|^12345678|lorem", re.IGNORECASE)
_SETTING = re.compile(
    r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$|^[a-z_]+(?:\.[A-Za-z_]\w*)+$|^[a-z]+(?:_[a-z]+)+$|^https?://[^?@]*$"
)
_NUMBER = re.compile(r"^[A-Za-z]{1,8}(?:[-_/#]?\d+|(?:[-_/#]\d+){2,4})$")
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
MOST = 100
"""Secrets that are shown, each by its last characters; all of them are masked."""

_MANY_DIGITS = 6
LONG_KEY, KEY, PASSWORD, VERY_LONG = 12, 8, 6, 20


@dataclass(frozen=True)
class Secret:
    """A secret as it stands in the thread; `text` and `at` say where."""

    value: str
    kind: str
    message: int
    text: str
    at: int


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return one finding for each secret, masked; its value never leaves this module but through `known`."""
    return findings(scan(thread))


def findings(found: list[Secret]) -> list[Finding]:
    """Return what may be shown of secrets: the last characters, the kind, and the words around, masked."""
    values = tuple(secret.value for secret in found)
    return [
        Finding(
            "secret",
            {"masked": shown(secret.value), "kind": secret.kind},
            0.7 if secret.kind == "Password" else 0.9,
            (evidence(secret.message, secret.text, secret.at, values),),
        )
        for secret in _whole(found)
    ]


def known(thread: Thread, sofar: Analysis) -> tuple[str, ...]:
    """Return the secrets themselves, to mask them elsewhere, for nothing else; found now if nobody has looked."""
    if sofar.secrets is not None:
        return sofar.secrets
    return tuple(secret.value for secret in scan(thread))


def scan(thread: Thread) -> list[Secret]:
    """Return each secret once, where it stands first."""
    found: dict[str, Secret] = {}
    for number, text, is_said in _sources(thread):
        for value, kind, at in in_text(text[:SCANNED], is_said):
            found.setdefault(value, Secret(value, kind, number, text, at))
    return list(found.values())


def _whole(found: list[Secret]) -> list[Secret]:
    """Leave out what is a piece of a longer one; of very many only the first are looked at."""
    first = found[:MOST]
    return [one for one in first if not any(one is not other and one.value in other.value for other in first)]


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
    if "KIA" in text or "SIA" in text:
        yield from ((hit[1], "AWS secret", hit.start(1)) for hit in _AFTER_KEY.finditer(text) if _is_random(hit[1]))
    yield from _in_requests(text, is_said)
    yield from _stated(text, is_said)


def _in_requests(text: str, is_said: bool) -> Iterator[tuple[str, str, int]]:
    """Keys in the query of a URL, in headers and in arguments of commands."""
    small = text.lower()
    shapes = [(_QUERY, "Key in a URL", "=")]
    shapes += [(_HEADER, "Authorization header", word) for word in ("authorization", "bearer", "x-") if word in small][
        :1
    ]
    shapes += [(_BASIC, "Password", "curl"), (_OF_CLIENT, "Password", " -p"), (_FLAG, "API key or token", "--")]
    for shape, kind, word in shapes:
        if word in small:
            for hit in shape.finditer(text):
                value = _trimmed(hit["value"] if shape is _FLAG else hit[1])
                if not _is_placeholder(value, is_said) and (shape in {_BASIC, _OF_CLIENT} or _is_random(value)):
                    yield value, kind, hit.start()


def _stated(text: str, is_said: bool) -> Iterator[tuple[str, str, int]]:
    """What stands behind words such as `password`, `token` and `key`."""
    small = text.lower()
    small = small if len(small) == len(text) else text
    seen = 0
    for at in sorted({at for core in _CORES for at in places(small, core)}):
        if at < seen:
            continue  # within a secret that was found, or within a text too long to be one
        for shape in (_STATED, _BARE) if is_said else (_STATED,):
            hit = shape.match(text, at)
            if hit and (found := _value(hit, text, is_said)):
                seen = hit.end("value")
                yield found
                break
    if is_said:
        yield from _beside(text)
        for hit in _LOGIN.finditer(text):
            value, is_pair = _trimmed(hit["value"]), not hit["between"].strip().isalpha() and "," not in hit["between"]
            if (
                _is_secret(value, True, True, False)
                and any(c.isdigit() for c in value)
                and (is_pair or (len(value) >= KEY and value != value.lower() and not _NUMBER.match(value)))
            ):
                yield value, "Password", hit.start("value")
        yield from ((hit[1], "Password", hit.start(1)) for hit in _SPACED.finditer(text) if re.search(r"\d", hit[1]))


def _beside(text: str) -> Iterator[tuple[str, str, int]]:
    """A user or the id of a key with its secret behind it: `anna / …`, `AKIA… / …`."""
    for hit in _PAIR.finditer(text):
        value = _trimmed(hit["value"])
        if _is_mixed(value) and not _is_placeholder(value, True) and not _ADDRESS.match(value):
            yield value, "Password", hit.start("value")


def _is_mixed(value: str) -> bool:
    """Whether a text has small and large letters, digits and signs, as no word, path or number has."""
    kinds = (any(c.islower() for c in value), any(c.isupper() for c in value), any(c.isdigit() for c in value))
    is_path = value.startswith(("/", "~", "./", "http")) or "://" in value
    return len(value) >= KEY and all(kinds) and bool(_SIGNS & set(value)) and not is_path


def _value(hit: re.Match[str], text: str, is_said: bool) -> tuple[str, str, int] | None:
    """The secret that a word such as `password` is followed by, if it is one."""
    value, is_password, is_bare = _trimmed(hit["value"]), bool(hit["password"]), hit.re is _BARE
    if not is_password and not _is_random(value):
        return None
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
    if hit.end("value") - hit.start("value") == _LONG:  # its end is a part of it
        rest = _REST.match(text, hit.end("value"))
        value = _trimmed(hit["value"] + (rest[0] if rest else ""))
    return value, "Password" if is_password else "API key or token", hit.start("value")


def _trimmed(value: str) -> str:
    return value.rstrip(".,;:?)]}\\|")


def _is_placeholder(value: str, is_said: bool) -> bool:
    return bool(
        _PLACEHOLDER.search(value)
        or (_SETTING.match(value) and sum(c.isdigit() for c in value) < _MANY_DIGITS)
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
