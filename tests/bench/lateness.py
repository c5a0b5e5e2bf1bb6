"""Lateness: from the planned time to the moment at which another process sees the claim committed."""

from datetime import UTC, datetime, timedelta

from app.models.runs import Run
from tests.bench import plan
from tests.bench.ranks import ranks_and_max
from tests.bench.watch import Watch
from tests.factories import rows
from tests.processes import eventually

SOON_SECONDS = 2.0
APART_SECONDS = 0.37
"""The due times lie this far apart, so that they fall on every part of a second."""


def measure(here, is_quick):
    made = plan.tasks(here.team, 12 if is_quick else 60, {"url": here.target, "method": "GET"})
    return late_ms(here.team, made)


def late_ms(team, made):
    """Give each of these tasks a due time, and return how late they were claimed. Fails when one began early."""
    first = datetime.now(UTC) + timedelta(seconds=SOON_SECONDS)
    times = [first + timedelta(seconds=APART_SECONDS * number) for number in range(len(made))]
    with Watch() as watch:
        plan.schedules(team, made, times)
        eventually(lambda: len(watch.seen) == len(made), seconds=APART_SECONDS * len(made) + 30)
    runs = [run for run in rows(Run) if run.id in watch.seen]
    assert sorted(run.planned_at for run in runs) == times, "a run has not the time it was planned for"
    assert all(run.started_at >= run.planned_at for run in runs), "a run started early"
    return ranks_and_max([watch.seen[run.id] - run.planned_at.timestamp() for run in runs])
