"""The log of webhooks: each message with its tries, sent again when somebody asks, and forgotten in time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.errors import Conflict, NotFound
from app.domain import webhooks
from app.domain.access import Actor
from app.infra import database
from app.infra.database import db
from app.models.webhooks import Webhook, WebhookDelivery
from app.services.unit import batch, unit
from app.services.webhooks import own

STATES = ("waiting", "sent", "failed")
KEEP_SENT, KEEP_FAILED = timedelta(days=7), timedelta(days=30)
PAGE = 50
_BATCH = 500


@dataclass(frozen=True)
class Entry:
    """A message as the log shows it; `attempts` say what each try came to, `body` is what was sent."""

    id: int
    message_id: str
    kind: str
    state: str
    tries: int
    at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None
    body: str
    attempts: Sequence[Mapping[str, Any]]


def listing(actor: Actor, webhook_id: int, state: str = "", before: int = 0, limit: int = PAGE) -> list[Entry]:
    """Return messages of a webhook, the latest first; those before one (its id) if that is given. Raises NotFound."""
    _must_be_there(actor, webhook_id)
    query = sa.select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    query = query.where(WebhookDelivery.state == state) if state in STATES else query
    query = query.where(WebhookDelivery.id < before) if before else query
    rows = db.session.scalars(query.order_by(WebhookDelivery.id.desc()).limit(limit)).all()
    return [
        Entry(
            row.id, row.message_id, row.kind, row.state, row.tries, row.at, row.next_try_at, row.ended_at, row.body,
            [{**one, "at": datetime.fromisoformat(one["at"])} for one in row.attempts],
        )
        for row in rows
    ]  # fmt: skip


def replay(actor: Actor, webhook_id: int, delivery_id: int) -> None:
    """Send a message once more, with the id that it has. Raises NotFound, and Conflict while its webhook is off."""
    if not _again(actor, webhook_id, WebhookDelivery.id == delivery_id):
        raise NotFound


def replay_failed(actor: Actor, webhook_id: int, since: datetime | None = None) -> int:
    """Send all that failed since an instant (aware) once more; returns how much that is. Raises as `replay`."""
    wanted = [WebhookDelivery.state == "failed", *([WebhookDelivery.at >= since] if since else [])]
    return _again(actor, webhook_id, *wanted)


def tend() -> int:
    """Let fail what was held back for too long, and remove what has been kept for long enough; returns how much."""
    with batch() as work:
        stuck = (WebhookDelivery.state == "waiting", WebhookDelivery.since < work.now - webhooks.LONGEST_WAIT)
        failed = {"state": "failed", "next_try_at": None, "ended_at": work.now}
        work.connection.execute(sa.update(WebhookDelivery).where(*stuck).values(failed))
        over = sa.and_(Webhook.before_until <= work.now, Webhook.sealed_before.is_not(None))
        work.connection.execute(sa.update(Webhook).where(over).values(sealed_before=None, before_until=None))
    removed = 0
    while (count := _removed()) > 0:
        removed += count
    return removed


def _removed() -> int:
    with database.read() as connection:
        now = database.now(connection)
        is_old = sa.or_(
            sa.and_(WebhookDelivery.state == "sent", WebhookDelivery.ended_at < now - KEEP_SENT),
            sa.and_(WebhookDelivery.state == "failed", WebhookDelivery.ended_at < now - KEEP_FAILED),
        )
        old = connection.execute(sa.select(WebhookDelivery.id).where(is_old).limit(_BATCH)).scalars().all()
    if not old:
        return 0
    with batch() as work:
        return work.connection.execute(sa.delete(WebhookDelivery).where(WebhookDelivery.id.in_(old))).rowcount


def _again(actor: Actor, webhook_id: int, *wanted: sa.ColumnElement[bool]) -> int:
    with unit(actor) as work:
        row = own(work, actor, webhook_id)
        if row.off_at is not None:
            raise Conflict("The webhook is off. Turn it on first.")
        anew = {"state": "waiting", "tries": 0, "next_try_at": work.now, "since": work.now, "ended_at": None}
        mine = (WebhookDelivery.webhook_id == row.id, *wanted)
        count = work.session.execute(sa.update(WebhookDelivery).where(*mine).values(anew)).rowcount  # type: ignore[attr-defined]  # of an update
        row.rests_until = None
        if count:
            work.audit("webhook_replayed", row.name, webhook=row.id, messages=count)
        return int(count)


def _must_be_there(actor: Actor, webhook_id: int) -> None:
    is_it = sa.exists().where(Webhook.id == webhook_id, Webhook.team_id == actor.team_id)
    if not db.session.scalar(sa.select(is_it)):
        raise NotFound
