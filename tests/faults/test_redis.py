"""Redis wiped, and Redis away (PROMISES I1, I2)."""

import time

import pytest

from app.infra import redis
from app.models.instance import Audit
from app.models.runs import Attempt
from tests import factories
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, queue, states
from tests.processes import eventually

pytestmark = pytest.mark.fault


def test_i1_a_wiped_redis_loses_no_run_and_doubles_none(house, probe, server, seen):
    house.spawn("clock")
    house.spawn("worker", CARILLON_IO_SLOTS="3")
    ids = queue(house.team, probe("/delay/0.4"), 60)
    eventually(lambda: list(states(ids).values()).count("running") == 3 and redis.client().get(redis.EPOCH))
    redis.client().flushall()
    wiped_at = time.monotonic()
    done = sum(state == "succeeded" for state in states(ids).values())
    eventually(lambda: sum(state == "succeeded" for state in states(ids).values()) > done + 3)
    resumed_after = time.monotonic() - wiped_at
    assert resumed_after < 10
    ended = all_ended(ids, seconds=30)
    assert {run.state for run in ended} == {"succeeded"}
    assert len(rows(Attempt)) == len(server.requests) == 60
    assert [entry.action for entry in rows(Audit)] == ["redis_rebuilt"]
    seen(f"work went on {resumed_after:.1f} s later; 60 runs, 60 attempts")


@pytest.mark.always
def test_i2_while_redis_is_away_runs_are_planned_and_start_when_it_is_back(house, probe, seen):
    since = ago(seconds=1)
    clock, worker = house.spawn("clock"), house.spawn("worker")
    factories.schedule(house.team, probe(), "1s", overlap="allow")
    eventually(lambda: "succeeded" in states().values())
    house.kill_redis()
    planned = len(states())
    eventually(lambda: len(states()) >= planned + 3)
    assert clock.poll() is None
    assert worker.poll() is None
    house.start_redis(persists=False)
    back_at = time.monotonic()
    eventually(lambda: list(states().values()).count("queued") <= 1)
    caught_up_after = time.monotonic() - back_at
    assert caught_up_after < 10
    house.end(clock)
    ended = all_ended()
    assert {run.state for run in ended} == {"succeeded"}
    assert len(rows(Attempt)) == len(ended)
    seen(f"planned meanwhile, caught up {caught_up_after:.1f} s after it was back")
    assert_promises_kept(since)
