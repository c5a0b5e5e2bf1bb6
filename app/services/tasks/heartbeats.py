"""The address that a job which runs elsewhere calls: made with its task, shown, and changed when it got out."""

import secrets
from typing import Any

import sqlalchemy as sa

from app.core.errors import NotFound
from app.domain.access import Actor
from app.domain.pings import ENGINE
from app.infra.database import db
from app.models.tasks import Heartbeat, Task
from app.services.unit import SessionWork, unit


def keep(work: SessionWork, task: Task) -> None:
    """Give a task whose job runs elsewhere its address, if it has none yet. A helper of `tasks`."""
    if task.engine == ENGINE and work.session.get(Heartbeat, task.id) is None:
        values: dict[str, Any] = {"task_id": task.id, "team_id": task.team_id, "created_at": work.now}
        work.session.add(Heartbeat(**values, token=_new_token()))
        work.session.flush()


def find(actor: Actor, slug: str) -> Heartbeat:
    """Return the address of a task and what was said there last. Raises NotFound, also for tasks that run here."""
    beat = db.session.scalar(_of(actor, slug))
    if beat is None:
        raise NotFound
    return beat


def regenerate(actor: Actor, slug: str) -> Heartbeat:
    """Give a task another address; the old one is not known any more. Raises NotFound."""
    with unit(actor) as work:
        beat = work.session.scalar(_of(actor, slug).with_for_update(of=Heartbeat))
        if beat is None:
            raise NotFound
        beat.token = _new_token()
        task = work.session.get_one(Task, beat.task_id)
        work.audit("ping_address_changed", task.name, task=task.id)
    return beat


def _of(actor: Actor, slug: str) -> sa.Select[Heartbeat]:
    is_it = (Task.team_id == actor.team_id, Task.slug == slug, Task.deleted_at.is_(None), Task.engine == ENGINE)
    return sa.select(Heartbeat).join(Task, Task.id == Heartbeat.task_id).where(*is_it)


def _new_token() -> str:
    return secrets.token_urlsafe(24)
