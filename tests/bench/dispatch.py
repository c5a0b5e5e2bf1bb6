"""Dispatch: from the planned time to the run's row as queued, at 500 due a second and with 10,000 due at one instant."""

import time
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.infra import database
from app.models.runs import Run
from app.models.tasks import Schedule
from app.services.unit import batch
from tests.bench import plan
from tests.bench.ranks import ranks_and_max
from tests.factories import rows
from tests.processes import eventually

SOON_SECONDS = 10.0
A_SECOND = 500


def measure(here, is_quick):
    """The workers carry the runs out meanwhile: the figures are those of a machine that does all of it."""
    return {
        "steady_ms": _steady(here, 5 if is_quick else 60),
        "at_once_ms": _at_once(here, 1_000 if is_quick else 10_000),
    }


def _steady(here, seconds):
    made = plan.tasks(here.team, A_SECOND, {"url": here.target, "method": "GET"})
    first = datetime.now(UTC) + timedelta(seconds=SOON_SECONDS)
    times = [first + timedelta(seconds=number / A_SECOND) for number in range(A_SECOND)]
    plan.schedules(here.team, made, times, every="1s")
    time.sleep(SOON_SECONDS + seconds)
    with batch() as work:
        work.connection.execute(sa.update(Schedule).where(Schedule.kind == "interval").values(state="paused"))
    eventually(lambda: not _left(), seconds=240, pause=0.5)
    runs = rows(Run, Run.planned_at >= first)
    assert len(runs) >= 0.9 * A_SECOND * seconds, f"only {len(runs)} were planned"
    return _late_ms(runs)


def _at_once(here, count):
    made = plan.tasks(here.team, count, {"url": here.target, "method": "GET"})
    at = datetime.now(UTC) + timedelta(seconds=SOON_SECONDS)
    plan.schedules(here.team, made, [at] * count)
    eventually(lambda: _count(Run.planned_at == at) == count, seconds=SOON_SECONDS + 120, pause=0.5)
    found = _late_ms(rows(Run, Run.planned_at == at))
    eventually(lambda: not _left(), seconds=240, pause=0.5)
    return found


def _late_ms(runs):
    """How late they were queued; one that was left out since the clock came too late counts with its row."""
    late = [((run.queued_at or run.ended_at) - run.planned_at).total_seconds() for run in runs]
    assert min(late) >= 0, "a run was queued early"
    return ranks_and_max(late) | {"runs": len(runs), "missed": sum(run.state == "missed" for run in runs)}


def _left():
    return _count(Run.state.in_(("queued", "running")))


def _count(*where):
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(Run).where(*where)).scalar()
