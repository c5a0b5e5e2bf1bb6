"""Agents in real workers that are killed or ended in the middle: they go on after their last turn (PROMISES E2, E13)."""

import time
from pathlib import Path

import pytest

from app.models.budgets import BudgetPeriod
from app.models.runs import Artifact, Attempt, Run, Step
from app.services import runs, spending
from app.services.unit import batch
from tests import agents, factories
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, is_running, queue
from tests.llm_server import llm_server
from tests.processes import eventually

pytestmark = [pytest.mark.fault, pytest.mark.alike]  # checkpoints are tested on both in tests/services


@pytest.fixture
def slow_model(house):
    """A model that takes its time for the third of four parts, once."""
    script = agents.writes(4)
    script[2] = agents.replace(script[2], think_seconds=3)
    with llm_server(*script) as server:
        agents.model(house.team, server)
        yield server


def in_the_third_turn(server):
    return server.turns_asked()[2] == 1 and rows(Step, Step.name == "Turn 3", Step.state == "running")


def test_a_killed_workers_agent_goes_on_without_repeating_a_turn(house, slow_model):
    since = ago(seconds=1)
    with batch() as work:
        spending.put(work, house.team, None, "month", 5_000_000, "UTC")
    house.spawn("clock")
    first = house.spawn("worker")
    (run,) = queue(house.team, agents.task(house.team))
    eventually(lambda: in_the_third_turn(slow_model), 30)
    house.kill(first)
    house.spawn("worker")
    (ended,) = all_ended([run], 40)
    assert (ended.state, ended.attempt, ended.cost_micros) == ("succeeded", 2, 600_150)
    assert slow_model.turns_asked() == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}
    assert sorted(one.name for one in rows(Artifact)) == ["answer.md", *(f"part-{n}.txt" for n in range(1, 5))]
    assert [row.state for row in rows(Attempt)] == ["lost", "succeeded"]
    steps = [(step.name, step.state) for step in rows(Step) if step.name.startswith("Turn")]
    assert steps == [
        ("Turn 1", "succeeded"), ("Turn 2", "succeeded"), ("Turn 3", "lost"),
        ("Turn 3", "succeeded"), ("Turn 4", "succeeded"), ("Turn 5", "succeeded"),
    ]  # fmt: skip
    assert [(pot.spent_micros, pot.reserved_micros) for pot in rows(BudgetPeriod)] == [(600_150, 0)]
    assert_promises_kept(since)


def test_e8_agents_in_several_workers_never_spend_more_than_their_budget(house, seen):
    since = ago(seconds=1)
    task = agents.task(house.team, {"cost_cap_cents": 16})
    before = ago(days=70)
    past = {"planned_at": before, "started_at": before, "ended_at": before, "cost_micros": 150_150}
    factories.run(house.team, task, "succeeded", reason="ok", sentence="Done.", **past)
    with batch() as work:
        spending.put(work, house.team, None, "day", 1_000_000, "UTC")
    with llm_server(*agents.writes(1)) as server:  # each stops at its cap after a turn
        agents.model(house.team, server)
        house.spawn("clock")
        for _ in range(3):
            house.spawn("worker")
        ended = all_ended(queue(house.team, task, 12), 40)
    reasons = [run.reason for run in ended]
    (pot,) = rows(BudgetPeriod)
    seen(f"{reasons.count('cost_cap')} runs of 12 spent {pot.spent_micros / 1e6:.2f} of 1.00 dollars")
    assert (reasons.count("cost_cap"), reasons.count("budget")) == (6, 6)
    assert (pot.spent_micros, pot.reserved_micros) == (6 * 150_000, 0)
    assert_promises_kept(since)


def test_a_worker_that_is_asked_to_end_hands_its_agent_on(house, slow_model):
    house.spawn("clock")
    first = house.spawn("worker", CARILLON_STOP_GRACE_SECONDS="0.3")
    (run,) = queue(house.team, agents.task(house.team))
    eventually(lambda: in_the_third_turn(slow_model), 30)
    assert house.end(first) == 0
    house.spawn("worker")
    (ended,) = all_ended([run], 40)
    assert (ended.state, ended.attempt) == ("succeeded", 2)
    assert slow_model.turns_asked() == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}
    assert [row.state for row in rows(Attempt)] == ["interrupted", "succeeded"]


@pytest.mark.always
def test_a_person_stops_an_agent_within_two_seconds(house, slow_model):
    house.spawn("worker")
    (run,) = queue(house.team, agents.task(house.team))
    eventually(lambda: in_the_third_turn(slow_model), 30)
    assert is_running(run)
    began = time.monotonic()
    runs.cancel(house.ada, number_of(run))
    (ended,) = all_ended([run], 10)
    assert (ended.state, ended.reason) == ("cancelled", "person")
    assert time.monotonic() - began < 2


def test_fifty_agents_in_one_worker_cost_few_threads(house):
    with llm_server(*agents.writes(0)) as server:
        agents.model(house.team, server)
        worker = house.spawn("worker")
        server.gate.clear()
        ids = queue(house.team, agents.task(house.team), 50)
        eventually(lambda: server.waiting == 50, 30)
        assert threads_of(worker.pid) < 40
        server.gate.set()
        assert {run.state for run in all_ended(ids, 30)} == {"succeeded"}


def number_of(run_id):
    return rows(Run, Run.id == run_id)[0].number


def threads_of(pid):
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
