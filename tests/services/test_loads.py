"""How full the slots will be: worked out from what is planned, and again when something has changed."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.infra import database
from app.models.instance import Worker
from app.models.tasks import Schedule, Task, TaskLink
from app.models.teams import Pool
from app.services.planning import crowds, loads
from app.services.unit import batch
from tests import factories
from tests.factories import ago

pytestmark = pytest.mark.alike


@pytest.fixture
def worker(app):
    with app.app_context(), batch() as work:
        values = {"name": "w", "host": "h", "pid": 1, "io_slots": 2, "code_slots": 1, "isolation": {}}
        work.connection.execute(sa.insert(Worker).values(values | {"started_at": ago(hours=1), "seen_at": work.now}))


def known(*scopes):
    with database.read() as connection:
        return loads.of(connection, scopes)


def crowd(team, count, **policy):
    """So many tasks that start together in ten minutes; returns when."""
    at = (ago(minutes=-10)).replace(second=0, microsecond=0)
    for number in range(count):
        task_id = factories.task(team, f"t{number}")
        factories.schedule(team, task_id, f"{at.minute} {at.hour} * * *", "cron", **policy)
    return at


def test_what_starts_together_is_counted_and_waits(team, worker):
    at = crowd(team, 6)
    assert loads.refresh() == 6 * 14
    load = known("lane:io")["lane:io"]
    assert (load.slots, load.starting(at), load.wait(at)) == (2, 6, 6.0)  # 2 s each while nothing is known of them
    assert load.starting(at + timedelta(days=3)) == 6


def test_a_pool_and_a_team_with_a_limit_have_their_own(team, worker):
    with batch() as work:
        times = {"created_at": work.now, "changed_at": work.now}
        work.connection.execute(sa.insert(Pool).values(team_id=team, name="printer", slots=1, **times))
    at = crowd(team, 3, pool="printer")
    loads.refresh()
    assert known(f"pool:{team}:printer")[f"pool:{team}:printer"].wait(at) == 6.0
    assert known(f"team:{team}") == {}


def test_what_runs_every_ten_seconds_holds_its_part_of_a_slot(team, worker):
    factories.schedule(team, factories.task(team, "often"), "10s")
    loads.refresh()
    assert known("lane:io")["lane:io"].use(ago(days=-13)) == pytest.approx(0.1, abs=0.02)


def test_it_is_worked_out_again_when_a_task_changes(team, worker):
    assert loads.refresh_when_due()
    assert not loads.refresh_when_due()
    factories.task(team, "new")
    with batch() as work:
        work.connection.execute(sa.update(Task).values(changed_at=work.now))
    assert loads.refresh_when_due()


def test_where_a_teams_runs_would_wait_is_told_with_its_tasks(team, worker):
    at = crowd(team, 3, pool="")
    with batch() as work:
        work.connection.execute(sa.update(Worker).values(io_slots=1, code_slots=1))
    factories.schedule(team, factories.task(team, "long", "agent"), f"{at.minute} {at.hour} * * *", "cron")
    loads.refresh()
    found = crowds.crowds(team, at - timedelta(hours=1), at + timedelta(hours=1), ago())
    assert [(one.at, one.starts, one.slots, one.slugs) for one in found] == [(at, 4, 1, ["long", "t0", "t1", "t2"])]
    assert crowds.crowds(team, at + timedelta(hours=2), at + timedelta(hours=3), ago()) == []


def test_what_others_start_by_their_ends_takes_its_slot_too(team, worker):
    at = crowd(team, 1)
    with batch() as work:
        first = work.connection.execute(sa.select(Task.id)).scalar_one()
        work.connection.execute(sa.update(Worker).values(io_slots=1))
    then = factories.task(team, "then", "agent")
    with batch() as work:
        link = {"task_id": then, "upstream_id": first, "team_id": team, "on": "success", "created_at": work.now}
        work.connection.execute(sa.insert(TaskLink).values(link))
    loads.refresh()
    assert known("lane:io")["lane:io"].wait(at + timedelta(minutes=1)) == 2.0  # an agent of a minute, 2 s after nine


def test_many_that_a_calendar_delays_to_one_moment_do_no_harm(team, worker, monkeypatch):
    now = ago(hours=0)
    window = f"{now - timedelta(days=1):%Y-%m-%d} - {now + timedelta(days=2):%Y-%m-%d} Freeze"
    calendar_id = factories.calendar(team, dated=[window])
    schedule_id = factories.schedule(team, factories.task(team, "often"), "60s")
    with batch() as work:
        used = [{"calendar": calendar_id, "use": "delay"}]
        work.connection.execute(sa.update(Schedule).where(Schedule.id == schedule_id).values(calendars=used))
    monkeypatch.setattr(loads, "_MOST_RUNS", 20)
    assert loads.refresh() == 20
