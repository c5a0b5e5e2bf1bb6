"""The contract in the task editor, as it works without JavaScript: in words and as rows, and both are the same."""

import re

import pytest

from tests.web.test_tasks_editor import definition

FORM = {
    "engine": "shell", "name": "Report", "script": "true", "when-0-text": "", "overlap": "skip", "misfire": "latest",
    "is_idempotent": "1", "is_slow_told": "1",
}  # fmt: skip
ROWS = {"check-0-kind": "rows", "check-0-of": "file:report.csv", "check-0-min": "10", "check-0-max": ""}
WORDS = "a file report.csv with at least 10 rows\nthe answer mentions Total (optional)"


@pytest.fixture
def new(ada, northgate):
    return lambda data: ada.post(f"/t/{northgate}/tasks/new", FORM | data)


def heads(page):
    """The sentences of the rows of a page, in their order."""
    return re.findall(r'<li class="check-row".*?<h3>(.*?)</h3>', page, re.DOTALL)


def test_words_and_rows_are_the_same_checks(app, ada, northgate, new):
    new({"contract-words": WORDS})
    said = definition(app)["contract"]
    new({"name": "Again", **ROWS, "contract-words": "the answer mentions Total (optional)"})
    assert definition(app)["contract"] == said
    assert [one["kind"] for one in said] == ["rows", "pattern"]
    page = ada.get(f"/t/{northgate}/tasks/report/edit").text
    assert heads(page) == ["The file report.csv has at least 10 rows", "The answer mentions Total (optional)"]
    shown = ada.get(f"/t/{northgate}/tasks/report").text
    assert "The file report.csv has at least 10 rows" in shown


def test_buttons_turn_words_into_rows_and_back_and_lose_nothing(new):
    page = new({"contract-words": f"{WORDS}\nwhat is this", "contract": "read"}).text
    assert heads(page) == ["The file report.csv has at least 10 rows", "The answer mentions Total (optional)"]
    assert re.search(r"<textarea[^>]*contract-words[^>]*>\s*what is this</textarea>", page)
    assert "“what is this” can&#39;t be read as a check. Write it like: a file report.csv" in page
    page = new({**ROWS, "contract-words": "costs less than 5 cents", "contract": "words"}).text
    assert heads(page) == []
    assert "The file report.csv has at least 10 rows\ncosts less than 5 cents</textarea>" in page


def test_a_row_is_added_and_removed_with_all_that_is_typed(new):
    page = new({**ROWS, "contract-kind": "http", "contract": "add"}).text
    assert heads(page) == ["The file report.csv has at least 10 rows", "A page that answers"]
    assert 'name="check-1-status" type="text" value="200"' in page
    page = new({**ROWS, "check-1-kind": "answer", "check-1-min_length": "5", "contract": "remove-0"}).text
    assert heads(page) == ["The answer has at least 5 letters"]


def test_what_is_wrong_is_said_at_its_field_and_stays_typed(new):
    answer = new({**ROWS, "check-0-min": "many", "contract-words": "the moon is full"})
    assert answer.status_code == 422
    assert 'value="many"' in answer.text
    assert 'id="f-check-0-min-error"' in answer.text
    assert 'id="f-contract-words-error"' in answer.text
    assert "the moon is full</textarea>" in answer.text


def test_a_change_is_said_in_words(ada, northgate, new):
    new(ROWS)
    ada.post(f"/t/{northgate}/tasks/report/edit", FORM | ROWS | {"check-0-min": "20", "version": "1"})
    page = ada.get(f"/t/{northgate}/tasks/report/history").text
    assert "What must be true afterwards" in page
    assert "The file report.csv has at least 20 rows" in page
