"""Due times -> what becomes of each: run it, leave it out, let it wait, each with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.domain.occurrences import Occurrence
from app.domain.policy import Policy

ON_TIME = timedelta(seconds=30)
"""A planned time this late or less is simply late, not a misfire: a restart of the clock loses nothing."""

SINGLE_ROWS = 100
"""At most so many missed times of one gap get a row of their own; the older ones share one."""

Action = Literal["queue", "wait", "hold", "skip", "miss", "cancel_old"]

STARTS: tuple[Action, ...] = ("queue", "wait", "cancel_old")
"""What makes a run that others meet; one that is held for its time meets them only then."""


@dataclass(frozen=True)
class Decision:
    """What becomes of one planned time. A folded one stands for `count` fires from its own until `until`."""

    what: Occurrence
    action: Action
    reason: str = ""
    sentence: str = ""
    count: int = 1
    until: datetime | None = None


def decide(
    due: Sequence[Occurrence],
    now: datetime,
    policy: Policy,
    active: int,
    waiting: int,
    *,
    has_more: bool = False,
    paused_until: datetime | None = None,
) -> list[Decision]:
    """Decide on all `due` times of one schedule, in the order in which they start; times are aware.

    `active` runs of the task are going or queued, `waiting` of those wait for their turn. `has_more` says that still
    later times are due than the ones given, so none of these is the latest. Up to `paused_until` the task was paused.
    What is left out or starts later only is settled first.
    """
    left_out = [one for one in due if one.is_left_out]
    held = [_held(one) for one in due if one.at > now and not one.is_left_out]
    if left_out or held:
        due = [one for one in due if one.at <= now and not one.is_left_out]
    missed, decisions = _decided(due, now, policy, (active, waiting), has_more=has_more, paused_until=paused_until)
    return [*_left_out(left_out), *_fold(missed, 0 if has_more else SINGLE_ROWS), *decisions, *held]


def release(due: Sequence[Occurrence], now: datetime, policy: Policy, active: int, waiting: int) -> list[Decision]:
    """Decide on runs that were held until now, as `decide` does, each on its own."""
    missed, decisions = _decided(due, now, policy, (active, waiting))
    return [*missed, *decisions]


def _decided(
    due: Sequence[Occurrence],
    now: datetime,
    policy: Policy,
    before: tuple[int, int],
    *,
    has_more: bool = False,
    paused_until: datetime | None = None,
) -> tuple[list[Decision], list[Decision]]:
    first = _first_chosen(due, now, policy, has_more=has_more)
    why = "Carillon was not running then"
    missed = [
        _missed(one, now, policy, "the task was paused then" if paused_until and one.at <= paused_until else why)
        for one in due[:first]
    ]
    decisions, runs = [], due[first:]
    if policy.overlap == "cancel_old":
        decisions, runs = [_superseded(one) for one in runs[:-1]], runs[-1:]
    active, waiting = before
    for one in runs:
        decision = _overlap(one, policy, active, waiting)
        decisions.append(decision)
        active += decision.action in STARTS
        waiting += decision.action == "wait"
    return missed, decisions


def _first_chosen(due: Sequence[Occurrence], now: datetime, policy: Policy, *, has_more: bool) -> int:
    """Return the place of the first that runs: those on time do, and before them as many as the policy makes up for."""
    grace = timedelta(seconds=policy.grace_seconds)
    first = len(due)
    while first and now - due[first - 1].at <= min(ON_TIME, grace):
        first -= 1
    many = {"skip": 0, "latest": int(first == len(due)), "all": policy.misfire_cap}[policy.misfire]
    while many and not has_more and first and now - due[first - 1].at <= grace:
        first, many = first - 1, many - 1
    return first


def _missed(one: Occurrence, now: datetime, policy: Policy, why: str) -> Decision:
    if now - one.at > timedelta(seconds=policy.grace_seconds):
        return Decision(one, "miss", "grace", f"Missed: {why}, and its grace had passed.")
    if policy.misfire == "skip":
        return Decision(one, "miss", "misfire_skip", f"Missed: {why}; late times are left out.")
    if policy.misfire == "all":
        made_up_for = f"only the latest {policy.misfire_cap} are made up for"
        return Decision(one, "miss", "misfire_cap", f"Missed: {why}; {made_up_for}.")
    return Decision(one, "miss", "misfire_latest", f"Missed: {why}; a later one ran instead.")


def _fold(missed: list[Decision], singles: int) -> list[Decision]:
    if len(missed) <= SINGLE_ROWS:
        return missed
    old, single = missed[: len(missed) - singles], missed[len(missed) - singles :]
    why = old[-1].sentence.removeprefix("Missed: ").split(",")[0].split(";")[0]
    return [_together([one.what for one in old], "miss", "folded", f"Missed {len(old):,} times: {why}."), *single]


def _together(those: Sequence[Occurrence], action: Action, reason: str, sentence: str) -> Decision:
    """Return the one decision for several fires: it begins with the first of the rule and ends with the last."""
    fires = sorted(one.fire.at for one in those)
    first = next(one for one in those if one.fire.at == fires[0])
    return Decision(first, action, reason, sentence, len(those), fires[-1])


def _left_out(those: Sequence[Occurrence]) -> list[Decision]:
    if not those:
        return []
    why = those[0].notes[-1].removeprefix("Left out: ")
    if len(those) == 1:
        return [Decision(those[0], "skip", "calendar", f"Skipped: {why}")]
    sentence = f"Skipped {len(those):,} times by its calendars. The first: {why}"
    return [_together(those, "skip", "calendar", sentence)]


def _held(one: Occurrence) -> Decision:
    return Decision(one, "hold", "time", " ".join(one.notes))


def _superseded(one: Occurrence) -> Decision:
    return Decision(one, "skip", "overlap", "Skipped: a newer run took its place.")


def _overlap(one: Occurrence, policy: Policy, active: int, waiting: int) -> Decision:
    if policy.overlap == "allow" or not active:
        return Decision(one, "queue")
    if policy.overlap == "skip":
        return Decision(one, "skip", "overlap", "Skipped: the run before it was still going.")
    if policy.overlap == "cancel_old":
        return Decision(one, "cancel_old", "overlap", "Waits until the run before it has stopped.")
    room = 1 if policy.overlap == "queue_one" else policy.overlap_cap
    if waiting >= room:
        return Decision(one, "skip", "overlap_full", f"Skipped: {waiting} already wait for the run before.")
    return Decision(one, "wait", "overlap", "Waits until the run before it has ended.")
