"""Throughput: no-op runs asked for at once; from the asking to the end of the last, each fully recorded."""

from datetime import UTC, datetime

import sqlalchemy as sa

from app.infra import database
from app.models.runs import Attempt, Event, LogChunk, Run, Step
from tests.bench import plan
from tests.bench.house import cpu_seconds
from tests.bench.telling import say
from tests.factories import rows
from tests.processes import eventually

WARM_UP = 20


def measure(here, is_quick):
    count = 200 if is_quick else 1000
    target = {"url": here.target, "method": "GET"}
    warm, task = plan.tasks(here.team, 2, target)
    plan.ask(here.team, warm, WARM_UP)
    eventually(lambda: _ended(warm, WARM_UP))
    before = {kind: cpu_seconds(here.pids(kind)) for kind in ("worker", "")}
    began = datetime.now(UTC)
    plan.ask(here.team, task, count)
    eventually(lambda: _ended(task, count), seconds=120, pause=0.25)
    used = {kind: (cpu_seconds(here.pids(kind)) - before[kind]) * 1000 / count for kind in before}
    say(f"throughput: processor a run: workers {used['worker']:.2f} ms, all processes {used['']:.2f} ms")
    runs = rows(Run, Run.task_id == task[0])
    _assert_recorded([run.id for run in runs])
    return round(count / (max(run.ended_at for run in runs) - began).total_seconds(), 1)


def _ended(task, count):
    query = sa.select(sa.func.count()).select_from(Run).where(Run.task_id == task[0], Run.state == "succeeded")
    with database.read() as connection:
        return connection.execute(query).scalar() == count


def _assert_recorded(runs):
    attempts = rows(Attempt, Attempt.run_id.in_(runs))
    steps = rows(Step, Step.attempt_id.in_([attempt.id for attempt in attempts]))
    events = rows(Event, Event.run_id.in_(runs))
    of_each = tuple(len(found) / len(runs) for found in (attempts, steps, events))
    assert of_each == (1, 3, 3), of_each
    logged = {chunk.run_id for chunk in rows(LogChunk, LogChunk.run_id.in_(runs))}
    assert logged == set(runs), "a run has no log"
