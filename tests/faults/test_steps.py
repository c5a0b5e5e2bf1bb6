"""Tasks of several steps, and code that saves, in workers that are killed: nothing stored is done twice (E6)."""

import collections

import pytest

from app.models.runs import Attempt, LogChunk
from tests import factories
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, queue
from tests.processes import eventually

pytestmark = [pytest.mark.fault, pytest.mark.alike]  # what is stored is tested on both in tests/services

STEPS = 10

SAVES = """\
import carillon, time
done = carillon.checkpoint() or 0
while done < 6:
    print("part", done)
    time.sleep(0.15)
    done += 1
    carillon.save(done)
"""
AGAIN = """\
n=$(cat "$CARILLON_CHECKPOINT" 2>/dev/null || echo 0)
[ "$n" = 6 ] && exit 0
echo "part $n"
sleep 0.15
echo $((n + 1)) > "$CARILLON_CHECKPOINT"
exit 75
"""


def flow(server, run, slow):
    """Ten steps that each leave a mark; the one called `slow` takes long, the first time."""
    names = [f"step{number}" for number in range(STEPS)]
    return [
        {
            "name": name,
            "engine": "http",
            "settings": {
                "method": "POST",
                "url": f"{server.url}{'/slow-once/60' if number == slow else '/status/200'}?run={run}&step={number}",
            },
        }
        for number, name in enumerate(names)
    ]


def marks(server, run):
    """How often each step of a run was done."""
    asked = [path.partition("?")[2] for _, path, _, _ in server.requests]
    count = collections.Counter(asked)
    return [count[f"run={run}&step={number}"] for number in range(STEPS)]


@pytest.mark.always
def test_e6_a_killed_worker_repeats_only_the_step_in_flight(house, server, seen):
    """Nine runs of ten steps, each stopped by the same kill -9 between two other steps."""
    since = ago(seconds=1)
    tasks = [
        factories.task(house.team, name=f"flow-{gap}", steps=flow(server, gap, slow=gap), timeout_seconds=120)
        for gap in range(1, STEPS)
    ]
    runs = [queue(house.team, task)[0] for task in tasks]
    worker = house.spawn("worker")
    eventually(lambda: all(marks(server, gap)[gap] for gap in range(1, STEPS)), 30)
    house.kill(worker)
    house.spawn("clock")
    house.spawn("worker")
    ended = all_ended(runs, 40)
    server.released.set()
    assert {run.state for run in ended} == {"succeeded"}
    done = {gap: marks(server, gap) for gap in range(1, STEPS)}
    assert done == {gap: [2 if number == gap else 1 for number in range(STEPS)] for gap in range(1, STEPS)}
    attempts = {run.id: [row.state for row in rows(Attempt, Attempt.run_id == run.id)] for run in ended}
    assert set(map(tuple, attempts.values())) == {("lost", "succeeded")}
    seen(f"{len(runs)} runs of {STEPS} steps killed behind steps 1 to 9: each step done once, that in flight twice")
    assert_promises_kept(since)


@pytest.mark.parametrize(("engine", "settings"), [("python", {"code": SAVES}), ("shell", {"script": AGAIN})])
def test_e6_code_goes_on_from_what_it_saved_before_the_kill(house, seen, engine, settings):
    since = ago(seconds=1)
    house.spawn("clock")
    worker = house.spawn("worker")
    (run,) = queue(house.team, factories.task(house.team, name=engine, engine=engine, settings=settings))
    eventually(lambda: "part 2" in lines(run), 30)
    house.kill(worker)
    house.spawn("worker")
    (ended,) = all_ended([run], 40)
    assert (ended.state, ended.attempt) == ("succeeded", 2)
    count = collections.Counter(lines(run))
    assert [name for name in count if name.startswith("part")] == [f"part {n}" for n in range(6)]
    repeated = [name for name, times in count.items() if name.startswith("part") and times > 1]
    assert len(repeated) <= 1, "only what was in flight"
    seen(f"6 parts, killed in the 3rd or 4th: repeated {repeated or 'none'}")
    assert_promises_kept(since)


def lines(run):
    return [line[2] for chunk in rows(LogChunk, LogChunk.run_id == run) for line in chunk.lines]
