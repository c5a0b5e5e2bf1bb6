"""Tasks that nobody has anything to do with: since when, and what they have taken since."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.domain import effects, suggestions
from app.domain.suggestions import Unopened
from app.models.runs import IS_REAL, Alert, Attempt, Delivery, Run
from app.models.tasks import TaskLink

_ASKED = ("person", "api", "backfill")
_ONLY_ANSWERS = frozenset({"answer", "file"})
"""Checks of a contract that say no more than that there is a result; others watch over something."""


def of(connection: sa.Connection, task: Any, now: datetime) -> Unopened | None:
    """Return since when nobody has opened a task (a row of `suggestions`) or changed it, with its runs from then on.

    None for one that somebody may have use of without that: where another task runs after it, where it told something
    by a channel, where it was asked for, where it watches over something, and where it may do something elsewhere.
    """
    since = max(task.seen_at, task.changed_at)
    checks = {one.get("kind") for one in task.definition.get("contract") or ()}
    if now - since < suggestions.UNOPENED or checks - _ONLY_ANSWERS:
        return None
    given = {"task": task.id, "since": since}
    if connection.execute(_IN_USE, given).scalar() or not effects.stays_inside(
        task.definition, _isolation(connection, task.id)
    ):
        return None
    runs = connection.execute(_RUNS, given).all()
    seconds = sum((run.ended_at - run.started_at).total_seconds() for run in runs)
    days = (now - since).total_seconds() / 86_400
    return Unopened(since, days, len(runs), sum(run.cost_micros or 0 for run in runs), seconds)


def _isolation(connection: sa.Connection, task_id: int) -> int:
    """Return the isolation that the newest attempt of a task had."""
    query = sa.select(Attempt.isolation).join(Run, Run.id == Attempt.run_id).where(Run.task_id == task_id)
    found = connection.execute(query.order_by(Run.planned_at.desc(), Attempt.id.desc()).limit(1)).scalar()
    return int((found or {}).get("level", 0))


_SINCE = sa.bindparam("since", type_=Run.planned_at.type)
_ITS = sa.and_(Run.task_id == sa.bindparam("task"), Run.planned_at > _SINCE)
_IN_USE = sa.select(
    sa.or_(
        sa.exists().where(_ITS, Run.trigger.in_(_ASKED)),
        sa.exists().where(TaskLink.upstream_id == sa.bindparam("task")),
        sa.exists().where(
            Delivery.alert_id == Alert.id, Alert.task_id == sa.bindparam("task"), Delivery.sent_at > _SINCE
        ),
    )
)
_RUNS = sa.select(Run.started_at, Run.ended_at, Run.cost_micros).where(
    _ITS, IS_REAL, Run.started_at.is_not(None), Run.ended_at.is_not(None)
)
