"""Language models that a team's agents may use: where each is, its key, its price, and what it answered last."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.core.errors import Invalid, NotFound, Unavailable
from app.domain.access import Actor
from app.infra import llm, queues, redis
from app.infra.database import db
from app.infra.vault import Vault
from app.models.tasks import Task, TaskVersion
from app.models.teams import Model, Secret, Team
from app.services.models import forms, trials
from app.services.models.forms import PROVIDERS, Given
from app.services.models.trials import QUESTION, Trial
from app.services.unit import SessionWork, unit

__all__ = [
    "PROVIDERS", "QUESTION", "Given", "Line", "Price", "Trial",
    "add", "ask", "change", "delete", "find", "lines", "names", "set_default",
]  # fmt: skip


@dataclass(frozen=True)
class Price:
    """What a million tokens cost, in micros of a US dollar; `is_own` when the team set it itself."""

    in_micros: float
    out_micros: float
    is_own: bool


@dataclass(frozen=True)
class Line:
    """A model as the list shows it; `used_by` names the tasks whose next run would ask it."""

    row: Model
    provider: str
    price: Price | None
    trial: Trial
    used_by: Sequence[str]


# --- reading


def names(actor: Actor) -> Sequence[str]:
    """Return the names of the team's models, the default first."""
    query = sa.select(Model.name).where(Model.team_id == actor.team_id).order_by(Model.is_default.desc(), Model.name)
    return db.session.scalars(query).all()


def lines(actor: Actor) -> list[Line]:
    """Return the team's models by name, each with its price, its last test and the tasks that use it."""
    users = _users(actor.team_id)
    rows = db.session.scalars(sa.select(Model).where(Model.team_id == actor.team_id).order_by(Model.name))
    return [_line(row, users) for row in rows]


def find(actor: Actor, model_id: int) -> Line:
    """Return one model of the team. Raises NotFound."""
    return _line(_own(db.session(), actor, model_id), _users(actor.team_id))


def _own(session: Any, actor: Actor, model_id: int) -> Model:
    row: Model | None = session.scalar(sa.select(Model).where(Model.id == model_id, Model.team_id == actor.team_id))
    if row is None:
        raise NotFound
    return row


def _line(row: Model, users: Mapping[str, Sequence[str]]) -> Line:
    used_by = sorted({*users.get(row.name, ()), *(users.get("", ()) if row.is_default else ())})
    return Line(row, PROVIDERS.get(row.provider, row.provider), _price(row), trials.last(row), used_by)


def _price(row: Model) -> Price | None:
    found = llm.price(trials.choice(row))
    return Price(found.in_micros, found.out_micros, row.price_in_micros is not None) if found else None


def _users(team_id: int) -> dict[str, list[str]]:
    """Return the names of agent tasks by the model they name; those that take the team's default under ""."""
    named = TaskVersion.definition["settings"]["model"].as_string()
    rows = db.session.execute(
        sa.select(Task.name, named)
        .join(TaskVersion, TaskVersion.id == Task.version_id)
        .where(Task.team_id == team_id, Task.engine == "agent", Task.deleted_at.is_(None))
        .order_by(Task.name)
    )
    users: dict[str, list[str]] = {}
    for task, model in rows:
        users.setdefault(model or "", []).append(task)
    return users


# --- changing


def add(actor: Actor, vault: Vault, given: Given) -> Model:
    """Add a model; the first one of a team becomes its default. Raises Invalid."""
    values = forms.checked(given, _place(actor))
    with unit(actor) as work:
        is_first = not work.session.scalar(sa.select(sa.exists().where(Model.team_id == actor.team_id)))
        times = {"created_at": work.now, "changed_at": work.now}
        row = Model(team_id=actor.team_id, is_default=is_first, test={}, **times, **values)
        _keep_key(work, actor, vault, row, given)
        work.session.add(row)
        work.session.flush()
        work.audit("model_added", row.name, model=row.id)
    return row


