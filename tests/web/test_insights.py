"""Insights: how busy the coming week is, and whether the forecasts can be trusted."""

import pytest

from app.services.planning import loads, week
from tests import factories
from tests.web.test_tasks import viewer  # noqa: F401 a fixture

pytestmark = pytest.mark.alike


def test_an_empty_team_is_told_that_nothing_comes(ada, northgate):
    text = ada.get(f"/t/{northgate}/insights").text
    assert "Nothing is planned for the coming seven days." in text
    assert "Come back after 20 runs" in text


def test_the_fullest_hour_is_named_with_a_way_out(app, ada, viewer, northgate):  # noqa: F811 the fixture
    with app.app_context():
        team_id = ada.actor(app, northgate).team_id
        for number in range(3):
            factories.schedule(team_id, factories.task(team_id, f"t{number}", "agent"), "0 9 * * *", "cron")
        loads.refresh()
    text = ada.get(f"/t/{northgate}/insights").text
    assert "at 09:00: 3 runs start at once, and there is 1 slot for them." in text
    assert "The last one waits about 2 min." in text
    assert f'href="/t/{northgate}/spread"' in text
    assert "/spread" not in viewer.get(f"/t/{northgate}/insights").text


def test_runs_at_once_that_all_find_a_slot_are_no_crowd(app, ada, northgate):
    with app.app_context():
        team_id = ada.actor(app, northgate).team_id
        factories.schedule(team_id, factories.task(team_id, "one"), "0 9 * * *", "cron")
        loads.refresh()
    text = ada.get(f"/t/{northgate}/insights").text
    assert "at 09:00: 1 run, and none waits for a slot." in text
    assert "/spread" not in text


def test_what_runs_each_minute_is_there_on_the_last_day_too(app, ada, northgate):
    with app.app_context():
        actor = ada.actor(app, northgate)
        factories.schedule(actor.team_id, factories.task(actor.team_id, "often"), "1m")
        last = week.week(actor, "UTC").days[-1]
        assert (last.runs, min(last.hours)) == (24 * 60, 1)


def test_a_stranger_finds_nothing(cid, northgate):
    assert cid.get(f"/t/{northgate}/insights").status_code == 404
