"""Estimates in words: no finer than they are known, and no risk of what has hardly run."""

import pytest

from app.domain import expected
from app.domain.forecast import Estimate


def test_how_long_with_its_range_and_what_that_rests_on():
    known = Estimate(244.0, 181.0, 240.0, 322.0, basis="from 41 runs")
    assert expected.takes(known) == "Takes about 4 min, mostly 3 min to 5 min 20 s, from 41 runs."


def test_a_narrow_range_is_left_out():
    assert expected.takes(Estimate(1033.0, 1030.0, 1033.0, 1040.0)) == "Takes about 17 min."


def test_nothing_known_says_nothing():
    assert expected.takes(Estimate()) == expected.costs(Estimate()) == expected.risks(Estimate()) == ""


def test_a_risk_is_said_once_there_are_enough_runs():
    risky = Estimate(p_fail=0.31, cause="after a failure", runs=30)
    assert expected.risks(risky) == "High risk to fail: about 31 of 100 such runs, mostly after a failure."
    assert expected.risks(Estimate(p_fail=0.31, runs=29)) == ""
    assert expected.risks(Estimate(p_fail=0.05, runs=99)) == ""


def test_what_it_costs():
    assert expected.costs(Estimate(cost_micros=90_000)) == "About $0.09 a run."


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (14.0, ""),
        (15.0, "Its next run waits about 15 s for a slot."),
        (130.0, "Its next run waits about 2 min 10 s for a slot."),
    ],
)
def test_a_wait_is_said_where_it_is_worth_a_word(seconds, said):
    assert expected.waits(seconds) == said


def test_a_band_is_as_short_as_in_a_table():
    bands = {
        (240.0, 180.0, 320.0): "3–5 min", (240.0, 230.0, 250.0): "4 min", (20.0, 12.0, 130.0): "12 s – 2 min",
        (4.0, 2.1, 8.0): "2.1–8 s", (None, None, None): "",
    }  # fmt: skip
    assert {expected.band(Estimate(usual, low, usual, high)) for usual, low, high in bands} == set(bands.values())


def test_what_is_spent_is_money_or_else_tokens():
    assert [expected.spent(*one) for one in ((90_000, 12_345), (0, 12_345), (None, 7), (None, None), (0, 0))] == [
        "$0.09", "12,000 tokens", "7 tokens", "", "",
    ]  # fmt: skip
