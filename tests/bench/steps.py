"""Steps: from the end of one to the beginning of the next, its result stored meanwhile; and forty light ones in all."""

from itertools import pairwise
from statistics import median

from app.models.runs import Attempt, Run, Step
from tests.bench import plan
from tests.bench.ranks import ranks_and_max
from tests.factories import rows
from tests.processes import eventually

FORTY = 40


def measure(here, is_quick):
    settings = {"url": here.target, "method": "GET"}
    steps = [{"name": f"s{number}", "engine": "http", "settings": settings} for number in range(FORTY)]
    (task,) = plan.tasks(here.team, 1, {}, "steps", steps)
    took, between = [], []
    for count in range(1, 4 if is_quick else 11):
        plan.ask(here.team, task, 1)
        run = eventually(lambda count=count: _ended(task, count), seconds=30)
        assert run.state == "succeeded", run.sentence
        took.append((run.ended_at - run.started_at).total_seconds())
        (attempt,) = rows(Attempt, Attempt.run_id == run.id)
        found = rows(Step, Step.attempt_id == attempt.id)
        between += [(after.started_at - step.ended_at).total_seconds() for step, after in pairwise(found)]
    return {"overhead_ms": ranks_and_max(between), "forty_s": round(median(took), 3)}


def _ended(task, count):
    runs = rows(Run, Run.task_id == task[0], Run.ended_at.is_not(None))
    return runs[-1] if len(runs) == count else None
