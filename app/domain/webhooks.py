"""Webhooks out: how a message is signed, what of an event it says, when it is tried again, and when that ends.

Signatures are those of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.domain import conditions
from app.domain.conditions import Unclear
from app.domain.lifecycle import STATES

FAMILIES: Mapping[str, Sequence[str]] = {
    "Runs": (*STATES, "stopping"),
    "Tasks": ("task_created", "task_changed", "task_paused", "task_resumed", "task_deleted"),
    "Alerts": (
        "alert_began", "alert_acknowledged", "alert_ended", "incident_opened", "incident_acknowledged",
        "incident_muted", "incident_noted", "incident_reopened", "incident_closed",
    ),
    "Schedules and calendars": ("schedule_broken", "calendar_created", "calendar_changed", "calendar_deleted"),
    "Backfills": ("backfill_created", "backfill_cancelled"),
    "Threads": (
        "import_started", "import_ended", "analysis_started", "analysis_ended", "finding_decided", "thread_deleted",
        "thread_recovered",
    ),
}  # fmt: skip
"""Every event that can be chosen, by what it is about."""

EVENTS = tuple(kind for kinds in FAMILIES.values() for kind in kinds)
USUAL = ("succeeded", "failed", "timed_out", "unmet", "missed")
"""What a new webhook is told of unless somebody chooses."""

TEST = "test"

WAITS = tuple(timedelta(seconds=one) for one in (5, 300, 1800, 7200, 18_000, 36_000, 36_000))
"""After each try that failed: in all about 28 hours."""

MOST_TRIES = len(WAITS) + 1
LONGEST_WAIT = timedelta(hours=36)
"""A message that was held back for so long, whatever kept it, has failed."""

GIVES_UP = timedelta(days=5)
"""An address that has taken nothing for so long is switched off."""

ROTATION = timedelta(hours=24)
"""So long the secret before the present one still signs."""

TOLERANCE = timedelta(minutes=5)
"""A signature is good for so long before and after its timestamp."""

FAILURES = 5
"""So many failures in a row, and the address is left alone for a while."""

_FIRST_REST_SECONDS, _LONGEST_REST_SECONDS = 30.0, 900.0
_JITTER = 0.2
_PREFIX = "whsec_"
_GOOD, _GONE, _LATER = range(200, 300), 410, {429, 503}
_LEAST_KEY, _MOST_KEY = 16, 128
_NAMED = frozenset({
    "reason", "attempt", "mode", "version", "state", "why", "source", "alert", "alert_kind", "backfill", "calendar",
    "thread", "schedule", "incident",
})  # fmt: skip
"""What a message repeats of the facts of an event; none of it holds inputs, outputs or secrets."""

_LONGEST_TEXT = 64
_ROOTS = frozenset({"type", "timestamp", "data"})


# --- secrets and signatures


def secret_of(key: bytes) -> str:
    """Return a key as people are shown it: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """Return the bytes of a secret, with or without `whsec_`. Raises ValueError."""
    key = base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    if not _LEAST_KEY <= len(key) <= _MOST_KEY:
        raise ValueError(f"it has {len(key)} bytes")
    return key


def signature(secret: str, message_id: str, at: int, body: bytes) -> str:
    """Return the signature of a message: `v1,` and base64; `at` in seconds since 1970."""
    signed = f"{message_id}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()


def headers(secrets: Sequence[str], message_id: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message, signed with each of the secrets."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Carillon-Webhook/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signature(one, message_id, at, body) for one in secrets),
    }


def is_signed(secrets: Sequence[str], given: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether one of the secrets has signed these headers (`webhook-…`, small letters) and body within TOLERANCE."""
    message_id, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not is_fresh(stamp, now):
        return False
    known = [signature(one, message_id, int(stamp), body) for one in secrets]
    return any(matches(one, known) for one in given.get("webhook-signature", "").split(" "))


def is_fresh(stamp: str, now: datetime) -> bool:
    """Whether a timestamp, in seconds since 1970, is within TOLERANCE of `now`."""
    if not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 12:  # noqa: PLR2004 some thousand years
        return False
    return abs(now.timestamp() - int(stamp)) <= TOLERANCE.total_seconds()


def matches(given: str, known: Sequence[str]) -> bool:
    """Whether `given` is one of these, in a time that tells nothing."""
    return sum(hmac.compare_digest(given.encode(), one.encode()) for one in known) > 0


# --- messages


@dataclass(frozen=True)
class Told:
    """An event as it is to be told: `task` is a slug, `run` a number, `url` leads to its page."""

    event_id: int
    kind: str
    at: datetime
    team: str
    task: str | None
    run: int | None
    url: str
    facts: Mapping[str, Any]


def payload(told: Told) -> dict[str, Any]:
    """Return what a message says of an event: which it is and of what, never inputs, outputs or secrets."""
    data = {"event": told.event_id, "team": told.team, "task": told.task, "run": told.run, "url": told.url}
    facts = {name: value for name, value in told.facts.items() if name in _NAMED and _is_thin(value)}
    return {"type": told.kind, "timestamp": told.at.isoformat(), "data": {**data, **facts}}


def as_body(said: Mapping[str, Any]) -> str:
    """Return a message as it goes out and is signed."""
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _is_thin(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and len(value) <= _LONGEST_TEXT)


def condition_problem(text: str) -> str:
    """Say what is wrong with the condition of a webhook, empty if nothing is."""
    return conditions.problem(text, _ROOTS, 'data.reason == "exit_code"') if text else ""


def wants(condition: str, said: Mapping[str, Any]) -> bool:
    """Whether a message passes a condition; one that can't be decided for it lets it pass: nothing is lost."""
    if not condition:
        return True
    try:
        return conditions.holds(conditions.parse(condition), said)
    except Unclear:
        return True


# --- tries


@dataclass(frozen=True)
class Answered:
    """What came of a try: `status` 0 where there was no answer, then `problem` says why."""

    status: int
    problem: str = ""
    retry_after_seconds: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether the message was taken."""
        return self.status in _GOOD

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more messages, ever."""
        return self.status == _GONE

    @property
    def said(self) -> str:
        """What came of it, in a sentence; empty where it was taken."""
        if self.is_good:
            return ""
        if self.problem:
            return self.problem
        more = " Redirects are not followed: set the new address." if self.status in range(300, 400) else ""
        return f"It answered {self.status}.{more}"


def next_try(tries: int, answered: Answered, now: datetime, chance: float) -> datetime | None:
    """Return when a message that was tried so often goes out again, None when it has failed.

    `chance` in [0, 1) lengthens the wait a little; a 429 or 503 may ask for more, up to a day.
    """
    if tries >= MOST_TRIES or answered.is_gone:
        return None
    wait = WAITS[tries - 1] * (1 + _JITTER * chance)
    if answered.status in _LATER and answered.retry_after_seconds is not None:
        wait = max(wait, min(timedelta(seconds=answered.retry_after_seconds), timedelta(days=1)))
    return now + wait


def rests_until(failures: int, now: datetime, chance: float) -> datetime | None:
    """Return how long an address is left alone after so many failures in a row; then one message may try it."""
    if failures < FAILURES:
        return None
    rest = min(_FIRST_REST_SECONDS * 2 ** min(failures - FAILURES, 10), _LONGEST_REST_SECONDS)
    return now + timedelta(seconds=rest * (1 + _JITTER * chance))
