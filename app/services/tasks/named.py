"""What a draft names must be there: secrets, values of the team, a pool. A helper of `tasks`."""

import sqlalchemy as sa

from app.domain.access import Actor
from app.infra.database import db
from app.models.teams import Pool, Secret, TeamValue
from app.services.tasks import definitions
from app.services.tasks.definitions import Draft


def wrong(actor: Actor, draft: Draft) -> dict[str, str]:
    """Say by field what a draft names that the team does not have."""
    return _wrong_names(actor, draft) | _wrong_pool(actor, draft)


def _wrong_pool(actor: Actor, draft: Draft) -> dict[str, str]:
    name = draft.pool.strip()
    if not name or db.session.scalar(sa.select(sa.exists().where(Pool.team_id == actor.team_id, Pool.name == name))):
        return {}
    return {"pool": f"There is no pool called {name}. Make it in Settings, Pools, or choose another."}


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
