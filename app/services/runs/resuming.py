"""Going on from an ended run in a new one: from its last checkpoint, from a chosen step, or from the start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain import effects, money
from app.domain.access import Actor
from app.domain.lifecycle import ENDED
from app.infra.database import db
from app.models.runs import Checkpoint, Run
from app.models.tasks import Task, TaskVersion
from app.services.runs.asking import TASK, again, ask, asked_before, rehearsing
from app.services.unit import batch

Version = Literal["same", "present"]

HIGHEST_CAP_MICROS = 10_000 * money.MICROS
_LONGEST_CHAIN = 100
_WORKED = frozenset({"succeeded", "degraded"})


# --- what there is to go on from


@dataclass(frozen=True)
class Kept:
    """A checkpoint that a run can go on from: the step whose result it keeps, and since when."""

    after: str
    at: datetime


@dataclass(frozen=True)
class Point:
    """A place to go on from: `after` a step whose result is kept, "" the start or what the run itself went on from.

    `steps` are run (again), as far as they are known by name; `effects` say what is done to the outside once more.
    """

    kind: Literal["step", "last", "start"]
    after: str = ""
    at: datetime | None = None
    steps: Sequence[str] = ()
    effects: Sequence[str] = ()


@dataclass(frozen=True)
class Resumption:
    """What a person is asked before a run goes on: the run (task and version loaded) and the places, latest first.

    `present` is the number of the task's version now; `is_capped`: it ended at its cost cap, which has to be raised.
    """

    run: Run
    points: Sequence[Point]
    present: int
    is_capped: bool
    came_from: int | None


def resumption(actor: Actor, number: int) -> Resumption:
    """Return where a run can go on from and what that would do again. Raises NotFound, and Conflict while it goes."""
    loaded = (joinedload(Run.task, innerjoin=True), joinedload(Run.version, innerjoin=True))
    query = sa.select(Run).where(Run.team_id == actor.team_id, Run.number == number).options(*loaded)
    run = db.session.scalar(query.execution_options(populate_existing=True))
    if run is None:
        raise NotFound
    if run.task.deleted_at:
        raise Conflict(f"{run.task.name} was deleted, so it can't go on.")
    if run.state not in ENDED:
        raise Conflict(f"Run #{number} has not ended yet.")
    before = chain(db.session, run.id)[1:]
    points = _points(run, is_chained=run.state not in _WORKED and has_checkpoint(db.session, before))
    is_capped = run.reason == "cost_cap"
    return Resumption(run, points, run.task.version_number, is_capped, before[0].number if before else None)


def _points(run: Run, *, is_chained: bool) -> list[Point]:
    definitions = [run.version.definition]
    if run.task.version_id != run.version_id:
        definitions.append(db.session.get_one(TaskVersion, run.task.version_id).definition)
    found = [_point(definitions, "step", one.after, one.at) for one in reversed(kept(run.id))]
    if not found and is_chained:
        found.append(_point(definitions, "last"))
    return [*found, _point(definitions, "start")]


def _point(
    definitions: Sequence[Mapping[str, Any]], kind: Literal["step", "last", "start"], after: str = "",
    at: datetime | None = None,
) -> Point:  # fmt: skip
    names = [name for name, _, _ in effects.parts_of(definitions[0]) if name]
    steps = effects.steps_after(names, after)
    again_done = [words for definition in definitions for words in effects.repeated(definition, after)]
    return Point(kind, after, at, steps, list(dict.fromkeys(again_done)))


def kept(run_id: int) -> list[Kept]:
    """Return the checkpoints of a run that hold all it takes to go on, the first one first."""
    # Of older ones only what they were is kept, but the last is whole whatever its engine remembers.
    last = sa.select(sa.func.max(Checkpoint.number)).where(Checkpoint.run_id == run_id).scalar_subquery()
    is_whole = sa.or_(sa.cast(Checkpoint.state, sa.Text) != "{}", Checkpoint.number == last)
    query = sa.select(Checkpoint.after, Checkpoint.at).where(Checkpoint.run_id == run_id, is_whole)
    return [Kept(row.after, row.at) for row in db.session.execute(query.order_by(Checkpoint.number))]


def chain(connection: Any, run_id: int | None) -> list[Any]:
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


def has_checkpoint(connection: Any, rows: Sequence[Any]) -> bool:
    """Whether any of these runs came to a checkpoint."""
    found = sa.exists().where(Checkpoint.run_id.in_([row.id for row in rows]))
    return bool(connection.execute(sa.select(found)).scalar())


def went_on(run: Run, saved: Sequence[Kept]) -> int | None:
    """Return the number of the newest run that goes on from this one, None without any."""
    steps = ["", *(one.after for one in saved)]
    keys = [_key(run.id, after, version) for after in steps for version in ("same", "present")]
    query = sa.select(sa.func.max(Run.number)).where(Run.task_id == run.task_id, Run.key.in_(keys))
    return db.session.scalar(query)


def _key(run_id: int, after: str, version: str) -> str:
    """Return what the run is known by that goes on from another: asked again for the same, it is that run."""
    return f"resume:{run_id}" + (f":{version}:{after}" if after or version != "same" else "")


# --- going on


def resume(
    actor: Actor, number: int, raise_micros: int = 0, trigger: str = "person", *, kind: str = "last", after: str = "",
    version: str = "same",
) -> int:  # fmt: skip
    """Go on from an ended run in a new one; returns its number.

    `kind` says from where: the `last` checkpoint, that `after` a `step`, or the `start`; `version` is the `same` as
    that of the old run, or the `present` one. Its cost cap is that of the old run and `raise_micros` (millionths of a
    US dollar) more. A run is gone on from once at each place: asked again, it is the same new run; from the start each
    is a new one. Raises NotFound, Invalid, Forbidden (to raise a cap is to change what the task may cost), and Conflict
    for a run that can't go on.
    """
    wrong = _wrong(kind, after, version)
    if wrong:
        raise Invalid(wrong)
    if kind == "start":
        _check_over(actor, number)
        return again(actor, number, with_its_version=version == "same", trigger=trigger)
    with batch(actor) as work:
        row = work.connection.execute(
            TASK.add_columns(
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
        chosen = after if kind == "step" else ""
        _check_resumable(work.connection, number, row, chosen)
        cap = _raised(row, raise_micros)
        key = _key(row.run_id, chosen, version)
        more = {"resumes_id": row.run_id, "resumes_after": chosen, "typed": row.typed, "inputs": row.inputs}
        more |= {"hook_id": row.hook_id}
        more |= rehearsing(row)
        more |= {"cost_cap_micros": cap} if cap is not None else {}
        version_id = row.version_id if version == "present" else row.its_version_id
        return asked_before(work, row, key) or ask(work, row, version_id, trigger, key, **more)


_RESUMED = (
    Run.id.label("run_id"), Run.state, Run.reason, Run.cost_cap_micros, Run.version_id.label("its_version_id"),
    Run.typed, Run.inputs, Run.rehearses_at, Run.hook_id,
)  # fmt: skip


def _wrong(kind: str, after: str, version: str) -> dict[str, str]:
    if kind not in {"last", "step", "start"} or (kind == "step" and not after):
        return {"place": "Choose where it goes on from."}
    return {} if version in {"same", "present"} else {"version": "Choose which version goes on."}


def _check_over(actor: Actor, number: int) -> None:
    query = sa.select(Run.state).where(Run.team_id == actor.team_id, Run.number == number)
    state = db.session.scalar(query)
    if state is None:
        raise NotFound
    if state not in ENDED:
        raise Conflict(f"Run #{number} has not ended yet.")


def _check_resumable(connection: Any, number: int, row: Any, after: str) -> None:
    if row.deleted_at:
        raise Conflict(f"{row.name} was deleted, so it can't go on.")
    if row.state not in ENDED:
        raise Conflict(f"Run #{number} has not ended yet.")
    if after:
        if after not in {one.after for one in kept(row.run_id)}:
            raise Conflict(f"Run #{number} keeps no checkpoint after {after}. Choose another step.")
    elif row.state in _WORKED or not has_checkpoint(connection, chain(connection, row.run_id)):
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
