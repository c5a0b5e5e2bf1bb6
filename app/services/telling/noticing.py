"""Ends of runs that are worth a word though nothing failed: done without a part, started late, unlike the others."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.domain import anomaly, headroom
from app.domain.anomaly import Made
from app.domain.policy import Policy
from app.domain.wording import duration
from app.infra import database
from app.models.runs import IS_REAL, Alert, Artifact, Event, Run
from app.models.tasks import Task, TaskVersion
from app.services import alerting, cursor
from app.services.unit import Work, batch

FACT = "noticed"
KINDS = ("degraded", "late", "anomaly", "memory_near")

_WORKED = ("succeeded", "degraded")
_MOST, _BASIS = 500, 50


@dataclass(frozen=True)
class _Past:
    """What a task's latest runs were, before those that are looked at."""

    made: Sequence[Made]
    behind: Sequence[float]


@dataclass(frozen=True)
class _Step:
    """What a run says of its task: an alert of a kind begins, or (without a sentence) one that is open is over."""

    kind: str
    run: Any
    sentence: str = ""
    recovery: str = ""


def notice() -> int:
    """Look at what worked since the last time, up to a few hundred runs; returns how many. Any process may call it.

    What is said of each is found before the right to write is asked for, and kept only if nobody did so meanwhile.
    """
    with database.read() as connection:
        reached = cursor.reached(connection, FACT)
        if connection.execute(_NEWEST).scalar() == reached:
            return 0
        upto = cursor.head(connection, database.now(connection))
        if reached is not None and upto <= reached:
            return 0
        runs = connection.execute(_ENDED, {"after": upto if reached is None else reached, "until": upto}).all()
        steps = _steps(connection, runs)
    with batch() as work:
        if cursor.place(work, FACT) != reached:
            return 0
        for step in steps:
            _carry_out(work, step)
        cursor.move(work, FACT, runs[-1].event if len(runs) == _MOST else upto)
    return len(runs)


def _steps(connection: sa.Connection, runs: Sequence[Any]) -> list[_Step]:
    tasks = {run.task_id for run in runs}
    opened = _opened(connection, tasks)
    sizes = _sizes(connection, [run.id for run in runs])
    past: dict[int, _Past] = {}
    steps: list[_Step] = []
    for run in runs:
        if run.task_id not in past:
            past[run.task_id] = _past(connection, run)
        known = past[run.task_id]
        found = [_degraded(run), _late(connection, run, known), _unlike(run, known, sizes), *_near_limit(run)]
        for step in found:
            key = (step.kind, run.task_id)
            if bool(step.sentence) != (key in opened):
                steps.append(step)
                opened ^= {key}
    return steps


def _carry_out(work: Work, step: _Step) -> None:
    run, key = step.run, f"{step.kind}:{step.run.task_id}"
    if step.sentence:
        alerting.begin(work, key, step.kind, step.sentence, run.team_id, task_id=run.task_id, run_id=run.id)
    else:
        alerting.end(work, key, step.recovery)


# --- what is worth a word


def _degraded(run: Any) -> _Step:
    if run.state != "degraded":
        return _Step("degraded", run, recovery=f"{run.name} did all of its work again.")
    return _Step("degraded", run, f"{run.name} did its work without a part: {run.sentence}")


def _late(connection: sa.Connection, run: Any, past: _Past) -> _Step:
    """Say that a run started late, unless it was told before that it does not start."""
    policy = Policy.of(run.policy or {})
    if run.trigger != "schedule" or run.attempt > 1:
        return _Step("late", run)
    behind = run.started_at - run.planned_at
    allowed = policy.jitter_seconds + policy.spread_seconds + policy.flexible_seconds
    if not anomaly.is_late(behind, past.behind, allowed) or _was_told(connection, run):
        return _Step("late", run)
    return _Step("late", run, f"{run.name} started {duration(behind)} behind its planned time.")


