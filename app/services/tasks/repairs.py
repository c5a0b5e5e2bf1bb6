"""Repairs that runs made of their steps: shown as changes of the task, taken over as a new version, or dismissed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.errors import Conflict, Invalid, NotFound
from app.domain.access import Actor
from app.infra.database import db
from app.models.runs import Run
from app.services import tasks
from app.services.tasks import versions
from app.services.tasks.versions import Change
from app.services.unit import SessionWork, unit

Answer = Literal["take_over", "dismiss"]
_WORKED = frozenset({"succeeded", "degraded"})


@dataclass(frozen=True)
class Proposal:
    """A repair of a step as it is offered: what it changes, why, by which model. `state`: offered, taken or dismissed.

    `version` is the number it would have, or has where it was taken over. Not `is_tried`: no run has shown yet that it
    works.
    """

    step: str
    why: str
    model: str
    state: str
    version: int
    changes: Sequence[Change]
    is_tried: bool


def offered(run: Run) -> list[Proposal]:
    """Return what a run repaired, if it worked with that, and what nobody tried; `run` has task and version loaded."""
    following = run.task.version_number + 1
    before = run.version.definition
    return [
        Proposal(
            one["step"], one["why"], one["model"], one["state"], one.get("version", following),
            versions.compare(before, _repaired(before, one)), one.get("is_tried", True),
        )
        for one in _all_of(run)
    ]  # fmt: skip


def decide(actor: Actor, number: int, step: str, answer: str) -> None:
    """Take a repair of a run over as a new version of its task, or dismiss it.

    Raises NotFound, Invalid, and Conflict where it was decided already, or the step has been changed since.
    """
    query = sa.select(Run).where(Run.team_id == actor.team_id, Run.number == number)
    run = db.session.scalar(query.options(joinedload(Run.task, innerjoin=True)))
    repair = _of(run, step) if run else None
    if run is None or repair is None:
        raise NotFound
    if answer not in get_args(Answer):
        raise Invalid({"answer": "Choose whether to take the repair over or to dismiss it."})
    if repair["state"] != "offered":
        raise Conflict(
            f"The repair of {step} was {'taken over' if repair['state'] == 'taken' else 'dismissed'} already."
        )
    run_id = run.id
    if answer == "dismiss":
        with unit(actor) as work:
            _mark(work, run_id, step, state="dismissed")
        return
    if run.task.deleted_at:
        raise Conflict(f"{run.task.name} was deleted, so it takes nothing over.")
    seen = tasks.find(actor, run.task.slug)
    content = _repaired(_same(tasks.definition(seen), repair), repair)
    following = seen.version_number + 1
    tasks.change_to(actor, seen, content, lambda work: _mark(work, run_id, step, state="taken", version=following))


def _all_of(run: Run) -> list[dict[str, Any]]:
    made = run.facts.get("repairs", ())
    return [one for one in made if run.state in _WORKED or not one.get("is_tried", True)]


def _of(run: Run, step: str) -> dict[str, Any] | None:
    return next((one for one in _all_of(run) if one["step"] == step), None)


def _same(definition: dict[str, Any], repair: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition if its step still is what was repaired. Raises Conflict."""
    steps = {step["name"]: step["settings"] for step in definition.get("steps", ())}
    settings = steps.get(repair["step"])
    if settings is None or any(settings.get(name) != value for name, value in repair["before"].items()):
        raise Conflict(f"The step {repair['step']} was changed since. Look at the repair, and change the step by hand.")
    return definition


def _repaired(definition: Mapping[str, Any], repair: Mapping[str, Any]) -> dict[str, Any]:
    steps = [
        {**step, "settings": {**step["settings"], **repair["after"]}} if step["name"] == repair["step"] else step
        for step in definition.get("steps", ())
    ]
    return {**definition, "steps": steps}


def _mark(work: SessionWork, run_id: int, step: str, **values: Any) -> None:
    """Keep with the run what became of a repair. Raises Conflict where somebody else was quicker."""
    query = sa.select(Run).where(Run.id == run_id).options(joinedload(Run.task, innerjoin=True))
    run = work.session.scalars(query.execution_options(populate_existing=True).with_for_update(of=Run)).one()
    if (_of(run, step) or {}).get("state") != "offered":
        raise Conflict(f"Somebody decided on the repair of {step} meanwhile.")
    made = [{**one, **values} if one["step"] == step else one for one in run.facts["repairs"]]
    run.facts = {**run.facts, "repairs": made}
    what = "repair_taken_over" if values["state"] == "taken" else "repair_dismissed"
    work.audit(what, f"{step} of {run.task.name}", run=run_id, task=run.task_id)
