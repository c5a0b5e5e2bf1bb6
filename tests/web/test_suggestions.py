"""Suggestions on pages: two at most on a task's page, all under Insights, each applied, undone or dismissed by a press."""

import re

import pytest
import sqlalchemy as sa

from app.models.planning import Suggestion
from app.models.tasks import Task, TaskVersion
from app.services.planning import suggestions
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows
from tests.services.test_suggestions import ran
from tests.web.test_tasks import viewer  # noqa: F401 a fixture

pytestmark = pytest.mark.alike

SAYS = "4 of its last 24 runs failed in a way that may pass"


@pytest.fixture
def flaky(app, ada, northgate):
    """A task that fails now and then and never tries again; returns the address of its page."""
    with app.app_context():
        team_id = ada.actor(app, northgate).team_id
        task_id = factories.task(team_id, "flaky", "shell", {"code": "true"}, retries=0)
        ran(team_id, task_id, 20)
        ran(team_id, task_id, 4, "failed", error_class="transient", since_days=5)
        suggestions.find()
    return f"/t/{northgate}/tasks/flaky"


def press(visit, text, what, **fields):
    """Press a button of a page, and go where it leads."""
    (address,) = re.findall(rf'action="([^"]*/suggestions/\d+/{what})"', text)
    return visit.get(visit.post(address, fields).location)


def test_one_is_applied_from_the_page_of_its_task_and_undone(ada, flaky):
    page = ada.get(flaky).text
    assert SAYS in page
    page = press(ada, page, "application").text
    assert "Applied." in page
    assert SAYS not in page
    assert rows(TaskVersion)[-1].definition["policy"]["retries"] == 2
    assert SAYS not in ada.get(f"{flaky}/history").text
    page = press(ada, page, "undo").text
    assert "Undone." in page
    assert rows(TaskVersion)[-1].definition["policy"]["retries"] == 0


def test_one_is_dismissed_under_insights(ada, northgate, flaky):
    insights = f"/t/{northgate}/insights"
    page = ada.get(insights).text
    assert "One change is worth making." in page
    assert 'name="page" value="insights"' in page
    page = press(ada, page, "dismissal", page="insights").text
    assert SAYS not in page
    assert "Nothing that Carillon knows of." in page
    assert [row.state for row in rows(Suggestion)] == ["dismissed"]


def test_what_was_applied_is_listed_with_what_came_of_it(app, ada, northgate, flaky):
    press(ada, ada.get(flaky).text, "application")
    page = ada.get(f"/t/{northgate}/insights").text
    assert "Try again up to 2 times</td>" in page
    assert "Told two weeks after it was applied." in page


@pytest.fixture
def unread(app, ada, northgate):
    """An agent that nobody has had to do with for 70 days; returns the address of its page."""
    with app.app_context():
        team_id = ada.actor(app, northgate).team_id
        task_id = factories.task(team_id, "digest", "agent", {"prompt": "Write a digest.", "tools": ["http_get"]})
        ran(team_id, task_id, 30, cost_micros=140_000, seconds=60.0)
        seen_long_ago()
        suggestions.find()
    return f"/t/{northgate}/tasks/digest"


def seen_long_ago():
    with batch() as work:
        work.connection.execute(sa.update(Task).values(seen_at=ago(days=70)))


def test_what_nobody_opens_is_paused_from_insights_and_goes_on_again(ada, northgate, unread):
    insights = f"/t/{northgate}/insights"
    page = press(ada, ada.get(insights).text, "application").text
    assert "Applied." in page
    assert "Nobody opens it." in page
    page = ada.get(insights).text
    assert "<td>Pause it</td>" in page
    page = press(ada, page, "undo").text
    assert "Undone." in page
    assert rows(Task)[0].paused_at is None
    assert "/undo" not in ada.get(insights).text


@pytest.mark.parametrize("place", ["tasks/digest", "tasks/digest/history", "runs/30", "runs/30/log.txt"])
def test_who_opens_a_task_or_a_run_of_it_has_use_of_it(app, ada, cid, northgate, unread, place):
    cid.get(f"/t/{northgate}/{place}")
    ada.get(f"/t/{northgate}/tasks")
    assert rows(Task)[0].seen_at < ago(days=69)
    assert ada.get(f"/t/{northgate}/{place}").status_code == 200
    assert rows(Task)[0].seen_at > ago(minutes=1)
    with app.app_context():
        assert suggestions.find() == 0


def test_who_may_only_see_presses_nothing(viewer, flaky):  # noqa: F811 the fixture
    page = viewer.get(flaky).text
    assert SAYS in page
    assert "/application" not in page
    number = rows(Suggestion)[0].id
    base = flaky.rpartition("/tasks")[0]
    assert viewer.post(f"{base}/suggestions/{number}/application").status_code == 403


def test_a_stranger_finds_nothing(cid, flaky):
    base = flaky.rpartition("/tasks")[0]
    assert cid.post(f"{base}/suggestions/{rows(Suggestion)[0].id}/application").status_code == 404
