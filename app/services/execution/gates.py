"""What may hold an attempt back before its engine is called, and what learns from how the call ended."""

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from app.domain import breaker
from app.domain.breaker import Verdict
from app.engines.base import Outcome
from app.infra import database
from app.services.execution import breakers
from app.services.execution.breakers import Shut
from app.services.execution.claims import Claim
from app.services.unit import batch

log = structlog.get_logger()


def before(held: Claim, targets: Sequence[str]) -> Outcome | None:
    """Return why the attempt must not call its engine now, None when it may.

    `targets` are what the engine will reach: `host:example.com`, `model:name`. An outcome `blocked` with
    `retry_after_seconds` only holds it back: it used up no try. Raises what the database raises.
    """
    states = breakers.states(held.team_id, targets) if targets else set()
    held.is_troubled = bool(states)
    if states <= {"closed"}:
        return None
    with batch() as work:
        shut = breakers.admit(work, held.team_id, held.run_id, targets)
    return _held_back(held, shut, work.now) if shut else None


def after(held: Claim, targets: Sequence[str], outcome: Outcome) -> None:
    """Take note of how a call ended; where the database is away the outcome counts for more than the note."""
    said = _said(targets, outcome)
    if not targets or (said != "failed" and not held.is_troubled):
        return
    try:
        with batch() as work:
            breakers.note(work, held.team_id, held.run_id, targets, said, outcome.sentence)
    except database.Away:
        log.warning("breaker_not_noted", run=held.run_id)


def _said(targets: Sequence[str], outcome: Outcome) -> Verdict:
    if outcome.reason == "rehearsed":  # nobody was asked
        return "nothing"
    is_own_limit = outcome.state == "timed_out" and any(target.startswith("model:") for target in targets)
    return "nothing" if is_own_limit else breaker.verdict(outcome.state, outcome.error_class)


def _held_back(held: Claim, shut: Shut, now: datetime) -> Outcome:
    what = f"{breaker.name(shut.target)} failed {shut.failures} times in a row"
    if held.grace_until and now > held.grace_until:
        return Outcome("blocked", "breaker", f"Not started: {what}, until its grace had passed.", "permanent")
    at = shut.until.astimezone(UTC)
    return Outcome(
        "blocked", "breaker", f"Waits: {what}; next try at {at:%H:%M} UTC.", "transient",
        max((shut.until - now).total_seconds(), 0.0), {"target": shut.target},
    )  # fmt: skip
