"""Why a run may fail: the one thing about it with which runs of its task failed clearly more often than without."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.domain.forecast.history import Past, Value

_LEAST_WITH, _LEAST_WITHOUT = 4, 4
_CLEAR = 2.33
"""A difference of shares counts from so many of its standard errors on: one in a hundred comes by chance."""

_NEAR_HOURS, _DAY = 1.5, 24.0
_NEAR = 0.35
"""Numbers within about two fifths of each other are near."""


class _Split(NamedTuple):
    words: str
    have: Sequence[bool]


def of(at: float, values: tuple[Value, ...], names: Sequence[str], own: Sequence[Past]) -> str:
    """Say with what its task fails more: `around 14:00 UTC (4 of 5 failed, else 1 of 38)`; "" if nothing stands out.

    The run starts `at` (hours since 1970); `own` are the past runs of its task, the oldest first.
    """
    marked = [run for run in own if run.failed is not None]
    if not any(run.failed for run in marked):
        return ""
    best, most = "", _CLEAR
    for split in _splits(at, values, names, marked):
        there = [run.failed or 0.0 for run, has in zip(marked, split.have, strict=True) if has]
        else_ = [run.failed or 0.0 for run, has in zip(marked, split.have, strict=True) if not has]
        if len(there) < _LEAST_WITH or len(else_) < _LEAST_WITHOUT:
            continue
        clear = _difference(sum(there), len(there), sum(else_), len(else_))
        if clear > most:
            most = clear
            failed, others = int(sum(there)), int(sum(else_))
            best = f"{split.words} ({failed} of {len(there)} failed, else {others} of {len(else_)})"
    return best


def _difference(failed: float, count: int, others_failed: float, others: int) -> float:
    """Return by how many standard errors the first share is above the second (Agresti and Caffo 2000)."""
    first, second = (failed + 1) / (count + 2), (others_failed + 1) / (others + 2)
    error = math.sqrt(first * (1 - first) / (count + 2) + second * (1 - second) / (others + 2))
    return (first - second) / error


def _splits(at: float, values: tuple[Value, ...], names: Sequence[str], own: Sequence[Past]) -> Iterable[_Split]:
    """Yield what can be said of a run, and which past runs it can be said of, too."""
    hour = at % _DAY
    apart = [abs(hour - run.at % _DAY) for run in own]
    clock = f"around {int(hour):02d}:{int(hour % 1 * 60):02d} UTC"
    yield _Split(clock, [min(one, _DAY - one) <= _NEAR_HOURS for one in apart])
    if own and own[-1].failed:
        yield _Split("right after a failed one", [run.failed_before == 1.0 for run in own])
    for i, (name, here) in enumerate(zip(names, values, strict=False)):
        if here is not None:
            there = [run.values[i] if i < len(run.values) else None for run in own]
            yield _Split(_said(name, here), [_is_near(here, one) for one in there])


def _is_near(here: Value, there: Value) -> bool:
    if isinstance(here, float) and isinstance(there, float):
        return abs(here - there) <= _NEAR
    return here == there


def _said(name: str, here: Value) -> str:
    if isinstance(here, float):
        number = math.copysign(math.expm1(abs(here)), here)
        return f"with {name} about {number:,.3g}" if abs(number) < 1000 else f"with {name} about {number:,.0f}"  # noqa: PLR2004 no exponents
    return f"of {name} {here}" if name in {"version", "engine"} else f"with {name} “{here}”"
