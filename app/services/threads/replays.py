"""What could take the place of an agent whose task came from a thread: the thread's own steps, where they do it all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.core.errors import Conflict, NotFound
from app.domain.access import Actor
from app.engines.base import SEVERAL
from app.infra.database import db
from app.infra.vault import Vault, WrongKey
from app.models.tasks import TaskFile
from app.services.threads import review, states
from app.services.threads.review import Review

_NOBODY = 0


def of(
    folder: Path, vault: Vault, team_id: int, thread_id: int, definition: Mapping[str, Any]
) -> tuple[Mapping[str, Any], float] | None:
    """Return the parts of a definition that do without a model what an agent's does, and about how many seconds they
    take; None where the steps of the thread would not do all of it, or the task was changed since it was proposed.
    """
    try:
        seen = review.look(Actor(_NOBODY, team_id, "viewer"), folder, vault, thread_id)
        return _of(seen, definition)
    except (NotFound, Conflict, WrongKey):
        return None
    finally:
        db.session.rollback()  # nothing more is read here


def _of(seen: Review, definition: Mapping[str, Any]) -> tuple[Mapping[str, Any], float] | None:
    way, _, _ = seen.proposal.ways(None)
    asked = seen.proposal.definition("agent", "", seen.objective)
    is_as_proposed = asked["settings"]["prompt"] == definition["settings"]["prompt"]
    if not (is_as_proposed and way.is_possible and seen.proposal.made.is_whole and _has_all(seen, definition)):
        return None
    steps = seen.proposal.definition("replay", "", "")
    own = {one["name"]: one for one in definition.get("variables") or ()}
    more = [one for one in definition.get("contract") or () if not _is_among(one, asked["contract"])]
    parts = {
        "engine": SEVERAL, "settings": {}, "steps": steps["steps"],
        "variables": [own.get(one["name"], one) for one in steps["variables"]],
        "contract": [*steps["contract"], *more],
    }  # fmt: skip
    return parts, float(way.seconds)


def _has_all(seen: Review, definition: Mapping[str, Any]) -> bool:
    """Whether nothing that the steps need is missing: secrets, hosts, and files, which the task must have."""
    if any(one.state in {"missing", "unreachable"} for one in states.needs(seen)):
        return False
    kept = set(db.session.scalars(sa.select(TaskFile.name).where(TaskFile.id.in_(definition["files"]))))
    return kept >= {name.replace("\\", "/").rpartition("/")[2] for name in seen.proposal.made.files}


def _is_among(check: Mapping[str, Any], checks: list[dict[str, Any]]) -> bool:
    """Whether a check of a task is one that was proposed; what is not said there is as it is by default."""
    return any(all(check.get(name) == value for name, value in one.items()) for one in checks)
