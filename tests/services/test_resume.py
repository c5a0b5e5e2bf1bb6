"""Going on from a checkpoint: a new run of the same version, with a higher cap, once."""

from dataclasses import replace
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.models.instance import Audit
from app.models.runs import Checkpoint, Run
from app.models.tasks import Task, TaskVersion
from app.services import runs
from app.services.unit import batch
from tests import factories
from tests.factories import rows

DOLLAR = 1_000_000


@pytest.fixture
def task(team):
    settings = {"prompt": "Do it.", "cost_cap_cents": 100, "model": "", "tools": []}
    return factories.task(team, "ask", "agent", settings, label="Ask")


def ended(team, task, state="failed", reason="cost_cap", **more):
    return factories.run(team, task, state, reason=reason, ended_at=factories.ago(), cost_micros=990_000, **more)


def keep(team, run, after="Turn 1", number=1, state=()):
    with batch() as work:
        values = {"team_id": team, "run_id": run, "number": number, "token": 1, "after": after, "files": {}}
        values |= {"state": dict(state), "at": work.now}
        work.connection.execute(sa.insert(Checkpoint).values(values))


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


# --- from a chosen step, or from the start


POST = {"url": "http://127.0.0.1:9/x", "method": "POST"}
STEPS = [
    {"name": "Fetch", "engine": "http", "settings": POST | {"method": "GET"}},
    {"name": "Chart", "engine": "python", "settings": {}},
    {"name": "Send", "engine": "http", "settings": POST},
]


@pytest.fixture
def flow(team):
    """A task of three steps, of which the second was changed since."""
    task = factories.task(team, "flow", "steps", {"steps": True}, label="Flow")
    with batch() as work:
        own = sa.select(TaskVersion.definition).where(TaskVersion.task_id == task)
        definition = work.connection.execute(own).scalar_one() | {"steps": STEPS}
        work.connection.execute(sa.update(TaskVersion).where(TaskVersion.task_id == task).values(definition=definition))
    return task


def change(team, task):
    """Give the task a second version that also tells somebody first."""
    with batch() as work:
        own = sa.select(TaskVersion.definition).where(TaskVersion.task_id == task)
        told = {"name": "Tell", "engine": "http", "settings": POST | {"url": "http://127.0.0.1:9/tell"}}
        definition = work.connection.execute(own).scalar_one() | {"steps": [*STEPS, told]}
        row = {"team_id": team, "task_id": task, "number": 2, "definition": definition, "created_at": work.now}
        made = work.connection.execute(sa.insert(TaskVersion).values(row).returning(TaskVersion.id)).scalar_one()
        work.connection.execute(sa.update(Task).where(Task.id == task).values(version_id=made, version_number=2))
        return made


@pytest.fixture
def stopped(team, flow):
    """Run #1, which failed in its last step."""
    run = ended(team, flow, "failed", "http_status")
    keep(team, run, "Fetch", 1, {"result": {}})
    keep(team, run, "Chart", 2, {"result": {}})
    return run


def test_the_places_to_go_on_from_are_named_with_what_each_would_repeat(actor, stopped):
    asked = runs.resumption(actor, 1)
    assert [(point.kind, point.after, list(point.steps)) for point in asked.points] == [
        ("step", "Chart", ["Send"]), ("step", "Fetch", ["Chart", "Send"]), ("start", "", ["Fetch", "Chart", "Send"]),
    ]  # fmt: skip
    assert {tuple(point.effects) for point in asked.points} == {("Send: sends POST to 127.0.0.1:9 again",)}
    assert all(point.at for point in asked.points[:2])
    assert (asked.run.version.number, asked.present, asked.is_capped) == (1, 1, False)


def test_what_the_present_version_would_do_is_named_too(actor, team, flow, stopped):
    change(team, flow)
    asked = runs.resumption(actor, 1)
    assert asked.present == 2
    assert asked.points[0].effects[-1] == "Tell: sends POST to 127.0.0.1:9 again"


def test_it_goes_on_behind_a_chosen_step_with_either_version(actor, team, flow, stopped):
    old = newest()
    second = change(team, flow)
    assert runs.resume(actor, 1, kind="step", after="Fetch") == 2
    assert (newest().resumes_id, newest().resumes_after, newest().version_id) == (stopped, "Fetch", old.version_id)
    assert runs.resume(actor, 1, kind="step", after="Fetch", version="present") == 3
    assert (newest().resumes_after, newest().version_id) == ("Fetch", second)
    assert runs.resume(actor, 1) == 4
    assert (newest().resumes_after, newest().version_id) == ("", old.version_id)
    assert [runs.resume(actor, 1, kind="step", after="Fetch") for _ in range(2)] == [2, 2]
    assert runs.find(actor, 1).way.went_on == 4


def test_from_the_start_it_is_a_run_like_any_other(actor, team, flow, stopped):
    second = change(team, flow)
    assert runs.resume(actor, 1, kind="start", version="present") == 2
    assert (newest().resumes_id, newest().version_id) == (None, second)
    assert runs.resume(actor, 1, kind="start") == 3
    assert newest().version_id != second


def test_a_run_that_worked_goes_on_from_a_step_that_is_chosen_and_only_from_there(actor, team, flow):
    keep(team, ended(team, flow, "succeeded", "ok"), "Fetch", 1, {"result": {}})
    with pytest.raises(Conflict, match="nothing to go on from"):
        runs.resume(actor, 1)
    assert runs.resume(actor, 1, kind="step", after="Fetch") == 2


def test_only_what_is_whole_can_be_chosen(actor, team, task):
    run = ended(team, task, "failed", "model_away")
    for number, state in enumerate(({}, {"said": 2}, {"said": 3}), start=1):
        keep(team, run, f"Turn {number}", number, state)
    assert [point.after for point in runs.resumption(actor, 1).points] == ["Turn 3", "Turn 2", ""]
    with pytest.raises(Conflict, match="keeps no checkpoint after Turn 1"):
        runs.resume(actor, 1, kind="step", after="Turn 1")


def test_nonsense_is_refused_in_words(actor, stopped):
    for more, field in (({"kind": "middle"}, "place"), ({"kind": "step"}, "place"), ({"version": "other"}, "version")):
        with pytest.raises(Invalid) as refused:
            runs.resume(actor, 1, **more)
        assert list(refused.value.fields) == [field]
    assert len(rows(Run)) == 1


def test_a_run_that_goes_is_asked_nothing(actor, team, flow):
    factories.run(team, flow, "running")
    for ask in (runs.resumption, lambda actor, number: runs.resume(actor, number, kind="start")):
        with pytest.raises(Conflict, match="not ended yet"):
            ask(actor, 1)
    with pytest.raises(NotFound):
        runs.resumption(factories.owner(factories.team("elsewhere")), 1)
