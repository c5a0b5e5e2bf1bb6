"""Runs unlike the others of their task."""

from datetime import timedelta

import pytest

from app.domain import anomaly
from app.domain.anomaly import Made

USUAL = [Made(60.0 + number, 100_000, 2_000_000) for number in range(30)]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (Made(75.0, 100_000, 2_000_000), ""),
        (Made(170.0, 100_000, 2_000_000), ""),  # less than three times as long
        (Made(3600.0, 100_000, 2_000_000), "took 1 h instead of 1 min 2 s to 1 min 26 s"),
        (Made(5.0, 100_000, 2_000_000), "took 5 s instead of 1 min 2 s to 1 min 26 s"),
        (Made(75.0, 900_000, 2_000_000), "cost $0.90 instead of $0.10"),
        (Made(75.0, None, 0), "made 0 bytes of files instead of 2.0 MB of files"),
    ],
)
def test_a_run_far_from_nine_of_ten_is_unlike_them(run, said):
    assert anomaly.unlike(run, USUAL) == said


def test_several_are_said_in_one():
    assert " and cost $9.00 instead of" in anomaly.unlike(Made(9000.0, 9_000_000, 2_000_000), USUAL)


def test_of_few_runs_nothing_is_said():
    assert anomaly.unlike(Made(9000.0, 1, 1), USUAL[:19]) == ""


def test_how_long_it_took_is_left_out_where_that_is_wished():
    assert anomaly.unlike(Made(9000.0, 100_000, 2_000_000), USUAL, is_time_told=False) == ""


def test_small_differences_are_none():
    tiny = [Made(0.1, 0, 0)] * 30
    assert anomaly.unlike(Made(3.0, 5_000, 900), tiny) == ""


@pytest.mark.parametrize(
    ("seconds", "others", "allowed", "is_late"),
    [
        (59, [], 0, False),
        (61, [], 0, True),
        (61, [], 30, False),  # its schedule spreads it
        (300, [290.0] * 30, 0, True),
        (300, [310.0] * 30, 0, False),  # so it always is
    ],
)
def test_a_run_is_late_where_that_is_not_usual(seconds, others, allowed, is_late):
    assert anomaly.is_late(timedelta(seconds=seconds), others, allowed) is is_late
