"""What follows in the same transaction when a run has ended: who waited for it, and what its end is counted for."""

import sqlalchemy as sa

from app.domain.policy import Policy
from app.models.runs import IS_ACTIVE, MEETS, Run
from app.services import planned
from app.services.execution import capacity, failures, posting
from app.services.execution.versions import Definition, definition
from app.services.unit import Work


def of_run(work: Work, run_id: int, state: str, task: Definition, *, is_rehearsal: bool = False) -> None:
    """Do all that follows from the end of a run of `task` in `state`; a rehearsal says nothing of how the task does."""
    if not is_rehearsal:
        failures.of_run(work, run_id, state, task)
        posting.of_run(work, run_id, state, task)
    release_waiting(work, task.task_id, task.policy)
    capacity.release(work, task.team_id)


def release_waiting(work: Work, task_id: int, policy: Policy) -> None:
    """Queue the oldest run of the task that waited for the one before it, if none is going any more."""
    if policy.overlap in {"skip", "allow"}:
        return
    its_turn = sa.and_(Run.state == "waiting", Run.reason == "overlap")
    others = sa.select(Run.id).where(MEETS, Run.task_id == task_id, sa.not_(its_turn))
    if work.connection.execute(others.limit(1)).first():
        return
    oldest = sa.select(sa.func.min(Run.id)).where(IS_ACTIVE, Run.task_id == task_id, its_turn).scalar_subquery()
    row = work.connection.execute(
        sa.update(Run)
        .where(Run.id == oldest, its_turn)  # said twice: what another transaction moves on meanwhile stays as it is
        .values(state="queued", reason="", sentence="", **planned.queued(work.now))
        .returning(Run.id, Run.team_id, Run.version_id, Run.trigger, Run.attempt, Run.lane)
    ).first()
    if row is None:
        return
    if row.trigger == "schedule" and definition(work.connection, row.version_id).after:
        waits = planned.waits_for_others({"state": "queued"})
        work.connection.execute(sa.update(Run).where(Run.id == row.id).values(rank_at=None, **waits))
        work.tell("waiting", row.team_id, row.id, reason="upstream")
    else:
        work.tell("queued", row.team_id, row.id, reason="overlap_over")
        work.enqueue(row.id, row.attempt, row.lane)
