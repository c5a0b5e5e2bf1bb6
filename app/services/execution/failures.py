"""Failures in a row: told once and once more when it works again; a task that goes on failing or crashing is paused."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.models.runs import Alert, Attempt, Run
from app.models.tasks import Schedule, Task
from app.services import alerting
from app.services.execution.versions import Definition
from app.services.unit import Work

FAILED = frozenset({"failed", "timed_out", "unmet"})
WORKED = frozenset({"succeeded", "degraded"})
HOUR = timedelta(hours=1)

_LONGEST_NOTE = 300


def of_run(work: Work, run_id: int, state: str, task: Definition) -> None:
    """Count the end of a run of `task`: failures are in a row until one works; other ends say nothing."""
    if state in WORKED:
        _recovered(work, task)
    elif state in FAILED:
        _failed(work, run_id, task, "did not do its work" if state == "unmet" else "failed")


def may_retry(work: Work, task: Definition) -> bool:
    """Take one retry out of what the task may use in an hour; False when that is used up."""
    budget = task.policy.retry_budget
    is_over = sa.or_(Task.retries_since.is_(None), Task.retries_since <= work.now - HOUR)
    taken = work.connection.execute(
        sa.update(Task)
        .where(Task.id == task.task_id, sa.or_(is_over, Task.retries < budget), sa.literal(budget) > 0)
        .values(
            retries=sa.case((is_over, 1), else_=Task.retries + 1),
            retries_since=sa.case((is_over, sa.literal(work.now, Task.retries_since.type)), else_=Task.retries_since),
        )
    )
    return taken.rowcount == 1


def is_crash(work: Work, run_id: int) -> bool:
    """Whether the last attempt of a run ended by the death of its code or of its worker."""
    query = sa.select(Attempt.error_class).where(Attempt.run_id == run_id).order_by(Attempt.token.desc()).limit(1)
    return work.connection.execute(query).scalar() == "crash"


def _recovered(work: Work, task: Definition) -> None:
    is_told = sa.exists().where(Alert.key == _key(task), Alert.ended_at.is_(None))  # also of before it was resumed
    found = sa.select(Task.name, Task.failures).where(
        Task.id == task.task_id, sa.or_(Task.failures > 0, Task.crashes > 0, is_told)
    )
    row = work.connection.execute(found).first()
    if row is None:
        return
    work.connection.execute(sa.update(Task).where(Task.id == task.task_id).values(failures=0, crashes=0))
    after = {0: "", 1: " after a failure"}.get(row.failures, f" after {row.failures} failures in a row")
    alerting.end(work, _key(task), f"{row.name} works again{after}.")


def _failed(work: Work, run_id: int, task: Definition, how: str) -> None:
    crashed = is_crash(work, run_id)
    row = work.connection.execute(
        sa.update(Task)
        .where(Task.id == task.task_id)
        .values(failures=Task.failures + 1, crashes=Task.crashes + 1 if crashed else 0)
        .returning(Task.team_id, Task.name, Task.failures, Task.crashes, Task.paused_at, Task.deleted_at)
    ).one()
    if row.deleted_at:
        return
    said = work.connection.execute(sa.select(Run.sentence).where(Run.id == run_id)).scalar_one()
    why = _why_pause(row, task) if row.paused_at is None else ""
    if why:
        _pause(work, task, row, why, said)
    _alert(work, run_id, task, row, said, how, is_paused=bool(why))


def _why_pause(row: Any, task: Definition) -> str:
    policy = task.policy
    if policy.quarantine_after and row.crashes >= policy.quarantine_after:
        return "crashes"
    return "failures" if policy.pause_after and row.failures >= policy.pause_after else ""


def _pause(work: Work, task: Definition, row: Any, why: str, said: str) -> None:
    """Let the task plan nothing more until somebody resumes it; as a person's pause does."""
    note = f"{_in_a_row(row, why)}. The last: {said}"
    work.connection.execute(
        sa.update(Task)
        .where(Task.id == task.task_id)
        .values(paused_at=work.now, paused_by_id=None, pause_note=note[:_LONGEST_NOTE], paused_for=why)
    )
    work.connection.execute(
        sa.update(Schedule)
        .where(Schedule.task_id == task.task_id, Schedule.state == "active")
        .values(state="paused", next_fire_at=None)
    )
    work.audit("task_paused", row.name, task=task.task_id, note=note, why=why)
    work.tell("task_paused", row.team_id, None, task=task.task_id, why=why)


def _in_a_row(row: Any, why: str) -> str:
    count = row.crashes if why == "crashes" else row.failures
    what = {"crashes": "crashed", "failures": "failed"}[why]
    return f"It {what} {count} times in a row" if count > 1 else f"It {what}"


def _alert(work: Work, run_id: int, task: Definition, row: Any, said: str, how: str, *, is_paused: bool) -> None:
    """Tell of the failures once; that the task is paused now is news of its own, told even while they are known."""
    policy = task.policy
    if not is_paused and not (policy.alert_after and row.failures >= policy.alert_after):
        return
    lead = f"{row.name} {how}" if row.failures == 1 else f"{row.name} failed {row.failures} times in a row"
    lead += " and is paused until somebody resumes it" if is_paused else ""
    sentence = f"{lead}: {said}" if row.failures == 1 else f"{lead}. The last: {said}"
    kind = "paused" if is_paused else "failing"
    key = f"{kind}:{task.task_id}"
    alerting.begin(work, key, kind, sentence, row.team_id, task_id=task.task_id, run_id=run_id)


def _key(task: Definition) -> str:
    return f"failing:{task.task_id}"
