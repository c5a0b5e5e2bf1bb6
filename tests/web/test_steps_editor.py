"""The editor of tasks with several steps, as it works without JavaScript: cards, and nothing typed is lost."""

import re

import pytest

from app.models.tasks import Task
from tests.web.test_tasks import rows
from tests.web.test_tasks_editor import definition

FORM = {"engine": "steps", "name": "Digest", "when-0-text": "every day at 9:00", "timeout": "30", "overlap": "skip"}
FETCH = {
    "step-0-engine": "http", "step-0-name": "fetch", "step-0-method": "GET", "step-0-url": "http://127.0.0.1:9/a",
    "step-0-expect_status": "200", "step-0-headers": "Accept: text/plain", "step-0-follow_redirects": "1",
}  # fmt: skip
COUNT = {
    "step-1-engine": "python", "step-1-name": "count", "step-1-code": "print(1)", "step-1-env": "ID={{ steps.fetch.json.id }}",
    "step-1-condition": "steps.fetch.status == 200", "step-1-is_optional": "1", "step-1-timeout": "2",
    "step-1-retries": "3", "step-1-retry_delay": "4",
}  # fmt: skip
TWO = FORM | FETCH | COUNT


def names(page):
    """The names of the steps on a page, in their order."""
    return re.findall(r'name="step-\d+-name"[^>]*? value="([^"]*)"', page)


@pytest.fixture
def new(ada, northgate):
    return lambda data: ada.post(f"/t/{northgate}/tasks/new", data)


def test_a_task_is_made_of_what_the_cards_say(app, ada, northgate, new):
    answer = new(TWO)
    assert answer.status_code == 303, answer.text
    fetch, count = definition(app)["steps"]
    assert (fetch["name"], fetch["settings"]["url"], fetch["settings"]["headers"]) == (
        "fetch", "http://127.0.0.1:9/a", {"Accept": "text/plain"},
    )  # fmt: skip
    assert count["settings"]["env"] == {"ID": "{{ steps.fetch.json.id }}"}
    assert (count["condition"], count["is_optional"]) == ("steps.fetch.status == 200", True)
    assert (count["timeout_seconds"], count["retries"], count["retry_delay_seconds"]) == (120, 3, 4)
    assert rows(app, Task)[0].engine == "steps"
    again = ada.get(f"/t/{northgate}/tasks/digest/edit").text
    assert names(again) == ["fetch", "count"]
    for text in (
        "Accept: text/plain",
        "ID={{ steps.fetch.json.id }}",
        "print(1)",
        'name="step-1-is_optional" value="1" checked',
    ):
        assert text in again


def test_saving_the_form_as_it_is_shown_is_no_change(app, ada, northgate, new):
    new(TWO)
    version = {"version": "1"}
    assert ada.post(f"/t/{northgate}/tasks/digest/edit", TWO | version).status_code == 303
    assert rows(app, Task)[0].version_number == 1


@pytest.mark.parametrize(
    ("button", "left"),
    [
        ("add-shell", ["fetch", "count", ""]),
        ("remove-0", ["count"]),
        ("up-1", ["count", "fetch"]),
        ("down-0", ["count", "fetch"]),
        ("up-0", ["fetch", "count"]),
        ("remove-7", ["fetch", "count"]),
        ("nonsense", ["fetch", "count"]),
        ("add-ping", ["fetch", "count"]),
    ],
)
def test_a_button_of_a_card_shows_the_form_again_with_all_that_was_typed(app, new, button, left):
    answer = new(TWO | {"steps": button})
    assert answer.status_code == 200
    assert names(answer.text) == left
    assert rows(app, Task) == []
    assert 'value="every day at 9:00"' in answer.text
    assert "print(1)" in answer.text
    if "fetch" in left:
        assert "Accept: text/plain" in answer.text


def test_a_new_card_has_the_defaults_of_its_type_and_the_focus(new):
    page = new(FORM | {"steps": "add-http"}).text
    assert re.search(r'name="step-0-expect_status"[^>]* value="2xx"', page)
    assert 'name="step-0-follow_redirects" value="1" checked' in page
    assert re.search(r'name="step-0-name"[^>]* autofocus', page)


def test_a_press_in_the_browser_brings_the_cards_alone(ada, northgate):
    answer = ada.htmx(f"/t/{northgate}/tasks/new/steps", TWO | {"steps": "up-1"})
    assert answer.status_code == 200
    assert names(answer.text) == ["count", "fetch"]
    assert "<html" not in answer.text
    assert answer.text.lstrip().startswith("<div")


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"step-0-name": ""}, "step-0-name", "Give the step a name."),
        ({"step-1-name": "fetch"}, "step-1-name", "There is a step called fetch already."),
        ({"step-0-url": "ftp://x"}, "step-0-url", "address"),
        ({"step-1-code": ""}, "step-1-code", "Fill this in."),
        ({"step-1-condition": "steps.fetch.status = 200"}, "step-1-condition", "This can&#39;t be read from here on"),
        ({"step-1-condition": "steps.later.state"}, "step-1-condition", "needs a step called later before this one."),
        ({"step-1-env": "A={{ steps.nix.x }}"}, "step-1-env", "needs a step called nix before this one."),
        ({"step-1-retries": "many"}, "step-1-retries", "Write a whole number."),
        ({"step-1-timeout": "0"}, "step-1-timeout", "Between 0.05 and 10,080."),
        ({"step-1-secrets": "NIX"}, "step-1-secrets", "There is no secret called NIX."),
    ],
)
def test_what_is_wrong_stands_at_its_field(app, new, changed, field, sentence):
    answer = new(TWO | changed)
    assert answer.status_code == 422
    assert rows(app, Task) == []
    found = re.search(rf'id="f-{field}-error".*?</p>', answer.text, re.DOTALL)
    assert found, answer.text
    assert sentence in found[0]
    assert "Accept: text/plain" in answer.text


def test_without_a_step_it_asks_for_one(new):
    answer = new(FORM)
    assert answer.status_code == 422
    assert "Add at least one step." in answer.text


def test_a_card_says_how_it_gets_at_what_came_before(new):
    page = new(TWO | {"steps": "add-http"}).text
    assert "carillon.inputs()[&#34;fetch&#34;]" in page
    assert "{{ steps.fetch.json }}" in page


def test_its_page_and_its_history_show_the_steps(app, ada, northgate, new):
    new(TWO)
    page = ada.get(f"/t/{northgate}/tasks/digest").text
    assert "Several steps" in page
    assert re.search(r"fetch.*count.*only if steps\.fetch\.status == 200", page, re.DOTALL)
    ada.post(f"/t/{northgate}/tasks/digest/edit", TWO | {"version": "1", "step-0-url": "http://127.0.0.1:9/b"})
    history = ada.get(f"/t/{northgate}/tasks/digest/history").text
    assert "fetch: Address" in history


def test_a_copy_has_the_steps_too(app, ada, northgate, new):
    new(TWO)
    ada.post(f"/t/{northgate}/tasks/digest/copy")
    copy = ada.get(f"/t/{northgate}/tasks/digest-copy/edit").text
    assert names(copy) == ["fetch", "count"]


def test_a_stranger_sees_no_cards(cid, northgate):
    assert cid.post(f"/t/{northgate}/tasks/new/steps", TWO).status_code == 404
