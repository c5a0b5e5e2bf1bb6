"""What an attempt has shown and how it ended, accepted only under its fencing token."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.domain import retries
from app.engines.base import Outcome
from app.models.runs import Artifact, Attempt, Checkpoint, LogChunk, Run, Step
from app.services import counting
from app.services.execution import aftermath, breakers, capacity, failures, pots
from app.services.execution.claims import Claim, Definition, definition
from app.services.unit import Work

LOST_SENTENCE = "Its worker vanished."

STOPPED = {
    "person": "Stopped on request.",
    "overlap": "Stopped: a newer run took its place.",
    "shutdown": "Its worker was asked to stop.",
    "lease_lost": "Stopped: another worker has taken it over.",
}
"""What a stopped run says, by who asked."""


@dataclass(frozen=True)
class StepRow:
    """A step as it is stored; `position` counts from 1."""

    position: int
    name: str
    state: str
    detail: str
    started_at: datetime
    ended_at: datetime | None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LogBatch:
    """Some lines: `lines` is [[seconds since at, level, text], …], the first has number `first`."""

    first: int
    at: datetime
    lines: list[list[Any]]
    size_bytes: int


class Stale(Exception):
    """The token is no longer the run's: another attempt holds it, and nothing of this one is written."""


def check_token(work: Work, held: Claim) -> None:
    """Raise Stale unless the run is still this attempt's."""
    token = work.connection.execute(
        sa.select(Run.token).where(Run.id == held.run_id, Run.state == "running")
    ).scalar_one_or_none()
    if token != held.token:
        raise Stale(held.run_id)


def record(
    work: Work,
    held: Claim,
    steps: Sequence[StepRow],
    logs: Sequence[LogBatch],
    isolation: dict[str, Any],
    cost_micros: int | None = None,
) -> None:
    """Store what an attempt has shown and cost so far. Raises Stale."""
    check_token(work, held)
    _store(work, held, steps, logs)
    charge(work, held, cost_micros)
    if isolation:
        work.connection.execute(sa.update(Attempt).where(Attempt.id == held.attempt_id).values(isolation=isolation))
    work.ring(held.team_id, held.run_id)


def charge(work: Work, held: Claim, cost_micros: int | None) -> None:
    """Store what a run has cost: what it had when this attempt began, and what the attempt has used since."""
    if cost_micros is not None:
        pots.charge(work, held.run_id, held.token, (held.cost_micros or 0) + cost_micros)


def _store(work: Work, held: Claim, steps: Sequence[StepRow], logs: Sequence[LogBatch]) -> None:
    if steps:
        work.connection.execute(
            sa.delete(Step).where(
                Step.attempt_id == held.attempt_id, Step.position.in_([step.position for step in steps])
            )
        )
        work.connection.execute(sa.insert(Step), [{"attempt_id": held.attempt_id, **step.__dict__} for step in steps])
    if logs:
        work.connection.execute(
            sa.insert(LogChunk),
            [{"run_id": held.run_id, "token": held.token, "count": len(log.lines), **log.__dict__} for log in logs],
        )


def finish(
    work: Work,
    held: Claim,
    outcome: Outcome,
    steps: Sequence[StepRow],
    logs: Sequence[LogBatch],
    artifacts: Sequence[dict[str, Any]] = (),
    isolation: dict[str, Any] | None = None,
    cost_micros: int | None = None,
    checks: Sequence[dict[str, Any]] = (),
) -> str:
    """Accept the outcome of an attempt; returns the state the run is in now. Raises Stale.

    A failure that may pass goes to `waiting` until its back-off is over; an attempt interrupted by a shutdown goes
    back into the queue and does not count, nor does one that was held back.
    """
    assert held.definition
    outcome = _as_asked(work, held, outcome)
    charge(work, held, cost_micros)
    if held.has_budget:
        pots.settle(work, held.run_id)
    state = _outcome_state(work, held, outcome)
    how = "interrupted" if state == "queued" or _is_held_back(outcome) else outcome.state
    values: dict[str, Any] = {"state": how, "reason": outcome.reason, "sentence": outcome.sentence[:500]}
    if how in {"failed", "timed_out"}:
        values["error_class"] = retries.class_of(outcome.error_class)
    if isolation:
        values["isolation"] = isolation
    work.connection.execute(sa.update(Attempt).where(Attempt.id == held.attempt_id).values(ended_at=work.now, **values))
    _store(work, held, steps, logs)
    if _is_held_back(outcome):
        _forget_if_unbegun(work, held)
    if artifacts:
        _keep_artifacts(work, held, artifacts)
    if checks:
        work.connection.execute(sa.update(Run).where(Run.id == held.run_id).values(checks=list(checks)))
    work.tell(state, held.team_id, held.run_id, held.token, reason=outcome.reason, attempt=held.attempt)
    if state == "waiting":
        capacity.release(work, held.team_id)
    elif state != "queued":
        is_rehearsal = held.rehearses_at is not None
        aftermath.of_run(work, held.run_id, state, held.definition, is_rehearsal=is_rehearsal)
    return state


