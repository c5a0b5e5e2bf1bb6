"""Hooks: how a call proves who sends it, what names it, and what of it becomes the variables of a run."""

import hashlib
import hmac
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from urllib.parse import parse_qs

from app.domain import agents, conditions, expectations, expressions, webhooks

Scheme = Literal["address", "token", "github", "stripe", "slack", "standard"]
Headers = Mapping[str, str]
"""Of a call, with names in small letters."""

SCHEMES: Mapping[Scheme, str] = {
    "address": "The secret address alone", "token": "A secret in a header", "github": "GitHub", "stripe": "Stripe",
    "slack": "Slack", "standard": "Standard Webhooks",
}  # fmt: skip
"""How a call proves who sends it, as a form calls it."""

LARGEST_BYTES = 256 * 1024
LARGEST_VALUE_BYTES = 16 * 1024
"""Of a call, and of one value of it."""

TOO_LARGE = f"The body has more than {LARGEST_BYTES // 1024} KiB."

SAME_WITHIN = timedelta(minutes=10)
"""A call that carries no name of its own and the same body within this time is the same call."""

USUAL_HEADER = "X-Hook-Token"
EXAMPLE = 'payload.action == "opened"'

_ROOTS = frozenset({"payload", "event"})
_NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "address": ("idempotency-key", "webhook-id", "x-github-delivery"), "token": ("idempotency-key", "webhook-id"),
    "standard": ("webhook-id",),
}  # fmt: skip
"""Headers that name a call, by scheme: where a call is signed only what its signature covers, or who has seen one call
could send it again under another name.
"""

NAMED_BY_BODY = frozenset({"github"})
"""Schemes that sign neither a name nor a time: the same body is the same call, however late it comes again."""

_LONGEST_NAME = 200
_LONGEST_EVENT = 80
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_MOST_FIELDS = 500


class Unreadable(ValueError):
    """A body that is no payload; the message is one sentence."""


# --- who sends it


def is_authentic(
    scheme: str, secrets: Sequence[str], headers: Headers, body: bytes, now: datetime, header: str = ""
) -> bool:
    """Whether a call carries what its scheme asks for, of one of the secrets; a signature with a time only for minutes.

    `header` is where the scheme `token` has its secret.
    """
    proves: Mapping[str, Callable[[], bool]] = {
        "address": lambda: True,
        "token": lambda: _is_token(secrets, headers.get(header.lower(), "")),
        "github": lambda: _is_githubs(secrets, headers.get("x-hub-signature-256", ""), body),
        "stripe": lambda: _is_stripes(secrets, headers.get("stripe-signature", ""), body, now),
        "slack": lambda: _is_slacks(secrets, headers, body, now),
        "standard": lambda: webhooks.is_signed(secrets, headers, body, now),
    }
    return scheme in proves and proves[scheme]()


def _is_token(secrets: Sequence[str], given: str) -> bool:
    return webhooks.matches(given.strip().removeprefix("Bearer ").strip(), secrets)


def _is_githubs(secrets: Sequence[str], given: str, body: bytes) -> bool:
    return webhooks.matches(given, [f"sha256={_hex(one, body)}" for one in secrets])


def _is_slacks(secrets: Sequence[str], headers: Headers, body: bytes, now: datetime) -> bool:
    stamp = headers.get("x-slack-request-timestamp", "")
    known = [f"v0={_hex(one, f'v0:{stamp}:'.encode() + body)}" for one in secrets]
    return webhooks.is_fresh(stamp, now) and webhooks.matches(headers.get("x-slack-signature", ""), known)


