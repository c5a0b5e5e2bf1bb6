"""Messages to webhooks on their way: taken up, sent, noted; each address for itself, so that none delays another."""

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import Unavailable
from app.domain import webhooks
from app.domain.redaction import Redactor
from app.domain.webhooks import Answered
from app.infra import database, fetch
from app.infra.addresses import Failure
from app.infra.vault import Vault
from app.models.teams import Team
from app.models.webhooks import Webhook, WebhookDelivery
from app.services import alerting
from app.services.unit import Work, batch
from app.services.webhooks import alert_key, end_waiting

MOST_AT_ONCE, OF_TEAM = 4, 16
"""Messages on their way to one address, and to all addresses of one team, from one process."""

_MOST_TAKEN = 64
_PATIENCE, _HELD = 1.5, 2.5
"""Leases that an address may take to answer, and after which whoever took a message up is taken to have died."""

_LONGEST_ANSWER = 1000
_LONGEST_WAIT_SECONDS = 86_400.0
_KEPT_ATTEMPTS = 20


@dataclass(frozen=True)
class Due:
    """A message that this process has taken up."""

    id: int
    tries: int
    webhook_id: int
    team_id: int
    message_id: str
    url: str
    body: str
    data_key: bytes = field(repr=False)
    sealed: tuple[bytes, ...] = field(repr=False)


def take(lease_seconds: float, going: Mapping[tuple[int, int], int]) -> list[Due]:
    """Take up messages that are due; `going` counts those on their way from this process, by team and webhook.

    An address that rests is left alone; after its rest one message tries it. Of many processes one gets each message.
    """
    with database.read() as connection:
        now = database.now(connection)
        found: list[Any] = []
        ready = list(connection.execute(_READY, {"now": now}))
        random.shuffle(ready)  # where there are more than can go at once, each address has its turn
        held: Counter[int] = Counter()
        for (team_id, _), count in going.items():
            held[team_id] += count
        for hook in ready:
            room = (1 if hook.failures >= webhooks.FAILURES else MOST_AT_ONCE) - going.get((hook.team_id, hook.id), 0)
            room = min(room, OF_TEAM - held[hook.team_id])
            if room > 0:
                due = connection.execute(_DUE, {"webhook": hook.id, "now": now, "room": room}).all()
                held[hook.team_id] += len(due)
                found += due
    if not found:
        return []
    with batch() as work:
        until = work.now + timedelta(seconds=lease_seconds * _HELD)
        return [_taken(row, work.now) for row in found[:_MOST_TAKEN] if _is_won(work, row, until)]


def _is_won(work: Work, row: Any, until: datetime) -> bool:
    if row.failures >= webhooks.FAILURES:
        is_free = (Webhook.id == row.webhook_id, _is_rested(work.now))
        if not work.connection.execute(sa.update(Webhook).where(*is_free).values(rests_until=until)).rowcount:
            return False
    is_it = (WebhookDelivery.id == row.id, WebhookDelivery.state == "waiting", WebhookDelivery.tries == row.tries)
    claim = sa.update(WebhookDelivery).where(*is_it, WebhookDelivery.next_try_at <= work.now)
    return bool(work.connection.execute(claim.values(tries=row.tries + 1, next_try_at=until)).rowcount)


def _taken(row: Any, now: datetime) -> Due:
    is_rotating = row.before_until is not None and row.before_until > now and row.sealed_before
    sealed = (row.sealed, row.sealed_before) if is_rotating else (row.sealed,)
    return Due(
        row.id, row.tries + 1, row.webhook_id, row.team_id, row.message_id, row.url, row.body, row.data_key, sealed
    )


def carry_out(due: Due, vault: Vault, lease_seconds: float) -> bool:
    """Send one message and note what became of it; whether it was taken. Raises what the database raises.

    No redirect is followed, no inner address asked, and the name of the host verified where there is TLS.
    """
    began = time.monotonic()
    aad = Webhook.aad_of(due.team_id, due.webhook_id)
    try:
        secrets = [vault.unseal(due.data_key, sealed, aad) for sealed in due.sealed]
        answered, answer = _asked(due, secrets, lease_seconds * _PATIENCE)
    except Unavailable as error:  # the secret does not open: another key file
        answered, answer = Answered(0, error.message), ""
    with batch() as work:
        _note(work, due, answered, answer, time.monotonic() - began)
    return answered.is_good


def _asked(due: Due, secrets: list[str], seconds: float) -> tuple[Answered, str]:
    body, now = due.body.encode(), utc_now()
    headers = webhooks.headers(secrets, due.message_id, int(now.timestamp()), body)
    ask = fetch.Request("POST", due.url, headers, body, seconds, keep_bytes=4 * _LONGEST_ANSWER, redirects=0)
    try:
        answer = fetch.Call(ask).answer()
    except Failure as failure:
        return Answered(0, failure.message), ""
    text = "".join(one for one in answer.body.decode("utf-8", "replace") if one.isprintable() or one in "\n\t")
    said = Redactor(secrets).redact(text)[:_LONGEST_ANSWER]
    return Answered(answer.status, retry_after_seconds=_seconds(answer.headers.get("retry-after", ""), now)), said


