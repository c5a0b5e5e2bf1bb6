"""Whether and when a failed attempt is tried again: exponential, full jitter, capped."""

from dataclasses import dataclass

from app.domain.policy import Policy


@dataclass(frozen=True)
class RetryDecision:
    """Try again after `delay_seconds`, or not at all with the reason in `why`."""

    is_again: bool
    delay_seconds: float = 0.0
    why: str = ""


def decide(
    policy: Policy, attempt: int, error_class: str, chance: float, retry_after_seconds: float | None = None
) -> RetryDecision:
    """Decide after attempt number `attempt` (from 1) failed.

    `chance` is a random number in [0, 1): full jitter, as in the AWS Architecture Blog's "Exponential Backoff And
    Jitter", spreads retries over the whole interval. A provider's Retry-After is a floor, never shortened.
    """
    if error_class == "permanent":
        return RetryDecision(False, why="trying again would not help")
    if attempt > policy.retries:
        return RetryDecision(False, why="all attempts are used up")
    doublings = min(attempt - 1, 64)  # a power of a thousand attempts no longer fits a float
    ceiling = min(policy.retry_delay_seconds * 2**doublings, policy.retry_cap_seconds)
    delay = ceiling * chance
    if retry_after_seconds is not None:
        delay = max(delay, retry_after_seconds)
    return RetryDecision(True, delay)