def _as_asked(work: Work, held: Claim, outcome: Outcome) -> Outcome:
    """A shutdown that is quicker than somebody's request to stop does not bring the run back."""
    if outcome.state == "cancelled" and outcome.reason == "shutdown" and (reason := _stop_asked(work, held)):
        return replace(outcome, reason=reason, sentence=STOPPED.get(reason, "Stopped."))
    return outcome


def _stop_asked(work: Work, held: Claim) -> str:
    """Return who asked the run to stop, "" if nobody did; the row is locked, so nobody does before it moves on."""
    query = sa.select(Run.stop_mode, Run.stop_reason).where(Run.id == held.run_id).with_for_update()
    row = work.connection.execute(query).first()
    return (row.stop_reason or "person") if row and row.stop_mode else ""


def _outcome_state(work: Work, held: Claim, outcome: Outcome) -> str:
    assert held.definition
    if outcome.state == "cancelled" and outcome.reason == "shutdown":
        _back_to_queue(work, held)
        return "queued"
    if _is_held_back(outcome):
        return _hold_back(work, held, outcome)
    if outcome.state in {"failed", "timed_out"} and held.rehearses_at is None:
        delay_seconds, why_not = _retry(work, held, held.definition, outcome)
        if delay_seconds is not None:
            return _wait(work, held, outcome, delay_seconds)
        outcome = replace(outcome, sentence=f"{outcome.sentence} {why_not}".strip())
    _end(
        work, held.run_id, held.token, state=outcome.state, reason=outcome.reason, sentence=outcome.sentence,
        facts=dict(outcome.facts),
    )  # fmt: skip
    return outcome.state


def _retry(work: Work, held: Claim, task: Definition, outcome: Outcome) -> tuple[float | None, str]:
    """Return after how many seconds it is tried again, or None and what is to be said of that."""
    kind = retries.class_of(outcome.error_class)
    chance = random.random()  # noqa: S311 spreads retries, guards nothing
    failed = _failed(work, held.run_id, kind) + 1
    decision = retries.decide(task.policy, failed, kind, chance, outcome.retry_after_seconds)
    if not decision.is_again:
        return None, ""
    if _stop_asked(work, held):
        return None, "Not tried again: it was asked to stop."
    return (decision.delay_seconds, "") if failures.may_retry(work, task) else (None, _used_up(task))


def _wait(work: Work, held: Claim, outcome: Outcome, delay_seconds: float) -> str:
    sentence = f"{outcome.sentence} It tries again after {delay_seconds:.0f} s."
    _move(
        work, held.run_id, held.token, state="waiting", reason="retry", sentence=sentence,
        not_before=work.now + timedelta(seconds=delay_seconds), facts=dict(outcome.facts),
    )  # fmt: skip
    work.wake_clock()
    return "waiting"


def _used_up(task: Definition) -> str:
    most = task.policy.retry_budget
    how_many = "no retries" if not most else "1 retry" if most == 1 else f"{most} retries"
    return f"Not tried again: its task may use {how_many} an hour, and has."


# --- held back: not a try


def _is_held_back(outcome: Outcome) -> bool:
    return outcome.state == "blocked" and outcome.retry_after_seconds is not None


def _hold_back(work: Work, held: Claim, outcome: Outcome) -> str:
    """Let a run wait until its engine may be called; it keeps the number of its attempt."""
    if asked := _stop_asked(work, held):
        sentence = STOPPED.get(asked, "Stopped.")
        _end(work, held.run_id, held.token, state="cancelled", reason=asked, sentence=sentence)
        return "cancelled"
    target, seconds = str(outcome.facts.get("target", "")), outcome.retry_after_seconds or 0.0
    pause = breakers.pause_of(work, held.team_id, target, seconds)
    before = held.attempt - 1  # who releases it adds one
    started = {"started_at": None} if held.grace_until else {}  # it has not begun
    if started and held.has_budget:
        pots.uncount(work, held.run_id)
    _move(
        work, held.run_id, held.token, state="waiting", reason=outcome.reason, sentence=outcome.sentence,
        attempt=before, not_before=work.now + pause, **started,
    )  # fmt: skip
    work.wake_clock()
    return "waiting"


def _forget_if_unbegun(work: Work, held: Claim) -> None:
    """Remove an attempt that was held back before it did anything: its run was not tried."""
    has_steps = sa.exists().where(Step.attempt_id == Attempt.id)
    work.connection.execute(sa.delete(Attempt).where(Attempt.id == held.attempt_id, sa.not_(has_steps)))


def _can_go_on(work: Work, run_id: int) -> bool:
    """Whether there is a checkpoint, so that nothing is done twice."""
    return bool(work.connection.execute(sa.select(sa.exists().where(Checkpoint.run_id == run_id))).scalar())


