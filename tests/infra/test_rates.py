"""Rates of models in Redis, shared by all who ask."""

import threading
from dataclasses import replace

import pytest

from app.infra import rates, redis


@pytest.fixture(autouse=True)
def _redis(settings):
    redis.attach(settings)


def test_no_more_calls_a_minute_than_are_allowed_whoever_asks():
    waits: list = []

    def ask():
        for _ in range(5):
            waits.append(rates.take("m", 8, 0, 100))  # noqa: PERF401 each is asked for by itself

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(0.0) == 8
    assert all(wait == 0 or 55 < wait <= 60 for wait in waits)


def test_tokens_are_counted_and_a_call_that_is_too_large_goes_alone():
    assert rates.take("m", 0, 1000, 5000) == 0.0
    assert rates.take("m", 0, 1000, 1) > 55
    assert rates.take("other", 0, 1000, 600) == 0.0
    assert rates.take("other", 0, 1000, 400) == 0.0
    assert rates.take("other", 0, 1000, 1) > 55


def test_a_call_older_than_a_minute_counts_no_more():
    rates.take("m", 1, 0, 10)
    key = "carillon:rate:m"
    (member,) = redis.client().zrange(key, 0, -1)
    redis.client().zadd(key, {member: float(redis.client().zscore(key, member)) - 60_001})
    assert rates.take("m", 1, 0, 10) == 0.0


def test_without_redis_nothing_is_held_back(settings):
    redis.attach(replace(settings, redis_url="unix:///nonexistent/carillon.sock"))
    assert rates.take("m", 1, 0, 10) == 0.0
    assert rates.take("m", 1, 0, 10) == 0.0
