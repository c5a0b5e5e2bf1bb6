"""An estimate in words: how long a run takes, what it costs, how often such runs fail."""

from app.domain import money, wording
from app.domain.conflicts import LONG_WAIT_SECONDS
from app.domain.forecast import Estimate

_SURE = 0.2
"""Where the range is narrower than this share of the middle, it says nothing that the middle does not."""

_MINUTES = 90
"""From so many seconds on a band counts in minutes."""

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


def rests(estimate: Estimate) -> str:
    """Say what an estimate rests on, as a sentence; empty while nothing is known."""
    return f"{estimate.basis[:1].upper()}{estimate.basis[1:]}." if estimate.basis else ""


def band(estimate: Estimate) -> str:
    """Say how long most runs take, as short as in a table: `3–5 min`; empty while that is not known."""
    usual, low, high = estimate.typical_seconds, estimate.p10_seconds, estimate.p90_seconds
    if usual is None:
        return ""
    if low is None or high is None or high - low <= usual * _SURE:
        return _coarse(usual)
    least, most = _coarse(low), _coarse(high)
    number, _, unit = least.partition(" ")
    if most == least:
        return most
    return f"{number}–{most}" if most.partition(" ")[2] == unit else f"{least} – {most}"


def _coarse(seconds: float) -> str:
    return wording.about(seconds if seconds < _MINUTES else max(round(seconds / 60), 1) * 60)


def spent(micros: int | None, tokens: int | None) -> str:
    """Say what is expected to be spent: `$0.09`, or `12,000 tokens` where no money is known; empty if neither is."""
    if micros:
        return money.said(micros)
    if not tokens:
        return ""
    return f"{round(tokens, 2 - len(str(tokens))):,} tokens"


def costs(estimate: Estimate) -> str:
    """Say what a run costs, `About $0.09 a run.`; empty while that is not known, or nothing."""
    return f"About {money.said(estimate.cost_micros)} a run." if estimate.cost_micros else ""


def waits(seconds: float | None) -> str:
    """Say how long the next run waits for a slot; empty where that is not worth a word."""
    is_long = seconds is not None and seconds >= LONG_WAIT_SECONDS
    return f"Its next run waits about {wording.about(seconds or 0.0)} for a slot." if is_long else ""


def risks(estimate: Estimate) -> str:
    """Say how likely a run fails, and of what where one thing stands out; empty while that is low or not known."""
    if estimate.p_fail is None or estimate.p_fail < _RAISED or estimate.runs < _ENOUGH:
        return ""
    word = "High" if estimate.p_fail >= _HIGH else "Raised"
    cause = f", mostly {estimate.cause}" if estimate.cause else ""
    return f"{word} risk to fail: about {round(estimate.p_fail * 100)} of 100 such runs{cause}."
