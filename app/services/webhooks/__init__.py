"""Webhooks: which addresses of other programs are told of what happens in a team, and how each is signed for."""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from app.core.errors import Conflict, Invalid, NotFound
from app.domain import webhooks
from app.domain.access import Actor
from app.infra.addresses import Failure, read_target
from app.infra.database import db
from app.infra.vault import Vault
from app.models.runs import Event
from app.models.tasks import Task
from app.models.teams import Team
from app.models.webhooks import Webhook, WebhookDelivery
from app.services import alerting
from app.services.unit import SessionWork, unit

MOST = 50
"""Webhooks of a team."""

LONGEST_NAME, LONGEST_URL = 60, 2000
_KEY_BYTES = 32


@dataclass(frozen=True)
class Wanted:
    """What is to be told where; `task` is a slug, empty: of any. Without events nothing would be."""

    name: str
    url: str
    events: Sequence[str] = webhooks.USUAL
    task: str = ""
    condition: str = ""


@dataclass(frozen=True)
class Line:
    """A webhook as the list shows it; `host` is all that is shown of its address to those who may not change it."""

    id: int
    name: str
    url: str
    host: str
    events: Sequence[str]
    task: str
    condition: str
    off_because: str
    is_off: bool
    failing_since: datetime | None
    rests_until: datetime | None
    delivered_at: datetime | None
    before_until: datetime | None
    created_at: datetime
    counts: Mapping[str, int]

    @property
    def word(self) -> str:
        """How it does: on, failing or off."""
        return "off" if self.is_off else "failing" if self.failing_since else "on"


def lines(actor: Actor) -> list[Line]:
    """Return the team's webhooks by name."""
    rows = db.session.execute(_lines(actor).order_by(Webhook.name))
    counts = _counts(actor.team_id)
    return [_line(row, slug, counts.get(row.id, {})) for row, slug in rows]


def find(actor: Actor, webhook_id: int) -> Line:
    """Return a webhook of the team. Raises NotFound."""
    found = db.session.execute(_lines(actor).where(Webhook.id == webhook_id)).first()
    if found is None:
        raise NotFound
    row, slug = found
    return _line(row, slug, _counts(actor.team_id, webhook_id).get(row.id, {}))


def choices(actor: Actor) -> list[tuple[str, str]]:
    """Return the tasks that a webhook may be bound to: (slug, name) by name."""
    query = sa.select(Task.slug, Task.name).where(Task.team_id == actor.team_id, Task.deleted_at.is_(None))
    return [(slug, name) for slug, name in db.session.execute(query.order_by(Task.name))]


def create(actor: Actor, vault: Vault, wanted: Wanted) -> tuple[Line, str]:
    """Tell an address from now on; returns it with the secret it is signed with, shown this once. Raises Invalid."""
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id, with_for_update=True)
        values = _checked(work, actor, wanted)
        count = work.session.scalar(sa.select(sa.func.count()).where(Webhook.team_id == team.id))
        if (count or 0) >= MOST:
            raise Invalid({"": f"A team has at most {MOST} webhooks. Delete one first."})
        row = Webhook(
            team_id=team.id, sealed=b"", after_event_id=_head(work), created_at=work.now, changed_at=work.now, **values
        )
        work.session.add(row)
        work.session.flush()
        secret = _new_secret(row, team, vault)
        work.audit("webhook_created", row.name, webhook=row.id, host=_host(row.url))
    return find(actor, row.id), secret


def change(actor: Actor, webhook_id: int, wanted: Wanted) -> None:
    """Change where or what is told. What waits goes to the new address. Raises NotFound, Invalid."""
    with unit(actor) as work:
        row = own(work, actor, webhook_id)
        for name, value in _checked(work, actor, wanted, webhook_id).items():
            setattr(row, name, value)
        row.changed_at = work.now
        row.rests_until = None
        work.audit("webhook_changed", row.name, webhook=row.id, host=_host(row.url))


def delete(actor: Actor, webhook_id: int) -> None:
    """Delete a webhook and its log. Raises NotFound."""
    with unit(actor) as work:
        row = own(work, actor, webhook_id)
        alerting.end(work, alert_key(row.id), f"The webhook {row.name} was deleted.")
        work.audit("webhook_deleted", row.name, webhook=row.id)
        work.session.delete(row)


def rotate(actor: Actor, vault: Vault, webhook_id: int) -> str:
    """Give a webhook another secret and return it, this once; for a day messages carry both signatures.

    Raises NotFound.
    """
    with unit(actor) as work:
        row = own(work, actor, webhook_id)
        team = work.session.get_one(Team, actor.team_id)
        row.sealed_before, row.before_until = row.sealed, work.now + webhooks.ROTATION
        secret = _new_secret(row, team, vault)
        row.changed_at = work.now
        work.audit("webhook_rotated", row.name, webhook=row.id)
    return secret


def turn_off(actor: Actor, webhook_id: int) -> None:
    """Tell an address nothing any more, until it is turned on. Raises NotFound."""
    with unit(actor) as work:
        row = own(work, actor, webhook_id)
        if row.off_at is None:
            row.off_at, row.off_because = work.now, ""
            end_waiting(work, row.id)
            work.audit("webhook_turned_off", row.name, webhook=row.id)


def turn_on(actor: Actor, webhook_id: int) -> None:
    """Tell an address again, of what happens from now on. Raises NotFound."""
    with unit(actor) as work:
        row = own(work, actor, webhook_id)
        if row.off_at is not None:
            row.off_at, row.off_because, row.after_event_id = None, "", _head(work)
            row.failures, row.failing_since, row.rests_until = 0, None, None
            alerting.end(work, alert_key(row.id), f"The webhook {row.name} is on again.")
            work.audit("webhook_turned_on", row.name, webhook=row.id)


