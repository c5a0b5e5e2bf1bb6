"""What a change should better, in figures, and what it has brought."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from statistics import fmean, median

from app.domain import money, wording
from app.domain.lifecycle import WENT_WRONG
from app.domain.suggestions import facts as facts_of
from app.domain.suggestions.facts import Past

MEASURED_AFTER = timedelta(days=14)
LEAST_MEASURED = 5

_LIMITS = frozenset({"longer_limit", "shorter_limit"})


def is_measured(kind: str, after: Mapping[str, float]) -> bool:
    """Whether so much is known since a change that it can be said what it has brought."""
    return kind == "unopened" or after.get("runs", 0) >= LEAST_MEASURED


def figures(kind: str, runs: Sequence[Past]) -> dict[str, float]:
    """Return what a change of this kind should better, as these runs (newest first) have it; nothing without any."""
    if kind == "better_time":
        waits = facts_of.waits(runs)
        return {"runs": len(waits), "wait_seconds": fmean(waits)} if waits else {}
    if kind == "fewer_skips":
        planned = facts_of.planned(runs)
        return {"runs": len(planned), "share": len(facts_of.overlapped(planned)) / len(planned)} if planned else {}
    ran = facts_of.ran(runs)
    return _of_those_that_ran(kind, ran) if ran else {}


def _of_those_that_ran(kind: str, ran: Sequence[Past]) -> dict[str, float]:
    if kind in _LIMITS:
        return {"runs": len(ran), "share": _share(one.state == "timed_out" for one in ran)}
    found = {"runs": len(ran), "share": _share(one.state in WENT_WRONG for one in ran)}
    if kind == "cheaper_model":
        costs = [one.micros for one in ran if one.micros is not None]
        return {**found, "micros": fmean(costs)} if costs else {}
    if kind == "replay":
        took = facts_of.seconds(ran)
        return {**found, "micros": fmean(one.micros or 0 for one in ran), "seconds": median(took)} if took else {}
    return {**found, "tries": fmean(one.tries for one in ran)}


def effect(kind: str, before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Say in a sentence what a change has brought."""
    if kind == "better_time":
        was, now = (wording.duration(round(one["wait_seconds"])) for one in (before, after))
        return f"Since then it waits {now} instead of {was} for a slot."
    if kind == "unopened":
        saved = spent(before, MEASURED_AFTER / timedelta(days=before["days"]))
        return f"It stands still since then. Two weeks of it took {saved}."
    was, now = (percent(one["share"]) for one in (before, after))
    if kind == "fewer_skips":
        return f"Since then {now} of its planned runs are skipped instead of {was}."
    if kind in _LIMITS:
        return f"Since then {now} of its runs reach the time limit; before it were {was}."
    said = f"Since then {now} of its runs go wrong; before it were {was}."
    return " ".join(filter(None, (said, _besides(kind, before, after))))


def _besides(kind: str, before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Say what a run takes now, where that is what the change was for."""
    if kind == "more_retries":
        return ""
    if kind == "fewer_retries":
        return f"A run is tried {after['tries']:.1f} times instead of {before['tries']:.1f}."
    costs, cost = (amount(one["micros"]) for one in (after, before))
    if kind == "cheaper_model":
        return f"A run costs {costs} instead of {cost}."
    took, takes = (wording.duration(round(one["seconds"])) for one in (before, after))
    return f"A run costs {costs} instead of {cost}, and takes {takes} instead of {took}."


# --- words


def spent(taken: Mapping[str, float], part: float = 1.0) -> str:
    """Say what runs took, or a part of that: `$4.20 and 3 h 5 min of a slot`."""
    slots = f"{wording.about(taken['seconds'] * part)} of a slot"
    return f"{money.said(round(taken['micros'] * part))} and {slots}" if taken["micros"] else slots


def amount(micros: float) -> str:
    """Say an amount, `nothing` for none."""
    return money.said(round(micros)) if micros else "nothing"


def percent(share: float) -> str:
    """Say a share of 0 to 1."""
    return f"{share * 100:.0f} %"


def _share(those: Iterable[bool]) -> float:
    return fmean(those)
