"""The change of a task that mends a failed run of it: offered on the run's page, and made as a new version."""

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.errors import Conflict, NotFound
from app.domain import headroom, insight, remedies
from app.domain.access import Actor
from app.domain.remedies import Change
from app.infra.database import db
from app.models.runs import Run
from app.services import evidence, tasks
from app.services.evidence import Told

_MAY_MEND = frozenset({"failed", "timed_out", "unmet"})
_WORKED = frozenset({"succeeded", "degraded"})


def offered(run: Run, told: Told | None) -> Change | None:
    """Return the change that mends a failed run, or gives one that worked more room for the next time.

    None where there is none, or the task was changed since.

    `run` has task and version loaded.
    """
    is_present = run.version_id == run.task.version_id and run.task.deleted_at is None
    definition = run.version.definition
    if is_present and run.state in _WORKED and headroom.is_near(run.facts, definition.get("limits") or {}):
        return remedies.more_memory(definition)
    if told is None or run.state not in _MAY_MEND or not is_present:
        return None
    failure = told.failure
    found = insight.trouble(failure, definition)
    return remedies.change(found.kind, found.target, failure.sentence, failure.step, definition)


def apply(actor: Actor, number: int) -> bool:
    """Make the change that a run offers, as a new version of its task; whether the run is to be run again with it.

    Raises NotFound and Conflict.
    """
    query = sa.select(Run).where(Run.team_id == actor.team_id, Run.number == number)
    loaded = (joinedload(Run.task, innerjoin=True), joinedload(Run.version, innerjoin=True))
    run = db.session.scalar(query.options(*loaded))
    if run is None:
        raise NotFound
    change = offered(run, evidence.of_run(db.session, run.id))
    if change is None:
        raise Conflict(f"Nothing of {run.task.name} can be changed for run #{number} any more. Look at the task.")
    tasks.change_to(actor, tasks.find(actor, run.task.slug), change.definition)
    return run.state not in _WORKED