def test(actor: Actor, webhook_id: int, url: str) -> int:
    """Let a message of the kind `test` go out now; returns the id of its delivery. `url` is the address of Carillon.

    Raises NotFound, and Conflict while it is off.
    """
    with unit(actor) as work:
        row = own(work, actor, webhook_id)
        if row.off_at is not None:
            raise Conflict("The webhook is off. Turn it on first.")
        team = work.session.get_one(Team, actor.team_id)
        told = webhooks.Told(0, webhooks.TEST, work.now, team.slug, None, None, url, {})
        # Before all that waits: who tries an address wants to see its answer now.
        sent = WebhookDelivery(
            team_id=row.team_id, webhook_id=row.id, message_id=new_message_id(), kind=webhooks.TEST,
            body=webhooks.as_body(webhooks.payload(told)), next_try_at=row.created_at, since=work.now, at=work.now,
        )  # fmt: skip
        row.rests_until = None
        work.session.add(sent)
        work.session.flush()
        return sent.id


# --- shared with what is beside


def own(work: SessionWork, actor: Actor, webhook_id: int) -> Webhook:
    """Return a webhook of the team, held by the transaction. Raises NotFound."""
    query = sa.select(Webhook).where(Webhook.id == webhook_id, Webhook.team_id == actor.team_id)
    row = work.session.scalar(query.with_for_update())
    if row is None:
        raise NotFound
    return row


def alert_key(webhook_id: int) -> str:
    """Return the key of the alert that a webhook was switched off."""
    return f"webhook:{webhook_id}"


def new_message_id() -> str:
    """Return the name of a new message: the same in each of its tries, and never again."""
    return f"msg_{uuid.uuid4().hex}"


def end_waiting(work: Any, webhook_id: int) -> None:
    """Let what waits for a webhook fail: it is off."""
    waiting = (WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == "waiting")
    ended = {"state": "failed", "next_try_at": None, "ended_at": work.now}
    work.connection.execute(sa.update(WebhookDelivery).where(*waiting).values(ended))


def _lines(actor: Actor) -> Any:
    query: Any = sa.select(Webhook, Task.slug).outerjoin(Task, Task.id == Webhook.task_id)
    return query.where(Webhook.team_id == actor.team_id).execution_options(populate_existing=True)


def _line(row: Webhook, slug: str | None, counts: Mapping[str, int]) -> Line:
    return Line(
        row.id, row.name, row.url, _host(row.url), tuple(row.events), slug or "", row.condition, row.off_because,
        row.off_at is not None, row.failing_since, row.rests_until, row.delivered_at, row.before_until, row.created_at,
        counts,
    )  # fmt: skip


def _counts(team_id: int, webhook_id: int = 0) -> dict[int, dict[str, int]]:
    query = sa.select(WebhookDelivery.webhook_id, WebhookDelivery.state, sa.func.count())
    query = query.where(WebhookDelivery.team_id == team_id)
    query = query.where(WebhookDelivery.webhook_id == webhook_id) if webhook_id else query
    found: dict[int, dict[str, int]] = {}
    for one, state, count in db.session.execute(query.group_by(WebhookDelivery.webhook_id, WebhookDelivery.state)):
        found.setdefault(one, {})[state] = count
    return found


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _head(work: SessionWork) -> int:
    return work.session.scalar(sa.select(sa.func.max(Event.id))) or 0


def _new_secret(row: Webhook, team: Team, vault: Vault) -> str:
    key = secrets.token_bytes(_KEY_BYTES)
    secret = webhooks.secret_of(key)
    row.sealed = vault.seal(team.data_key, secret.encode(), Webhook.aad_of(team.id, row.id))
    return secret


def _checked(work: SessionWork, actor: Actor, wanted: Wanted, webhook_id: int = 0) -> dict[str, Any]:
    """Return the columns of what is wanted. Raises Invalid."""
    name, url, condition = wanted.name.strip(), wanted.url.strip(), wanted.condition.strip()
    wrong = {}
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        wrong["name"] = f"A name has 1 to {LONGEST_NAME} letters on one line."
    else:
        same = (Webhook.team_id == actor.team_id, Webhook.name == name, Webhook.id != webhook_id)
        if work.session.scalar(sa.select(sa.exists().where(*same))):
            wrong["name"] = f"There is a webhook called {name} already. Choose another name."
    if problem := _url_problem(url):
        wrong["url"] = problem
    if strange := [kind for kind in wanted.events if kind not in webhooks.EVENTS]:
        wrong["events"] = f"There is no event called {strange[0][:40]}."
    elif not wanted.events:
        wrong["events"] = "Choose at least one event."
    if problem := webhooks.condition_problem(condition):
        wrong["condition"] = problem
    task_id = None
    if wanted.task:
        of_team = (Task.team_id == actor.team_id, Task.slug == wanted.task, Task.deleted_at.is_(None))
        task_id = work.session.scalar(sa.select(Task.id).where(*of_team))
        if task_id is None:
            wrong["task"] = "Choose a task from the list."
    if wrong:
        raise Invalid(wrong)
    events = [kind for kind in webhooks.EVENTS if kind in wanted.events]
    return {"name": name, "url": url, "events": events, "task_id": task_id, "condition": condition}


def _url_problem(url: str) -> str:
    if len(url) > LONGEST_URL:
        return f"An address has at most {LONGEST_URL:,} letters."
    try:
        read_target(url)
    except Failure as failure:
        return failure.message
    return ""
