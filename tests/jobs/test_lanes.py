"""A lane: never more at once than it has slots, nothing taken that it can't start, nothing lost when it closes."""

import threading
import time

import pytest

from app.infra import queues, redis
from jobs.lanes import Lane, on_thread
from tests.processes import eventually


class Work:
    """Jobs that go on until they are let go; it counts how many go at once."""

    def __init__(self):
        self.going, self.most, self.done = 0, 0, []
        self.gate, self._lock = threading.Event(), threading.Lock()

    def __call__(self, job):
        with self._lock:
            self.going += 1
            self.most = max(self.most, self.going)
        self.gate.wait(10)
        with self._lock:
            self.going -= 1
            self.done.append(job)
        if job.endswith("-13"):
            raise RuntimeError("a job that breaks")


@pytest.fixture
def work():
    work = Work()
    yield work
    work.gate.set()


@pytest.fixture
def lane(settings, work):
    redis.attach(settings)
    lane = Lane("io", 3, on_thread(work))
    yield lane
    lane.stop_taking()
    work.gate.set()
    if lane._feeder.ident:  # it may wait for a job still, and would take the first of the next test
        redis.client().client_kill_filter(_type="normal", skipme=True)
        lane._feeder.join(10)


def put(count, start=1):
    jobs = [f"run-{number}-1" for number in range(start, start + count)]
    queues.enqueue([("io", job) for job in jobs])
    return jobs


def test_it_takes_no_more_than_it_has_slots(lane, work):
    jobs = put(8)
    lane.start()
    eventually(lambda: work.going == 3)
    time.sleep(0.1)
    assert queues.depth("io") == 5
    work.gate.set()
    eventually(lambda: sorted(work.done) == sorted(jobs))
    assert work.most == 3


def test_a_job_that_breaks_gives_its_slot_back(lane, work):
    work.gate.set()
    lane.start()
    queues.enqueue([("io", f"run-{number}-13") for number in range(5)])
    jobs = put(3, start=100)
    eventually(lambda: set(jobs) <= set(work.done))


def test_what_comes_while_it_closes_stays_in_the_queue(lane, work):
    lane.start()
    time.sleep(0.1)
    lane.stop_taking()
    jobs = put(1)
    time.sleep(0.3)
    assert work.done == []
    assert queues.waiting("io") == set(jobs)


def test_it_goes_on_when_redis_is_back(lane, work):
    work.gate.set()
    lane.start()
    time.sleep(0.1)
    redis.client().client_kill_filter(_type="normal", skipme=True)
    jobs = put(2)
    eventually(lambda: sorted(work.done) == sorted(jobs))


def test_nonsense_in_the_queue_does_not_end_it(lane, work):
    work.gate.set()
    redis.client().rpush("rq:queue:io", b"\xff\xfe")
    lane.start()
    jobs = put(2)
    eventually(lambda: sorted(work.done) == sorted(jobs))


def test_it_is_busy_from_the_moment_a_job_is_taken(lane, work):
    assert lane.is_idle
    put(1)
    lane.start()
    eventually(lambda: work.going == 1)
    assert not lane.is_idle
    work.gate.set()
    eventually(lambda: lane.is_idle)
