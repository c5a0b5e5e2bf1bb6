"""The first line: from the planned time to the moment at which the worker has the first line of sandboxed code."""

from datetime import UTC, datetime, timedelta

from app.models.runs import LogChunk, Run
from tests.bench import plan
from tests.bench.ranks import ranks_and_max
from tests.factories import rows
from tests.processes import eventually

CODE = {
    "python": {"code": "print('here I am')"},
    "shell": {"script": "echo here I am", "interpreter": "sh"},
}
SOON_SECONDS = 2.0
APART_SECONDS = 0.73


def measure(here, is_quick):
    return {engine: _late_ms(here.team, engine, 6 if is_quick else 30) for engine in CODE}


def _late_ms(team, engine, count):
    warm = plan.tasks(team, 1, CODE[engine], engine)
    plan.ask(team, warm[0], 1, "code")
    eventually(lambda: _ended(warm), seconds=60)
    made = plan.tasks(team, count, CODE[engine], engine)
    first = datetime.now(UTC) + timedelta(seconds=SOON_SECONDS)
    plan.schedules(team, made, [first + timedelta(seconds=APART_SECONDS * number) for number in range(count)])
    runs = eventually(lambda: _ended(made), seconds=APART_SECONDS * count + 60)
    assert {run.state for run in runs} == {"succeeded"}, runs[0].sentence
    chunks = {run.id: rows(LogChunk, LogChunk.run_id == run.id) for run in runs}
    return ranks_and_max([_first(chunks[run.id]) - run.planned_at.timestamp() for run in runs])


def _ended(made):
    runs = rows(Run, Run.task_id.in_([task for task, _ in made]), Run.ended_at.is_not(None))
    return runs if len(runs) == len(made) else []


def _first(chunks):
    return next(
        chunk.at.timestamp() + seconds for chunk in chunks for seconds, _, text in chunk.lines if text == "here I am"
    )
