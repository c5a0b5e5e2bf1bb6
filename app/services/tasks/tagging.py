"""Tags of tasks: the short words by which people find them, and by which alert rules choose them."""

import json
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from app.core.errors import Invalid, NotFound
from app.domain import tags
from app.domain.access import Actor
from app.infra.database import db
from app.models.tasks import Task
from app.services.unit import unit


def of_team(actor: Actor) -> Sequence[str]:
    """Return all tags that tasks of the team have, by the alphabet."""
    query = sa.select(Task.tags).where(Task.team_id == actor.team_id, Task.deleted_at.is_(None))
    return sorted({tag for found in db.session.scalars(query) for tag in found or ()})


def replace(actor: Actor, slug: str, words: Iterable[str]) -> Sequence[str]:
    """Give a task these tags instead of those it has; returns them. Raises NotFound, Invalid."""
    found, problem = tags.cleaned(words)
    with unit(actor) as work:
        query = sa.select(Task).where(Task.team_id == actor.team_id, Task.slug == slug, Task.deleted_at.is_(None))
        task = work.session.scalar(query.with_for_update())
        if task is None:
            raise NotFound
        if problem:
            raise Invalid({"tags": problem})
        if task.tags != found:
            task.tags = list(found)
            work.audit("task_tagged", task.name, task=task.id, tags=found)
            work.ring(actor.team_id)
    return found


def has(tag: str) -> sa.ColumnElement[bool]:
    """Return what is true of a task with this tag."""
    if db.engine.dialect.name == "sqlite":
        return sa.type_coerce(Task.tags, sa.String).contains(json.dumps(tag), autoescape=True)
    return sa.type_coerce(Task.tags, JSONB).contains([tag])
