"""A flexible run that was moved says so on its page, where one press puts it back."""

from datetime import timedelta

import pytest

from app.models.runs import Run
from app.services.planning import loads
from jobs import planning
from tests import factories
from tests.factories import ago, rows

pytestmark = pytest.mark.alike


@pytest.fixture
def moved(app, ada, northgate):
    """The number of a run that was moved out of a crowd in two hours."""
    with app.app_context():
        team_id, at = ada.actor(app, northgate).team_id, ago(hours=-2).replace(second=0, microsecond=0)
        for number in range(4):
            task_id = factories.task(team_id, f"t{number}", "agent")
            policy = {"flexible_seconds": 1800} if number == 0 else {}
            factories.schedule(team_id, task_id, f"{at.minute} {at.hour} * * *", "cron", **policy)
        loads.refresh()
        planning.arrange()
        return rows(Run)[0].number


def test_its_page_says_why_it_was_moved_and_puts_it_back(app, ada, northgate, moved):
    page = ada.get(f"/t/{northgate}/runs/{moved}").text
    assert "Moved by Carillon from" in page
    address = page.partition("Put it back")[0].rpartition('action="')[2].partition('"')[0]
    assert ada.post(address).status_code == 303
    with app.app_context():
        (run,) = rows(Run)
        assert run.not_before - run.planned_at == timedelta()
        planning.arrange()
        assert rows(Run) == [run]  # what a person put back stays there
    assert "Put it back" not in ada.get(f"/t/{northgate}/runs/{moved}").text
