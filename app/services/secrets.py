"""Secrets: named values that a team's tasks use and that nobody reads back."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.domain.access import Actor
from app.infra.database import db
from app.infra.vault import Vault
from app.models.people import Person
from app.models.tasks import Task, TaskVersion
from app.models.teams import Model, Secret, Team
from app.services.unit import unit

LARGEST_BYTES = 64 * 1024
SHORTEST_BYTES = 4
_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


@dataclass(frozen=True)
class Line:
    """A secret as people see it: everything but its value."""

    id: int
    name: str
    changed_by: str
    changed_at: datetime
    used_by: Sequence[str]


def names(actor: Actor) -> Sequence[str]:
    """Return the names of the team's secrets, for choosing one."""
    query = sa.select(Secret.name).where(Secret.team_id == actor.team_id).order_by(Secret.name)
    return db.session.scalars(query).all()


def lines(actor: Actor) -> list[Line]:
    """Return the team's secrets by name, with who changed each last and the names of what uses it."""
    users = _users(actor.team_id)
    rows = db.session.execute(
        sa.select(Secret.id, Secret.name, Person.name, Secret.changed_at)
        .outerjoin(Person, Person.id == Secret.changed_by_id)
        .where(Secret.team_id == actor.team_id)
        .order_by(Secret.name)
    )
    return [Line(id_, name, person or "", at, users.get(name, ())) for id_, name, person, at in rows]


def put(actor: Actor, vault: Vault, name: str, value: str, *, replaces: bool = True) -> None:
    """Set a secret, or replace its value; runs that start from now on get it. Raises Invalid, also for a name that is
    taken where nothing is to be replaced.
    """
    name = name.strip()
    _check(name, value)
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id)
        found = sa.select(Secret).where(Secret.team_id == team.id, Secret.name == name).with_for_update()
        secret = work.session.scalar(found)
        if secret and not replaces:
            raise Invalid({"name": f"There is a secret called {name} already. Choose another name."})
        if secret is None:
            secret = Secret(team_id=team.id, name=name, version=0, created_at=work.now)
            work.session.add(secret)
        secret.version += 1
        secret.sealed = vault.seal(team.data_key, value.encode(), Secret.aad_of(team.id, name, secret.version))
        secret.changed_by_id, secret.changed_at = actor.person_id, work.now
        work.audit("secret_set", name, version=secret.version)


def delete(actor: Actor, secret_id: int) -> None:
    """Delete a secret; tasks that name it are blocked from now on. Raises NotFound."""
    with unit(actor) as work:
        secret = work.session.get(Secret, secret_id)
        if secret is None or secret.team_id != actor.team_id:
            raise NotFound
        work.session.delete(secret)
        work.audit("secret_deleted", secret.name)


def _check(name: str, value: str) -> None:
    wrong = {}
    if not _NAME.fullmatch(name):
        wrong["name"] = "A name has capital letters, digits and _, and starts with a letter, like API_KEY."
    if len(value.encode()) < SHORTEST_BYTES:
        wrong["value"] = f"A value has at least {SHORTEST_BYTES} characters, or it could not be hidden in logs."
    elif len(value.encode()) > LARGEST_BYTES:
        wrong["value"] = "A value has at most 64 KB."
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
        parts = [definition.get("settings", {}), *(step["settings"] for step in definition.get("steps", ()))]
        chosen = [name for one in parts for name in (*one.get("secrets", ()), one.get("auth_secret"))]
        placed = re.findall(r"\{\{ *secrets\.([A-Z][A-Z0-9_]*)", json.dumps(definition))
        for secret in {*chosen, *placed} - {None, ""}:
            users.setdefault(secret, []).append(task)
    models = (
        sa.select(Model.name, Model.secret).where(Model.team_id == team_id, Model.secret != "").order_by(Model.name)
    )
    for model, secret in db.session.execute(models):
        users.setdefault(secret, []).append(f"the model {model}")
    return users
