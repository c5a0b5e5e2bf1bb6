"""Pools: slots with a name that a team's tasks share; and how many runs of the team go at once in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.domain.access import Actor
from app.domain.wording import listed
from app.infra.database import db
from app.models.runs import IS_ACTIVE, IS_HELD, Run
from app.models.tasks import Task, TaskVersion
from app.models.teams import Pool, Team
from app.services.unit import unit

MOST_SLOTS = 10_000
_LONGEST_NAME = 60
_NAMED = 3


@dataclass(frozen=True)
class Line:
    """A pool as the list shows it: how many of its slots are taken, how many runs wait for one, which tasks name it."""

    id: int
    name: str
    slots: int
    taken: int
    waiting: int
    used_by: Sequence[str]


@dataclass(frozen=True)
class TeamLimit:
    """How many runs of the team may go at once (None: no limit), how many go now, and how many wait for a slot."""

    max_running: int | None
    running: int
    waiting: int


# --- reading


def names(actor: Actor) -> Sequence[str]:
    """Return the names of the team's pools, for choosing one."""
    return db.session.scalars(sa.select(Pool.name).where(Pool.team_id == actor.team_id).order_by(Pool.name)).all()


def lines(actor: Actor) -> list[Line]:
    """Return the team's pools by name."""
    running, waiting = _running(actor.team_id), _waiting(actor.team_id)
    users = _users(actor.team_id)
    rows = db.session.scalars(sa.select(Pool).where(Pool.team_id == actor.team_id).order_by(Pool.name))
    return [
        Line(row.id, row.name, row.slots, running.get(row.name, 0), waiting.get(row.name, 0), users.get(row.name, ()))
        for row in rows
    ]


def team_limit(actor: Actor) -> TeamLimit:
    """Return the team's limit over all its tasks."""
    limit = db.session.scalar(sa.select(Team.max_running).where(Team.id == actor.team_id))
    return TeamLimit(limit, sum(_running(actor.team_id).values()), sum(_waiting(actor.team_id).values()))


def _running(team_id: int) -> dict[str, int]:
    query = sa.select(Run.pool, sa.func.count()).where(IS_ACTIVE, Run.state == "running", Run.team_id == team_id)
    return dict(db.session.execute(query.group_by(Run.pool)).all())


def _waiting(team_id: int) -> dict[str, int]:
    query = sa.select(Run.pool, sa.func.count()).where(IS_HELD, Run.state == "waiting", Run.team_id == team_id)
    return dict(db.session.execute(query.group_by(Run.pool)).all())


def _users(team_id: int) -> dict[str, list[str]]:
    pool = TaskVersion.definition["policy"]["pool"].as_string()
    rows = db.session.execute(
        sa.select(Task.name, pool)
        .join(TaskVersion, TaskVersion.id == Task.version_id)
        .where(Task.team_id == team_id, Task.deleted_at.is_(None), pool != "")
        .order_by(Task.name)
    )
    users: dict[str, list[str]] = {}
    for task, name in rows:
        users.setdefault(name, []).append(task)
    return users


# --- changing


def put(actor: Actor, name: str, slots: int) -> None:
    """Add a pool, or give the one of that name another number of slots.

    With more slots, runs that wait for one start within two seconds; with fewer, those that go go on. Raises Invalid.
    """
    name = name.strip()
    _check(name, slots)
    with unit(actor) as work:
        found = sa.select(Pool).where(Pool.team_id == actor.team_id, Pool.name == name).with_for_update()
        pool = work.session.scalar(found)
        if pool is None:
            pool = Pool(team_id=actor.team_id, name=name, created_at=work.now)
            work.session.add(pool)
        pool.slots, pool.changed_at = slots, work.now
        work.audit("pool_set", name, slots=slots)
        work.ring(actor.team_id)


def delete(actor: Actor, pool_id: int) -> None:
    """Delete a pool that no task names. Raises NotFound, Invalid."""
    with unit(actor) as work:
        pool = _own(work.session, actor, pool_id)
        if used_by := _users(actor.team_id).get(pool.name, ()):
            raise Invalid({"": _used(pool.name, used_by)})
        work.session.delete(pool)
        work.audit("pool_deleted", pool.name)
        work.ring(actor.team_id)


def limit_team(actor: Actor, max_running: int | None) -> None:
    """Set how many runs of the team go at once, over all its tasks; None is no limit. Raises Invalid."""
    if max_running is not None and not 0 < max_running <= MOST_SLOTS:
        raise Invalid({"max_running": f"Write a number from 1 to {MOST_SLOTS:,}, or nothing for no limit."})
    with unit(actor) as work:
        work.session.get_one(Team, actor.team_id).max_running = max_running
        work.audit("team_limited", "team", max_running=max_running)
        work.ring(actor.team_id)


def _own(session: Any, actor: Actor, pool_id: int) -> Pool:
    pool: Pool | None = session.scalar(sa.select(Pool).where(Pool.id == pool_id, Pool.team_id == actor.team_id))
    if pool is None:
        raise NotFound
    return pool


def _check(name: str, slots: int) -> None:
    wrong = {}
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or "/" in name:
        wrong["name"] = f"A name has 1 to {_LONGEST_NAME} letters on one line, and no slash."
    if not 0 < slots <= MOST_SLOTS:
        wrong["slots"] = f"Write a number from 1 to {MOST_SLOTS:,}."
    if wrong:
        raise Invalid(wrong)


def _used(name: str, used_by: Sequence[str]) -> str:
    more = [f"{len(used_by) - _NAMED} more"] if len(used_by) > _NAMED else []
    tasks, uses, them = ("The task", "uses", "it") if len(used_by) == 1 else ("The tasks", "use", "them")
    return f"{tasks} {listed([*used_by[:_NAMED], *more])} {uses} {name}. Give {them} another pool first."
