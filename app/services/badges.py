"""Badges: how one task does, as a picture and as JSON, for whoever knows the secret address."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.core.identifiers import digest, new_token
from app.domain.access import Actor
from app.domain.lifecycle import WENT_WRONG
from app.infra.database import db
from app.infra.vault import Vault
from app.models.runs import IS_REAL, Run
from app.models.tasks import Schedule, Task
from app.models.teams import Team
from app.models.walls import PublicLink
from app.services.unit import unit

LOOK_BACK = timedelta(days=30)

_MINUTE = timedelta(minutes=1)
_WORKED = ("succeeded", "degraded")
_TELLS = (*_WORKED, *sorted(WENT_WRONG))
"""States of runs that say how a task does."""


@dataclass(frozen=True)
class Line:
    """A badge as those see it who manage the team; `path` is its address behind the host, without its ending."""

    path: str
    masks_names: bool
    created_at: datetime
    seen_at: datetime | None


@dataclass(frozen=True)
class Badge:
    """How a task does: `state` is paused, running, or the state of its last run that tells; none if there is none.

    `success` is the part of the runs of 30 days that worked, None without any. `name` is "" where it is masked.
    """

    name: str
    state: str
    last_state: str
    last_at: datetime | None
    next_at: datetime | None
    success: float | None
    runs: int


def name(actor: Actor, slug: str) -> str:
    """Return the name of a task. Raises NotFound."""
    return _task(actor, slug)[1]


def find(actor: Actor, vault: Vault, slug: str) -> Line:
    """Return the badge of a task. Raises NotFound, also for a task without one."""
    task_id, _ = _task(actor, slug)
    row = db.session.scalar(sa.select(PublicLink).where(PublicLink.task_id == task_id))
    if row is None:
        raise NotFound
    return _line(row, vault, db.session.get_one(Team, actor.team_id).data_key)


def put(actor: Actor, vault: Vault, slug: str, *, masks_names: bool) -> Line:
    """Give a task a badge, or change whether the one it has says the name of the task. Raises NotFound."""
    task_id, task = _task(actor, slug)
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id, with_for_update=True)
        row = work.session.scalar(sa.select(PublicLink).where(PublicLink.task_id == task_id))
        if row is None:
            token = new_token()
            hashed = digest(token)
            row = PublicLink(
                team_id=team.id, purpose="badge", task_id=task_id, teams=[], token_hash=hashed,
                sealed=vault.seal(team.data_key, token.encode(), PublicLink.aad_of(team.id, hashed)),
                created_by_id=actor.person_id, created_at=work.now, seen_at=None,
            )  # fmt: skip
            work.session.add(row)
        row.masks_names = masks_names
        work.audit("badge_put", task, task=task_id, masks_names=masks_names)
        work.session.flush()
        return _line(row, vault, team.data_key)


def remove(actor: Actor, slug: str) -> None:
    """Revoke the badge of a task: its address is not known any more. Raises NotFound."""
    task_id, task = _task(actor, slug)
    with unit(actor) as work:
        row = work.session.scalar(sa.select(PublicLink).where(PublicLink.task_id == task_id))
        if row is None:
            raise NotFound
        work.session.delete(row)
        work.audit("badge_removed", task, task=task_id)


def show(token: str) -> Badge:
    """Return how the task of an address does now; that it was seen is noted once a minute. Raises NotFound."""
    found = db.session.execute(
        sa.select(PublicLink.id, PublicLink.masks_names, PublicLink.seen_at, Task.id, Task.name, Task.paused_at)
        .join(Task, Task.id == PublicLink.task_id)
        .where(PublicLink.token_hash == digest(token), PublicLink.purpose == "badge", Task.deleted_at.is_(None))
    ).first()
    if found is None:
        raise NotFound
    link_id, masks_names, seen_at, task_id, task, paused_at = found
    now = utc_now()
    badge = _badge(task_id, "" if masks_names else task, now, is_paused=paused_at is not None)
    if seen_at is None or seen_at < now - _MINUTE:
        with unit() as work:
            work.session.execute(sa.update(PublicLink).where(PublicLink.id == link_id).values(seen_at=now))
    return badge


def _badge(task_id: int, task: str, now: datetime, *, is_paused: bool) -> Badge:
    real = (Run.task_id == task_id, IS_REAL)
    last = db.session.execute(
        sa.select(Run.state, sa.func.coalesce(Run.ended_at, Run.planned_at))
        .where(*real, Run.state.in_(_TELLS))
        .order_by(Run.planned_at.desc(), Run.id.desc())
        .limit(1)
    ).first()
    counted = dict(
        db.session.execute(
            sa.select(Run.state, sa.func.count())
            .where(*real, Run.planned_at > now - LOOK_BACK, Run.planned_at <= now)
            .group_by(Run.state)
        ).all()
    )
    next_at = db.session.scalar(
        sa.select(sa.func.min(Schedule.next_fire_at)).where(Schedule.task_id == task_id, Schedule.state == "active")
    )
    runs = sum(counted.get(state, 0) for state in _TELLS)
    worked = sum(counted.get(state, 0) for state in _WORKED)
    last_state, last_at = last or ("", None)
    state = "paused" if is_paused else "running" if counted.get("running") else last_state or "none"
    success = worked / runs if runs else None
    return Badge(task, state, last_state, last_at, None if is_paused else next_at, success, runs)


def _task(actor: Actor, slug: str) -> tuple[int, str]:
    query = sa.select(Task.id, Task.name).where(
        Task.team_id == actor.team_id, Task.slug == slug, Task.deleted_at.is_(None)
    )
    if (row := db.session.execute(query).first()) is None:
        raise NotFound
    return row.id, row.name


def _line(row: PublicLink, vault: Vault, data_key: bytes) -> Line:
    token = vault.unseal(data_key, row.sealed, PublicLink.aad_of(row.team_id, row.token_hash))
    return Line(f"/badge/{token}", row.masks_names, row.created_at, row.seen_at)
