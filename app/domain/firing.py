"""Due times -> what becomes of each: run it, leave it out, let it wait, each with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.domain.policy import Policy
from app.domain.triggers import Fire

ON_TIME = timedelta(seconds=30)
"""A planned time this late or less is simply late, not a misfire: a restart of the clock loses nothing."""

SINGLE_ROWS = 100
"""At most so many missed times of one gap get a row of their own; the older ones share one."""

Action = Literal["queue", "wait", "skip", "miss", "cancel_old"]


@dataclass(frozen=True)
class Decision:
    """What becomes of one planned time. A folded one stands for `count` times from `fire.at` until `until`."""

    fire: Fire
    action: Action
    reason: str = ""
    sentence: str = ""
    count: int = 1
    until: datetime | None = None


def decide(
    due: Sequence[Fire], now: datetime, policy: Policy, active: int, waiting: int, *, has_more: bool = False
) -> list[Decision]:
    """Decide on all `due` times (ascending) of one schedule.

    `active` runs of the task are going or queued, `waiting` of those wait for their turn. `has_more` says that still
    later times are due than the ones given, so none of these is the latest.
    """
    chosen = _chosen(due, now, policy, has_more=has_more)
    missed = [_missed(fire, now, policy) for fire in due if fire not in chosen]
    decisions, runs = [], [fire for fire in due if fire in chosen]
    if policy.overlap == "cancel_old":
        decisions, runs = [_superseded(fire) for fire in runs[:-1]], runs[-1:]
    for fire in runs:
        decision = _overlap(fire, policy, active, waiting)
        decisions.append(decision)
        active += decision.action in {"queue", "wait", "cancel_old"}
        waiting += decision.action == "wait"
    return [*_fold(missed, 0 if has_more else SINGLE_ROWS), *decisions]


def _chosen(due: Sequence[Fire], now: datetime, policy: Policy, *, has_more: bool) -> set[Fire]:
    grace = timedelta(seconds=policy.grace_seconds)
    on_time = {fire for fire in due if now - fire.at <= min(ON_TIME, grace)}
    late = [fire for fire in due if fire not in on_time and now - fire.at <= grace]
    if policy.misfire == "all" and not has_more and policy.misfire_cap:
        return on_time | set(late[-policy.misfire_cap :])
    if policy.misfire == "latest" and not has_more and not on_time:
        return set(late[-1:])
    return on_time


def _missed(fire: Fire, now: datetime, policy: Policy) -> Decision:
    if now - fire.at > timedelta(seconds=policy.grace_seconds):
        return Decision(fire, "miss", "grace", "Missed: Carillon was not running then, and its grace had passed.")
    if policy.misfire == "skip":
        return Decision(fire, "miss", "misfire_skip", "Missed: Carillon was not running then; late times are left out.")
    if policy.misfire == "all":
        return Decision(fire, "miss", "misfire_cap", f"Missed: only the latest {policy.misfire_cap} are made up for.")
    return Decision(fire, "miss", "misfire_latest", "Missed: Carillon was not running then; a later one ran instead.")


def _fold(missed: list[Decision], singles: int) -> list[Decision]:
    if len(missed) <= SINGLE_ROWS:
        return missed
    old, single = missed[: len(missed) - singles], missed[len(missed) - singles :]
    first, last = old[0], old[-1]
    words = f"Missed {len(old):,} times: Carillon was not running then."
    return [Decision(first.fire, "miss", "folded", words, len(old), last.fire.at), *single]


def _superseded(fire: Fire) -> Decision:
    return Decision(fire, "skip", "overlap", "Skipped: a newer run took its place.")


def _overlap(fire: Fire, policy: Policy, active: int, waiting: int) -> Decision:
    if policy.overlap == "allow" or not active:
        return Decision(fire, "queue")
    if policy.overlap == "skip":
        return Decision(fire, "skip", "overlap", "Skipped: the run before it was still going.")
    if policy.overlap == "cancel_old":
        return Decision(fire, "cancel_old", "overlap", "Waits until the run before it has stopped.")
    room = 1 if policy.overlap == "queue_one" else policy.overlap_cap
    if waiting >= room:
        return Decision(fire, "skip", "overlap_full", f"Skipped: {waiting} already wait for the run before.")
    return Decision(fire, "wait", "overlap", "Waits until the run before it has ended.")
