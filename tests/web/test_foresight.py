"""What planning says while a schedule is typed: clashes with a way out by one press, also without JavaScript."""

import pytest

from app.services.planning import loads
from tests import factories

pytestmark = pytest.mark.alike


@pytest.fixture
def crowded(app, ada, northgate):
    """Six tasks of ten minutes each at nine, on what is one slot while there is no worker."""
    with app.app_context():
        team_id = ada.actor(app, northgate).team_id
        for number in range(6):
            factories.schedule(team_id, factories.task(team_id, f"t{number}", "agent"), "0 9 * * *", "cron")
        loads.refresh()


def look(ada, northgate, text="every day at 9:00", **more):
    sent = {"when-0-text": text, "when-0-timezone": "UTC", "engine": "agent", **more}
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
    return ada.get(f"/t/{northgate}/tasks/schedule/preview", query_string=sent, headers=headers).text


def test_a_crowd_is_told_with_a_better_time_in_words(ada, northgate, crowded):
    text = look(ada, northgate)
    assert "6 other runs start at 09:00; 1 slot. Expect a wait of about 6 min." in text
    assert 'value="every day at 08:59"' in text
    assert "Use 08:59" in text


def test_the_better_time_leaves_nothing_to_say(ada, northgate, crowded):
    assert "Expect a wait" not in look(ada, northgate, "every day at 08:50")


def test_a_blackout_is_used_by_one_press(app, ada, northgate):
    with app.app_context():
        factories.calendar(ada.actor(app, northgate).team_id, weekly=["Mon 00:00 - Tue 00:00"])
    assert "in Freeze, and it would run all the same." in look(ada, northgate)
    form = {"name": "Probe", "engine": "http", "url": "https://example.com/", "when-0-text": "every day at 9:00",
            "when-0-timezone": "UTC", "when-0-calendars": "", "set": "when-0-calendars=exclude:freeze"}  # fmt: skip
    text = ada.post(f"/t/{northgate}/tasks/new", form).text
    assert '<option value="exclude:freeze" selected>' in text
    assert "would run all the same" not in text


def test_a_press_sets_what_belongs_to_another_field(ada, northgate, crowded):
    form = {"name": "Probe", "engine": "agent", "prompt": "Hello", "when-0-text": "every day at 9:00",
            "when-0-timezone": "UTC", "set": "priority=high"}  # fmt: skip
    text = ada.post(f"/t/{northgate}/tasks/new", form).text
    assert '<option value="high" selected>' in text


def test_its_own_runs_are_no_crowd(app, ada, northgate, crowded):
    assert "5 other runs start at 09:00" in look(ada, northgate, task="t0")


def test_another_teams_task_is_not_looked_at(app, ada, cid, northgate, crowded):
    assert "6 other runs" in look(ada, northgate, task="of-nobody")
