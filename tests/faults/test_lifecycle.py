"""Work that crashes every time, targets that stay away, failures in a row (PROMISES E4, E11, O4)."""

import time

import pytest
import sqlalchemy as sa

from app.infra import queues
from app.models.runs import Alert, Attempt, Run
from app.models.tasks import Schedule, Task
from app.models.teams import Breaker
from app.services.unit import batch
from tests import factories, servers
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, queue, states
from tests.processes import eventually

pytestmark = pytest.mark.fault

POISON = {
    "os._exit": ("import os; os._exit(9)", "exit_code", "failures"),
    "SIGSEGV": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crash", "crashes"),
    "memory": ("held = []\nwhile True: held.append(bytearray(32 << 20))", "memory", "crashes"),
}


@pytest.mark.parametrize("how", [pytest.param("SIGSEGV", marks=pytest.mark.always), "os._exit", "memory"])
def test_e4_code_that_dies_every_time_ends_after_its_tries_and_is_set_aside(house, seen, how):
    since = ago(seconds=1)
    code, reason, why = POISON[how]
    tries = {"retries": 1, "crash_retries": 1, "retry_delay_seconds": 0.1, "pause_after": 2, "quarantine_after": 2}
    task = factories.task(house.team, "poison", "python", {"code": code}, label="Poison", **tries)
    factories.schedule(house.team, task, "1h")
    house.spawn("clock")
    house.spawn("worker")
    for _ in range(2):
        run = factories.run(house.team, task, lane="code")
        queues.enqueue([("code", queues.job_id(run, 1))])
        (ended,) = all_ended([run])
        assert (ended.state, ended.reason, len(rows(Attempt, Attempt.run_id == run))) == ("failed", reason, 2)
    (aside,) = rows(Task)
    assert (aside.paused_for, bool(aside.paused_at)) == (why, True)
    assert [row.state for row in rows(Schedule)] == ["paused"]
    failing, paused = rows(Alert, Alert.task_id == task)
    assert (failing.kind, paused.kind) == ("failing", "paused")
    assert "Poison failed 2 times in a row and is paused" in paused.sentence
    seen(f"2 of 2 attempts each, then failed ({reason}); after 2 runs set aside, told once")
    assert_promises_kept(since)


def test_e4_a_run_that_takes_its_worker_with_it_ends_after_its_tries(house, probe, seen):
    since = ago(seconds=1)
    house.spawn("clock")
    (run,) = queue(house.team, probe("/delay/20", crash_retries=1, quarantine_after=1))
    for _ in range(2):
        worker = house.spawn("worker")
        eventually(lambda: states([run])[run] == "running")
        house.kill(worker)
        eventually(lambda: states([run])[run] != "running")
    (ended,) = all_ended([run])
    assert (ended.state, ended.reason) == ("failed", "lost")
    assert [row.paused_for for row in rows(Task)] == ["crashes"]
    seen("2 workers killed, 2 attempts lost, then failed (lost) and set aside")
    assert_promises_kept(since)


def time_passes():
    """Let the pause of every breaker be over, and with it the wait of every run."""
    with batch() as work:
        work.connection.execute(sa.update(Breaker).values(open_until=work.now))
        work.connection.execute(sa.update(Run).where(Run.not_before.is_not(None)).values(not_before=work.now))
        work.wake_clock()


def is_settled(asked, server):
    """Whether the server was asked so often and no run is about to ask."""
    return len(server.requests) == asked and not {"queued", "running"} & set(states().values())


@pytest.mark.always
def test_e11_a_target_that_stays_away_is_left_alone_and_one_run_tries_it(house, probe, server, seen, monkeypatch):
    since = ago(seconds=1)
    house.spawn("clock")
    house.spawn("worker")
    quiet = {"alert_after": 0, "pause_after": 0}
    queue(house.team, probe("/status/503", "once", retries=0, **quiet), 5)
    eventually(lambda: is_settled(5, server))
    held = queue(house.team, probe("/status/503", "again", retries=1, retry_delay_seconds=0.1, **quiet), 8)
    eventually(lambda: set(states(held).values()) == {"waiting"})
    assert [(row.reason, row.attempt) for row in rows(Run, Run.id.in_(held))] == [("breaker", 0)] * 8
    time_passes()
    eventually(lambda: [row.opened for row in rows(Breaker)] == [2] and is_settled(6, server))
    time.sleep(0.5)
    assert is_settled(6, server)
    monkeypatch.setattr(servers._Handler, "on_status", lambda self, _: self.reply(204))
    time_passes()
    assert {row.state for row in all_ended(held)} == {"succeeded"}
    assert len(server.requests) == 5 + 1 + 8
    attempts = rows(Attempt, Attempt.run_id.in_(held))
    assert sorted(row.state for row in attempts) == ["failed", *["succeeded"] * 8]
    (alert,) = rows(Alert)
    assert alert.ended_at
    seen("5 failures opened it, 8 runs waited without a try, 1 probed while it was away, all 8 worked when it was back")
    assert_promises_kept(since)


def test_o4_failures_in_a_row_are_one_alert_and_one_recovery(house, probe, server, seen, monkeypatch):
    since = ago(seconds=1)
    house.spawn("worker")
    task = probe("/status/404", alert_after=2)
    for _ in range(2 + 3):
        all_ended(queue(house.team, task))
    (alert,) = rows(Alert)
    assert alert.ended_at is None
    monkeypatch.setattr(servers._Handler, "on_status", lambda self, _: self.reply(204))
    all_ended(queue(house.team, task))
    (alert,) = rows(Alert)
    assert alert.recovery == "probe works again after 5 failures in a row."
    seen("5 failures with alerts after 2, then success: 1 alert, 1 recovery")
    assert_promises_kept(since)
