"""Suggestions from what tasks did: found, applied as a version, undone, dismissed, and measured two weeks later."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict, NotFound
from app.infra import database
from app.models.instance import Audit, Worker
from app.models.planning import Suggestion
from app.models.runs import Attempt, Run
from app.models.tasks import Schedule, Task, TaskVersion
from app.models.teams import Model, Pool
from app.services import tasks
from app.services.planning import loads, suggestions
from app.services.tasks import suggested
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows


@pytest.fixture
def actor(team):
    return factories.owner(team)


def ran(team, task_id, count, state="succeeded", seconds=5.0, error_class="", since_days=10, **values):
    """So many runs that have ended, an hour between them."""
    start = ago(days=since_days)
    with batch() as work:
        version = sa.select(Task.version_id).where(Task.id == task_id).scalar_subquery()
        number = work.connection.execute(sa.select(sa.func.coalesce(sa.func.max(Run.number), 0))).scalar_one()
        row = {"team_id": team, "task_id": task_id, "version_id": version, "trigger": "schedule", "lane": "io",
               "state": state, "facts": {}, "attempt": 1}  # fmt: skip
        for index in range(count):
            at = start + timedelta(minutes=index)
            own = {"number": number + 1 + index, "key": f"k{number + 1 + index}", "planned_at": at, "queued_at": at}
            if state != "skipped":
                began = at + timedelta(seconds=values.get("wait", 0))
                own |= {"started_at": began, "ended_at": began + timedelta(seconds=seconds)}
            more = {name: value for name, value in values.items() if name != "wait"}
            run_id = work.connection.execute(sa.insert(Run).values(row | own | more).returning(Run.id)).scalar_one()
            if error_class:
                attempt = {"run_id": run_id, "number": 1, "token": 1, "state": "failed", "error_class": error_class,
                           "worker": "w", "isolation": {}, "started_at": at}  # fmt: skip
                work.connection.execute(sa.insert(Attempt).values(attempt))


@pytest.fixture
def flaky(app, team):
    """A task that fails now and then and never tries again."""
    with app.app_context():
        task_id = factories.task(team, "flaky", retries=0)
        ran(team, task_id, 20)
        ran(team, task_id, 4, "failed", error_class="transient", since_days=5)
        return task_id


def policy():
    newest = rows(TaskVersion)[-1]
    return newest.definition["policy"]


def one():
    return rows(Suggestion)[-1]


def test_one_is_found_applied_and_undone(actor, flaky):
    assert suggestions.find() == 1
    assert one().sentence.startswith("Try again up to 2 times: 4 of its last 24 runs failed in a way that may pass")
    task = suggested.apply(actor, one().id)
    assert (policy()["retries"], task.version_number) == (2, 2)
    assert (one().state, one().version, one().decided_by_id) == ("applied", 2, actor.person_id)
    assert "suggestion_applied" in [entry.action for entry in rows(Audit)]
    assert suggested.applied_as(task).id == one().id
    with pytest.raises(Conflict):
        suggested.apply(actor, one().id)
    task = suggested.undo(actor, one().id)
    assert (policy()["retries"], task.version_number, one().state) == (0, 3, "undone")
    assert suggestions.find() == 0
    assert len(rows(Suggestion)) == 1


def test_it_is_not_undone_over_a_later_change(actor, flaky):
    suggestions.find()
    task = suggested.apply(actor, one().id)
    content = tasks.definition(task)
    tasks.change_to(actor, tasks.find(actor, "flaky"), content | {"name": "Another"})
    with pytest.raises(Conflict, match="changed again"):
        suggested.undo(actor, one().id)
    assert (policy()["retries"], one().state) == (2, "applied")


@pytest.mark.alike
def test_what_is_dismissed_stays_away_until_its_evidence_doubles(actor, flaky, team):
    suggestions.find()
    suggested.dismiss(actor, one().id)
    assert suggestions.find() == 0
    ran(team, flaky, 3, "failed", error_class="transient", since_days=4)
    assert suggestions.find() == 0
    ran(team, flaky, 1, "failed", error_class="transient", since_days=3)
    assert suggestions.find() == 1
    assert [row.state for row in rows(Suggestion)] == ["dismissed", "open"]


@pytest.mark.alike
def test_one_that_no_longer_holds_is_over(flaky, team):
    suggestions.find()
    assert suggestions.find() == 1
    ran(team, flaky, 100, since_days=1)
    assert suggestions.find() == 0
    assert [row.state for row in rows(Suggestion)] == ["over"]


@pytest.mark.alike
def test_a_paused_task_and_another_teams_are_left_alone(actor, flaky):
    stranger = factories.owner(factories.team("southgate"))
    suggestions.find()
    for decide in (suggested.apply, suggested.undo, suggested.dismiss):
        with pytest.raises(NotFound):
            decide(stranger, one().id)
    assert suggested.of_team(stranger).waiting == []
    assert len(suggested.of_team(actor).waiting) == 1
    tasks.pause(actor, "flaky")
    assert suggested.of_team(actor).waiting == []
    assert suggestions.find() == 0


@pytest.mark.alike
def test_a_task_that_waits_in_a_crowd_is_moved(actor, team):
    hour = ago(hours=-3).hour
    rule = {"kind": "cron", "expression": f"30 {hour} * * *", "timezone": "UTC", "gap": "next", "fold": "first",
            "anchor_at": None, "starts_at": None, "ends_at": None, "text": "", "starts": "", "ends": "", "count": "",
            "calendars": []}  # fmt: skip
    for number in range(4):
        task_id = factories.task(team, f"t{number}", "agent")
        factories.schedule(team, task_id, rule["expression"], "cron")
    with batch() as work:
        work.connection.execute(sa.update(Schedule).values(created_at=ago(days=30)))
        content = rows(TaskVersion)[-1].definition | {"schedules": [rule]}
        work.connection.execute(sa.update(TaskVersion).where(TaskVersion.task_id == task_id).values(definition=content))
    ran(team, task_id, 20, wait=40)
    loads.refresh()
    assert suggestions.find() == 1
    why = "its last 20 planned runs waited 40 s on average for a slot. 3 other runs start at"
    assert one().sentence.startswith(f"Use {hour:02}:29: {why} {hour:02}:30; 1 slot.")
    suggested.apply(actor, one().id)
    assert rows(TaskVersion)[-1].definition["schedules"][0]["expression"] == f"29 {hour} * * *"


@pytest.mark.alike
def test_a_cheaper_model_that_did_the_task_as_well_is_asked(actor, team):
    with batch() as work:
        model = {"team_id": team, "provider": "openai", "model": "x", "test": {}}
        times = {"created_at": work.now, "changed_at": work.now}
        work.connection.execute(sa.insert(Model).values(name="large", is_default=True, **model, **times))
        work.connection.execute(sa.insert(Model).values(name="small", is_default=False, **model, **times))
    task_id = factories.task(team, "digest", "agent", {"prompt": "Hello"})
    ran(team, task_id, 20, cost_micros=80_000, facts={"model": "large"}, since_days=9)
    ran(team, task_id, 20, cost_micros=10_000, facts={"model": "small"}, since_days=8)
    assert suggestions.find() == 1
    suggested.apply(actor, one().id)
    assert rows(TaskVersion)[-1].definition["settings"] == {"prompt": "Hello", "model": "small"}


def decided_long_ago(days):
    with batch() as work:
        work.connection.execute(sa.update(Suggestion).values(decided_at=work.now - timedelta(days=days)))


@pytest.mark.alike
def test_what_came_of_it_is_told_after_two_weeks(actor, flaky, team):
    suggestions.find()
    suggested.apply(actor, one().id)
    ran(team, flaky, 9, since_days=8)
    ran(team, flaky, 1, "failed", since_days=8)
    decided_long_ago(13)
    suggestions.measure()
    assert one().effect == ""
    decided_long_ago(15)
    with database.write() as connection:  # those before it
        connection.execute(sa.update(Run).where(Run.number <= 24).values(planned_at=ago(days=20)))
    suggestions.measure()
    assert one().effect == "Since then 10 % of its runs go wrong; before it were 17 %."
    assert suggested.of_team(actor).applied[0].effect == one().effect


@pytest.mark.alike
def test_of_too_few_runs_nothing_is_told(actor, flaky):
    suggestions.find()
    suggested.apply(actor, one().id)
    with database.write() as connection:
        connection.execute(sa.update(Run).values(planned_at=ago(days=100)))
    decided_long_ago(20)
    suggestions.measure()
    assert one().measured_at is None
    decided_long_ago(91)
    suggestions.measure()
    assert one().measured_at
    assert one().effect == ""


@pytest.mark.alike
def test_a_change_that_was_taken_back_by_hand_counts_as_undone(actor, flaky):
    suggestions.find()
    suggested.apply(actor, one().id)
    suggestions.measure()
    assert one().state == "applied"
    tasks.restore(actor, "flaky", 1)
    suggestions.measure()
    assert one().state == "undone"
    assert suggestions.find() == 0


@pytest.mark.alike
def test_a_task_that_waits_for_its_pool_is_moved(actor, team):
    """The slots of the workers are free: its pool has one, and is taken by others at its time."""
    with batch() as work:
        times = {"created_at": work.now, "changed_at": work.now}
        work.connection.execute(sa.insert(Pool).values(team_id=team, name="printer", slots=1, **times))
        here = {"name": "w", "host": "h", "pid": 1, "io_slots": 64, "code_slots": 8, "isolation": {}}
        work.connection.execute(sa.insert(Worker).values(here | {"started_at": work.now, "seen_at": work.now}))
    hour = ago(hours=-3).hour
    for number in range(4):
        task_id = factories.task(team, f"t{number}", "agent", pool="printer")
        factories.schedule(team, task_id, f"30 {hour} * * *", "cron", pool="printer")
    with batch() as work:
        work.connection.execute(sa.update(Schedule).values(created_at=ago(days=30)))
    ran(team, task_id, 20, wait=40, pool="printer")
    with batch() as work:  # each was queued anew when the pool had a slot for it, just before it began
        work.connection.execute(sa.update(Run).values(rank_at=Run.queued_at, priority=0))
        work.connection.execute(sa.update(Run).values(queued_at=Run.started_at))
    loads.refresh()
    assert suggestions.find() == 1
    assert "its last 20 planned runs waited 40 s on average for a slot. 3 other runs start at" in one().sentence
    assert f"{hour:02}:30; 1 slot in printer." in one().sentence
