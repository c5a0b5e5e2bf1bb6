"""Runs that people ask for, stop and decide on; and one run with all that its page shows."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, selectinload

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain import money
from app.domain.access import Actor
from app.domain.insight import usual_seconds
from app.domain.lifecycle import ENDED
from app.engines.base import engines
from app.infra.database import db
from app.infra.storage import Storage
from app.models.people import Person
from app.models.runs import IS_ACTIVE, Artifact, Attempt, Checkpoint, Run
from app.models.tasks import Schedule, Task, TaskVersion
from app.services import planned
from app.services.unit import SessionWork, Work, batch, unit

StopMode = Literal["after_step", "now"]
Answer = Literal["again", "end"]

USUAL_RUNS = 20
"""So many of a task's last succeeded runs tell how long it usually takes."""

_LOOKED_AT = 200
"""They are looked for among so many of its last runs, so that a task that always fails costs no more."""

HIGHEST_CAP_MICROS = 10_000 * money.MICROS
_LONGEST_CHAIN = 100


# --- asking for a run


def start(actor: Actor, task_id: int, trigger: str = "person", key: str = "") -> int:
    """Start a task now, also a paused one; returns the number of the run. Raises NotFound, Conflict.

    `trigger` says who asked: person, api. A run that was asked for with the same `key` is the one that is returned.
    """
    with batch(actor) as work:
        task = work.connection.execute(
            _TASK.where(Task.id == task_id, Task.team_id == actor.team_id, Task.deleted_at.is_(None))
        ).first()
        if task is None:
            raise NotFound
        return _asked_before(work, task, key) or _ask(work, task, task.version_id, trigger, key)


def again(actor: Actor, number: int, *, with_its_version: bool = False, trigger: str = "person", key: str = "") -> int:
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
        version_id = row.its_version_id if with_its_version else row.version_id
        return _asked_before(work, row, key) or _ask(work, row, version_id, trigger, key)


_TASK = sa.select(Task.id, Task.team_id, Task.name, Task.version_id, Task.deleted_at)


def _asked_before(work: Work, task: Any, key: str) -> int | None:
    known = sa.select(Run.number).where(Run.task_id == task.id, Run.key == key)
    return work.connection.execute(known).scalar() if key else None


def _ask(work: Work, task: Any, version_id: int, trigger: str, key: str, **more: int) -> int:
    assert work.actor
    db.session.commit()  # ends what was read before, or what is read next would not see the run
    engine = work.connection.execute(
        sa.select(TaskVersion.definition["engine"].as_string()).where(TaskVersion.id == version_id)
    ).scalar_one()
    if engine not in engines:
        raise Conflict(f"No engine named {engine} is installed.")
    row = {
        "team_id": task.team_id,
        "task_id": task.id,
        "version_id": version_id,
        "key": key or f"manual:{uuid.uuid4().hex}",
        "trigger": trigger,
        "requested_by_id": work.actor.person_id,
        "planned_at": work.now,
        "lane": engines[engine].lane,
        "state": "queued",
        "reason": "",
        "sentence": "",
        "queued_at": work.now,
    } | more
    inserted = planned.insert(work, [row])
    if not inserted and (number_before := _asked_before(work, task, key)):
        return number_before  # the same was asked for at the same moment
    number: int = row["number"]
    work.audit("run_asked_for", f"#{number} {task.name}", task=task.id, **more)
    return number


def resume(actor: Actor, number: int, raise_micros: int = 0, trigger: str = "person") -> int:
    """Go on from a run's last checkpoint in a new run of the same version; returns the number of the new run.

    Its cost cap is that of the old run and `raise_micros` (millionths of a US dollar) more. A run is gone on from once:
    asked again, it is the same new run. Raises NotFound, Invalid, Forbidden (to raise a cap is to change what the task
    may cost), and Conflict for a run that can't go on.
    """
    with batch(actor) as work:
        row = work.connection.execute(
            _TASK.add_columns(
                *_RESUMED, TaskVersion.definition["settings"]["cost_cap_cents"].as_integer().label("cents")
            )
            .join(Run, Run.task_id == Task.id)
            .join(TaskVersion, TaskVersion.id == Run.version_id)
            .where(Run.team_id == actor.team_id, Run.number == number)
        ).first()
        if row is None:
            raise NotFound
        if raise_micros and not actor.may("edit"):
            raise Forbidden("edit")
        _check_resumable(
            number, row, has_checkpoint=_has_checkpoint(work.connection, _chain(work.connection, row.run_id))
        )
        cap = _raised(row, raise_micros)
        key = _GONE_ON.format(row.run_id)
        more = {"resumes_id": row.run_id} | ({"cost_cap_micros": cap} if cap is not None else {})
        return _asked_before(work, row, key) or _ask(work, row, row.its_version_id, trigger, key, **more)


