"""What a run did in numbers."""

import pytest

from app.domain import amounts


def test_the_last_step_that_counts_says_what_was_counted():
    results = [
        {"state": "succeeded", "outputs": {"status": 200, "pages": 9}, "sent": 0},
        {"state": "succeeded", "outputs": {"sources": 41, "title": "News", "is_new": True, "share": 0.5}, "sent": 0},
        {"state": "succeeded", "outputs": {"status": 202, "json": {"ok": 1}}, "sent": 2},
        {"state": "skipped"},
    ]
    assert amounts.of_steps(results) == {"counted": {"sources": 41, "share": 0.5}, "sent": 2}
    assert amounts.of_steps([{"state": "skipped"}]) == {}


def test_the_amounts_of_a_run_are_its_numbers():
    facts = {"counted": {"rows": 3}, "bytes": 900, "tokens_in": 10, "tokens_out": 5, "status": 200, "model": "Sonnet"}
    assert amounts.of_run(facts, 2, None) == {"rows": 3, "files": 2, "bytes": 900, "tokens": 15}


@pytest.mark.parametrize("value", [True, "3", None, -1, float("nan"), float("inf"), [1]])
def test_what_is_no_amount_is_left_out(value):
    assert "rows" not in amounts.of_run({"counted": {"rows": value}}, 0, None)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("files", 1, "1 file"),
        ("files", 1200, "1,200 files"),
        ("cost", 90_000, "$0.09"),
        ("new_rows", 0.25, "0.25 new rows"),
        ("rows", 12_345_678, "12,345,678 rows"),
        ("bytes", 900, ""),
        ("sent", 0, ""),
    ],
)
def test_an_amount_is_said(name, value, words):
    assert amounts.said(name, value) == words
