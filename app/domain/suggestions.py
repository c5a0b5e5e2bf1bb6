"""Changes worth making to a task, each with its evidence in a sentence, and what they have brought two weeks later."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import fmean, median
from typing import Any, Literal, get_args

from app.domain import conflicts, money, wording
from app.domain.conflicts import LONG_WAIT_SECONDS, Wanted
from app.domain.lifecycle import DID_NOT_HAPPEN, WENT_WRONG
from app.domain.load import Load
from app.domain.policy import Policy

Kind = Literal[
    "longer_limit", "fewer_skips", "better_time", "more_retries", "fewer_retries", "cheaper_model", "shorter_limit",
]  # fmt: skip

KINDS: tuple[Kind, ...] = get_args(Kind)
"""The most telling first: a page of a task shows only the first ones."""

MOST_RUNS = 100
LEAST_RUNS = 10
"""Of so many runs, the newest, a task is judged; of fewer nothing is said."""

QUIET = timedelta(days=90)
"""What somebody has decided on is not suggested again for so long, unless its evidence doubles."""

MEASURED_AFTER = timedelta(days=14)
LEAST_MEASURED = 5

_OPPOSITES: Mapping[Kind, Kind] = {
    "more_retries": "fewer_retries",
    "fewer_retries": "more_retries",
    "shorter_limit": "longer_limit",
}
"""What was applied is not taken back by a suggestion; only a time limit that proves too short is raised."""

_WAITING_RUNS = 20
_PLANNED_RUNS, _SKIPPED_SHARE = 50, 0.2
_LIMIT_RUNS, _LIMIT_SHARE, _LATEST_RUNS, _TIMED_OUT = 50, 10, 20, 2
_SHORTEST_LIMIT, _LONGEST_LIMIT = 60.0, 604_800.0
_RETRIED_RUNS, _TRANSIENT_FAILURES, _RETRIES = 5, 3, 2
_MODEL_RUNS, _AS_GOOD, _CHEAPER = 20, 0.02, 0.9
_ROUND = tuple(60.0 * minutes for minutes in (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 720, 1440))


@dataclass(frozen=True)
class Past:
    """A run that has ended. `is_planned`: the present schedule of its task planned it.

    `seconds` is how long it took and `wait_seconds` how long it waited for a slot, both only of a run of one try.
    `tries` counts how often it was tried, `transient` how many of these tries failed in a way that may pass. `model` is
    the one that an agent asked.
    """

    state: str
    reason: str = ""
    is_planned: bool = True
    seconds: float | None = None
    wait_seconds: float | None = None
    tries: int = 1
    transient: int = 0
    model: str = ""
    micros: int | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a task: its newest runs, the newest first, its limit and its policy.

    `has_own_limit`: its engine gives up long before the time limit. `model` is the one that its agent asks now,
    `others` are those it could ask. `wanted` are the coming times of its only schedule and `load` that of its slots,
    where both are known.
    """

    runs: Sequence[Past]
    timeout_seconds: float
    policy: Policy
    has_own_limit: bool = False
    model: str = ""
    others: Sequence[str] = ()
    wanted: Wanted | None = None
    load: Load | None = None


@dataclass(frozen=True)
class Proposal:
    """A change worth making: why, in a sentence; what of the definition changes; the figures that it should better.

    `change` holds `limits`, `policy` and `settings` to set, `shift_seconds` to move the only schedule by, or its new
    `text`.
    `weight` grows with the evidence.
    """

    kind: Kind
    sentence: str
    change: Mapping[str, Any]
    figures: Mapping[str, float]
    weight: float


@dataclass(frozen=True)
class Decided:
    """What somebody decided on a suggestion before: its state (applied, undone, dismissed), and its weight then."""

    kind: str
    state: str
    decided_at: datetime
    weight: float = field(default=0.0)


def propose(facts: Facts, decided: Sequence[Decided], now: datetime) -> list[Proposal]:
    """Return the changes that are worth making, the most telling first, without those decided on not long ago."""
    if len(_ran(facts.runs)) < LEAST_RUNS:
        return []
    found = [rule(facts) for rule in _RULES]
    return [one for one in found if one and not any(_is_settled(one, before, now) for before in decided)]


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


