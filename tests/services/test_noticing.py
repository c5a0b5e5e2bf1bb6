"""What is worth a word though nothing failed, and what waits for people: found once, and over by itself."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models.instance import Leader, Worker
from app.models.runs import Alert, Run
from app.models.tasks import TaskVersion
from app.services import telling
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows
from tests.telling import begin
from tests.watching import Dog, alerts, change, digest


@pytest.fixture(autouse=True)
def _begun(team):
    """What was before is not looked at; a clock leads, and a worker is alive."""
    with batch() as work:
        leader = {"name": "clock", "holder": "c", "epoch": 1, "lease_until": work.now + timedelta(hours=1)}
        work.connection.execute(sa.insert(Leader).values(leader))
        worker = {"name": "w", "host": "h", "pid": 1, "io_slots": 1, "code_slots": 1, "isolation": {}}
        work.connection.execute(sa.insert(Worker).values(worker | {"started_at": work.now, "seen_at": work.now}))
        work.tell("queued", team, None)
    telling.notice()


@pytest.fixture
def task(team):
    return factories.task(team, name="digest", label="Morning digest")


@pytest.fixture
def dog():
    return Dog()


def worked(team, task, state="succeeded", behind=0, seconds=10, **more):
    """End a run that worked, `behind` its planned time, after so many seconds."""
    at = factories.ago(hours=1)
    started = at + timedelta(seconds=behind)
    times = {"planned_at": at, "started_at": started, "ended_at": started + timedelta(seconds=seconds)}
    usual = {"trigger": "schedule", "sentence": "Step Send failed."}
    run = factories.run(team, task, state, **usual | times | more)
    with batch() as work:
        work.tell(state, team, run)
    telling.notice()


def told_of(kind):
    return [(row.sentence, row.ended_at is None) for row in rows(Alert, Alert.kind == kind)]


def test_a_part_that_is_missing_is_told_until_it_is_whole_again(team, task):
    for state in ("degraded", "degraded", "succeeded"):
        worked(team, task, state)
    assert told_of("degraded") == [("Morning digest did its work without a part: Step Send failed.", False)]
    assert rows(Alert)[0].recovery == "Morning digest did all of its work again."


@pytest.mark.alike
def test_a_late_start_is_told_once_until_it_is_in_time(team, task):
    for behind in (0, 100, 200, 3, 100):
        worked(team, task, behind=behind)
    late = "Morning digest started 1 min 40 s behind its planned time."
    assert told_of("late") == [(late, False), (late, True)]


@pytest.mark.alike
def test_who_was_told_that_it_does_not_start_hears_not_that_it_was_late(team, task):
    begin(team, task)
    worked(team, task, behind=500)
    worked(team, task, behind=500, trigger="person")
    assert told_of("late") == []


@pytest.mark.alike
def test_a_run_unlike_the_others_is_told_once(team, task):
    for _ in range(21):
        worked(team, task)
    assert told_of("anomaly") == []
    for seconds in (500, 400, 10):
        worked(team, task, seconds=seconds)
    assert told_of("anomaly") == [("Morning digest took 8 min 20 s instead of 10 s.", False)]
    assert rows(Alert)[0].recovery == ""


@pytest.mark.alike
def test_a_run_close_to_its_memory_limit_is_told_until_one_stays_well_below(team):
    task = factories.task(team, name="etl", label="Load")
    with batch() as work:
        definition = {**rows(TaskVersion)[-1].definition, "limits": {"memory_bytes": 512 << 20}}
        work.connection.execute(sa.update(TaskVersion).values(definition=definition))
    for used in (300, 400, 480, 500, 430, None):  # the last but one says neither, the last was not seen
        worked(team, task, facts={"memory_bytes": used << 20} if used else {})
    [(said, is_open)] = told_of("memory_near")
    assert said.startswith("Load worked, but used 480 of its 512 MiB of memory. Raise its memory limit")
    assert is_open
    worked(team, task, facts={"memory_bytes": 100 << 20})
    [row] = rows(Alert)
    assert (row.ended_at is None, row.recovery) == (False, "Load used 100 of its 512 MiB of memory.")


@pytest.mark.alike
def test_nothing_is_noticed_twice(team, task):
    at = factories.ago(minutes=1)
    for _ in range(5):
        run = factories.run(team, task, "degraded", planned_at=at, started_at=at, ended_at=at)
        with batch() as work:
            work.tell("degraded", team, run)
    assert [telling.notice(), telling.notice()] == [5, 0]
    assert len(told_of("degraded")) == 1


# --- decisions and workers


def test_a_run_that_waits_for_a_decision_is_told_until_it_is_made(team, dog):
    run = factories.run(team, digest(team), "waiting", reason="approval", sentence="Look what it did.")
    dog.looks(2)
    assert alerts() == [(f"approval:{run}", "Digest waits for a decision. Look what it did.", True)]
    change(Run, state="queued", reason="")
    dog.looks(2)
    assert rows(Alert)[0].recovery == "Digest does not wait for a decision any more."


@pytest.mark.alike
def test_a_worker_that_vanished_is_told_until_another_comes(team, dog):
    change(Worker, seen_at=ago(seconds=20), started_at=ago(hours=1), busy=2)
    dog.looks(4)
    ((key, said, _),) = alerts()
    assert key == "worker_gone:w"
    assert said.startswith("A worker on h is gone since")
    assert said.endswith("It held 2 runs, which others go on with.")
    another = {"name": "w2", "host": "h", "pid": 2, "io_slots": 1, "code_slots": 1, "isolation": {}}
    with batch() as work:
        work.connection.execute(sa.insert(Worker).values(another | {"started_at": work.now, "seen_at": work.now}))
    dog.looks(2)
    assert not alerts()[0][2]


@pytest.mark.alike
def test_a_worker_that_said_goodbye_is_not_missed(team, dog):
    change(Worker, seen_at=ago(seconds=20), stopped_at=ago(seconds=20), started_at=ago(hours=1))
    dog.looks(6)
    assert alerts() == []
