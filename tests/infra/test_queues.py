"""The queue: deterministic ids, only our functions, only JSON, and nothing taken is lost."""

import os
import pickle
import threading

import pytest
from rq.exceptions import NoSuchJobError
from rq.job import Job

from app.infra import queues, redis


@pytest.fixture
def client(settings):
    redis.attach(settings)
    return redis.client()


def test_what_is_put_in_twice_by_two_is_taken_as_the_same_job(client):
    queues.enqueue([("io", "run-1-1"), ("code", "run-2-1")])
    queues.enqueue([("io", "run-1-1")])
    assert queues.take(client, "io", 10, 1) == (["run-1-1", "run-1-1"], False)
    assert queues.waiting("code") == {"run-2-1"}


def test_what_is_taken_and_forgotten_leaves_nothing_behind(client):
    queues.enqueue([("io", f"run-{number}-1") for number in range(5)])
    taken, has_more = queues.take(client, "io", 3, 1)
    assert has_more
    assert taken == ["run-0-1", "run-1-1", "run-2-1"]
    queues.forget(client, "io", taken)
    assert len(client.keys("rq:job:*")) == 2


def test_who_waits_is_woken_by_what_comes(client):
    taken = []
    waiter = threading.Thread(target=lambda: taken.extend(queues.take(redis.blocking_client(), "io", 2, 5)[0]))
    waiter.start()
    queues.enqueue([("io", "run-9-1")])
    waiter.join(5)
    assert taken == ["run-9-1"]


def test_an_empty_queue_gives_nothing_after_its_time(client):
    assert queues.take(client, "io", 5, 1) == ([], False)


def test_what_is_put_back_is_taken_first(client):
    queues.enqueue([("io", "run-1-1"), ("io", "run-2-1"), ("io", "run-3-1")])
    taken, has_more = queues.take(client, "io", 2, 1)
    assert has_more
    queues.put_back("io", taken)
    assert queues.take(client, "io", 5, 1)[0] == ["run-1-1", "run-2-1", "run-3-1"]


def plant(client, id_, data, **more):
    client.hset(f"rq:job:{id_}", mapping={"data": data, "created_at": "2026-11-24T09:00:00.000000Z", **more})


def test_a_planted_job_that_names_another_function_is_refused(client, tmp_path):
    victim = tmp_path / "victim"
    plant(client, "planted", queues.SafeJob.create("os.system", args=[f"touch {victim}"], connection=client).data)
    with pytest.raises(ValueError, match="not allowed"):
        queues.SafeJob.fetch("planted", connection=client).func()
    assert not victim.exists()


def test_a_planted_pickle_is_never_opened(client, tmp_path):
    victim = tmp_path / "victim"

    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {victim}",)

    plant(client, "bomb", pickle.dumps((queues.PRUNE, None, [Bomb()], {})))
    job = queues.SafeJob.fetch("bomb", connection=client)
    with pytest.raises(Exception):  # noqa: B017 whatever RQ makes of nonsense
        job.func(*job.args)
    assert not victim.exists()


def test_a_job_that_is_gone_is_told(client):
    with pytest.raises(NoSuchJobError):
        queues.SafeJob.fetch("nothing", connection=client)


@pytest.mark.parametrize("text", ["run-1", "run-x-1", "job-1-1", "run-1-1-1", ""])
def test_an_id_that_is_not_a_runs_is_none(text):
    assert queues.parse(text) is None


def test_ids_are_the_same_for_the_same_attempt_and_fit_rq(client):
    assert queues.parse(queues.job_id(7, 2)) == (7, 2)
    assert Job.key_for(queues.job_id(7, 2)) == "rq:job:run-7-2"