def _seconds(text: str, now: datetime) -> float | None:
    """Read a Retry-After: seconds, or a moment."""
    text = text.strip()[:40]
    if text.isascii() and text.isdecimal():
        return min(float(text), _LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max(0.0, (moment - now).total_seconds()), _LONGEST_WAIT_SECONDS)
    except (ValueError, OverflowError):
        return None


# --- noting


def _note(work: Work, due: Due, answered: Answered, answer: str, seconds: float) -> None:
    query = sa.select(Webhook).where(Webhook.id == due.webhook_id).with_for_update()
    hook = work.connection.execute(query).first()
    row = work.connection.execute(_ATTEMPTS, {"id": due.id}).first()
    if hook is None or row is None:
        return  # deleted meanwhile
    chance = random.random()  # noqa: S311 spreads the tries of many, guards nothing
    attempt = {
        "at": work.now.isoformat(), "status": answered.status, "problem": answered.said[:300], "answer": answer,
        "seconds": round(seconds, 3),
    }  # fmt: skip
    values: dict[str, Any] = {"attempts": [*row.attempts, attempt][-_KEPT_ATTEMPTS:]}
    if answered.is_good:
        values |= {"state": "sent", "next_try_at": None, "ended_at": work.now}
    elif row.state == "waiting" and row.tries == due.tries:  # else another process has it by now
        following = webhooks.next_try(due.tries, answered, work.now, chance)
        values |= {"next_try_at": following}
        values |= {} if following else {"state": "failed", "ended_at": work.now}
    work.connection.execute(sa.update(WebhookDelivery).where(WebhookDelivery.id == due.id).values(values))
    _count(work, hook, answered, chance)


def _count(work: Work, hook: Any, answered: Answered, chance: float) -> None:
    values: dict[str, Any]
    if answered.is_good:
        values = {"failures": 0, "failing_since": None, "rests_until": None, "delivered_at": work.now}
    else:
        failures, since = hook.failures + 1, hook.failing_since or work.now
        values = {"failures": failures, "failing_since": since}
        values["rests_until"] = webhooks.rests_until(failures, work.now, chance)
        if why := _why_off(hook, answered, since, work.now):
            _switch_off(work, hook, why)
    work.connection.execute(sa.update(Webhook).where(Webhook.id == hook.id).values(values))


def _why_off(hook: Any, answered: Answered, since: datetime, now: datetime) -> str:
    if hook.off_at is not None:
        return ""
    if answered.is_gone:
        return "it answered 410: it wants no more messages"
    if now - since >= webhooks.GIVES_UP:
        return f"nothing was taken for {webhooks.GIVES_UP.days} days. {answered.said}"
    return ""


def _switch_off(work: Work, hook: Any, why: str) -> None:
    sentence = f"The webhook {hook.name} was switched off: {why.rstrip('.')}."
    values = {"off_at": work.now, "off_because": sentence[:300]}
    work.connection.execute(sa.update(Webhook).where(Webhook.id == hook.id).values(values))
    end_waiting(work, hook.id)
    alerting.begin(work, alert_key(hook.id), "webhook_off", sentence, hook.team_id)


def _is_rested(now: Any) -> sa.ColumnElement[bool]:
    return sa.or_(Webhook.rests_until.is_(None), Webhook.rests_until <= now)


# --- built once

_NOW = sa.bindparam("now", type_=WebhookDelivery.at.type)
_IS_DUE = sa.and_(WebhookDelivery.state == "waiting", WebhookDelivery.next_try_at <= _NOW)
_READY = (
    sa.select(Webhook.id, Webhook.team_id, Webhook.failures)
    .where(Webhook.off_at.is_(None), _is_rested(_NOW))
    .where(sa.exists().where(WebhookDelivery.webhook_id == Webhook.id, _IS_DUE))
    .order_by(Webhook.id)
)
_DUE = (
    sa.select(
        WebhookDelivery.id, WebhookDelivery.tries, WebhookDelivery.webhook_id, WebhookDelivery.team_id,
        WebhookDelivery.message_id, WebhookDelivery.body, Webhook.url, Webhook.failures, Webhook.sealed,
        Webhook.sealed_before, Webhook.before_until, Team.data_key,
    )
    .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
    .join(Team, Team.id == WebhookDelivery.team_id)
    .where(WebhookDelivery.webhook_id == sa.bindparam("webhook"), _IS_DUE)
    .order_by(WebhookDelivery.next_try_at, WebhookDelivery.id)
    .limit(sa.bindparam("room"))
)  # fmt: skip
_ATTEMPTS = (
    sa.select(WebhookDelivery.attempts, WebhookDelivery.state, WebhookDelivery.tries)
    .where(WebhookDelivery.id == sa.bindparam("id"))
    .with_for_update()
)