def _is_stripes(secrets: Sequence[str], given: str, body: bytes, now: datetime) -> bool:
    parts = [part.strip().partition("=") for part in given.split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    known = [_hex(one, f"{stamp}.".encode() + body) for one in secrets]
    signed = [value for name, _, value in parts if name == "v1"]
    return webhooks.is_fresh(stamp, now) and any(webhooks.matches(one, known) for one in signed)


def _hex(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def secret_problem(scheme: str, secret: str) -> str:
    """Say what is wrong with a secret that somebody typed, empty if nothing is."""
    if scheme == "standard":
        try:
            webhooks.key_of(secret)
        except ValueError:
            return "A secret of Standard Webhooks is whsec_ and base64, as the sender shows it."
    if not 8 <= len(secret) <= 200 or not secret.isascii() or not secret.isprintable():  # noqa: PLR2004 in the sentence
        return "A secret has 8 to 200 letters, digits and signs, without line breaks."
    return ""


# --- what it is


def read(body: bytes, media_type: str) -> Any:
    """Return the payload of a call: JSON, or a form as an object; without what no database takes. Raises Unreadable."""
    if len(body) > LARGEST_BYTES:
        raise Unreadable(TOO_LARGE)
    kind = media_type.partition(";")[0].strip().lower()
    if kind == _FORM:
        return _form(body)
    if kind in {_JSON, ""} or kind.endswith("+json"):
        return _json(body)
    raise Unreadable(f"The body is neither {_JSON} nor {_FORM}.")


def _json(body: bytes) -> Any:
    try:
        return _clean(json.loads(body or b"{}", parse_constant=_refuse, parse_float=_finite))
    except (ValueError, RecursionError):
        raise Unreadable("The body is no JSON.") from None


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _finite(text: str) -> float:
    """Read a number; one that is too large becomes infinity, which no database takes as JSON."""
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _form(body: bytes) -> Any:
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Unreadable("The body is no form.") from None
    if set(fields) == {"payload"}:  # as GitHub and Slack send JSON in a form
        return _json(fields["payload"][0].encode())
    return _clean({name: values[0] if len(values) == 1 else values for name, values in fields.items()})


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return agents.storable(value)
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {agents.storable(str(name)): _clean(one) for name, one in value.items()}
    return value


def event_of(headers: Headers, payload: Any) -> str:
    """Return what kind of thing a call tells of, as its sender calls it; empty if it does not say."""
    said = headers.get("x-github-event") or headers.get("x-event-type")
    if not said and isinstance(payload, dict):
        inner = payload.get("event")
        said = inner.get("type") if isinstance(inner, dict) else None
        said = said or payload.get("type") or (inner if isinstance(inner, str) else "")
    return said[:_LONGEST_EVENT] if isinstance(said, str) else ""


def name_of(scheme: str, headers: Headers, payload: Any) -> str:
    """Return what a call is called by its sender, the same however often it is sent; empty if it has no name."""
    said: Any = next((headers[name] for name in _NAMED_BY.get(scheme, ()) if headers.get(name)), "")
    if not said and isinstance(payload, dict):
        said = payload.get({"stripe": "id", "slack": "event_id"}.get(scheme, ""), "")
    return said if isinstance(said, str) and 0 < len(said) <= _LONGEST_NAME else ""


def challenge_of(scheme: str, payload: Any) -> str:
    """Return what Slack wants to hear back before it calls an address for the first time; else empty."""
    if scheme != "slack" or not isinstance(payload, dict) or payload.get("type") != "url_verification":
        return ""
    said = payload.get("challenge")
    return said[:_LONGEST_NAME] if isinstance(said, str) else ""


# --- what becomes of it


def condition_problem(text: str) -> str:
    """Say what is wrong with the filter of a hook, empty if nothing is."""
    return conditions.problem(text, _ROOTS, EXAMPLE) if text else ""


def passes(condition: str, payload: Any, event: str) -> bool:
    """Whether a payload passes a filter. Raises conditions.Unclear."""
    return not condition or conditions.holds(conditions.parse(condition), {"payload": payload, "event": event})


def values_of(mapping: Mapping[str, str], payload: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the values by variable, and the paths that the payload has not. Raises Unreadable for one too large."""
    values, missing = {}, []
    for variable, path in mapping.items():
        try:
            found = expectations.at(payload, path)
        except LookupError:
            missing.append(path)
            continue
        size = len(expressions.as_text(found).encode())
        if size > LARGEST_VALUE_BYTES:
            most = LARGEST_VALUE_BYTES // 1024
            raise Unreadable(f"The value at {path} has {size:,} bytes; at most {most} KiB are taken.")
        values[variable] = found
    return values, missing


def is_scheme(text: str) -> bool:
    """Whether `text` names a scheme."""
    return text in get_args(Scheme)
