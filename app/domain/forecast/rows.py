"""What the learner is told of runs, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Planned:
    """A run that is thought of: its task's key, its start (aware), and what may tell how it will go.

    Of `attrs` only numbers, texts and truth values count: the size of its input, the model, a region.
    """

    task: str
    at: datetime
    engine: str
    template: str | None
    version: int
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """A run that ended, in whichever state: `outcome` is one of a run's states. Seconds, millionths of a dollar."""

    task: str
    at: datetime
    duration_seconds: float
    outcome: str
    cost_micros: int | None
    tokens: int | None
    engine: str
    template: str | None
    version: int
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Range:
    """`typical` is the number to show; one run in ten stays below `p10`, half below `p50`, nine in ten below `p90`."""

    typical: float
    p10: float
    p50: float
    p90: float


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to be; None and "" where nothing is known.

    Seconds: `typical_seconds` is the number to show, the one nearest in ratio to most runs; p10, p50 and p90 are
    quantiles. `p_fail` goes from 0 to 1, and `cause` says what raises it. `cost_micros` and `tokens` are medians, as
    sums are made of them; their ranges stand beside. `basis` says what all that rests on: "from 41 runs";
    `runs` are those of its own task.
    """

    typical_seconds: float | None = None
    p10_seconds: float | None = None
    p50_seconds: float | None = None
    p90_seconds: float | None = None
    p_fail: float | None = None
    cause: str = ""
    cost_micros: int | None = None
    tokens: int | None = None
    basis: str = ""
    cost_range: Range | None = None
    tokens_range: Range | None = None
    runs: int = 0
