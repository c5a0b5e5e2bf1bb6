"""The lane of agents: those that wait hold slots but no threads, and a slot is free again when its agent has ended."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa

from app.infra import fetch, llm, queues, redis
from app.infra.storage import Storage
from app.infra.writer import Writer
from app.models.runs import Run
from app.services.execution.perform import Tools
from app.services.unit import batch
from jobs import runs
from jobs.keeper import Keeper
from jobs.lanes import Lane
from jobs.loop import Loop
from jobs.runs import Here
from jobs.worker import _begin
from tests import agents, factories
from tests.factories import rows
from tests.llm_server import Says, llm_server
from tests.processes import eventually


@pytest.fixture
def here(app, settings, tmp_path):
    with app.app_context():
        fetch.configure(settings)
        llm.load()
        writer = Writer(batch)
        keeper = Keeper(settings, "one", writer)
        storage = Storage(tmp_path / "files")
        here = Here(keeper, Tools(writer, app.extensions["vault"], storage, tmp_path / "work", keeper.on_news))
        runs.work_here(here)
        keeper.start()
        yield here
        here.loop.close()
        keeper.close()
        writer.close()


@pytest.fixture
def lane(here):
    lane = Lane("io", 60, partial(_begin, "io"))
    lane.start()
    yield lane
    lane.stop_taking()


def queue(team, task, count):
    ids = [factories.run(team, task) for _ in range(count)]
    with batch() as work:
        for run in ids:
            work.enqueue(run, 1, "io")
    return ids


def states():
    return {run.state for run in rows(Run)}


def test_fifty_agents_that_wait_cost_no_threads(here, lane):
    team = factories.team()
    with llm_server(Says("", (("list_files", {}),)), Says("Done.\n")) as server:
        agents.model(team, server)
        server.gate.clear()
        task = agents.task(team)
        queue(team, task, 5)
        eventually(lambda: server.waiting == 5)
        few = _threads()
        queue(team, task, 45)
        eventually(lambda: server.waiting == 50)
        many = _threads()
        assert here.keeper.count == 50
        assert many - few < 20  # slots that begin attempts and the loop's own few; not one for each
        assert not lane.is_idle
        server.gate.set()
        eventually(lambda: states() == {"succeeded"})
    eventually(lambda: lane.is_idle and here.keeper.count == 0)


def test_a_waiting_agent_is_stopped_through_its_future(here, lane):
    team = factories.team()
    with llm_server(Says("x", think_seconds=30)) as server:
        agents.model(team, server)
        (run,) = queue(team, agents.task(team), 1)
        eventually(lambda: server.waiting or server.asked)
        with batch() as work:
            work.connection.execute(sa.update(Run).values(stop_mode="now", stop_reason="person"))
        redis.tell(redis.STOP, str(run))
        eventually(lambda: states() == {"cancelled"}, seconds=4)
    eventually(lambda: lane.is_idle)


def test_an_agent_that_is_shut_down_goes_on_after_its_last_turn(here, lane):
    team = factories.team()
    script = agents.writes(2)
    script[1] = agents.replace(script[1], think_seconds=2)
    with llm_server(*script) as server:
        agents.model(team, server)
        (run,) = queue(team, agents.task(team), 1)
        eventually(lambda: len(server.asked) == 2)
        here.keeper.ask_all("shutdown")
        lane.stop_taking()
        eventually(lambda: rows(Run)[0].state == "queued")
        here.keeper._farewell = ""
        with ThreadPoolExecutor(1) as slots:
            runs.begin([(run, 2)], "io", slots)[0].result(20)
        assert server.turns_asked() == {0: 1, 1: 2, 2: 1}
    assert (rows(Run)[0].state, rows(Run)[0].cost_micros) == ("succeeded", 300_150)


def test_a_job_that_goes_on_holds_its_slot_until_it_has_ended(settings):
    redis.attach(settings)
    going_on = []

    def begin(jobs, *_):
        new = [Future() for _ in jobs]
        going_on.extend(new)
        return new

    lane = Lane("io", 2, begin)
    queues.enqueue([("io", f"run-{number}-1") for number in range(3)])
    lane.start()
    eventually(lambda: len(going_on) == 2)
    assert queues.depth("io") == 1
    going_on[0].set_exception(RuntimeError("a job that breaks"))
    eventually(lambda: len(going_on) == 3)
    assert not lane.is_idle
    for one in going_on[1:]:
        one.set_result(None)
    eventually(lambda: lane.is_idle)
    lane.stop_taking()


def test_the_loop_cancels_what_is_left_when_it_closes():
    loop, ended = Loop(), []

    async def wait():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(threading.current_thread().name)

    started = loop.start(wait())
    loop.start(asyncio.sleep(0)).result(5)
    loop.close()
    assert started.cancelled()
    assert ended == ["loop"]


def _threads():
    """How many threads there are that are ours, without those of the scripted model."""
    return sum(not thread.name.startswith("Thread-") for thread in threading.enumerate())
