"""Trying a hook on a payload: whether its filter lets it through, and what each variable would be. Nothing starts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app.core.errors import NotFound
from app.domain import conditions, hooks, variables
from app.domain.access import Actor
from app.domain.hooks import Unreadable
from app.infra.database import db
from app.models.tasks import Task, TaskVersion
from app.services.hooks import mapping_problems


@dataclass(frozen=True)
class Trial:
    """What would come of a payload; `wrong` says by field what is not right: payload, condition, map-<variable>."""

    starts: bool
    sentence: str
    values: Mapping[str, Any] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)


def try_out(actor: Actor, slug: str, payload: str, event: str, condition: str, mapping: Mapping[str, str]) -> Trial:
    """Say what a payload (JSON as text) would come to under a filter and a mapping. Raises NotFound."""
    definition = db.session.scalar(
        sa.select(TaskVersion.definition)
        .join(Task, Task.version_id == TaskVersion.id)
        .where(Task.team_id == actor.team_id, Task.slug == slug, Task.deleted_at.is_(None))
    )
    if definition is None:
        raise NotFound
    mapping = {name: path.strip() for name, path in mapping.items() if path.strip()}
    wrong = mapping_problems(definition, mapping)
    if problem := hooks.condition_problem(condition.strip()):
        wrong["condition"] = problem
    try:
        document = hooks.read(payload.encode(), "application/json")
    except Unreadable as error:
        wrong["payload"] = str(error)
    if wrong:
        return Trial(False, "It can't be tried yet.", wrong=wrong)
    return _tried(definition, document, event, condition.strip(), mapping)


def _tried(
    definition: Mapping[str, Any], document: Any, event: str, condition: str, mapping: Mapping[str, str]
) -> Trial:
    try:
        if not hooks.passes(condition, document, event):
            return Trial(False, "The filter does not let it through.")
        found, missing = hooks.values_of(mapping, document)
        values = variables.typed(variables.all_of(definition), found)
    except conditions.Unclear as error:
        return Trial(False, "It can't be decided.", wrong={"condition": str(error)})
    except Unreadable as error:
        return Trial(False, str(error))
    except variables.Wrong as error:
        wrong = {f"map-{name}": sentence for name, sentence in error.names.items()}
        return Trial(False, "A value does not fit its variable.", wrong=wrong)
    absent = {f"map-{name}": f"The payload has no {path}." for name, path in mapping.items() if path in missing}
    return Trial(True, "It starts the task.", values, absent)


def pretty(payload: str) -> str:
    """Return a kept payload as people read it."""
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except ValueError:
        return payload