def change(actor: Actor, vault: Vault, model_id: int, given: Given) -> None:
    """Change a model; its last test no longer says anything. Raises NotFound, Invalid."""
    line = find(actor, model_id)
    named_by = _users(actor.team_id).get(line.row.name, ())
    values = forms.checked(given, _place(actor, line.row, named_by))
    with unit(actor) as work:
        row = _own(work.session, actor, model_id)
        for name, value in values.items():
            setattr(row, name, value)
        row.test, row.tested_at, row.changed_at = {}, None, work.now
        _keep_key(work, actor, vault, row, given)
        work.audit("model_changed", row.name, model=row.id)


def set_default(actor: Actor, model_id: int) -> None:
    """Make a model the one that tasks use which name none. Raises NotFound."""
    with unit(actor) as work:
        row = _own(work.session, actor, model_id)
        work.session.execute(sa.update(Model).where(Model.team_id == actor.team_id).values(is_default=False))
        row.is_default = True
        work.session.flush()
        work.audit("model_made_default", row.name, model=row.id)


def delete(actor: Actor, model_id: int) -> None:
    """Delete a model that no task uses; the oldest of the others takes over as default. Raises NotFound, Invalid."""
    with unit(actor) as work:
        row = _own(work.session, actor, model_id)
        if used_by := _line(row, _users(actor.team_id)).used_by:
            raise Invalid({"": forms.used(row.name, used_by)})
        work.session.delete(row)
        work.session.flush()
        others = sa.select(Model).where(Model.team_id == actor.team_id).order_by(Model.id)
        if row.is_default and (heir := work.session.scalars(others).first()):
            heir.is_default = True
        work.audit("model_deleted", row.name, model=row.id)


def _place(actor: Actor, before: Model | None = None, named_by: Sequence[str] = ()) -> forms.Place:
    """Return what a form is checked against: the team's other models, its secrets, and what it was before."""
    others = sa.select(Model.name).where(Model.team_id == actor.team_id, Model.id != (before.id if before else 0))
    secrets = sa.select(Secret.name).where(Secret.team_id == actor.team_id)
    taken, known = (frozenset(db.session.scalars(query)) for query in (others, secrets))
    return forms.Place(taken, known, before.name if before else "", named_by)


def _keep_key(work: SessionWork, actor: Actor, vault: Vault, row: Model, given: Given) -> None:
    """Keep a key that was typed as a secret of its own, so that no other secret is ever overwritten."""
    if not (key := given.key.strip()):
        return
    team = work.session.get_one(Team, actor.team_id)
    word = re.sub(r"[^A-Z0-9]+", "_", (row.name if row.provider == "compatible" else row.provider).upper()).strip("_")
    base = f"{word if word[:1].isalpha() else f'MODEL_{word}'.rstrip('_')}"[:50] + "_API_KEY"
    used = set(work.session.scalars(sa.select(Secret.name).where(Secret.team_id == team.id)))
    name = next(one for one in (base, *(f"{base}_{n}" for n in range(2, len(used) + 3))) if one not in used)
    sealed = vault.seal(team.data_key, key.encode(), Secret.aad_of(team.id, name, 1))
    times = {"created_at": work.now, "changed_at": work.now}
    work.session.add(
        Secret(team_id=team.id, name=name, sealed=sealed, version=1, changed_by_id=actor.person_id, **times)
    )
    work.audit("secret_set", name, version=1)
    row.secret = name


# --- testing


def ask(actor: Actor, model_id: int) -> None:
    """Let a worker ask the model one short question; `find` tells the answer. Raises NotFound, Unavailable."""
    with unit(actor) as work:
        row = _own(work.session, actor, model_id)
        asked_at = work.now.isoformat()
        row.test = {"asked_at": asked_at}
        work.audit("model_tested", row.name, model=row.id)
    try:
        queues.call(queues.TEST_MODEL, model_id, asked_at)
    except (*redis.Away, OSError):
        raise Unavailable("The queue does not answer, so the model was not asked. Try again.") from None
