"""Changes worth making to a task, each with its evidence in a sentence, and what they have brought two weeks later."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.domain.suggestions import rules
from app.domain.suggestions.facts import (
    KINDS,
    MOST_RUNS,
    Decided,
    Facts,
    Kind,
    Past,
    Proposal,
    Replay,
    Unopened,
)
from app.domain.suggestions.measures import MEASURED_AFTER, effect, figures, is_measured
from app.domain.suggestions.rules import ALIKE_RUNS, UNOPENED

__all__ = [
    "ALIKE_RUNS", "KINDS", "MEASURED_AFTER", "MOST_RUNS", "QUIET", "UNOPENED", "Decided", "Facts", "Kind", "Past",
    "Proposal", "Replay", "Unopened", "changed", "effect", "figures", "holds", "is_measured", "propose",
]  # fmt: skip

QUIET = timedelta(days=90)
"""What somebody has decided on is not suggested again for so long, unless its evidence doubles."""

_OPPOSITES: Mapping[Kind, Kind] = {
    "more_retries": "fewer_retries",
    "fewer_retries": "more_retries",
    "shorter_limit": "longer_limit",
}
"""What was applied is not taken back by a suggestion; only a time limit that proves too short is raised."""


def propose(facts: Facts, decided: Sequence[Decided], now: datetime) -> list[Proposal]:
    """Return the changes that are worth making, the most telling first, without those decided on not long ago."""
    found = rules.found(facts)
    return [one for one in found if not any(_is_settled(one, before, now) for before in decided)]


def _is_settled(one: Proposal, before: Decided, now: datetime) -> bool:
    if now - before.decided_at >= QUIET:
        return False
    if before.state == "applied":
        return before.kind in {one.kind, _OPPOSITES.get(one.kind)}
    return before.kind == one.kind and one.weight < 2 * before.weight


def changed(definition: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition with the limits, the policy and the settings of a change."""
    places = ("limits", "policy", "settings")
    return {**definition, **{place: definition[place] | change.get(place, {}) for place in places}}


def holds(
    made: Mapping[str, Any], present: Mapping[str, Any], change: Mapping[str, Any], *, is_paused: bool = False
) -> bool:
    """Whether a task still has what a change made of it: its definition right after it, and the present one."""
    if "pause" in change:
        return is_paused
    if "replay" in change:
        return bool(made["engine"] == present["engine"])
    is_as_moved = made["schedules"] == present["schedules"] or not change.keys() & {"shift_seconds", "text"}
    return is_as_moved and changed(present, change) == present
