"""What needs somebody: decisions, tasks set aside, broken schedules, failures; those of one cause stand there once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain.access import Actor
from app.domain.lifecycle import WENT_WRONG
from app.infra.database import db
from app.models.runs import IS_ACTIVE, IS_REAL, Alert, Run
from app.models.tasks import Schedule, Task
from app.models.telling import Incident, IncidentTask

LOOK_BACK = timedelta(days=7)
"""A failure older than this no longer asks for anybody."""

MOST_NEEDS = 50

_MOST_INCIDENTS = 200
_IS_SET_ASIDE = Task.paused_for.in_(("failures", "crashes"))
_SETTLES = ("succeeded", "degraded", *sorted(WENT_WRONG))  # what says how a task is doing; skipped says nothing
_SHOWN_ANYHOW = ("failing", "unmet", "paused", "missed", "blocked", "no_ping", "schedule_broken", "approval")
"""Kinds of alerts whose run or schedule asks for somebody by itself."""


@dataclass(frozen=True)
class Need:
    """A task whose latest run went wrong; or with `number` None one whose schedule is broken (state `error`) or that
    was paused because it failed again and again (state `paused`). State `alert` is an alert; its `slug` may be empty.

    Tasks that fail by one cause are one need: `incident` without a `slug`. What has an `incident` or is an `alert`, by
    their ids, can be acknowledged, and needs nobody else then.
    """

    slug: str
    name: str
    state: str
    sentence: str
    at: datetime
    number: int | None = None
    incident: int | None = None
    alert: int | None = None


def present(actor: Actor, owner_id: int | None = None) -> sa.ColumnElement[bool]:
    """Which tasks the team has; with `owner_id` only those that this person owns."""
    return sa.and_(Task.team_id == actor.team_id, Task.deleted_at.is_(None), *owned(owner_id, Task.id))


def owned(owner_id: int | None, task_id: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """What limits rows with a column `task_id` to the tasks of a person; nothing for None, which is everybody."""
    return () if owner_id is None else (task_id.in_(sa.select(Task.id).where(Task.owner_id == owner_id)),)


def needs(actor: Actor, owner_id: int | None = None) -> list[Need]:
    """Return what asks for a person, newest first: decisions, tasks set aside, broken schedules, failed runs.

    With `owner_id` only what is about tasks that this person owns.
    """
    incidents = _incidents(actor, owner_id)
    gathered = sa.exists().where(
        IncidentTask.task_id == Task.id, IncidentTask.over_at.is_(None),
        IncidentTask.incident_id.in_([row.id for row in incidents if row.is_seen_to or row.tasks > 1]),
    )  # fmt: skip
    found = [
        *_undecided(present(actor, owner_id)), *_set_aside(present(actor, owner_id), gathered),
        *_broken(present(actor, owner_id)), *_went_wrong(present(actor, owner_id), gathered),
        *_alerts(actor, owner_id, [row.id for row in incidents]),
        *(_storm(row) for row in incidents if row.tasks > 1 and not row.is_seen_to),
    ]  # fmt: skip
    return sorted(found, key=lambda need: need.at, reverse=True)[:MOST_NEEDS]


def seen_to(actor: Actor) -> int:
    """Return of how many open incidents somebody has said that they see to it."""
    query = sa.select(sa.func.count()).where(*_open(actor), Incident.acknowledged_at.is_not(None))
    return db.session.scalar(query.select_from(Incident)) or 0


def _open(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    return Incident.team_id == actor.team_id, Incident.closed_at.is_(None)


def _incidents(actor: Actor, owner_id: int | None) -> Sequence[Any]:
    """Return the open incidents with how many tasks still fail by each, and the first of them."""
    is_hushed = sa.or_(Incident.acknowledged_at.is_not(None), Incident.muted_until > utc_now())
    query = (
        sa.select(
            Incident.id, Incident.cause, Incident.sentence, Incident.last_at, sa.func.count().label("tasks"),
            sa.func.min(Task.name).label("first"), sa.func.coalesce(is_hushed, sa.false()).label("is_seen_to"),
        )
        .join(IncidentTask, sa.and_(IncidentTask.incident_id == Incident.id, IncidentTask.over_at.is_(None)))
        .join(Task, Task.id == IncidentTask.task_id)
        .where(*_open(actor), *owned(owner_id, Task.id))
        .group_by(Incident.id)
        .order_by(Incident.last_at.desc())
        .limit(_MOST_INCIDENTS)
    )  # fmt: skip
    return db.session.execute(query).all()


def _storm(row: Any) -> Need:
    others = row.tasks - 1
    sentence = f"{row.first} and {others} more {'task' if others == 1 else 'tasks'}: {row.sentence}"
    return Need("", row.cause, "failed", sentence, row.last_at, incident=row.id)


def _undecided(is_present: sa.ColumnElement[bool]) -> list[Need]:
    query = (
        sa.select(Task.slug, Task.name, Run.state, Run.sentence, Run.planned_at, Run.number)
        .join(Task, Task.id == Run.task_id)
        .where(IS_ACTIVE, Run.state == "waiting", Run.reason == "approval", is_present)
        .limit(MOST_NEEDS)
    )
    return [Need(*row) for row in db.session.execute(query)]


def _set_aside(is_present: sa.ColumnElement[bool], gathered: sa.ColumnElement[bool]) -> list[Need]:
    query = sa.select(Task.slug, Task.name, Task.pause_note, Task.paused_at).where(is_present, _IS_SET_ASIDE)
    query = query.where(sa.not_(gathered))
    rows = db.session.execute(query.order_by(Task.paused_at.desc()).limit(MOST_NEEDS))
    return [Need(slug, name, "paused", f"Carillon paused it. {note}", at) for slug, name, note, at in rows if at]


def _broken(is_present: sa.ColumnElement[bool]) -> list[Need]:
    query = (
        sa.select(Task.slug, Task.name, Schedule.problem, Schedule.decided_until)
        .join(Task, Task.id == Schedule.task_id)
        .where(Schedule.state == "broken", is_present)
        .limit(MOST_NEEDS)
    )
    return [Need(slug, name, "error", problem, at) for slug, name, problem, at in db.session.execute(query)]


def _alerts(actor: Actor, owner_id: int | None, incidents: Sequence[int]) -> list[Need]:
    """Return what else is told to people now, without what stands here as a run, a task, a schedule or an incident."""
    query = (
        sa.select(Task.slug, Task.name, Alert.sentence, Alert.at, Run.number, Alert.id)
        .select_from(Alert)
        .outerjoin(Run, Run.id == Alert.run_id)
        .outerjoin(Task, Task.id == sa.func.coalesce(Alert.task_id, Run.task_id))
        .where(Alert.team_id == actor.team_id, Alert.ended_at.is_(None), Alert.kind.not_in(_SHOWN_ANYHOW))
        .where(Alert.acknowledged_at.is_(None), *owned(owner_id, Task.id))
        .where(sa.or_(Alert.incident_id.is_(None), Alert.incident_id.not_in(incidents)))
        .order_by(Alert.id.desc())
        .limit(MOST_NEEDS)
    )
    rows = db.session.execute(query).all()
    return [
        Need(slug or "", name or "Alert", "alert", said, at, number, alert=alert_id)
        for slug, name, said, at, number, alert_id in rows
    ]


def _went_wrong(is_present: sa.ColumnElement[bool], gathered: sa.ColumnElement[bool]) -> list[Need]:
    # One seek in runs_by_task for each task finds the run that says how it is doing.
    latest = (
        sa.select(Run.id)
        .where(Run.task_id == Task.id, Run.planned_at > utc_now() - LOOK_BACK, Run.state.in_(_SETTLES), IS_REAL)
        .order_by(Run.planned_at.desc(), Run.id.desc())
        .limit(1)
        .correlate(Task)
        .scalar_subquery()
    )
    at = sa.func.coalesce(Run.ended_at, Run.planned_at)
    incident = (
        sa.select(sa.func.max(Incident.id))
        .join(IncidentTask, IncidentTask.incident_id == Incident.id)
        .where(IncidentTask.task_id == Task.id, IncidentTask.over_at.is_(None), Incident.closed_at.is_(None))
        .correlate(Task)
        .scalar_subquery()
    )
    cause = sa.select(Incident.cause).where(Incident.id == incident).scalar_subquery()
    said = sa.func.coalesce(cause, Run.sentence)
    query = (
        sa.select(Task.slug, Task.name, Run.state, said, at, Run.number, incident)
        .join(Run, Run.id == latest)
        .where(is_present, sa.not_(_IS_SET_ASIDE), Run.state.in_(WENT_WRONG), sa.not_(gathered))
        .order_by(Run.planned_at.desc())
        .limit(MOST_NEEDS)
    )
    return [Need(*row) for row in db.session.execute(query)]
