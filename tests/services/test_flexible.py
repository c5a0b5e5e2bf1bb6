"""Runs that may move are moved beforehand to where they need not wait, say why, and can be put back."""

from datetime import timedelta

import pytest

from app.models.instance import Audit
from app.models.runs import Run
from app.services import coming
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
