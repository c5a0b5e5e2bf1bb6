"""Runs that people ask for, stop and decide on; and one run with all that its page shows."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, selectinload

from app.core.errors import Conflict, Invalid, NotFound
from app.domain.access import Actor
from app.domain.insight import usual_seconds
from app.domain.lifecycle import ENDED
from app.engines.base import engines
from app.infra.database import db
from app.infra.storage import Storage
from app.models.people import Person
from app.models.runs import IS_ACTIVE, Artifact, Attempt, Run
from app.models.tasks import Schedule, Task, TaskVersion
from app.services import planned
from app.services.unit import SessionWork, Work, batch, unit

StopMode = Literal["after_step", "now"]
Answer = Literal["again", "end"]

USUAL_RUNS = 20
"""So many of a task's last succeeded runs tell how long it usually takes."""

_LOOKED_AT = 200
"""They are looked for among so many of its last runs, so that a task that always fails costs no more."""


# --- asking for a run


def start(actor: Actor, task_id: int) -> int:
    """Start a task now, also a paused one; returns the number of the run. Raises NotFound, Conflict."""
    with batch(actor) as work:
        task = work.connection.execute(
            _TASK.where(Task.id == task_id, Task.team_id == actor.team_id, Task.deleted_at.is_(None))
        ).first()
        if task is None:
            raise NotFound
        return _ask(work, task, task.version_id)


def again(actor: Actor, number: int, *, with_its_version: bool = False) -> int:
    """Run a run's task once more, as the task is now or as it was then; returns the number of the new run.

    Raises NotFound, and Conflict for a task that was deleted.
    """
    with batch(actor) as work:
        row = work.connection.execute(
            _TASK.add_columns(Run.version_id.label("its_version_id"))
            .join(Run, Run.task_id == Task.id)
            .where(Run.team_id == actor.team_id, Run.number == number)
        ).first()
        if row is None:
            raise NotFound
        if row.deleted_at:
            raise Conflict(f"{row.name} was deleted, so it can't run again.")
        return _ask(work, row, row.its_version_id if with_its_version else row.version_id)


_TASK = sa.select(Task.id, Task.team_id, Task.name, Task.version_id, Task.deleted_at)


def _ask(work: Work, task: Any, version_id: int) -> int:
    assert work.actor
    engine = work.connection.execute(
        sa.select(TaskVersion.definition["engine"].as_string()).where(TaskVersion.id == version_id)
    ).scalar_one()
    if engine not in engines:
        raise Conflict(f"No engine named {engine} is installed.")
    row = {
        "team_id": task.team_id,
        "task_id": task.id,
        "version_id": version_id,
        "key": f"manual:{uuid.uuid4().hex}",
        "trigger": "person",
        "requested_by_id": work.actor.person_id,
        "planned_at": work.now,
        "lane": engines[engine].lane,
        "state": "queued",
        "reason": "",
        "sentence": "",
        "queued_at": work.now,
    }
    planned.insert(work, [row])
    number: int = row["number"]
    work.audit("run_asked_for", f"#{number} {task.name}", task=task.id)
    return number


# --- stopping and deciding


def cancel(actor: Actor, number: int, mode: str = "now") -> None:
    """Cancel a run that has not started, or ask one that runs to stop: `now`, or `after_step`.

    What runs is cancelled only when its worker says so. Raises NotFound, Invalid, and Conflict for a run that ended.
    """
    with unit(actor) as work:
        run = _own(work, actor, number)
        if mode not in get_args(StopMode):
            raise Invalid({"mode": "Choose how to stop it."})
        if run.state in ENDED:
            raise Conflict(f"Run #{number} has already ended: it is {run.state.replace('_', ' ')}.")
        if run.state == "running":
            _ask_to_stop(work, run, mode)
        else:
            when = "before it started" if run.started_at is None else "before it was tried again"
            _end(work, run, "cancelled", "person", f"Cancelled by {_name(work, actor)} {when}.")
        work.audit("run_cancelled", f"#{number} {run.task.name}", run=run.id, mode=mode)


def decide(actor: Actor, number: int, answer: str) -> None:
    """Say whether a run whose worker vanished in the middle runs `again`, or is at its `end`.

    Raises NotFound, Invalid, and Conflict for a run that does not wait for this.
    """
    with unit(actor) as work:
        run = _own(work, actor, number)
        if answer not in get_args(Answer):
            raise Invalid({"answer": "Choose whether it runs again or ends."})
        if run.state != "waiting" or run.reason != "approval":
            raise Conflict(f"Run #{number} does not wait for a decision.")
        if answer == "again":
            run.state, run.reason, run.sentence, run.queued_at = "queued", "", "", work.now
            run.attempt += 1
            work.tell("queued", run.team_id, run.id, run.token, reason="decision")
            work.enqueue(run.id, run.attempt, run.lane)
        else:
            _end(work, run, "failed", "lost", f"Its worker vanished in the middle; {_name(work, actor)} ended it.")
        work.audit("run_decided", f"#{number} {run.task.name}", run=run.id, answer=answer)


