"""Tasks that stand still since a restore, until somebody says that they may go on."""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa

from app.domain.access import Actor
from app.infra import database
from app.models.instance import Fact
from app.models.tasks import Task
from app.services import tasks

FACT = "restore"
"""The fact that tells of the restore, and how the tasks say why they are paused."""

_ASK_SECONDS = 5


@dataclass(frozen=True)
class Unconfirmed:
    """That Carillon was restored from a backup made at `made_at` (UTC); so many `tasks` of a team wait for a word."""

    made_at: datetime
    tasks: int


def unconfirmed(team_id: int) -> Unconfirmed | None:
    """Return what a team has still to confirm after a restore; asked of the database every few seconds at most.

    While the database is away it is nothing: the page that says so asks, too.
    """
    try:
        return _unconfirmed(int(time.monotonic() / _ASK_SECONDS)).get(team_id)
    except database.Away:
        return None


def waiting_teams() -> list[int]:
    """Return the teams with tasks that stand still since a restore."""
    with database.read() as connection:
        return list(connection.execute(sa.select(Task.team_id).where(_WAITS).distinct()).scalars())


def resume_all(actor: Actor) -> int:
    """Let the team's tasks go on that a restore has paused, with their next planned times; returns how many."""
    with database.read() as connection:
        its = sa.select(Task.slug).where(_WAITS, Task.team_id == actor.team_id).order_by(Task.id)
        slugs = list(connection.execute(its).scalars())
    for slug in slugs:
        tasks.resume(actor, slug)
    _unconfirmed.cache_clear()
    return len(slugs)


@lru_cache(maxsize=1)
def _unconfirmed(_moment: int) -> dict[int, Unconfirmed]:
    with database.read() as connection:
        noted = connection.execute(sa.select(Fact.value).where(Fact.name == FACT)).scalar()
        if not noted:
            return {}
        made_at = datetime.fromisoformat(noted["made_at"])
        counted = sa.select(Task.team_id, sa.func.count()).where(_WAITS).group_by(Task.team_id)
        return {team: Unconfirmed(made_at, count) for team, count in connection.execute(counted)}


_WAITS = sa.and_(Task.paused_for == FACT, Task.paused_at.is_not(None), Task.deleted_at.is_(None))
