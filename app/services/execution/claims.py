"""Claiming queued attempts, holding them by a lease, and what a claim holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.models.runs import Attempt, LogChunk, Run
from app.services import counting
from app.services.execution import capacity, pots
from app.services.execution.versions import Definition, definition, forget
from app.services.unit import Work

__all__ = ["Claim", "Definition", "claim", "definition", "forget", "renew", "stops"]


@dataclass
class Claim:
    """A run this worker holds, until another claims it or it ends. `cost_micros` is what it had cost when claimed.

    `most_micros` is what a budget lets it spend from now on; none: only its own cap counts.
    """

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
    most_micros: int | None = None
    has_budget: bool = False
    resumes_id: int | None = None
    resumes_after: str = ""
    rehearses_at: datetime | None = None
    hook_id: int | None = None  # by which another program began it
    lines: int = 0
    grace_until: datetime | None = None  # when it is too late to begin; none once it has
    is_troubled: bool = False  # whether what it reaches has failed lately
    definition: Definition | None = field(default=None, repr=False)

    @property
    def meant_for(self) -> datetime:
        """The time whose dates it works with: its planned time, or the one that it rehearses."""
        return self.rehearses_at or self.planned_at


def claim(
    work: Work,
    wanted: Sequence[tuple[int, int]],
    worker: str,
    lease: timedelta,
    lane: str = "",
    *,
    is_behind: bool = False,
) -> list[Claim]:
    """Claim queued attempts (run id, attempt) for `worker`.

    With a `lane` they are calls of its queue: one whose attempt is not queued any more stands for the run of the lane
    whose turn it is, and so does each when `is_behind`: more calls wait than are wanted. So calls and
    queued runs stay equal in number, and no run waits for a call that another has used up. A run for which a limit
    leaves no room goes to `waiting`; one whose grace has passed while it was queued ends as missed.
    """
    began_at = work.now
    hand = {"until": began_at + lease, "by": worker, "at": began_at}
    rows = [] if is_behind else [row for run in wanted if (row := _take(work, run, hand))]
    if lane and len(rows) < len(wanted):
        rows += _take_turns(work, lane, len(wanted) - len(rows), hand)
        counting.count(work, "already_claimed", len(wanted) - len(rows))
    claims = _admitted(work, rows, began_at)
    _open_attempts(work, claims, worker)
    return claims


def _take(work: Work, run: tuple[int, int], hand: dict[str, Any]) -> Any:
    statement = _CLAIM[work.connection.dialect.name]
    return work.connection.execute(statement, hand | {"run": run[0], "number_of_attempt": run[1]}).first()


def _take_turns(work: Work, lane: str, count: int, hand: dict[str, Any]) -> list[Any]:
    """Take the runs of the lane whose turn it is."""
    taken: list[Any] = []
    for run in capacity.turns(work, lane, count):
        if len(taken) == count:
            break
        if row := _take(work, run, hand):
            taken.append(row)
    return taken


def _admitted(work: Work, rows: Sequence[Any], began_at: datetime) -> list[Claim]:
    """Return what is held of the runs just taken: not those that are stale, must wait or are out of budget."""
    stale = {row.id for row in rows if _has_gone_stale(work, row)}
    fresh = [row for row in rows if row.id not in stale]
    held_back = capacity.admit(work, fresh)
    fresh = [row for row in fresh if row.id not in held_back]
    for team_id in sorted({row.team_id for row in rows if row.id in stale and capacity.has_limit(row)}):
        capacity.release(work, team_id)
    pooled = [(row, definition(work.connection, row.version_id)) for row in fresh if row.has_budget]
    admitted = pots.admit(work, pooled, began_at)
    return [
        _claimed(work, row, began_at, admitted.most_micros.get(row.id))
        for row in fresh
        if row.id not in admitted.held_back
    ]


def _claiming(is_it: Any) -> Any:
    return (
        sa.update(Run)
        .where(is_it)
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
            *capacity.LIMITED, capacity.TEAM_LIMIT.label("team_limit"), pots.HAS_BUDGET.label("has_budget"), Run.token,
            Run.version_id, Run.lane, Run.planned_at, Run.queued_at, Run.started_at, Run.cost_micros,
            Run.cost_cap_micros, Run.resumes_id, Run.resumes_after, Run.rehearses_at, Run.hook_id,
        )
    )  # fmt: skip


_IS_IT = sa.and_(Run.id == sa.bindparam("run"), Run.state == "queued", Run.attempt == sa.bindparam("number_of_attempt"))
# Whoever holds the row is about to claim, end or cancel it; to wait for them could be to wait in a circle.
_IF_FREE = sa.select(Run.id).where(_IS_IT).with_for_update(skip_locked=True).scalar_subquery()
_CLAIM = {"sqlite": _claiming(_IS_IT), "postgresql": _claiming(Run.id == _IF_FREE)}


def _claimed(work: Work, row: Any, began_at: datetime, most_micros: int | None) -> Claim:
    held = Claim(
        row.id, row.team_id, 0, row.attempt, row.token, row.version_id, row.lane, row.planned_at, work.now,
        row.cost_micros, row.cost_cap_micros, most_micros, bool(row.has_budget), row.resumes_id, row.resumes_after,
        row.rehearses_at, row.hook_id,
    )  # fmt: skip
    held.definition = definition(work.connection, row.version_id)
    if row.attempt == 1 and row.started_at == began_at:
        held.grace_until = _grace_until(row, held.definition)
    if row.attempt > 1 or row.token > 1:
        last = sa.select(sa.func.max(LogChunk.first + LogChunk.count)).where(LogChunk.run_id == row.id)
        held.lines = (work.connection.execute(last).scalar() or 1) - 1
    return held


def _grace_until(row: Any, task: Definition) -> datetime:
    # Where runs wait for others by a rule, that is no lateness: the grace counts from the end of the wait.
    waits = task.policy.overlap not in {"skip", "allow"} or task.after or capacity.has_limit(row)
    since: datetime = row.queued_at if waits else row.planned_at
    return since + timedelta(seconds=task.policy.grace_seconds)


def _has_gone_stale(work: Work, row: Any) -> bool:
    task = definition(work.connection, row.version_id)
    if row.attempt > 1 or row.token > 1 or work.now <= _grace_until(row, task):
        return False
    work.connection.execute(
        sa.update(Run)
        .where(Run.id == row.id, Run.token == row.token)
        .values(
            state="missed", reason="grace", sentence="Missed: no worker took it within its grace.",
            lease_until=None, started_at=None, ended_at=work.now,
        )
    )  # fmt: skip
    work.tell("missed", row.team_id, row.id, row.token, reason="grace")
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