def _failed(work: Work, run_id: int, kind: str) -> int:
    """Count the attempts of a run that failed with an error of this class; those interrupted or held back did not."""
    kinds = (kind, "") if kind == "transient" else (kind,)  # "" is of an attempt older than the classes
    query = sa.select(sa.func.count()).where(Attempt.run_id == run_id, Attempt.error_class.in_(kinds))
    return work.connection.execute(query.where(Attempt.state.in_(("failed", "timed_out", "lost")))).scalar_one()


def _back_to_queue(work: Work, held: Claim) -> None:
    _move(
        work, held.run_id, held.token, state="queued", reason="interrupted", queued_at=work.now,
        sentence="Its worker was asked to stop; it starts again on another.", attempt=held.attempt + 1,
    )  # fmt: skip
    work.enqueue(held.run_id, held.attempt + 1, held.lane)


def _end(work: Work, run_id: int, token: int, **values: Any) -> None:
    _move(work, run_id, token, ended_at=work.now, stop_mode="", **values)


def _move(work: Work, run_id: int, token: int, **values: Any) -> None:
    if "sentence" in values:
        values["sentence"] = values["sentence"][:500]
    moved = work.connection.execute(
        sa.update(Run)
        .where(Run.id == run_id, Run.token == token, Run.state == "running")
        .values(lease_until=None, **values)
    )
    if moved.rowcount != 1:
        raise Stale(run_id)


def _keep_artifacts(work: Work, held: Claim, artifacts: Sequence[dict[str, Any]]) -> None:
    names = [artifact["name"] for artifact in artifacts]
    work.connection.execute(sa.delete(Artifact).where(Artifact.run_id == held.run_id, Artifact.name.in_(names)))
    work.connection.execute(
        sa.insert(Artifact),
        [
            {"team_id": held.team_id, "run_id": held.run_id, "created_at": work.now, **artifact}
            for artifact in artifacts
        ],
    )


def lose(work: Work, run_id: int, token: int) -> str | None:
    """Give up an attempt whose worker vanished: try again, ask a person, or fail. Returns the run's state now.

    None if the run has moved on meanwhile. Crashes count as attempts, so that a run that kills its worker ends.
    """
    row = work.connection.execute(
        sa.update(Run)
        .where(Run.id == run_id, Run.token == token, Run.state == "running")
        .values(state="lost", reason="lost", sentence=LOST_SENTENCE, lease_until=None)
        .returning(Run.team_id, Run.attempt, Run.lane, Run.version_id, Run.stop_mode, Run.rehearses_at)
    ).first()
    if row is None:
        return None
    counting.count(work, "leases_lost")
    pots.settle(work, run_id)
    work.connection.execute(
        sa.update(Attempt)
        .where(Attempt.run_id == run_id, Attempt.token == token)
        .values(state="lost", reason="lost", sentence=LOST_SENTENCE, error_class="crash", ended_at=work.now)
    )
    its_attempt = sa.select(Attempt.id).where(Attempt.run_id == run_id, Attempt.token == token).scalar_subquery()
    work.connection.execute(
        sa.update(Step)
        .where(Step.attempt_id == its_attempt, Step.state == "running")
        .values(state="lost", ended_at=work.now)
    )
    work.tell("lost", row.team_id, run_id, token)
    kept = definition(work.connection, row.version_id)
    state = _after_loss(work, run_id, row, kept)
    if state in {"failed", "cancelled"}:
        aftermath.of_run(work, run_id, state, kept, is_rehearsal=row.rehearses_at is not None)
    return state


def _after_loss(work: Work, run_id: int, row: Any, task: Definition) -> str:
    values: dict[str, Any]
    if row.stop_mode:
        values = {"state": "cancelled", "reason": "lost", "ended_at": work.now, "stop_mode": ""}
        values["sentence"] = "Cancelled; its worker vanished before it confirmed."
    elif _failed(work, run_id, "crash") > task.policy.crash_retries:
        values = {"state": "failed", "reason": "lost", "ended_at": work.now}
        values["sentence"] = f"Its worker vanished in attempt {row.attempt}, the last one; it is not tried again."
    elif not (task.policy.is_idempotent or row.rehearses_at or _can_go_on(work, run_id)):
        values = {"state": "waiting", "reason": "approval"}
        values["sentence"] = "Its worker vanished in the middle. Look what it did, then run it again or end it."
    elif not failures.may_retry(work, task):
        values = {"state": "failed", "reason": "lost", "ended_at": work.now}
        values["sentence"] = f"Its worker vanished. {_used_up(task)}"
    else:
        values = {"state": "queued", "reason": "lost", "attempt": row.attempt + 1, "queued_at": work.now}
        values["sentence"] = "Its worker vanished; tried again."
    work.connection.execute(sa.update(Run).where(Run.id == run_id, Run.state == "lost").values(**values))
    work.tell(values["state"], row.team_id, run_id, reason="lost")
    if values["state"] == "queued":
        work.enqueue(run_id, values["attempt"], row.lane)
    return str(values["state"])
