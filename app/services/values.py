"""Values of a team: plain texts with names that its tasks use as `team.NAME`. Unlike secrets anyone may read them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.domain.access import Actor
from app.infra.database import db
from app.models.people import Person
from app.models.tasks import Task, TaskVersion
from app.models.teams import TeamValue
from app.services.unit import unit

LONGEST_NAME, LONGEST_VALUE = 40, 10_000
MOST = 500
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


@dataclass(frozen=True)
class Line:
    """A value with who changed it last, and the names of the tasks that use it."""

    name: str
    value: str
    changed_by: str
    changed_at: datetime
    used_by: Sequence[str]


def names(actor: Actor) -> Sequence[str]:
    """Return the names of the team's values."""
    query = sa.select(TeamValue.name).where(TeamValue.team_id == actor.team_id).order_by(TeamValue.name)
    return db.session.scalars(query).all()


def lines(actor: Actor) -> list[Line]:
    """Return the team's values by name."""
    users = _users(actor.team_id)
    rows = db.session.execute(
        sa.select(TeamValue.name, TeamValue.value, Person.name, TeamValue.changed_at)
        .outerjoin(Person, Person.id == TeamValue.changed_by_id)
        .where(TeamValue.team_id == actor.team_id)
        .order_by(TeamValue.name)
    )
    return [Line(name, value, person or "", at, users.get(name, ())) for name, value, person, at in rows]


def put(actor: Actor, name: str, value: str) -> None:
    """Set a value, or replace it; runs that start from now on get it. Raises Invalid."""
    name = name.strip().lower()
    _check(actor, name, value)
    with unit(actor) as work:
        found = sa.select(TeamValue).where(TeamValue.team_id == actor.team_id, TeamValue.name == name)
        row = work.session.scalar(found.with_for_update())
        if row is None:
            row = TeamValue(team_id=actor.team_id, name=name, created_at=work.now)
            work.session.add(row)
        row.value, row.changed_by_id, row.changed_at = value, actor.person_id, work.now
        work.audit("value_set", name)


def delete(actor: Actor, name: str) -> None:
    """Delete a value; runs of tasks that name it are blocked from now on. Raises NotFound."""
    with unit(actor) as work:
        found = sa.select(TeamValue).where(TeamValue.team_id == actor.team_id, TeamValue.name == name)
        row = work.session.scalar(found)
        if row is None:
            raise NotFound
        work.session.delete(row)
        work.audit("value_deleted", name)


def _check(actor: Actor, name: str, value: str) -> None:
    wrong = {}
    known = names(actor)
    if not _NAME.fullmatch(name):
        wrong["name"] = "A name begins with a letter and has small letters, digits and _, like region."
    elif name not in known and len(known) >= MOST:
        wrong["name"] = f"A team has at most {MOST} values."
    if not value.strip():
        wrong["value"] = "Type the value."
    elif len(value) > LONGEST_VALUE:
        wrong["value"] = f"A value has at most {LONGEST_VALUE:,} characters."
    if wrong:
        raise Invalid(wrong)


def _users(team_id: int) -> dict[str, list[str]]:
    rows = db.session.execute(
        sa.select(Task.name, TaskVersion.definition)
        .join(TaskVersion, TaskVersion.id == Task.version_id)
        .where(Task.team_id == team_id, Task.deleted_at.is_(None))
        .order_by(Task.name)
    )
    users: dict[str, list[str]] = {}
    for task, definition in rows:
        placeholders = " ".join(re.findall(r"\{\{[^{}]{0,500}\}\}", json.dumps(definition)))
        for name in set(re.findall(r"\bteam\.([a-z][a-z0-9_]*)", placeholders)):
            users.setdefault(name, []).append(task)
    return users