def holds(made: Mapping[str, Any], present: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    """Whether a task still has what a change made of it: its definition right after it, and the present one."""
    is_as_moved = made["schedules"] == present["schedules"] or not change.keys() & {"shift_seconds", "text"}
    return is_as_moved and changed(present, change) == present


# --- what came of it


def figures(kind: str, runs: Sequence[Past]) -> dict[str, float]:
    """Return what a change of this kind should better, as these runs (newest first) have it; nothing without any."""
    if kind == "better_time":
        waits = _waits(runs)
        return {"runs": len(waits), "wait_seconds": fmean(waits)} if waits else {}
    if kind == "fewer_skips":
        planned = _planned(runs)
        return {"runs": len(planned), "share": len(_overlapped(planned)) / len(planned)} if planned else {}
    ran = _ran(runs)
    if not ran:
        return {}
    if kind in {"longer_limit", "shorter_limit"}:
        return {"runs": len(ran), "share": _share(one.state == "timed_out" for one in ran)}
    share = _share(one.state in WENT_WRONG for one in ran)
    if kind == "cheaper_model":
        costs = [one.micros for one in ran if one.micros is not None]
        return {"runs": len(ran), "share": share, "micros": fmean(costs)} if costs else {}
    return {"runs": len(ran), "share": share, "tries": fmean(one.tries for one in ran)}


def effect(kind: str, before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Say in a sentence what a change has brought."""
    if kind == "better_time":
        was, now = (wording.duration(round(one["wait_seconds"])) for one in (before, after))
        return f"Since then it waits {now} instead of {was} for a slot."
    was, now = (_percent(one["share"]) for one in (before, after))
    if kind == "fewer_skips":
        return f"Since then {now} of its planned runs are skipped instead of {was}."
    if kind in {"longer_limit", "shorter_limit"}:
        return f"Since then {now} of its runs reach the time limit; before it were {was}."
    said = f"Since then {now} of its runs go wrong; before it were {was}."
    if kind == "cheaper_model":
        costs, cost = (money.said(round(one["micros"])) for one in (after, before))
        return f"{said} A run costs {costs} instead of {cost}."
    tries = f"A run is tried {after['tries']:.1f} times instead of {before['tries']:.1f}."
    return said if kind == "more_retries" else f"{said} {tries}"


# --- the rules


def _better_time(facts: Facts) -> Proposal | None:
    seen = figures("better_time", facts.runs)
    if not facts.wanted or not facts.load or not seen or seen["runs"] < LEAST_RUNS:
        return None
    took = _seconds(facts.runs)
    wanted = replace(facts.wanted, typical_seconds=median(took) if took else None)
    clash = conflicts.crowded(wanted, facts.load)
    way = next((way for way in clash.ways if way.shift), None) if clash else None
    if seen["wait_seconds"] < LONG_WAIT_SECONDS or clash is None or way is None or way.shift is None:
        return None
    waited = wording.duration(round(seen["wait_seconds"]))
    said = (
        f"{way.label}: its last {seen['runs']:.0f} planned runs waited {waited} on average for a slot. {clash.sentence}"
    )
    return Proposal("better_time", said, {"shift_seconds": way.shift.total_seconds()}, seen, seen["wait_seconds"])


def _fewer_skips(facts: Facts) -> Proposal | None:
    planned = _planned(facts.runs)
    skipped = len(_overlapped(planned))
    if len(planned) < LEAST_RUNS or facts.policy.overlap != "skip" or skipped < _SKIPPED_SHARE * len(planned):
        return None
    why = f"{skipped} of its last {len(planned)} planned runs were skipped, because the one before still went."
    longer = _longer_interval(facts)
    said = f"Run it {longer}: {why}" if longer else f"Let one run wait instead: {why}"
    change = {"text": longer} if longer else {"policy": {"overlap": "queue_one"}}
    return Proposal("fewer_skips", said, change, figures("fewer_skips", facts.runs), skipped)


def _longer_interval(facts: Facts) -> str:
    """Return the interval that its runs fit in, where they usually take longer than the one it has; else nothing."""
    took = sorted(_seconds(facts.runs))
    if not facts.wanted or not facts.wanted.every or not took:
        return ""
    usual, upper = median(took), took[math.ceil(0.9 * len(took)) - 1]
    if usual <= facts.wanted.every.total_seconds():
        return ""
    clash = conflicts.outrun(
        Wanted(facts.wanted.times, facts.wanted.timezone, usual, upper, "skip", facts.wanted.every)
    )
    return next((way.fields["text"] for way in clash.ways if "text" in way.fields), "") if clash else ""


def _more_retries(facts: Facts) -> Proposal | None:
    ran = _ran(facts.runs)
    lost = [one for one in ran if one.state == "failed" and one.transient]
    if facts.policy.retries or len(lost) < _TRANSIENT_FAILURES or len(lost) > len(ran) / 2:
        return None
    said = (
        f"Try again up to {_RETRIES} times: {len(lost)} of its last {len(ran)} runs failed in a way that may pass, "
        "and it does not try again."
    )
    change = {"policy": {"retries": _RETRIES}}
    return Proposal("more_retries", said, change, figures("more_retries", facts.runs), len(lost))


def _fewer_retries(facts: Facts) -> Proposal | None:
    ran = _ran(facts.runs)
    retried = [one for one in ran if one.tries > 1 and one.transient]
    if not facts.policy.retries or len(retried) < _RETRIED_RUNS:
        return None
    if any(one.state not in WENT_WRONG for one in retried):
        return None
    said = f"Don’t try again: {len(retried)} of its last {len(ran)} runs were tried again, and that never helped."
    change = {"policy": {"retries": 0}}
    return Proposal("fewer_retries", said, change, figures("fewer_retries", facts.runs), len(retried))


def _cheaper_model(facts: Facts) -> Proposal | None:
    """Only runs of this very task count: what another model does well elsewhere says little of what is asked here."""
    mine = _of_model(facts, facts.model)
    if not facts.model or not mine:
        return None
    found = [(name, seen) for name in facts.others if (seen := _of_model(facts, name))]
    as_good = [(name, seen) for name, seen in found if seen["share"] <= mine["share"] + _AS_GOOD]
    name, seen = min(as_good, key=lambda pair: pair[1]["micros"], default=("", mine))
    if seen["micros"] > mine["micros"] * _CHEAPER:
        return None
    cost, costs = (money.said(round(one["micros"])) for one in (mine, seen))
    fine = [_percent(1 - one["share"]) for one in (seen, mine)]
    said = (
        f"Ask {name} instead: a run of this task cost {costs} with it and {cost} with {facts.model}, and of its last "
        f"runs {fine[0]} were fine with it, {fine[1]} now."
    )
    change = {"settings": {"model": name}}
    return Proposal("cheaper_model", said, change, mine, mine["micros"] / max(seen["micros"], 1.0))


def _of_model(facts: Facts, model: str) -> dict[str, float]:
    """Return the figures of a model in this task; nothing of too few runs."""
    seen = figures("cheaper_model", [one for one in facts.runs if one.model == model])
    return seen if seen.get("runs", 0) >= _MODEL_RUNS else {}


def _longer_limit(facts: Facts) -> Proposal | None:
    """What hangs until its limit is not helped by more time: some runs must have come near it by themselves."""
    ran, limit = _ran(facts.runs)[:_LATEST_RUNS], facts.timeout_seconds
    out = sum(one.state == "timed_out" for one in ran)
    longest = max(_seconds(ran), default=0.0)
    fitting = _rounded_up(2 * limit)
    if facts.has_own_limit or out < _TIMED_OUT or longest < limit / 2 or fitting <= limit:
        return None
    said = (
        f"Give it {wording.duration(fitting)}: {out} of its last {len(ran)} runs reached the time limit of "
        f"{wording.duration(limit)}, and others took up to {wording.duration(round(longest))}."
    )
    change = {"limits": {"timeout_seconds": fitting}}
    return Proposal("longer_limit", said, change, figures("longer_limit", facts.runs), out)


def _shorter_limit(facts: Facts) -> Proposal | None:
    took = _seconds(facts.runs)[:_LIMIT_RUNS]
    if facts.has_own_limit or len(took) < _LIMIT_RUNS or any(one.state == "timed_out" for one in facts.runs):
        return None
    longest, limit = max(took), facts.timeout_seconds
    fitting = max(_rounded_up(2 * longest), _SHORTEST_LIMIT)
    if limit <= _LIMIT_SHARE * longest or limit < 2 * fitting:
        return None
    said = (
        f"End it after {wording.duration(fitting)} when it hangs: the longest of its last {len(took)} runs took "
        f"{wording.duration(longest)}, and the time limit is {wording.duration(limit)}."
    )
    change = {"limits": {"timeout_seconds": fitting}}
    return Proposal("shorter_limit", said, change, figures("shorter_limit", facts.runs), limit / max(longest, 1.0))


_RULES = (
    _longer_limit, _fewer_skips, _better_time, _more_retries, _fewer_retries, _cheaper_model, _shorter_limit,
)  # fmt: skip


# --- runs


def _ran(runs: Sequence[Past]) -> list[Past]:
    return [one for one in runs if one.state not in DID_NOT_HAPPEN and one.state != "cancelled"]


def _planned(runs: Sequence[Past]) -> list[Past]:
    return [one for one in runs if one.is_planned][:_PLANNED_RUNS]


def _overlapped(runs: Sequence[Past]) -> list[Past]:
    return [one for one in runs if one.state == "skipped" and one.reason == "overlap"]


def _waits(runs: Sequence[Past]) -> list[float]:
    return [one.wait_seconds for one in runs if one.is_planned and one.wait_seconds is not None][:_WAITING_RUNS]


def _seconds(runs: Sequence[Past]) -> list[float]:
    """Return how long the runs took that came to an end by themselves."""
    return [one.seconds for one in _ran(runs) if one.seconds is not None and one.state != "timed_out"]


def _share(those: Iterable[bool]) -> float:
    return fmean(those)


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _rounded_up(seconds: float) -> float:
    """Return the next length that people use, a week at most."""
    whole_days = math.ceil(seconds / 86_400) * 86_400.0
    return min(next((one for one in _ROUND if one >= seconds), whole_days), _LONGEST_LIMIT)