def _was_told(connection: sa.Connection, run: Any) -> bool:
    told = (Alert.task_id == run.task_id, Alert.kind == "not_started", Alert.at >= run.planned_at)
    return connection.execute(sa.select(Alert.id).where(*told).limit(1)).first() is not None


def _unlike(run: Any, past: _Past, sizes: Mapping[int, int]) -> _Step:
    policy = Policy.of(run.policy or {})
    found = anomaly.unlike(_made(run, sizes), past.made, is_time_told=policy.is_slow_told)
    return _Step("anomaly", run, f"{run.name} {found}." if found else "")


def _near_limit(run: Any) -> list[_Step]:
    """Say that a run came close to its memory limit, until one stays well below; one between says neither."""
    limits = run.limits or {}
    share, used = headroom.share(run.facts, limits), headroom.said(run.facts, limits)
    if share is None or headroom.CALM <= share < headroom.NEAR:
        return []
    if share < headroom.CALM:
        return [_Step("memory_near", run, recovery=f"{run.name} {used}.")]
    return [_Step("memory_near", run, f"{run.name} worked, but {used}. {headroom.NEXT_STEP}")]


# --- looking up


def _opened(connection: sa.Connection, tasks: Collection[int]) -> set[tuple[str, int]]:
    query = sa.select(Alert.kind, Alert.task_id).where(
        Alert.ended_at.is_(None), Alert.kind.in_(KINDS), Alert.task_id.in_(tasks)
    )
    return {(row.kind, row.task_id) for row in connection.execute(query)}


def _past(connection: sa.Connection, run: Any) -> _Past:
    rows = connection.execute(_BEFORE, {"task": run.task_id, "run": run.id}).all()
    sizes = _sizes(connection, [row.id for row in rows])
    scheduled = [row for row in rows if row.trigger == "schedule"]
    behind = [(row.started_at - row.planned_at) / timedelta(seconds=1) for row in scheduled]
    return _Past([_made(row, sizes) for row in rows], behind)


def _sizes(connection: sa.Connection, runs: Collection[int]) -> dict[int, int]:
    query = sa.select(Artifact.run_id, sa.func.sum(Artifact.size_bytes)).where(Artifact.run_id.in_(runs))
    found: dict[int, int] = defaultdict(int)
    found |= {run: int(size) for run, size in connection.execute(query.group_by(Artifact.run_id))}
    return found


def _made(run: Any, sizes: Mapping[int, int]) -> Made:
    return Made((run.ended_at - run.started_at).total_seconds(), run.cost_micros, sizes[run.id])


_NEWEST = sa.select(sa.func.max(Event.id))
_RUN = (Run.id, Run.trigger, Run.planned_at, Run.started_at, Run.ended_at, Run.cost_micros)
_IS_WHOLE = sa.and_(Run.started_at.is_not(None), Run.ended_at.is_not(None), IS_REAL)
_ENDED = (
    sa.select(
        *_RUN, Event.id.label("event"), Run.team_id, Run.task_id, Run.state, Run.sentence, Run.attempt, Task.name,
        Run.facts, TaskVersion.definition["policy"].label("policy"), TaskVersion.definition["limits"].label("limits"),
    )
    .join(Run, Run.id == Event.run_id)
    .join(Task, Task.id == Run.task_id)
    .join(TaskVersion, TaskVersion.id == Run.version_id)
    .where(
        Event.id > sa.bindparam("after"), Event.id <= sa.bindparam("until"), Event.kind.in_(_WORKED),
        Run.state.in_(_WORKED), _IS_WHOLE, Task.deleted_at.is_(None),
    )
    .order_by(Event.id)
    .limit(_MOST)
)  # fmt: skip
_BEFORE = (
    sa.select(*_RUN)
    .where(Run.task_id == sa.bindparam("task"), Run.id < sa.bindparam("run"), Run.state.in_(_WORKED), _IS_WHOLE)
    .order_by(Run.planned_at.desc(), Run.id.desc())
    .limit(_BASIS)
)
