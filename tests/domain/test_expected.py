"""Estimates in words: no finer than they are known, and no risk of what has hardly run."""

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
