"""Runs unlike the others of their task: in how long they took, what they cost, and how much they made."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain import amounts, money, usual
from app.domain.wording import duration

LEAST = 20
"""Of fewer other runs nothing is said."""

FACTOR = 3
"""So many times more than nine of ten, or less than nine of ten, is unlike the others."""

LATE = timedelta(minutes=1)
"""A run that starts this much behind its planned time is late, where that is not usual for its task."""

_SMALLEST: Mapping[str, float] = {"seconds": 10.0, "cost": 10_000.0, "size": 10_000.0}
"""A smaller difference is never told: seconds, millionths of a dollar, bytes."""


@dataclass(frozen=True)
class Made:
    """What a run took (seconds), cost (millionths of a dollar, None where unknown) and made (bytes of files)."""

    seconds: float
    cost: float | None
    size: float


def unlike(run: Made, others: Sequence[Made], *, is_time_told: bool = True) -> str:
    """Say what is unlike the others of its task in a run, empty where nothing is; the others are the latest ones."""
    found = []
    for name, what in (("seconds", "took"), ("cost", "cost"), ("size", "made")):
        values = [value for one in others if (value := getattr(one, name)) is not None]
        value = getattr(run, name)
        if value is None or (name == "seconds" and not is_time_told) or not _is_unlike(value, values, _SMALLEST[name]):
            continue
        low, high = _range(values)
        found.append(f"{what} {_said(name, value)} instead of {_between(_said(name, low), _said(name, high))}")
    return " and ".join(found)


def is_late(behind: timedelta, others: Sequence[float], allowed_seconds: float) -> bool:
    """Whether a run that started so much behind its planned time is late.

    `others` says by how many seconds the latest runs of its task were behind; `allowed_seconds` are given by its
    schedule on purpose.
    """
    seconds = behind.total_seconds()
    return seconds > LATE.total_seconds() + allowed_seconds and seconds > (usual.upper(others) or 0.0)


def _is_unlike(value: float, others: Sequence[float], smallest: float) -> bool:
    if len(others) < LEAST:
        return False
    low, high = _range(others)
    is_more = value > FACTOR * high and value - high > smallest
    return is_more or (value * FACTOR < low and low - value > smallest)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return between which values all lie but the lowest and the highest tenth (nearest rank)."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) / 10) - 1], ordered[math.ceil(len(ordered) * 9 / 10) - 1]


def _said(name: str, value: float) -> str:
    if name == "seconds":
        return duration(value)
    return money.said(value) if name == "cost" else f"{amounts.size(value)} of files"


def _between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
