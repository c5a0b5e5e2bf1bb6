"""The herd: schedules of as many tasks, all due at one instant."""

from datetime import UTC, datetime, timedelta

from app.models.runs import Run
from tests.bench import plan
from tests.factories import rows
from tests.processes import eventually

SOON_SECONDS = 8.0


def measure(here, is_quick):
    count = 100 if is_quick else 1000
    made = plan.tasks(here.team, count, {"url": here.target, "method": "GET"})
    at = datetime.now(UTC) + timedelta(seconds=SOON_SECONDS)
    plan.schedules(here.team, made, [at] * count)
    runs = eventually(lambda: _ended(at, count), seconds=SOON_SECONDS + 60, pause=0.25)
    assert {run.state for run in runs} == {"succeeded"}
    assert all(run.started_at >= at for run in runs), "a run started early"
    started, ended = [run.started_at for run in runs], [run.ended_at for run in runs]
    times = {"first": min(started), "last_started": max(started), "last_finished": max(ended)}
    return {name: round((time - at).total_seconds(), 3) for name, time in times.items()}


def _ended(at, count):
    runs = rows(Run, Run.planned_at == at, Run.ended_at.is_not(None))
    return runs if len(runs) == count else []