_RESUMED = (
    Run.id.label("run_id"), Run.state, Run.reason, Run.cost_cap_micros, Run.version_id.label("its_version_id"),
)  # fmt: skip


def _chain(connection: Any, run_id: int | None) -> list[Any]:
    """Return the rows of a run, of the one it goes on from, and so on."""
    rows: list[Any] = []
    while run_id and len(rows) < _LONGEST_CHAIN:
        query = sa.select(Run.id, Run.number, Run.cost_micros, Run.resumes_id).where(Run.id == run_id)
        row = connection.execute(query).first()
        if row is None:
            break
        rows.append(row)
        run_id = row.resumes_id
    return rows


def _has_checkpoint(connection: Any, chain: Sequence[Any]) -> bool:
    kept = sa.exists().where(Checkpoint.run_id.in_([row.id for row in chain]))
    return bool(connection.execute(sa.select(kept)).scalar())


def _check_resumable(number: int, row: Any, *, has_checkpoint: bool) -> None:
    if row.deleted_at:
        raise Conflict(f"{row.name} was deleted, so it can't go on.")
    if row.state not in ENDED:
        raise Conflict(f"Run #{number} has not ended yet.")
    if row.state in {"succeeded", "degraded"} or not has_checkpoint:
        raise Conflict(f"Run #{number} has nothing to go on from. Run it again instead.")


def _raised(row: Any, raise_micros: int) -> int | None:
    """Return the cap of the new run, None where the old one had none of its own and it stays as the task says."""
    if raise_micros < 0 or (row.reason == "cost_cap" and not raise_micros):
        raise Invalid({"raise": "Raise its cap by some amount, like 1.00, or it stops again at once."})
    if not raise_micros:
        return row.cost_cap_micros  # type: ignore[no-any-return]  # a column
    cap: int = cap_micros(row.cost_cap_micros, row.cents) + raise_micros
    if cap > HIGHEST_CAP_MICROS:
        raise Invalid({"raise": f"A run may cost at most {money.said(HIGHEST_CAP_MICROS)}."})
    return cap


def cap_micros(raised_micros: int | None, cents: int | None) -> int:
    """Return what a run may cost, in millionths of a US dollar: its own raised cap, or that of its task in cents."""
    return (cents or 0) * money.MICROS_PER_CENT if raised_micros is None else raised_micros


_GONE_ON = "resume:{}"
"""The key of the run that goes on from another, by the id of that one."""


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

    `usual_seconds` is None while nothing is known; `ahead` counts the runs before this one in its queue; `met` names
    the schedules whose times met in it, when there are several.
    """

    run: Run
    usual_seconds: float | None
    ahead: int
    has_schedule: bool
    way: "Way"
    met: Sequence[str] = ()


@dataclass(frozen=True)
class Way:
    """What a run goes on from and what goes on from it, by number.

    `saved` maps a step to when its checkpoint was kept; `earlier_micros` is what the runs before it have cost.
    """

    came_from: int | None = None
    went_on: int | None = None
    can_go_on: bool = False
    saved: Mapping[str, datetime] = field(default_factory=dict)
    earlier_micros: int = 0


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
    return Detail(
        run, usual_seconds(_took(run)), _ahead(run) if run.state == "queued" else 0, _has_schedule(run), _way(run),
        _met(run),
    )  # fmt: skip


def _met(run: Run) -> Sequence[str]:
    ids = run.facts.get("schedules", ())
    query = sa.select(Schedule.text).where(Schedule.id.in_(ids), Schedule.task_id == run.task_id).order_by(Schedule.id)
    return db.session.scalars(query).all() if ids else ()


def _way(run: Run) -> Way:
    if run.version.definition.get("engine") not in _CAN_GO_ON:
        return Way()
    kept = sa.select(Checkpoint.after, Checkpoint.at).where(Checkpoint.run_id == run.id).order_by(Checkpoint.number)
    next_one = sa.select(Run.number).where(Run.task_id == run.task_id, Run.key == _GONE_ON.format(run.id))
    chain = _chain(db.session, run.id)
    can_go_on = run.state in ENDED - {"succeeded", "degraded"} and _has_checkpoint(db.session, chain)
    return Way(
        chain[1].number if len(chain) > 1 else None,
        db.session.scalar(next_one),
        can_go_on,
        dict(db.session.execute(kept).all()),
        sum(row.cost_micros or 0 for row in chain[1:]),
    )


_CAN_GO_ON = frozenset({"agent"})


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
