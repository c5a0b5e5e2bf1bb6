"""Stopping an agent: now, wherever it is, or after the turn it is in; a thousand that wait cost no threads."""

import asyncio
import threading
import time

import pytest

from app.engines.agent import engine
from app.engines.base import Cancellation, CheckpointReached, LogWritten
from app.infra import fetch, llm, sandbox
from app.settings import Settings
from tests.agents import Ran, begin, choice, elsewhere, request, turns
from tests.llm_server import Fault, Says, llm_server
from tests.processes import eventually
from tests.sandboxes import gone
from tests.servers import silent_server


@pytest.fixture(autouse=True)
def _loopback_is_allowed(tmp_path):
    fetch.configure(Settings(data_dir=tmp_path, allow_hosts=("127.0.0.1", "localhost")))
    llm.load()
    yield
    fetch.configure(Settings(data_dir=tmp_path))


def stopped(asked, until, mode="now"):
    """Let it work, ask it to stop once `until` is true; returns what it showed and how long it took to end."""
    ran, cancellation = Ran(asked.workspace), Cancellation()
    thread = begin(asked, ran, cancellation)
    eventually(lambda: until(ran))
    began = time.monotonic()
    cancellation.ask("person", mode)
    thread.join(15)
    assert not thread.is_alive()
    return ran, time.monotonic() - began


@pytest.mark.parametrize(
    "says",
    [Says("x", faults=(Fault("silent"),)), Says("x", think_seconds=30), Says("word " * 100, pause_seconds=0.3)],
)
def test_it_stops_at_once_while_the_model_thinks_or_speaks(says, tmp_path):
    with llm_server(says) as server:
        ran, seconds = stopped(request(tmp_path, choice(server)), lambda _: server.asked)
    assert (ran.outcome.state, ran.outcome.reason) == ("cancelled", "person")
    assert seconds < 2


def test_it_stops_at_once_while_a_page_is_read(tmp_path):
    with silent_server() as (port, accepted), llm_server() as server:
        server.script.turns.append(Says("", (("http_get", {"url": f"http://127.0.0.1:{port}/"}),)))
        ran, seconds = stopped(request(tmp_path, choice(server), {"tools": ["http_get"]}), lambda _: accepted)
    assert ran.outcome.state == "cancelled"
    assert seconds < 2


@pytest.mark.sandbox
def test_it_stops_at_once_while_a_program_runs_and_nothing_of_it_is_left(tmp_path):
    sandbox.start(Settings(data_dir=tmp_path))
    script = "trap '' TERM; echo begun; sleep 60"
    with llm_server(Says("", (("shell", {"script": script}),))) as server:
        asked = request(
            tmp_path, choice(server), {"tools": ["shell"], "env": {"MARK_OF_TEST": "stop"}}, min_isolation=1
        )
        ran, seconds = stopped(asked, lambda ran: "begun" in ran.lines)
    assert ran.outcome.state == "cancelled"
    assert seconds < 3
    assert gone("MARK_OF_TEST=stop")
    sandbox.stop()


def test_after_the_step_means_after_the_turn_whose_checkpoint_is_kept(tmp_path):
    read = Says("Reading. ", (("list_files", {}),), pause_seconds=0.5)
    with llm_server(read) as server:
        ran, _ = stopped(request(tmp_path, choice(server)), lambda ran: server.asked, mode="after_step")
        assert len(server.asked) == 1
    assert (ran.outcome.state, ran.outcome.reason) == ("cancelled", "person")
    assert list(turns(ran)) == ["Turn 1"]
    assert [one.after for one in ran.of(CheckpointReached)] == ["Turn 1"]


def test_fifty_that_wait_share_one_loop_and_no_threads(tmp_path):
    with llm_server(Says("", (("list_files", {}),)), Says("Done.")) as server:
        server.gate.clear()
        asked = [request(tmp_path, choice(server), number=number) for number in range(50)]
        shown = [Ran(one.workspace) for one in asked]
        counts = []

        async def all_of_them():
            tasks = [
                asyncio.ensure_future(engine.run_async(one, ran.emit, Cancellation()))
                for one, ran in zip(asked, shown, strict=True)
            ]
            await asyncio.to_thread(eventually, lambda: server.waiting == 50)
            counts.append(_ours())
            server.gate.set()
            return await asyncio.gather(*tasks)

        outcomes = elsewhere(lambda: asyncio.run(all_of_them()))
    assert {outcome.state for outcome in outcomes} == {"succeeded"}
    assert counts[0] < 50
    assert all(ran.of(LogWritten) for ran in shown)


def _ours():
    """How many threads work for agents: those of the loop and of its executors."""
    return sum(thread.name.startswith(("asyncio", "agent", "loop")) for thread in threading.enumerate())
