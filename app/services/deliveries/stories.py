"""A failure as a letter tells it, from what is stored of its run."""

from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.channels.base import Part, Story, plain, shortened
from app.domain import amounts, money, wording
from app.domain.insight import Case, tell, trouble
from app.domain.lifecycle import RunState
from app.infra import database
from app.models.runs import Artifact, Attempt, Checkpoint, Run, Step
from app.models.tasks import Schedule, TaskVersion
from app.services import evidence

NONE = Story()

_MOST_PARTS = 12
_LONGEST_LINE = 300


def of_run(connection: sa.Connection, run_id: int, zone: str, headline: str = "") -> Story:
    """Return what is told of a failed run below its headline, its times in `zone`; nothing of a run that is gone."""
    row = connection.execute(_RUN, {"run": run_id}).first()
    told = evidence.of_run(connection, run_id)
    if row is None or told is None:
        return NONE
    saved = connection.execute(_SAVED, {"run": run_id}).scalars().all()
    files = connection.execute(_FILES, {"run": run_id}).scalar_one()
    known = trouble(told.failure, row.definition)
    found = tell(
        Case(
            cast("RunState", row.state), row.sentence, row.reason, attempts=row.attempt, files=files,
            exit_code=told.failure.exit_code, trouble=known, saved=saved,
            amounts=amounts.of_run(row.facts, files, row.cost_micros),
        ),
        database.now(connection),
    )  # fmt: skip
    # Where the stored sentence tells it itself, the headline has it already.
    cause = found.lead if found.lead not in row.sentence else ""
    if known.title and known.title in headline:
        cause = " ".join(cause.replace(f"{known.title}.", "", 1).split())
    return Story(
        safe=" ".join(filter(None, (cause, found.more))),
        next_step=found.next_step,
        evidence=_line(told),
        parts=[_part(step) for step in connection.execute(_PARTS, {"run": run_id})],
        about=_about(connection, row, zone),
    )


def _line(told: evidence.Told) -> str:
    return shortened(plain(told.evidence.line.text), _LONGEST_LINE) if told.evidence else ""


def _part(step: Any) -> Part:
    took = wording.duration(step.ended_at - step.started_at) if step.ended_at else ""
    spent = step.facts.get("cost_micros")
    notes = (step.detail.rstrip(".") if step.state != "succeeded" else "", took, money.said(spent) if spent else "")
    return Part(step.name, step.state in {"succeeded", "skipped"}, shortened(", ".join(filter(None, notes)), 160))


def _about(connection: sa.Connection, row: Any, zone: str) -> str:
    said = [f"Run #{row.number}, planned for {_moment(row.planned_at, zone)}."]
    before = connection.execute(_BEFORE, {"task": row.task_id, "number": row.number}).first()
    if before and before.state in {"succeeded", "degraded"}:
        said.append(f"The one before, #{before.number}, was fine.")
    following = connection.execute(_NEXT, {"task": row.task_id}).scalar()
    if following:
        said.append(f"Next: {_moment(following, zone)}. If that fails too, you get no second message.")
    return " ".join(said)


def _moment(at: datetime, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{wording.day(local)}, {local:%H:%M}, {zone}"


_RUN = (
    sa.select(
        Run.number, Run.state, Run.sentence, Run.reason, Run.attempt, Run.facts, Run.cost_micros, Run.planned_at,
        Run.task_id, TaskVersion.definition,
    )
    .join(TaskVersion, TaskVersion.id == Run.version_id)
    .where(Run.id == sa.bindparam("run"))
)  # fmt: skip
_SAVED = sa.select(Checkpoint.after).where(Checkpoint.run_id == sa.bindparam("run"), Checkpoint.after != "").distinct()
_FILES = sa.select(sa.func.count()).where(Artifact.run_id == sa.bindparam("run"))
_LAST_ATTEMPT = (
    sa.select(Attempt.id)
    .where(Attempt.run_id == sa.bindparam("run"))
    .order_by(Attempt.token.desc())
    .limit(1)
    .scalar_subquery()
)
_PARTS = (
    sa.select(Step.name, Step.state, Step.detail, Step.facts, Step.started_at, Step.ended_at)
    .where(Step.attempt_id == _LAST_ATTEMPT)
    .order_by(Step.position)
    .limit(_MOST_PARTS)
)
_BEFORE = (
    sa.select(Run.number, Run.state)
    .where(Run.task_id == sa.bindparam("task"), Run.number < sa.bindparam("number"), Run.ended_at.is_not(None))
    .order_by(Run.number.desc())
    .limit(1)
)
_NEXT = sa.select(sa.func.min(Schedule.next_fire_at)).where(
    Schedule.task_id == sa.bindparam("task"), Schedule.state == "active"
)
