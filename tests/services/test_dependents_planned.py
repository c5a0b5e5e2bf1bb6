"""Tasks with schedules that wait for others at their planned times, and what each of those counts for."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models.runs import Run
from app.models.tasks import Schedule
from app.services import dispatch, tasks
from app.services.execution import dependents
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows
from tests.services.test_dependents import BAD, LEASE, claim, finish, ran, runs_of, the_run


@pytest.fixture
def leadership(team):
    return dispatch.lead("clock", "first", LEASE)


@pytest.fixture
def due(team, report, leadership):
    """Lets the planned time of the report come, a minute ago; returns its run."""

    def come(**policy):
        for schedule in rows(Schedule, Schedule.task_id == report):
            with batch() as work:
                work.connection.execute(sa.delete(Schedule).where(Schedule.id == schedule.id))
        factories.schedule(team, report, "1m", since=ago(seconds=61), **policy)
        dispatch.fire_due(leadership, LEASE)
        return runs_of(report)[-1]

    return come


def test_at_its_time_it_waits_for_what_has_not_come(team, extract, report, due):
    factories.after(report, extract, scheduled=True)
    run = due()
    assert (run.state, run.reason, run.sentence) == ("waiting", "upstream", "Waits for Extract.")
    assert run.not_before == run.planned_at + timedelta(days=1)
    assert dispatch.seconds_until_due() < 3600  # that of the schedule: nobody is woken for it
    ran(extract)
    run = the_run(report)
    assert (run.state, run.trigger, run.notes) == ("queued", "schedule", ["After Extract (#2)."])
    claim(run.id)


@pytest.mark.alike
def test_what_came_before_its_time_counts_once(team, extract, report, due):
    factories.after(report, extract, scheduled=True)
    ran(extract, planned_at=ago(minutes=40))
    first = due()
    assert first.state == "queued"
    finish(claim(first.id))
    assert due().state == "waiting"


@pytest.mark.alike
def test_what_failed_or_still_goes_before_its_time_is_heard(team, extract, report, due):
    factories.after(report, extract, scheduled=True)
    ran(extract, BAD, planned_at=ago(minutes=40))
    assert due().sentence == "Skipped: Extract failed (#1)."
    going = claim(factories.run(team, extract, planned_at=ago(minutes=30)))
    assert due().sentence == "Waits for Extract (#3)."
    finish(going)
    assert runs_of(report)[-1].state == "queued"


@pytest.mark.alike
def test_an_end_that_nobody_told_is_found_again(team, extract, report, due):
    factories.after(report, extract, scheduled=True)
    due()
    run_id = factories.run(team, extract)
    with batch() as work:  # as two transactions of PostgreSQL that passed by each other
        work.connection.execute(
            sa.update(Run).where(Run.id == run_id).values(state="succeeded", reason="ok", ended_at=work.now)
        )
    dependents.settle_waiting()
    assert the_run(report).state == "queued"


@pytest.mark.alike
def test_one_that_waited_for_the_run_before_then_waits_for_the_others(team, extract, leadership):
    report = factories.task(team, "report", label="Report", overlap="queue_one")
    factories.after(report, extract, scheduled=True)
    held = claim(factories.run(team, report))
    factories.schedule(team, report, "1m", since=ago(seconds=61), overlap="queue_one")
    dispatch.fire_due(leadership, LEASE)
    assert runs_of(report)[-1].reason == "overlap"
    finish(held)
    assert runs_of(report)[-1].reason == "upstream"
    ran(extract)
    assert runs_of(report)[-1].state == "queued"


@pytest.mark.alike
def test_one_that_was_moved_waits_for_the_others_at_its_new_time(team, extract, report, leadership):
    factories.after(report, extract, scheduled=True)
    moved = {"trigger": "schedule", "key": "at:1", "reason": "time", "not_before": ago(seconds=1)}
    factories.run(team, report, "waiting", **moved)
    dispatch.fire_due(leadership, LEASE)
    assert the_run(report).sentence == "Waits for Extract."
    ran(extract)
    assert the_run(report).state == "queued"


@pytest.fixture
def planned(team):
    """A run of a task that its schedule planned; returns its id."""

    def make(task, state="queued", **values):
        key = f"at:{len(rows(Run))}"
        return factories.run(team, task, state, **{"trigger": "schedule", "key": key} | values)

    return make


def waiting_since(planned, report, **long_ago):
    return planned(report, "waiting", reason="upstream", planned_at=ago(**long_ago), not_before=ago(minutes=-30))


@pytest.mark.alike
def test_a_run_that_waited_for_the_next_day_does_not_make_all_days_late(team, extract, report, due, planned):
    factories.after(report, extract, scheduled=True)
    waiting_since(planned, report, minutes=50)
    finish(claim(planned(extract, planned_at=ago(minutes=10))))
    (yesterday,) = runs_of(report)
    finish(claim(yesterday.id))
    assert due().state == "queued"


@pytest.mark.alike
def test_what_comes_shortly_after_a_planned_time_is_for_that_one(team, extract, report, due, planned):
    factories.after(report, extract, scheduled=True)
    waiting_since(planned, report, minutes=50)
    finish(claim(planned(extract, planned_at=ago(minutes=45))))
    finish(claim(the_run(report).id))
    assert due().sentence == "Waits for Extract."


@pytest.mark.alike
def test_what_a_person_skipped_is_heard_at_its_time_and_not_before(team, extract, report, due, planned):
    factories.after(report, extract, scheduled=True)
    of_person = {"reason": "person", "sentence": "Skipped ahead by Ada Park.", "ended_at": ago(hours=1)}
    planned(extract, "skipped", planned_at=ago(hours=-1), **of_person)
    assert due().state == "waiting"
    dependents.settle_waiting()
    assert the_run(report).state == "waiting"
    with batch() as work:
        work.connection.execute(sa.update(Run).where(Run.task_id == extract).values(planned_at=ago(seconds=1)))
    dependents.settle_waiting()
    assert the_run(report).sentence == "Skipped: Extract was skipped (#1)."


@pytest.mark.alike
def test_a_planned_time_after_a_deleted_task_is_skipped_at_once(team, actor, extract, report, due):
    factories.after(report, extract, scheduled=True)
    tasks.delete(actor, "extract")
    assert due().sentence == "Skipped: Extract was deleted."
