"""An estimate in words: how long a run takes, what it costs, how often such runs fail."""

from app.domain import money, wording
from app.domain.forecast import Estimate

_SURE = 0.2
"""Where the range is narrower than this share of the middle, it says nothing that the middle does not."""

_RAISED, _HIGH = 0.1, 0.3
_ENOUGH = 30
"""Of a task with fewer runs no risk is said."""


def takes(estimate: Estimate) -> str:
    """Say how long a run takes, and what that rests on: `Takes about 4 min, mostly 3 to 5 min, from 41 runs.`"""
    usual = estimate.typical_seconds
    if usual is None:
        return ""
    said = f"Takes about {wording.about(usual)}"
    low, high = estimate.p10_seconds, estimate.p90_seconds
    if low is not None and high is not None and high - low > usual * _SURE:
        said += f", mostly {wording.about(low)} to {wording.about(high)}"
    return f"{said}, {estimate.basis}." if estimate.basis else f"{said}."


def costs(estimate: Estimate) -> str:
    """Say what a run costs, `About $0.09 a run.`; empty while that is not known, or nothing."""
    return f"About {money.said(estimate.cost_micros)} a run." if estimate.cost_micros else ""


def risks(estimate: Estimate) -> str:
    """Say how likely a run fails, and of what where one thing stands out; empty while that is low or not known."""
    if estimate.p_fail is None or estimate.p_fail < _RAISED or estimate.runs < _ENOUGH:
        return ""
    word = "High" if estimate.p_fail >= _HIGH else "Raised"
    cause = f", mostly {estimate.cause}" if estimate.cause else ""
    return f"{word} risk to fail: about {round(estimate.p_fail * 100)} of 100 such runs{cause}."
