"""What nine of ten runs of a task stay under, and how many runs went at once."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

LEAST = 10
"""Of fewer runs nothing is said."""


def upper(values: Sequence[float]) -> float | None:
    """Return the value that nine of ten do not pass (nearest rank), None of fewer than LEAST."""
    if len(values) < LEAST:
        return None
    return sorted(values)[math.ceil(len(values) * 9 / 10) - 1]


def at_once(spans: Iterable[tuple[datetime, datetime]], since: datetime, until: datetime) -> list[tuple[datetime, int]]:
    """Return how many of the spans (start, end) go on from each instant on, ascending, the first at `since`.

    Only what changes between `since` and `until` is told; all times are aware.
    """
    changes: dict[datetime, int] = {since: 0}
    for start, end in spans:
        start, end = max(start, since), min(end, until)  # noqa: PLW2901 the part that is looked at
        if start < end:
            changes[start] = changes.get(start, 0) + 1
            changes[end] = changes.get(end, 0) - 1
    steps: list[tuple[datetime, int]] = []
    going = 0
    for at in sorted(changes):
        going += changes[at]
        if not steps or steps[-1][1] != going:
            steps.append((at, going))
    return [step for step in steps if step[0] < until or len(steps) == 1]