def _own(work: SessionWork, actor: Actor, number: int) -> Run:
    query = sa.select(Run).where(Run.team_id == actor.team_id, Run.number == number)
    query = query.options(joinedload(Run.task, innerjoin=True)).execution_options(populate_existing=True)
    run = work.session.scalar(query.with_for_update(of=Run))
    if run is None:
        raise NotFound
    return run


def _ask_to_stop(work: SessionWork, run: Run, mode: str) -> None:
    if run.stop_mode != "now":
        run.stop_mode, run.stop_reason = mode, "person"
    work.tell("stopping", run.team_id, run.id, run.token, mode=mode)
    work.stop(run.id)


def _end(work: SessionWork, run: Run, state: str, reason: str, sentence: str) -> None:
    run.state, run.reason, run.sentence, run.ended_at, run.not_before = state, reason, sentence, work.now, None
    work.tell(state, run.team_id, run.id, run.token, reason=reason)


def _name(work: SessionWork, actor: Actor) -> str:
    return work.session.get_one(Person, actor.person_id).name


# --- one run


@dataclass(frozen=True)
class Detail:
    """A run as its page shows it; `run` has task, version, requested_by, attempts with steps, and artifacts loaded.

    `usual_seconds` is None while nothing is known; `ahead` counts the runs before this one in its queue.
    """

    run: Run
    usual_seconds: float | None
    ahead: int
    has_schedule: bool


def find(actor: Actor, number: int) -> Detail:
    """Return a run with all that its page shows but the log. Raises NotFound."""
    loaded = (
        joinedload(Run.task, innerjoin=True),
        joinedload(Run.version, innerjoin=True),
        joinedload(Run.requested_by),
        selectinload(Run.attempts).selectinload(Attempt.steps),
        selectinload(Run.artifacts),
    )
    query = sa.select(Run).where(Run.team_id == actor.team_id, Run.number == number).options(*loaded)
    run = db.session.scalar(query.execution_options(populate_existing=True))
    if run is None:
        raise NotFound
    return Detail(run, usual_seconds(_took(run)), _ahead(run) if run.state == "queued" else 0, _has_schedule(run))


def is_over(actor: Actor, number: int) -> bool:
    """Whether nothing more will happen to a run. Raises NotFound."""
    return _column(actor, number, Run.state) in ENDED


def id_of(actor: Actor, number: int) -> int:
    """Return the id that events of a run carry. Raises NotFound."""
    run_id: int = _column(actor, number, Run.id)
    return run_id


def file(actor: Actor, number: int, name: str, folder: Path) -> tuple[Artifact, Path]:
    """Return a file that a run made and where it lies, in the store `folder`. Raises NotFound."""
    artifact = db.session.scalar(
        sa.select(Artifact)
        .join(Run, Run.id == Artifact.run_id)
        .where(Run.team_id == actor.team_id, Run.number == number, Artifact.name == name)
    )
    if artifact is None:
        raise NotFound
    return artifact, Storage(folder).path(artifact.digest)


def _column(actor: Actor, number: int, column: Any) -> Any:
    found = db.session.execute(sa.select(column).where(Run.team_id == actor.team_id, Run.number == number)).first()
    if found is None:
        raise NotFound
    return found[0]


def _took(run: Run) -> Sequence[tuple[datetime, datetime]]:
    last = (
        sa.select(Run.id, Run.state, Run.started_at, Run.ended_at)
        .where(Run.task_id == run.task_id, Run.id != run.id)
        .order_by(Run.planned_at.desc(), Run.id.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    query = sa.select(last.c.started_at, last.c.ended_at).where(last.c.state == "succeeded").limit(USUAL_RUNS)
    return [(row.started_at, row.ended_at) for row in db.session.execute(query)]


def _ahead(run: Run) -> int:
    is_before = sa.tuple_(Run.queued_at, Run.id) < (run.queued_at, run.id)
    query = sa.select(sa.func.count()).where(IS_ACTIVE, Run.state == "queued", Run.lane == run.lane, is_before)
    return db.session.scalar(query.select_from(Run)) or 0


def _has_schedule(run: Run) -> bool:
    return db.session.scalar(sa.select(sa.exists().where(Schedule.task_id == run.task_id, Schedule.state != "over")))  # type: ignore[return-value]  # exists is never null
