"""What an estimate rests on, in words."""

from collections.abc import Sequence
from datetime import datetime

from app.domain.forecast.history import Past, hours

ENOUGH = 10
"""With fewer runs an estimate is called a guess."""

_OLD_DAYS = 60


def of(count: int, own: Sequence[Past], now: datetime) -> str:
    """Say how many runs of its task an estimate rests on, and when the last was long before `now` (aware)."""
    if not own:
        return "a guess from similar tasks"
    runs = "1 run" if count == 1 else f"{count:,} runs"
    words = f"from {runs}" if count >= ENOUGH else f"a guess from {runs}"
    days = (hours(now) - own[-1].at) / 24
    return f"{words}, the last {days:.0f} days ago" if days >= _OLD_DAYS else words
