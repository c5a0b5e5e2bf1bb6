"""States of a run and the moves between them (PROMISES §2.1)."""

from typing import Literal, get_args

RunState = Literal[
    "planned", "waiting", "queued", "running", "succeeded", "degraded", "unmet", "failed",
    "timed_out", "cancelled", "skipped", "missed", "blocked", "lost",
]  # fmt: skip
AttemptState = Literal["running", "succeeded", "failed", "timed_out", "cancelled", "interrupted", "lost", "blocked"]

STATES: tuple[RunState, ...] = get_args(RunState)

MOVES: dict[RunState, frozenset[RunState]] = {
    "planned": frozenset({"waiting", "queued", "skipped", "missed", "blocked", "cancelled"}),
    "waiting": frozenset({"queued", "running", "skipped", "missed", "blocked", "cancelled", "failed", "succeeded"}),
    "queued": frozenset({"running", "cancelled", "missed", "blocked"}),
    "running": frozenset({
        "succeeded", "degraded", "unmet", "failed", "timed_out", "cancelled", "waiting", "queued", "lost",
        "skipped", "blocked",
    }),
    "lost": frozenset({"queued", "waiting", "failed", "cancelled"}),
}  # fmt: skip

ENDED: frozenset[RunState] = frozenset(STATES) - frozenset(MOVES)
ACTIVE: frozenset[RunState] = frozenset({"waiting", "queued", "running", "lost"})
DID_NOT_HAPPEN: frozenset[RunState] = frozenset({"skipped", "missed", "blocked"})
WENT_WRONG: frozenset[RunState] = frozenset({"failed", "timed_out", "missed", "blocked", "unmet", "lost"})


def can_move(before: RunState, after: RunState) -> bool:
    """Whether a run may go from one state to the other."""
    return after in MOVES.get(before, frozenset())


def has_ended(state: RunState) -> bool:
    """Whether nothing more will happen to a run in this state."""
    return state in ENDED
