"""Going on from a checkpoint: a new run of the same version, with a higher cap, once."""

from dataclasses import replace
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.models.instance import Audit
from app.models.runs import Checkpoint, Run
from app.models.tasks import Task
from app.services import runs
from app.services.unit import batch
from tests import factories
from tests.factories import rows

DOLLAR = 1_000_000


@pytest.fixture
def team(app):
    with app.app_context():
        yield factories.team()


@pytest.fixture
def actor(team):
    return factories.owner(team)


@pytest.fixture
def task(team):
    settings = {"prompt": "Do it.", "cost_cap_cents": 100, "model": "", "tools": []}
    return factories.task(team, "ask", "agent", settings, label="Ask")


def ended(team, task, state="failed", reason="cost_cap", **more):
    return factories.run(team, task, state, reason=reason, ended_at=factories.ago(), cost_micros=990_000, **more)


def keep(team, run, after="Turn 1"):
    with batch() as work:
        values = {"team_id": team, "run_id": run, "number": 1, "token": 1, "after": after, "state": {}, "files": {}}
        work.connection.execute(sa.insert(Checkpoint).values(values | {"at": work.now}))


@pytest.fixture
def capped(team, task):
    """Run #1, stopped at its cap after a turn."""
    run = ended(team, task)
    keep(team, run)
    return run


def newest():
    return rows(Run)[-1]


def test_a_raised_cap_makes_a_new_run_of_the_same_version_that_goes_on_from_the_old(actor, capped):
    old = newest()
    assert runs.resume(actor, 1, DOLLAR) == 2
    new = newest()
    assert (new.number, new.state, new.trigger, new.lane) == (2, "queued", "person", "io")
    assert (new.resumes_id, new.version_id) == (old.id, old.version_id)
    assert new.cost_cap_micros == 2 * DOLLAR
    assert new.requested_by_id == actor.person_id


def test_each_raise_adds_to_the_last(actor, team, task, capped):
    runs.resume(actor, 1, DOLLAR)
    with batch() as work:
        work.connection.execute(
            sa.update(Run).where(Run.number == 2).values(state="failed", reason="cost_cap", ended_at=work.now)
        )
    assert runs.resume(actor, 2, DOLLAR // 2) == 3
    assert newest().cost_cap_micros == DOLLAR * 5 // 2


def test_asked_twice_it_is_one_run(actor, capped):
    assert [runs.resume(actor, 1, DOLLAR) for _ in range(3)] == [2, 2, 2]
    assert len(rows(Run)) == 2


def test_asked_by_many_at_the_same_moment_it_is_one_run(app, actor, capped):
    together, numbers = Barrier(6), []

    def press():
        with app.app_context():
            together.wait()
            numbers.append(runs.resume(actor, 1, DOLLAR))

    threads = [Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(Run)) == 2
    assert set(numbers) == {newest().number}


def test_at_the_cap_nothing_goes_on_without_a_raise(actor, capped):
    for amount in (0, -DOLLAR, runs.HIGHEST_CAP_MICROS):
        with pytest.raises(Invalid) as refused:
            runs.resume(actor, 1, amount)
        assert list(refused.value.fields) == ["raise"]
    assert len(rows(Run)) == 1


def test_other_ends_go_on_without_one(actor, team, task):
    for state, reason in (("failed", "model_away"), ("cancelled", "person"), ("timed_out", "timeout")):
        keep(team, ended(team, task, state, reason))
        assert runs.resume(actor, newest().number) == newest().number
        assert newest().cost_cap_micros is None


def test_a_run_that_came_to_no_checkpoint_of_its_own_goes_on_from_where_it_began(actor, team, task, capped):
    ended(team, task, "failed", "model_away", resumes_id=capped)
    assert runs.resume(actor, 2) == 3
    assert newest().resumes_id == rows(Run)[1].id
    assert runs.find(actor, 3).way.came_from == 2
    assert runs.find(actor, 3).way.earlier_micros == 2 * 990_000


def test_what_can_not_go_on_says_so(actor, team, task, capped):
    ended(team, task, "failed", "model_away")
    keep(team, ended(team, task, "succeeded", "ok"))
    keep(team, factories.run(team, task, "running"))
    for number, sentence in ((2, "nothing to go on from"), (3, "nothing to go on from"), (4, "not ended yet")):
        with pytest.raises(Conflict, match=sentence):
            runs.resume(actor, number, DOLLAR)
    with batch() as work:
        work.connection.execute(sa.update(Task).values(deleted_at=work.now))
    with pytest.raises(Conflict, match="was deleted"):
        runs.resume(actor, 1, DOLLAR)


def test_a_runner_goes_on_but_raises_no_cap(actor, team, task, capped):
    runner = replace(actor, role="runner")
    with pytest.raises(Forbidden):
        runs.resume(runner, 1, DOLLAR)
    keep(team, ended(team, task, "failed", "model_away"))
    assert runs.resume(runner, 2) == 3


def test_another_teams_run_is_not_there(capped):
    stranger = factories.owner(factories.team("elsewhere"))
    with pytest.raises(NotFound):
        runs.resume(stranger, 1, DOLLAR)


def test_who_let_it_go_on_is_on_record_and_both_pages_know(actor, capped):
    runs.resume(actor, 1, DOLLAR)
    (entry,) = [row for row in rows(Audit) if row.action == "run_asked_for"]
    assert entry.person_id == actor.person_id
    assert entry.object == "#2 Ask"
    assert entry.data["cost_cap_micros"] == 2 * DOLLAR
    old, new = runs.find(actor, 1).way, runs.find(actor, 2).way
    assert (old.went_on, old.can_go_on, list(old.saved)) == (2, True, ["Turn 1"])
    assert (new.came_from, new.can_go_on, new.earlier_micros) == (1, False, 990_000)
