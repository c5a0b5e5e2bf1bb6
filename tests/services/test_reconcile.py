"""What was lost is found again: leases, queue entries, calls, next times."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.infra import queues, redis
from app.models.instance import Audit
from app.models.runs import Attempt, Run
from app.models.tasks import Schedule
from app.services import dispatch
from app.services.execution import claims, reconcile
from app.services.execution.reconcile import Reconciler
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows


class Stopwatch:
    """A monotonic clock that goes on only when told to."""

    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def stopwatch():
    return Stopwatch()


@pytest.fixture
def reconciler(stopwatch):
    return Reconciler(unseen_seconds=7.0, requeue_seconds=10.0, every_seconds=2.0, monotonic=stopwatch)


@pytest.fixture
def task(team):
    return factories.task(team)


def held(team, task, lease=timedelta(seconds=-1)):
    run = factories.run(team, task)
    with batch() as work:
        claims.claim(work, [(run, 1)], "one", lease)
    return run


def looks(reconciler, stopwatch, count):
    lost = 0
    for _ in range(count):
        lost += reconciler.lose_vanished()
        stopwatch.seconds += 2
    return lost


def test_a_dead_workers_run_is_queued_again_after_seven_seconds_unseen(team, task, reconciler, stopwatch):
    run = held(team, task)
    assert looks(reconciler, stopwatch, 4) == 0
    assert looks(reconciler, stopwatch, 1) == 1
    (row,) = rows(Run)
    assert (row.state, row.attempt, row.reason) == ("queued", 2, "lost")
    assert queues.waiting("io") == {queues.job_id(run, 2)}


def test_a_lease_that_is_renewed_is_never_given_up(team, task, reconciler, stopwatch):
    held(team, task)
    for _ in range(12):
        assert reconciler.lose_vanished() == 0
        stopwatch.seconds += 2
        with batch() as work:
            work.connection.execute(sa.update(Run).values(lease_until=work.now - timedelta(seconds=1)))


def test_a_lease_that_still_runs_is_never_given_up(team, task, reconciler, stopwatch):
    held(team, task, timedelta(minutes=5))
    assert looks(reconciler, stopwatch, 20) == 0


def test_a_machine_that_stood_still_loses_nothing_when_it_goes_on(team, task, reconciler, stopwatch):
    held(team, task)
    reconciler.lose_vanished()
    stopwatch.seconds += 300  # everything was stopped: this process too saw nothing in that time
    assert reconciler.lose_vanished() == 0
    assert [row.state for row in rows(Attempt)] == ["running"]


def test_a_commit_without_its_enqueue_is_enqueued_once_it_is_old_enough(team, task, reconciler):
    reconciler.requeue()
    run = factories.run(team, task, queued_at=ago(seconds=9))
    reconciler.requeue()
    assert queues.depth("io") == 0
    with batch() as work:
        work.connection.execute(sa.update(Run).values(queued_at=ago(seconds=11)))
    reconciler.requeue()
    assert queues.waiting("io") == {queues.job_id(run, 1)}


def test_what_was_queued_while_redis_was_away_goes_as_soon_as_it_is_back(team, task, reconciler, settings):
    reconciler.look()
    redis._address[:] = ["unix:///nonexistent/redis.sock"]
    run = factories.run(team, task)
    reconciler.look()
    redis.attach(settings)
    reconciler.look()
    assert queues.waiting("io") == {queues.job_id(run, 1)}


def test_a_wiped_redis_is_rebuilt_from_sql_and_told_in_the_audit(team, task, reconciler):
    reconciler.requeue()
    runs = [factories.run(team, task) for _ in range(100)]
    queues.enqueue(("io", queues.job_id(run, 1)) for run in runs)
    redis.client().flushall()
    reconciler.requeue()
    assert queues.waiting("io") == {queues.job_id(run, 1) for run in runs}
    assert [entry.action for entry in rows(Audit)] == ["redis_rebuilt"]


def test_a_run_redis_knows_is_not_queued_twice(team, task, reconciler):
    reconciler.requeue()
    run = factories.run(team, task, queued_at=ago(seconds=60))
    queues.enqueue([("io", queues.job_id(run, 1))])
    reconciler.requeue()
    assert queues.depth("io") == 1


def test_a_schedule_without_a_next_time_gets_one(team, task):
    schedule = factories.schedule(team, task, "1h", since=ago(seconds=5))
    with batch() as work:
        work.connection.execute(sa.update(Schedule).values(next_fire_at=None))
    reconcile.rearm()
    dispatch.fire_due(dispatch.lead("clock", "first", timedelta(seconds=10)), timedelta(seconds=10))
    (row,) = rows(Schedule, Schedule.id == schedule)
    assert row.next_fire_at == row.anchor_at + timedelta(hours=1)
    assert [entry.action for entry in rows(Audit)] == ["schedule_rearmed"]


def test_what_waits_for_a_run_that_is_gone_is_queued(team):
    task = factories.task(team, name="line", overlap="queue_one")
    waiting = factories.run(team, task, "waiting", reason="overlap")
    reconcile.release_overlaps()
    assert [row.state for row in rows(Run, Run.id == waiting)] == ["queued"]
