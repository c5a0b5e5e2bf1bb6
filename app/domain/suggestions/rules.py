"""The rules: which change the runs of a task speak for, if any; one function for each kind."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import median

from app.domain import conflicts, money, wording
from app.domain.conflicts import LONG_WAIT_SECONDS, Wanted
from app.domain.lifecycle import WENT_WRONG
from app.domain.suggestions import facts as facts_of
from app.domain.suggestions.facts import LEAST_RUNS, Facts, Proposal
from app.domain.suggestions.measures import amount, figures, percent, spent

_SKIPPED_SHARE = 0.2
_LIMIT_RUNS, _LIMIT_SHARE, _LATEST_RUNS, _TIMED_OUT = 50, 10, 20, 2
_SHORTEST_LIMIT, _LONGEST_LIMIT = 60.0, 604_800.0
_RETRIED_RUNS, _TRANSIENT_FAILURES, _RETRIES = 5, 3, 2
_MODEL_RUNS, _AS_GOOD, _CHEAPER = 20, 0.02, 0.9
UNOPENED = timedelta(days=60)
"""Nobody is bothered about a task before."""

_UNOPENED_RUNS = 20
ALIKE_RUNS = 5
"""So many runs of an agent in a row, the newest, must have made the same calls before they are replayed."""

_ROUND = tuple(60.0 * minutes for minutes in (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 720, 1440))


def found(facts: Facts) -> list[Proposal]:
    """Return what the runs of a task speak for, the most telling first."""
    rules = _RULES if len(facts_of.ran(facts.runs)) >= LEAST_RUNS else (_replay,)
    return [one for rule in rules if (one := rule(facts))]


def _better_time(facts: Facts) -> Proposal | None:
    seen = figures("better_time", facts.runs)
    if not facts.wanted or not facts.load or not seen or seen["runs"] < LEAST_RUNS:
        return None
    took = facts_of.seconds(facts.runs)
    wanted = replace(facts.wanted, typical_seconds=median(took) if took else None)
    clash = conflicts.crowded(wanted, facts.load, facts.slots, facts.slots_of)
    way = next((way for way in clash.ways if way.shift), None) if clash else None
    if seen["wait_seconds"] < LONG_WAIT_SECONDS or clash is None or way is None or way.shift is None:
        return None
    waited = wording.duration(round(seen["wait_seconds"]))
    said = (
        f"{way.label}: its last {seen['runs']:.0f} planned runs waited {waited} on average for a slot. {clash.sentence}"
    )
    return Proposal("better_time", said, {"shift_seconds": way.shift.total_seconds()}, seen, seen["wait_seconds"])


def _fewer_skips(facts: Facts) -> Proposal | None:
    planned = facts_of.planned(facts.runs)
    skipped = len(facts_of.overlapped(planned))
    if len(planned) < LEAST_RUNS or facts.policy.overlap != "skip" or skipped < _SKIPPED_SHARE * len(planned):
        return None
    why = f"{skipped} of its last {len(planned)} planned runs were skipped, because the one before still went."
    longer = _longer_interval(facts)
    said = f"Run it {longer}: {why}" if longer else f"Let one run wait instead: {why}"
    change = {"text": longer} if longer else {"policy": {"overlap": "queue_one"}}
    return Proposal("fewer_skips", said, change, figures("fewer_skips", facts.runs), skipped)


def _longer_interval(facts: Facts) -> str:
    """Return the interval that its runs fit in, where they usually take longer than the one it has; else nothing."""
    took = sorted(facts_of.seconds(facts.runs))
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
    ran = facts_of.ran(facts.runs)
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
    ran = facts_of.ran(facts.runs)
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
    fine = [percent(1 - one["share"]) for one in (seen, mine)]
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
    ran, limit = facts_of.ran(facts.runs)[:_LATEST_RUNS], facts.timeout_seconds
    out = sum(one.state == "timed_out" for one in ran)
    longest = max(facts_of.seconds(ran), default=0.0)
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
    took = facts_of.seconds(facts.runs)[:_LIMIT_RUNS]
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


def _replay(facts: Facts) -> Proposal | None:
    """Only what was the same in run after run: an agent that decides anew each time is worth its money."""
    its = facts.replay
    if its is None or its.alike < ALIKE_RUNS:
        return None
    seen = figures("replay", facts_of.ran(facts.runs)[: its.alike])
    if not seen:
        return None
    calls = f"{its.calls} calls, in the same order" if its.calls > 1 else "call"
    took, takes = (wording.about(seconds) for seconds in (seen["seconds"], its.seconds))
    said = (
        f"Replay its steps, without a model: its last {its.alike} runs made the same {calls}. A run costs "
        f"{amount(seen['micros'])} and takes about {took}; by the steps of its conversation it would cost nothing, and "
        f"take about {takes}."
    )
    return Proposal("replay", said, {"replay": dict(its.parts)}, seen, 1.0)


def _unopened(facts: Facts) -> Proposal | None:
    its = facts.unopened
    if its is None or its.days < UNOPENED.days or its.runs < _UNOPENED_RUNS:
        return None
    seen = {"runs": its.runs, "days": its.days, "micros": its.micros, "seconds": its.seconds}
    said = (
        f"Pause it: nobody has opened it or a result of it since {wording.day(its.since)}. In that time it ran "
        f"{its.runs:,} times, and took {spent(seen)}."
    )
    return Proposal("unopened", said, {"pause": True}, seen, 1.0)


_RULES: Sequence[Callable[[Facts], Proposal | None]] = (
    _longer_limit, _fewer_skips, _better_time, _more_retries, _fewer_retries, _replay, _cheaper_model, _unopened,
    _shorter_limit,
)  # fmt: skip


def _rounded_up(seconds: float) -> float:
    """Return the next length that people use, a week at most."""
    whole_days = math.ceil(seconds / 86_400) * 86_400.0
    return min(next((one for one in _ROUND if one >= seconds), whole_days), _LONGEST_LIMIT)
