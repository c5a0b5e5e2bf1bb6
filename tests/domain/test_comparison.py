"""What differs between two runs, in words, and where their logs part."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.domain.comparison import Side, differences, rows, sentence
from app.domain.parting import Parting, parting

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
GOOD = Side(
    "Morning digest", 4, "succeeded", "a schedule", NINE, NINE, NINE + timedelta(minutes=1), 1, "north-1", "level 2",
    90_000, {"status": 200, "seconds": 59.2}, {"prepare": 1.0, "run": 58.0}, {"report.csv": (10, "a")},
)  # fmt: skip


def said(**changes):
    return sentence(differences(GOOD, replace(GOOD, **changes)))


def test_the_same_twice():
    assert said(facts={"status": 200, "seconds": 61.0}) == "Nothing differs but when they ran."


def test_version_time_and_answer():
    before = replace(GOOD, facts={"answer": "Fine."})
    after = replace(before, version=5, ended_at=NINE + timedelta(minutes=4), facts={"answer": "It broke."})
    assert sentence(differences(before, after)) == "What differs: version 4 → 5, took 3 min longer, answer differs."


def test_inputs_that_differ_are_named():
    before = replace(GOOD, inputs={"month": "2026-10", "size": "small", "notes": "a" * 99})
    after = replace(GOOD, inputs={"month": "2026-11", "size": "small", "notes": "b", "rate": 1.1})
    assert sentence(differences(before, after)) == (
        "What differs: month 2026-10 → 2026-11, notes differs, rate is only there."
    )


def test_checks_that_differ_are_named():
    before = replace(GOOD, checks={"A file report.csv": "met", "The answer mentions Total": "met"})
    after = replace(GOOD, checks={"A file report.csv": "unmet", "The answer mentions Total": "met"})
    assert sentence(differences(before, after)) == "What differs: “A file report.csv” met → unmet."


def test_each_thing_has_its_words():
    changes = {
        "another task": {"task": "Shop front"},
        "succeeded → timed out": {"state": "timed_out"},
        "asked for by Ada Park": {"asked_by": "Ada Park"},
        "started 20 s later": {"started_at": NINE + timedelta(seconds=20), "ended_at": NINE + timedelta(seconds=80)},
        "took 30 s less": {"ended_at": NINE + timedelta(seconds=30)},
        "3 attempts instead of 1": {"attempts": 3},
        "worker north-1 → none": {"worker": ""},
        "isolation level 2 → level 1": {"isolation": "level 1"},
        "cost $0.03 more": {"cost_micros": 120_000},
        "status 200 → 502": {"facts": {"status": 502}},
        "report.csv differs": {"files": {"report.csv": (10, "b")}},
        "no report.csv": {"files": {}},
        "report.csv differs, x.txt is new": {"files": {"report.csv": (9, "b"), "x.txt": (1, "c")}},
    }
    for words, change in changes.items():
        assert said(**change) == f"What differs: {words}."


def test_small_differences_of_time_are_no_news():
    assert said(ended_at=NINE + timedelta(seconds=63)) == "Nothing differs but when they ran."


def test_many_files_are_counted():
    assert said(files={f"{number}.txt": (1, "x") for number in range(5)}) == "What differs: 6 files differ."


def test_steps_stand_in_the_table_only():
    found = differences(GOOD, replace(GOOD, steps={"prepare": 1.0, "run": 90.0, "collect": 2.0}))
    assert found == {"Step run": "took 32 s longer", "Step collect": "only there"}
    assert sentence(found) == "Nothing differs but when they ran."


def test_logs_part_at_the_first_line_that_differs_whatever_the_time():
    left = ["2026-11-24T09:00:01Z begin", "09:00:02.123 \x1b[31mread\x1b[0m 3", "done"]
    right = ["2026-11-25T09:00:09Z begin", "09:10:02 read 3", "failed"]
    assert parting(left, right) == Parting(
        2, [(" ", left[0]), (" ", "09:00:02.123 read 3"), ("-", "done"), ("+", "failed")]
    )


def test_logs_that_are_the_same():
    assert parting(["a 10:00:00", "b"], ["a 10:00:01", "b"]) == Parting(2, ())
    assert parting([], []) == Parting(0, ())


def test_one_log_that_goes_on():
    assert parting(["a"], ["a", "b"]).lines == [(" ", "a"), ("+", "b")]


def test_long_logs_are_compared_in_no_time():
    left, right = [f"{n % 7}" for n in range(2000)], [f"{n % 5}" for n in range(2000)]
    start = time.monotonic()
    assert len(parting(left, right).lines) <= 60
    assert time.monotonic() - start < 1


# --- the table


def test_what_differs_may_be_told_from_what_is_the_same():
    bad = replace(GOOD, state="failed", sentence="It failed.", packages={"requests": "2.34.2"}, python="3.11.7")
    good = replace(GOOD, sentence="It worked.", packages={"requests": "2.31.0"}, python="3.11.7")
    table = rows(good, bad, differences(good, bad))
    assert [(row.what, row.left, row.right) for row in table if row.differs] == [
        ("requests", "2.31.0", "2.34.2"),
        ("State", "succeeded", "failed"),
        ("In words", "It worked.", "It failed."),
    ]
    assert ("Python", "3.11.7", "3.11.7") in [(row.what, row.left, row.right) for row in table if not row.differs]


def test_what_may_be_why_stands_before_what_followed():
    bad = replace(
        GOOD, state="failed", version=5, inputs={"month": "2"}, model="Haiku", tools="read_file", packages={"a": "2"}
    )
    good = replace(GOOD, inputs={"month": "1"}, model="Sonnet", packages={"a": "1"})
    assert sentence(differences(good, bad)) == (
        "What differs: version 4 → 5, month 1 → 2, model Sonnet → Haiku, tools none → read_file, a 1 → 2, "
        "succeeded → failed."
    )
    parts = list(dict.fromkeys(row.part for row in rows(good, bad, differences(good, bad))))
    assert parts == ["What it ran with", "Inputs", "Packages", "What happened", "Duration by step", "Facts", "Files"]


def test_many_packages_are_counted_and_unknown_ones_say_nothing():
    many = {f"p{number}": "1" for number in range(5)}
    good = replace(GOOD, packages=many)
    assert sentence(differences(good, replace(GOOD, packages=dict.fromkeys(many, "2")))) == (
        "What differs: 5 packages differ."
    )
    assert sentence(differences(good, GOOD)) == "Nothing differs but when they ran."
