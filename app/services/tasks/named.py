"""What a draft names must be there: secrets, values, a pool, readers, a form of report, tasks. A helper of `tasks`."""

import sqlalchemy as sa

from app.domain import graph, reporting
from app.domain.access import Actor
from app.exporters import parquet
from app.infra.database import db
from app.models.people import Person
from app.models.tasks import Task
from app.models.teams import Membership, Pool, Secret, TeamValue
from app.services.tasks import definitions, order
from app.services.tasks.definitions import Draft


def wrong(actor: Actor, draft: Draft) -> dict[str, str]:
    """Say by field what a draft names that the team does not have."""
    wrong = _wrong_names(actor, draft) | _wrong_pool(actor, draft) | _wrong_tasks(actor, draft)
    return wrong | _wrong_readers(actor, draft) | _wrong_form(draft)


def _wrong_readers(actor: Actor, draft: Draft) -> dict[str, str]:
    wanted = draft.settings.get("mail_to")
    if draft.engine != reporting.ENGINE or not isinstance(wanted, list | tuple):
        return {}
    of_team = sa.select(Person.email).join(Membership, Membership.person_id == Person.id)
    known = {email.lower() for email in db.session.scalars(of_team.where(Membership.team_id == actor.team_id))}
    strange = [one for one in map(str, wanted) if one.strip() and one.strip().lower() not in known]
    return {"mail_to": f"{strange[0]} does not belong to this team. Choose among its members."} if strange else {}


def _wrong_form(draft: Draft) -> dict[str, str]:
    if draft.engine != reporting.ENGINE or draft.settings.get("format") != "parquet" or parquet.is_there():
        return {}
    return {"format": parquet.MISSING}


def _wrong_pool(actor: Actor, draft: Draft) -> dict[str, str]:
    name = draft.pool.strip()
    if not name or db.session.scalar(sa.select(sa.exists().where(Pool.team_id == actor.team_id, Pool.name == name))):
        return {}
    return {"pool": f"There is no pool called {name}. Make it in Settings, Pools, or choose another."}


def _wrong_tasks(actor: Actor, draft: Draft) -> dict[str, str]:
    given = [str(one.get("task", "")) for one in draft.after.get("tasks", ())]
    chosen = [(index, int(task)) for index, task in enumerate(given) if order.is_id(task)]
    ids = [task for _, task in chosen]
    own = (Task.team_id == actor.team_id, Task.id.in_(ids))  # also a deleted one, which may come back
    known = dict(db.session.execute(sa.select(Task.id, Task.slug).where(*own)).all()) if ids else {}
    gone = "There is no such task. Choose another, or remove the line."
    wrong = {f"after-{index}-task": gone for index, task in chosen if task not in known}
    names = {graph.identifier(slug) for slug in known.values()}
    return wrong | {
        field: f"This task does not run after one called {name}. Choose it under Conditions & order."
        for field, name in definitions.upstreams_named(draft)
        if name not in names
    }


def _wrong_names(actor: Actor, draft: Draft) -> dict[str, str]:
    known = set(db.session.scalars(sa.select(Secret.name).where(Secret.team_id == actor.team_id)))
    values = set(db.session.scalars(sa.select(TeamValue.name).where(TeamValue.team_id == actor.team_id)))
    secrets = {
        field: f"There is no secret called {name}. Set it in Settings, or leave it out."
        for field, name in definitions.secrets_named(draft)
        if name not in known
    }
    return secrets | {
        field: f"The team has no value called {name}. Add it in Settings, Values."
        for field, name in definitions.values_named(draft)
        if name not in values
    }
