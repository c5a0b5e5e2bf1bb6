"""Whether a task is of use to anybody: noted, once a day, when it, a run of it or a result is opened."""

from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain.access import Actor
from app.infra import database
from app.infra.database import db
from app.models.runs import Run
from app.models.tasks import Task
from app.services.unit import batch

_DAY = timedelta(days=1)


def note(task: Task) -> None:
    """Note that somebody has opened a task; a page is whole also where that can't be written."""
    _note(Task.id == task.id)


def note_run(actor: Actor, number: int) -> None:
    """Note that somebody has opened a run, its log or a file of it; of one that is not there nothing."""
    run = (Run.team_id == actor.team_id, Run.number == number)
    _note(Task.id == sa.select(Run.task_id).where(*run).scalar_subquery())


def _note(is_it: sa.ColumnElement[bool]) -> None:
    is_due = sa.or_(Task.seen_at.is_(None), Task.seen_at < utc_now() - _DAY)
    if db.session.scalar(sa.select(Task.id).where(is_it, is_due)) is None:
        return
    with suppress(*database.Away), batch() as work:
        work.connection.execute(sa.update(Task).where(is_it, is_due).values(seen_at=work.now))
