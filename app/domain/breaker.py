"""The circuit breaker: when a target that failed again and again is left alone, and when one run may try it again."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

State = Literal["closed", "open", "half_open"]
Verdict = Literal["failed", "answered", "nothing"]

FAILURES = 5
"""So many failures in a row open it."""

IN_A_ROW = timedelta(seconds=60)
"""Failures further apart than this are not in a row."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 600.0
_JITTER = 0.25

_COUNTS = frozenset({"transient", "rate_limited"})


@dataclass(frozen=True)
class Breaker:
    """What is known of a target. `opened` counts how often in a row it opened; times are UTC instants.

    `probe` is the run that may try it while it is half open, None while none does. `changed_at` is when the last
    failure came.
    """

    state: State = "closed"
    failures: int = 0
    opened: int = 0
    open_until: datetime | None = None
    probe: int | None = None
    changed_at: datetime | None = None


def verdict(state: str, error_class: str) -> Verdict:
    """Say what the outcome of an attempt (its state and error class) tells of the targets it reached.

    Only failures that may pass count: a target that answers "not found", or nonsense, is there.
    """
    if state in {"failed", "timed_out"} and (error_class or "transient") in _COUNTS:
        return "failed"
    is_answer = state in {"succeeded", "degraded", "unmet"} or (state == "failed" and error_class == "permanent")
    return "answered" if is_answer else "nothing"


def without_probe(breaker: Breaker) -> Breaker:
    """Return it without its probe, which has died or told nothing: another run may be the probe."""
    return replace(breaker, probe=None)


def is_shut(breaker: Breaker, run: int, now: datetime) -> bool:
    """Whether this run must leave the target alone now. A probe that has died is to be taken out beforehand."""
    if breaker.state == "open":
        return breaker.open_until is not None and now < breaker.open_until
    return breaker.state == "half_open" and breaker.probe not in {None, run}


def admitted(breaker: Breaker, run: int) -> Breaker:
    """Return it with this run, which `is_shut` lets through, on its way: as the one probe unless it is closed."""
    if breaker.state == "closed":
        return breaker
    return replace(breaker, state="half_open", probe=run)


def after(breaker: Breaker, said: Verdict, run: int, now: datetime, chance: float) -> Breaker:
    """Return it after an attempt of `run` has told something; `chance` in [0, 1) lengthens the pause a little.

    While it is not closed only the probe is listened to: what began before says nothing new.
    """
    if breaker.state == "closed":
        return _counted(breaker, said, now, chance)
    if breaker.state == "open" or breaker.probe != run:
        return breaker
    if said == "answered":
        return Breaker()
    return _opened(breaker, now, chance) if said == "failed" else without_probe(breaker)


def _counted(breaker: Breaker, said: Verdict, now: datetime, chance: float) -> Breaker:
    if said != "failed":
        return Breaker() if said == "answered" else breaker
    is_in_a_row = breaker.changed_at is not None and now - breaker.changed_at <= IN_A_ROW
    counted = replace(breaker, failures=breaker.failures + 1 if is_in_a_row else 1, changed_at=now)
    return _opened(counted, now, chance) if counted.failures >= FAILURES else counted


def _opened(breaker: Breaker, now: datetime, chance: float) -> Breaker:
    doublings = min(breaker.opened, 10)
    pause = min(FIRST_PAUSE_SECONDS * 2**doublings, LONGEST_PAUSE_SECONDS) * (1 + _JITTER * chance)
    return Breaker(
        "open", breaker.failures + (breaker.state == "half_open"), breaker.opened + 1, now + timedelta(seconds=pause),
        None, now,
    )  # fmt: skip


def name(target: str) -> str:
    """Return a target as people call it: `host:example.com` is example.com, `model:Sonnet` the model Sonnet."""
    kind, _, called = target.partition(":")
    return called if kind == "host" else f"the {kind} {called}"
