"""Variables in the task editor, as it works without JavaScript: rows, what a run would get, and typed values of a run."""

import re

import pytest

from app.models.runs import Run
from tests.web.test_tasks import rows
from tests.web.test_tasks_editor import definition

FORM = {
    "engine": "http", "name": "Report", "method": "GET", "url": "http://127.0.0.1:9/{{ month }}?to={{ team.region }}",
    "expect_status": "200", "when-0-text": "every day at 9:00", "when-0-timezone": "Europe/Berlin", "timeout": "30",
    "overlap": "skip", "var-0-name": "month", "var-0-kind": "period", "var-0-source": "value",
    "var-0-value": "{{ run.date | minus_months(1) | format('%Y-%m') }}", "var-0-label": "Month of the report",
    "var-0-is_required": "1", "var-1-name": "size", "var-1-kind": "choice", "var-1-source": "value",
    "var-1-value": "small", "var-1-options": "small\nlarge", "var-1-is_required": "1",
}  # fmt: skip


def names(page):
    """The names of the variables on a page, in their order."""
    return re.findall(r'name="var-\d+-name"[^>]*? value="([^"]*)"', page)


@pytest.fixture
def new(ada, northgate):
    ada.post(f"/t/{northgate}/settings/values", {"name": "region", "value": "EMEA"})
    return lambda data: ada.post(f"/t/{northgate}/tasks/new", data)


@pytest.mark.alike
def test_a_task_is_made_with_its_variables(app, ada, northgate, new):
    answer = new(FORM)
    assert answer.status_code == 303, answer.text
    month, size = definition(app)["variables"]
    assert (month["name"], month["kind"], month["label"]) == ("month", "period", "Month of the report")
    assert (size["options"], size["is_required"]) == (["small", "large"], True)
    again = ada.get(f"/t/{northgate}/tasks/report/edit").text
    assert names(again) == ["month", "size"]
    assert ada.post(f"/t/{northgate}/tasks/report/edit", FORM | {"version": "1"}).status_code == 303
    assert len(rows(app, Run)) == 0
    assert definition(app)["variables"] == [month, size]


@pytest.mark.alike
def test_a_mistake_is_said_at_its_place_and_what_was_typed_stays(new):
    page = new(FORM | {"var-0-value": "{{ run.day }}", "url": "http://127.0.0.1:9/{{ mont }}"}).text
    assert "There is no value called run.day." in page
    assert "There is no value called mont. There are month, size, run" in page
    assert "{{ run.day }}" in page
    assert names(page) == ["month", "size"]
    assert "{{ secrets.TOKEN }} can" not in page
    assert "secrets stay out of prompts" in new(FORM | {"var-0-value": "{{ secrets.TOKEN }}"}).text
    assert "The team has no value called budget." in new(FORM | {"var-1-value": "{{ team.budget }}"}).text


@pytest.mark.alike
def test_rows_are_added_moved_and_removed_with_all_that_is_typed(new):
    assert names(new(FORM | {"vars": "add"}).text) == ["month", "size", ""]
    assert names(new(FORM | {"vars": "down-0"}).text) == ["size", "month"]
    page = new(FORM | {"vars": "remove-0"}).text
    assert names(page) == ["size"]
    assert "small\nlarge" in page


@pytest.mark.alike
def test_what_a_run_would_get_is_shown_for_any_day(ada, northgate, new):
    page = new(FORM | {"vars": "look", "ahead": "2027-03-02T09:00"}).text
    assert "Tuesday, 2 March 2027, 09:00" in page
    assert "<b>2027-02</b>" in page
    assert "http://127.0.0.1:9/2027-02?to=EMEA" in page
    part = ada.post(f"/t/{northgate}/tasks/new/ahead", FORM | {"ahead": "2028-01-01T09:00"}).text
    assert "http://127.0.0.1:9/2027-12?to=EMEA" in part
    assert 'id="var-0-seen" hx-swap-oob="innerHTML"><b>2027-12</b>' in part


@pytest.mark.alike
def test_a_run_is_asked_for_with_typed_values(app, ada, northgate, new):
    new(FORM)
    assert f'href="/t/{northgate}/tasks/report/run"' in ada.get(f"/t/{northgate}/tasks/report").text
    form = ada.get(f"/t/{northgate}/tasks/report/run").text
    assert "Month of the report" in form
    assert re.search(r'name="input-month"[^>]*value="20\d\d-\d\d"', form)
    wrong = ada.post(f"/t/{northgate}/tasks/report/run", {"input-month": "2025-05", "input-size": "huge"})
    assert wrong.status_code == 422
    assert "Choose one from the list." in wrong.text
    assert "2025-05" in wrong.text
    made = ada.post(f"/t/{northgate}/tasks/report/run", {"input-month": "2025-05", "input-size": "large"})
    assert made.status_code == 303
    assert rows(app, Run)[0].typed == {"month": "2025-05", "size": "large"}


@pytest.mark.alike
def test_values_left_as_they_were_count_as_the_task_has_them(app, ada, northgate, new):
    new(FORM)
    form = ada.get(f"/t/{northgate}/tasks/report/run").text
    shown = re.search(r'name="input-month"[^>]*value="([^"]*)"', form)[1]
    ada.post(f"/t/{northgate}/tasks/report/run", {"input-month": shown, "was-month": shown, "input-size": "large"})
    assert rows(app, Run)[0].typed == {"size": "large"}


@pytest.mark.alike
def test_values_of_the_team_are_set_changed_and_deleted(ada, northgate, new):
    new(FORM)
    page = ada.get(f"/t/{northgate}/settings/values").text
    assert "EMEA" in page
    assert "Report" in page
    ada.post(f"/t/{northgate}/settings/values", {"name": "region", "value": "APAC"})
    assert "APAC" in ada.get(f"/t/{northgate}/settings/values").text
    assert (
        "A name begins with a letter" in ada.post(f"/t/{northgate}/settings/values", {"name": "1", "value": "x"}).text
    )
    ada.post(f"/t/{northgate}/settings/values/region/deletion")
    assert "APAC" not in ada.get(f"/t/{northgate}/settings/values").text


@pytest.mark.alike
def test_a_task_that_needs_a_typed_value_asks_for_it_before_it_runs(app, ada, northgate, new):
    assert new(FORM | {"var-0-value": ""}).status_code == 303
    asked = ada.post(f"/t/{northgate}/tasks/report/runs")
    assert asked.location.endswith("/tasks/report/run")
    assert rows(app, Run) == []
