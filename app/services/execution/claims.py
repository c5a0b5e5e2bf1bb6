"""Claiming queued attempts, holding them by a lease, and what a claim holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.domain.policy import Policy
from app.models.runs import Attempt, LogChunk, Run
from app.models.tasks import TaskVersion
from app.services.unit import Work


@dataclass(frozen=True)
class Definition:
    """A version of a task as a worker needs it; it never changes, so it is kept."""

    id: int
    team_id: int
    task_id: int
    name: str
    engine: str
    settings: dict[str, Any]
    limits: dict[str, Any]
    policy: Policy
    min_isolation: int
    files: list[int]


@dataclass
class Claim:
    """A run this worker holds, until another claims it or it ends. `cost_micros` is what it had cost when claimed."""

    run_id: int
    team_id: int
    attempt_id: int
    attempt: int
    token: int
    version_id: int
    lane: str
    planned_at: datetime
    started_at: datetime
    cost_micros: int | None = None
    cost_cap_micros: int | None = None
    resumes_id: int | None = None
    lines: int = 0
    definition: Definition | None = field(default=None, repr=False)


def claim(work: Work, wanted: Sequence[tuple[int, int]], worker: str, lease: timedelta) -> list[Claim]:
    """Claim queued attempts (run id, attempt) for `worker`; those somebody else claimed are left out.

    A planned run whose grace has passed while it was queued ends as missed instead.
    """
    claims = []
    for run_id, attempt in wanted:
        row = work.connection.execute(_CLAIM, _claim_values(work, run_id, attempt, worker, lease)).first()
        if row:
            held = _claimed(work, row)
            if not _has_gone_stale(work, held, row.queued_at):
                claims.append(held)
    _open_attempts(work, claims, worker)
    return claims


_CLAIM = (
    sa.update(Run)
    .where(Run.id == sa.bindparam("run"), Run.state == "queued", Run.attempt == sa.bindparam("number_of_attempt"))
    .values(
        state="running",
        token=Run.token + 1,
        lease_until=sa.bindparam("until"),
        worker=sa.bindparam("by"),
        started_at=sa.func.coalesce(Run.started_at, sa.bindparam("at", type_=Run.started_at.type)),
        reason="",
        sentence="",
    )
    .returning(
        Run.id, Run.team_id, Run.attempt, Run.token, Run.version_id, Run.lane, Run.planned_at, Run.queued_at,
        Run.cost_micros, Run.cost_cap_micros, Run.resumes_id,
    )
)  # fmt: skip


def _claim_values(work: Work, run_id: int, attempt: int, worker: str, lease: timedelta) -> dict[str, Any]:
    return {"run": run_id, "number_of_attempt": attempt, "until": work.now + lease, "by": worker, "at": work.now}


def _claimed(work: Work, row: Any) -> Claim:
    held = Claim(
        row.id, row.team_id, 0, row.attempt, row.token, row.version_id, row.lane, row.planned_at, work.now,
        row.cost_micros, row.cost_cap_micros, row.resumes_id,
    )  # fmt: skip
    held.definition = definition(work.connection, row.version_id)
    if row.attempt > 1 or row.token > 1:
        last = sa.select(sa.func.max(LogChunk.first + LogChunk.count)).where(LogChunk.run_id == row.id)
        held.lines = (work.connection.execute(last).scalar() or 1) - 1
    return held


_definitions: dict[int, Definition] = {}


def definition(connection: sa.Connection, version_id: int) -> Definition:
    """Return a version of a task; the last few thousand are kept in the process."""
    if version_id not in _definitions:
        if len(_definitions) > 4000:  # noqa: PLR2004 a bound on memory
            _definitions.clear()
        row = connection.execute(
            sa.select(TaskVersion.team_id, TaskVersion.task_id, TaskVersion.definition).where(
                TaskVersion.id == version_id
            )
        ).one()
        content = row.definition
        _definitions[version_id] = Definition(
            version_id, row.team_id, row.task_id, content["name"], content["engine"], content["settings"],
            content.get("limits", {}), Policy.of(content.get("policy", {})), content.get("min_isolation", 1),
            content.get("files", []),
        )  # fmt: skip
    return _definitions[version_id]


def forget() -> None:
    """Forget all versions, as when this process turns to another database."""
    _definitions.clear()


def _has_gone_stale(work: Work, held: Claim, queued_at: datetime) -> bool:
    assert held.definition
    policy = held.definition.policy
    # Where runs wait for the one before them, that is no lateness: the grace counts from the end of the wait.
    since = held.planned_at if policy.overlap in {"skip", "allow"} else queued_at
    if held.attempt > 1 or held.token > 1 or work.now - since <= timedelta(seconds=policy.grace_seconds):
        return False
    work.connection.execute(
        sa.update(Run)
        .where(Run.id == held.run_id, Run.token == held.token)
        .values(
            state="missed", reason="grace", sentence="Missed: no worker took it within its grace.",
            lease_until=None, started_at=None, ended_at=work.now,
        )
    )  # fmt: skip
    work.tell("missed", held.team_id, held.run_id, held.token, reason="grace")
    return True


def _open_attempts(work: Work, claims: list[Claim], worker: str) -> None:
    if not claims:
        return
    rows = [
        {
            "run_id": held.run_id,
            "number": held.attempt,
            "token": held.token,
            "state": "running",
            "worker": worker,
            "isolation": {},
            "started_at": work.now,
        }
        for held in claims
    ]
    ids = work.connection.execute(
        sa.insert(Attempt).returning(Attempt.id, sort_by_parameter_order=True), rows
    ).scalars()
    for held, attempt_id in zip(claims, ids, strict=True):
        held.attempt_id = attempt_id
        work.tell("running", held.team_id, held.run_id, held.token, worker=worker, attempt=held.attempt)


def renew(work: Work, held: Iterable[int], worker: str, lease: timedelta) -> dict[int, tuple[int, str, str]]:
    """Renew the leases of the runs this worker holds.

    Returns run id -> (token, stop mode, stop reason) of those that are still ours by name; a run that is not there,
    or has another token, belongs to somebody else now.
    """
    rows = work.connection.execute(
        sa.update(Run)
        .where(Run.id.in_(list(held)), Run.state == "running", Run.worker == worker)
        .values(lease_until=work.now + lease)
        .returning(Run.id, Run.token, Run.stop_mode, Run.stop_reason)
    )
    return {row.id: (row.token, row.stop_mode, row.stop_reason) for row in rows}


def stops(work: Work, held: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Return (mode, reason) of those of these runs that somebody asked to stop."""
    rows = work.connection.execute(
        sa.select(Run.id, Run.stop_mode, Run.stop_reason).where(Run.id.in_(list(held)), Run.stop_mode != "")
    )
    return {row.id: (row.stop_mode, row.stop_reason) for row in rows}
