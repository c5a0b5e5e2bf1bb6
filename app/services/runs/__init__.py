"""Runs that people ask for, stop and decide on; and one run with all that its page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, selectinload

from app.core.errors import Conflict, Invalid, NotFound
from app.domain import amounts
from app.domain.access import Actor
from app.domain.insight import usual_seconds
from app.domain.lifecycle import ENDED
from app.infra.database import db
from app.infra.storage import Storage
from app.models.people import Person
from app.models.runs import IS_ACTIVE, Artifact, Attempt, Run
from app.models.tasks import Schedule
from app.services import evidence, planned
from app.services.evidence import Told
from app.services.runs import resuming
from app.services.runs.asking import again, rehearse, start
from app.services.runs.resuming import HIGHEST_CAP_MICROS, Point, Resumption, cap_micros, resume, resumption
from app.services.unit import SessionWork, unit

__all__ = [
    "HIGHEST_CAP_MICROS", "Answer", "Detail", "Point", "Resumption", "StopMode", "Way", "again", "cancel", "cap_micros",
    "decide", "file", "find", "id_of", "is_over", "rehearse", "resume", "resumption", "start",
]  # fmt: skip

StopMode = Literal["after_step", "now"]
Answer = Literal["again", "end"]

USUAL_RUNS = 20
"""So many of a task's last succeeded runs tell how long it usually takes."""

_LOOKED_AT = 200
"""They are looked for among so many of its last runs, so that a task that always fails costs no more."""


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
            run.rank_at = planned.rank(work.now, run.priority)
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
    the schedules whose times met in it, when there are several. `told` is why it failed or was held back; of one that
    worked `usual` are the amounts (domain/amounts) of the good runs before it.
    """

    run: Run
    usual_seconds: float | None
    ahead: int
    has_schedule: bool
    way: "Way"
    met: Sequence[str] = ()
    told: Told | None = None
    usual: Mapping[str, Sequence[float]] = field(default_factory=dict)


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
    before = _before(run)
    return Detail(
        run, usual_seconds([(row.started_at, row.ended_at) for row in before]),
        _ahead(run) if run.state == "queued" else 0, _has_schedule(run), _way(run), _met(run),
        evidence.of_run(db.session, run.id) if run.state in _WENT_WRONG else None,
        _usual(before) if run.state in _WORKED else {},
    )  # fmt: skip


_WENT_WRONG = frozenset({"failed", "timed_out", "unmet", "lost", "blocked"})
_WORKED = frozenset({"succeeded", "degraded"})


def _usual(before: Sequence[Any]) -> Mapping[str, Sequence[float]]:
    found: dict[str, list[float]] = {}
    for row in before:
        for name, value in amounts.of_run(row.facts, row.files, row.cost_micros).items():
            found.setdefault(name, []).append(value)
    return found


def _met(run: Run) -> Sequence[str]:
    ids = run.facts.get("schedules", ())
    query = sa.select(Schedule.text).where(Schedule.id.in_(ids), Schedule.task_id == run.task_id).order_by(Schedule.id)
    return db.session.scalars(query).all() if ids else ()


_KEEPS_NONE = frozenset({"http"})
"""Engines without checkpoints: their runs are not asked for any."""


def _way(run: Run) -> Way:
    if run.version.definition.get("engine") in _KEEPS_NONE:
        return Way()
    saved = resuming.kept(run.id)
    if not saved and run.resumes_id is None:
        return Way()
    chain = resuming.chain(db.session, run.id)
    can_go_on = run.state in ENDED - {"succeeded", "degraded"} and resuming.has_checkpoint(db.session, chain)
    return Way(
        chain[1].number if len(chain) > 1 else None,
        resuming.went_on(run, saved),
        can_go_on,
        {point.after: point.at for point in saved if point.at},
        sum(row.cost_micros or 0 for row in chain[1:]),
    )


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


def _before(run: Run) -> Sequence[Any]:
    """Return the last runs of the task that worked, besides this one: when, what they did, and how many files."""
    last = (
        sa.select(Run.id, Run.state, Run.started_at, Run.ended_at, Run.rehearses_at, Run.facts, Run.cost_micros)
        .where(Run.task_id == run.task_id, Run.id != run.id)
        .order_by(Run.planned_at.desc(), Run.id.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    worked = (last.c.state == "succeeded", last.c.rehearses_at.is_(None))
    files = sa.select(sa.func.count()).where(Artifact.run_id == last.c.id).scalar_subquery()
    columns = (last.c.started_at, last.c.ended_at, last.c.facts, last.c.cost_micros, files.label("files"))
    return db.session.execute(sa.select(*columns).where(*worked).limit(USUAL_RUNS)).all()


def _ahead(run: Run) -> int:
    is_before = sa.tuple_(Run.rank_at, Run.id) < (run.rank_at, run.id)  # among those of its team: others take turns
    mine = (Run.lane == run.lane, Run.team_id == run.team_id)
    query = sa.select(sa.func.count()).where(IS_ACTIVE, Run.state == "queued", *mine, is_before)
    return db.session.scalar(query.select_from(Run)) or 0


def _has_schedule(run: Run) -> bool:
    return db.session.scalar(sa.select(sa.exists().where(Schedule.task_id == run.task_id, Schedule.state != "over")))  # type: ignore[return-value]  # exists is never null
