"""Rules of budgets: periods, what a run may cost, whether it may go, and what is foreseen."""

from datetime import UTC, datetime

import pytest

from app.domain import budgets
from app.domain.budgets import Load, Pot
from app.domain.money import MICROS


def pot(limit=20.0, spent=0.0, reserved=0.0, whose="team", **more):
    limit_micros = None if limit is None else round(limit * MICROS)
    return Pot(1, whose, "month", "2026-11", limit_micros, more.get("limit_runs"), round(spent * MICROS),
               round(reserved * MICROS), more.get("runs", 0))  # fmt: skip


@pytest.mark.parametrize(
    ("at", "zone", "day", "month"),
    [
        (datetime(2026, 11, 30, 22, 59, tzinfo=UTC), "Europe/Berlin", "2026-11-30", "2026-11"),
        (datetime(2026, 11, 30, 23, 0, tzinfo=UTC), "Europe/Berlin", "2026-12-01", "2026-12"),
        (datetime(2026, 12, 1, 4, 0, tzinfo=UTC), "America/New_York", "2026-11-30", "2026-11"),
    ],
)
def test_days_and_months_are_those_of_the_zone(at, zone, day, month):
    for period, key in (("day", day), ("month", month)):
        assert budgets.key_of(at, period, zone) == key
        start, end = budgets.bounds(key, zone)
        assert start <= at < end
    assert (budgets.said("2026-11"), budgets.said("2026-11-03")) == ("November", "3 November")


def test_a_day_with_a_clock_change_has_its_own_length():
    start, end = budgets.bounds("2026-10-25", "Europe/Berlin")
    assert (end - start).total_seconds() == 25 * 3600


def test_what_a_run_may_cost_is_the_sum_of_its_caps():
    agent = {"engine": "agent", "settings": {"cost_cap_cents": 40}}
    assert budgets.most(agent) == 400_000
    assert budgets.most(agent, 900_000) == 900_000
    assert budgets.most({"engine": "agent", "settings": {}}) == MICROS
    assert budgets.most({"engine": "http", "settings": {}}) == 0
    steps = {"engine": "steps", "settings": {}, "steps": [agent, {"engine": "http", "settings": {}}, agent]}
    assert budgets.most(steps) == 800_000
    assert budgets.most(steps, 100_000) == 1_000_000
    assert budgets.most(steps | {"repair": {"cost_cap_cents": 5}}) == 850_000


@pytest.mark.parametrize(
    ("pots", "usual", "reserved", "most", "reason", "waits"),
    [
        ([pot()], None, MICROS, None, "", False),
        ([pot(spent=19.5)], 100_000, 500_000, 500_000, "", False),
        ([pot(), pot(5, 4.7)], 100_000, 300_000, 300_000, "", False),
        ([pot(spent=19.5)], None, 0, None, "budget", False),
        ([pot(spent=19, reserved=0.5)], None, 0, None, "budget", True),
        ([pot(), pot(5, 4.99, whose="plan")], 100_000, 0, None, "plan", False),
        ([pot(spent=25)], 0, 0, 0, "", False),
        ([pot(None)], None, 0, None, "", False),
    ],
)
def test_a_run_may_go_where_every_pot_has_what_it_usually_costs(pots, usual, reserved, most, reason, waits):
    found = budgets.admit(pots, MICROS, usual, is_new=True)
    assert (found.reserved_micros, found.most_micros, found.reason, found.waits) == (reserved, most, reason, waits)
    assert bool(found.sentence) == bool(reason)


def test_what_costs_nothing_goes_whatever_is_left():
    assert budgets.admit([pot(0)], 0, None, is_new=True) == budgets.Admission()


def test_shares_are_reached_in_steps():
    assert [budgets.reached(spent, 100) for spent in (0, 49, 50, 79, 80, 99, 100, 150)] == [
        0,
        0,
        50,
        50,
        80,
        80,
        100,
        100,
    ]


def test_planned_runs_that_pass_a_pot_are_foreseen():
    own, other = Load(10, MICROS, MICROS), Load(12, MICROS, MICROS)
    [found] = budgets.foreseen([pot(spent=1)], [own, other])
    assert (found.runs_over, found.is_certain) == (3, False)
    assert found.sentence == "3 runs before the end of November would pass the team's November of $20.00."
    assert budgets.foreseen([pot(spent=1, whose="task")], [own, other]) == []
    [found] = budgets.foreseen([pot(None, whose="plan", limit_runs=20, runs=1)], [own, other])
    assert (found.runs_over, found.is_certain) == (3, True)
    assert budgets.foreseen([pot()], [Load(10, 0, 0), other]) == []
