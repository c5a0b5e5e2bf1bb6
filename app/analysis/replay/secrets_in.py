"""Secrets that stand in what is replayed: each becomes a name, and nothing of its value goes on."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from app.analysis.replay.value import Taken, Value
from app.analysis.tokens import tokens

_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]{1,60})[\"']?\]?\s*[=:]\s*[\"']?(?:Bearer |Basic |token )?$")
_HEADER_NAME = re.compile(r"([A-Za-z][\w-]{1,40})[\"']?\s*:\s*[\"']?(?:Bearer |Basic |token )?$")
_HOST = re.compile(r"https?://(?:www\.|api\.)?(?!localhost)([a-zA-Z0-9-]{2,40})[.:/]")
_PLAIN = re.compile(
    r"auth|header|value|key|token|password|secret|h|headers|data|url|is|are|was|ist|sind|lautet|est|es|this|here|it",
    re.IGNORECASE,
)
_LONGEST_HEADER = 2000
_PLACED = re.compile(r"\{\{ secrets\.(\w+) \}\}")
CREDENTIAL = re.compile(r"KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|AUTH|DSN|WEBHOOK|COOKIE|PAT$")


def named(raw: Sequence[str], texts: Iterable[str]) -> list[Value]:
    """Return each secret that stands in one of the texts as a value whose name is made of what stands around it."""
    found: list[Value] = []
    kept, taken = list(texts), Taken()
    for secret in sorted(raw, key=len, reverse=True):
        where = next((text for text in kept if secret in text), None)
        if where is None:
            continue
        name = taken.free(_name(where, secret))
        found.append(Value(name, name, "secret", secret))
    return found


def _name(text: str, secret: str) -> str:
    before = text[max(0, text.find(secret) - 80) : text.find(secret)]
    hit = _ASSIGNED.search(before) or _HEADER_NAME.search(before)
    host = _HOST.search(text)
    service = re.sub(r"\W+", "_", host[1]).upper() if host else ""
    if hit and not _PLAIN.fullmatch(hit[1]) and hit[1].lower() != "authorization":
        name = re.sub(r"\W+", "_", hit[1]).upper().strip("_")
        return name if CREDENTIAL.search(name) else f"{name}_KEY"
    what = (
        "PASSWORD"
        if re.search(r"pass|pwd", before, re.IGNORECASE)
        else "TOKEN"
        if re.search(r"bearer|token", before, re.IGNORECASE)
        else "API_KEY"
    )
    if service and service[0].isalpha():
        return f"{service}_{what}"
    kind = next((kind for _, kind, at in tokens(secret) if not at and not kind.startswith(("API", "JSON"))), "")
    return re.sub(r"\W+", "_", kind).upper() or what


def renamed(settings: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of a step in which secrets have the names that they were given in the vault.

    Code goes on to read a secret by the name that stands in it, which is filled in with the other one.
    """
    made = dict(settings)
    if made.get("auth_secret") in names:
        made["auth_secret"] = names[made["auth_secret"]]
    others = [name for name in made.get("secrets") or () if name in names]
    if others:
        made["secrets"] = [name for name in made["secrets"] if name not in names]
        made["env"] = {**(made.get("env") or {}), **{name: f"{{{{ secrets.{names[name]} }}}}" for name in others}}
    return {name: _placed(value, names) for name, value in made.items()}


def _placed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACED.sub(lambda hit: f"{{{{ secrets.{names.get(hit[1], hit[1])} }}}}", value)
    if isinstance(value, Mapping):
        return {name: _placed(one, names) for name, one in value.items()}
    return value


def of_request(settings: Mapping[str, Any], secrets: Sequence[Value]) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of a request with its secrets by name, and the names: the one that signs in as `auth`."""
    made = dict(settings)
    headers = dict(settings.get("headers") or {})
    used: list[str] = []
    for header, whole in list(headers.items()):
        value = whole[:_LONGEST_HEADER]
        secret = next((one for one in secrets if one.literal in value), None)
        name = secret.name if secret else _stands_for(header, value, str(settings["url"]))
        if not name:
            continue
        scheme, _, rest = value.partition(" ")
        if header.lower() == "authorization" and scheme.lower() in {"bearer", "basic"} and rest:
            made |= {"auth": scheme.lower(), "auth_secret": name}
        else:
            made |= {"auth": "header", "auth_secret": name, "auth_header": header}
        del headers[header]
        used.append(name)
        break
    made["headers"] = headers
    return made, used


def _stands_for(header: str, value: str, url: str) -> str:
    """Return the name for a header that signs in with a value which is not told: `$TOKEN`, `***`, `<your key>`."""
    is_signing = header.lower() in {"authorization", "x-api-key", "api-key", "x-auth-token"}
    hit = re.search(r"\$\{?(?:env\.)?([A-Z][A-Z0-9_]{2,60})\}?|\{\{\s*(?:secrets\.)?([A-Za-z]\w{2,60})\s*\}\}", value)
    if hit and (is_signing or CREDENTIAL.search((hit[1] or hit[2]).upper())):
        return str(hit[1] or hit[2]).upper()
    if is_signing and re.search(r"\*{3}|•{3}|<[^>]+>|…|\.\.\.|redacted|your[_-]", value, re.IGNORECASE):
        host = (urlsplit(url).hostname or "").removeprefix("api.").removeprefix("www.").partition(".")[0]
        return f"{re.sub(r'[^A-Za-z0-9]+', '_', host).upper() or 'API'}_TOKEN"
    return ""
