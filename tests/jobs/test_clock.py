"""The clock: it sleeps until the very instant, hears that a schedule became the earliest, and keeps periodic jobs."""

import threading
import time

import pytest

from app.infra import queues, redis
from jobs.clock import Clock
from jobs.recurring import TABLE
from tests import factories


@pytest.fixture
def clock(app, settings):
    with app.app_context():
        yield Clock(settings)


def test_it_wakes_at_the_instant_and_not_a_tenth_later(clock):
    clock._sleep(0)  # subscribes
    began = time.monotonic()
    clock._heard(0.001)
    clock._sleep(0.333)
    assert 0.333 <= time.monotonic() - began < 0.4


def test_it_looks_again_when_a_schedule_became_the_earliest(clock):
    clock._heard(0.01)
    threading.Timer(0.1, redis.tell, [redis.CLOCK, "look"]).start()
    began = time.monotonic()
    clock._sleep(5)
    assert time.monotonic() - began < 2


def test_it_knows_how_long_nothing_will_be_due(clock):
    team = factories.team()
    factories.schedule(team, factories.task(team), "3s")
    assert 2 < clock._round() <= 3
    factories.schedule(team, factories.task(team, name="later"), "1h")
    assert clock._round() <= 3


def test_periodic_jobs_are_armed_once_and_again_when_redis_lost_them(clock):
    clock._ring()
    assert clock.count() == len(TABLE)
    clock._rearmed_at = 0.0
    clock._ring()
    assert clock.count() == len(TABLE)
    redis.client().flushall()
    clock._rearmed_at = 0.0
    clock._ring()
    assert {job.id for job in clock.get_jobs()} == {entry.id for entry in TABLE}


def test_a_periodic_job_that_is_due_goes_to_upkeep_and_stays_armed(clock):
    clock._ring()
    redis.client().zadd(clock.scheduled_jobs_key, {TABLE[0].id: 1})
    clock._ring()
    assert queues.waiting(queues.UPKEEP) == {TABLE[0].id}
    assert clock.count() == len(TABLE)


def test_one_bad_entry_does_not_stop_the_others(clock):
    clock._ring()
    redis.client().zadd(clock.scheduled_jobs_key, {entry.id: 1 for entry in TABLE})
    redis.client().hset(f"rq:job:{TABLE[0].id}", "origin", "")
    redis.client().hset(f"rq:job:{TABLE[0].id}", "meta", "nonsense")
    clock._ring()
    assert TABLE[1].id in queues.waiting(queues.UPKEEP)


def test_nonsense_among_the_entries_does_not_end_the_clock(clock):
    clock._ring()
    redis.client().zadd(clock.scheduled_jobs_key, {b"\xff": 1})
    clock._ring()


def test_a_second_clock_does_not_lead(clock, settings):
    team = factories.team()
    factories.schedule(team, factories.task(team), "1s")
    clock._round()
    before = len(factories.rows(factories.Run))
    second = Clock(settings)
    time.sleep(1.1)
    second._round()
    assert len(factories.rows(factories.Run)) == before
    clock._round()
    assert len(factories.rows(factories.Run)) > before
