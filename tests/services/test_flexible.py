"""Runs that may move are moved beforehand to where they need not wait, say why, and can be put back."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models.instance import Audit
from app.models.runs import Event, Run
from app.models.tasks import Schedule, Task
from app.services import coming, estimates
from app.services.planning import flexible, loads
from app.services.runs import moving
from app.services.unit import batch
from jobs import planning
from tests import factories
from tests.factories import ago, rows

pytestmark = pytest.mark.alike


@pytest.fixture
def morning(team):
    """Four agents of a minute each that start together in two hours, on one slot; two of them may move."""
    at = ago(hours=-2).replace(second=0, microsecond=0)
    for number in range(4):
        task_id = factories.task(team, f"t{number}", "agent")
        policy = {"flexible_seconds": 1800} if number < 2 else {}
        factories.schedule(team, task_id, f"{at.minute} {at.hour} * * *", "cron", **policy)
    loads.refresh()
    return at


def test_only_what_may_move_is_moved_and_each_to_a_time_of_its_own(team, morning):
    planning.arrange()
    runs = rows(Run)
    assert [(run.state, run.reason) for run in runs] == [("waiting", "time")] * 2
    times = {run.not_before for run in runs}
    assert len(times) == 2
    assert all(timedelta(0) < abs(at - morning) <= timedelta(minutes=30) for at in times)
    assert "where it need not wait: it is flexible." in runs[0].notes[-1]
    assert {row.action for row in rows(Audit)} == {"run_arranged"}


def test_a_second_look_moves_nothing_again(team, morning):
    planning.arrange()
    before = rows(Run)
    loads.refresh()
    planning.arrange()
    assert rows(Run) == before


def test_it_is_put_back_by_a_person(team, actor, morning):
    planning.arrange()
    moving.undo(actor, "t0", morning)
    with batch() as work:
        found = coming.coming(work.connection, [team], morning, morning + timedelta(minutes=1), work.now)
    assert "t0" in {one.schedule.slug for one in found}


def test_what_starts_soon_stays(team, morning, monkeypatch):
    monkeypatch.setattr(flexible, "SOON", timedelta(hours=3))
    assert flexible.moves() == []


def test_nothing_is_moved_into_a_blackout(team, morning):
    since, until = (f"{at:%Y-%m-%d %H:%M}" for at in (morning - timedelta(hours=1), morning))
    factories.calendar(team, dated=[f"{since} - {until}"])
    planning.arrange()
    assert rows(Run)
    assert all(run.not_before > morning for run in rows(Run))


def test_nothing_is_moved_to_where_a_calendar_of_its_own_forbids_it(team, morning):
    until = f"{morning + timedelta(minutes=1):%H:%M}".replace("00:00", "24:00")
    one_minute = factories.calendar(team, "Office", "hours", hours=[f"Mon-Sun {morning:%H:%M}-{until}"])
    with batch() as work:
        uses = [{"calendar": one_minute, "use": "only"}]
        work.connection.execute(sa.update(Schedule).where(Schedule.task_id == 2).values(calendars=uses))
    planning.arrange()
    assert {run.task_id for run in rows(Run)} == {1}


def test_one_that_waits_for_others_is_not_moved_to_before_them(team, morning):
    for number in (1, 2):
        factories.after(number, 3, scheduled=True)
    loads.refresh()
    planning.arrange()
    assert rows(Run)
    assert all(run.not_before > morning for run in rows(Run))


def test_it_is_over_before_the_crowd_begins(team, morning):
    task = rows(Task, Task.slug == "t0")[0].id
    for days in range(3):
        at = ago(days=days + 1)
        run = factories.run(team, task, "succeeded", started_at=at, ended_at=at + timedelta(minutes=10), planned_at=at)
        with batch() as work:
            event = {"kind": "succeeded", "team_id": team, "run_id": run, "at": at, "data": {}}
            work.connection.execute(sa.insert(Event).values(event))
    estimates.learn()
    loads.refresh()
    (to,) = [move.to for move in flexible.moves() if move.slug == "t0"]
    assert to <= morning - timedelta(minutes=9) or to >= morning + timedelta(minutes=10)
