"""Tasks that start together are spread over a window by one press, and put back by one."""

import pytest

from app.models.tasks import Schedule
from tests.factories import rows
from tests.web.test_tasks import make, when

pytestmark = pytest.mark.alike


@pytest.fixture
def morning(ada, northgate):
    """Three tasks at nine each day; returns the address of the page for them."""
    for number in range(3):
        make(ada, northgate, name=f"T{number}", **when("every day at 9:00", timezone="UTC"))
    return f"/t/{northgate}/spread"


def starts():
    return sorted(row.expression for row in rows(Schedule))


def test_the_fullest_minute_is_found_and_shown_before_anything_changes(ada, morning):
    text = ada.get(morning).text
    assert "3 of 3 go at once now." in text
    assert "Spread 3 tasks" in text
    assert starts() == ["0 9 * * *"] * 3


def test_one_press_spreads_and_one_puts_back(ada, morning):
    answer = ada.post(morning, {"task": ["t0", "t1", "t2"], "since": "09:00", "until": "09:30"})
    assert starts() == ["0 9 * * *", "1 9 * * *", "2 9 * * *"]
    page = ada.get(answer.location).text
    assert "2 tasks start at a new time from now on." in page
    ada.post(f"{morning}/undo", {"undo": ["t1:2", "t2:2"]})
    assert starts() == ["0 9 * * *"] * 3


def test_tasks_that_are_spread_already_are_left_alone(ada, morning):
    answer = ada.post(morning, {"task": ["t0", "t1", "t2"], "since": "09:00", "until": "09:30"})
    page = ada.get(answer.location).text
    assert "1 of 3 go at once now." in page
    assert "That is as few as this window allows." in page
    assert "Spread 3 tasks" not in page


def test_what_runs_every_hour_is_no_part_of_the_crowd(ada, northgate, morning):
    for number in range(4):
        make(ada, northgate, name=f"Hourly {number}", **when("every hour", timezone="UTC"))
    assert "3 of 3 go at once now." in ada.get(morning).text
    page = ada.get(f"{morning}?task=t0&task=t1&task=hourly-1").text
    assert "2 of 2 go at once now." in page
    assert "1 other stays" in page


def test_a_window_that_ends_before_it_begins_is_told(ada, morning):
    answer = ada.post(morning, {"task": ["t0", "t1"], "since": "10:00", "until": "09:30"})
    assert answer.status_code == 422
    assert "Choose a later end" in answer.text
    assert 'value="10:00"' in answer.text


def test_one_task_is_no_crowd(ada, morning):
    assert "Choose at least two tasks" in ada.get(f"{morning}?task=t0").text


def test_who_may_not_edit_may_not_spread(ada, ben, cid, morning):
    assert cid.get(morning).status_code == 404
