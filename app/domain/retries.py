"""Whether and when a failed attempt is tried again, by class of error: exponential, full jitter, capped."""

from dataclasses import dataclass

from app.domain.policy import Policy

CLASSES = ("transient", "rate_limited", "crash", "permanent")
"""The kinds of failure: it may pass, it was asked to slow down, the code or its worker died, it will not pass."""


@dataclass(frozen=True)
class RetryDecision:
    """Try again after `delay_seconds`, or not at all with the reason in `why`."""

    is_again: bool
    delay_seconds: float = 0.0
    why: str = ""


def class_of(error_class: str) -> str:
    """Return the class that a failure counts for; one that says none may pass."""
    return error_class or "transient"


def most(policy: Policy, error_class: str) -> int:
    """Return how often a run is tried again after failures of a class."""
    kinds = {"permanent": 0, "crash": policy.crash_retries, "rate_limited": policy.rate_retries}
    return kinds.get(error_class, policy.retries)


def decide(
    policy: Policy, failures: int, error_class: str, chance: float, retry_after_seconds: float | None = None
) -> RetryDecision:
    """Decide after a run failed for the `failures`-th time (from 1) with an error of this class.

    `chance` is a random number in [0, 1): full jitter, as in the AWS Architecture Blog's "Exponential Backoff And
    Jitter", spreads retries over the whole interval. A provider's Retry-After is a floor, never shortened.
    """
    if error_class == "permanent":
        return RetryDecision(False, why="trying again would not help")
    if failures > most(policy, error_class):
        return RetryDecision(False, why="all attempts are used up")
    doublings = min(failures - 1, 64)  # a power of a thousand attempts no longer fits a float
    ceiling = min(policy.retry_delay_seconds * 2**doublings, policy.retry_cap_seconds)
    delay = ceiling * chance
    if retry_after_seconds is not None:
        delay = max(delay, retry_after_seconds)
    return RetryDecision(True, delay)
