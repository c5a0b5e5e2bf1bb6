"""How full the slots will be, and how long one more run would wait."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.load import Load, forecast

NINE = datetime(2026, 11, 30, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def look(runs, slots=2, **more):
    return forecast(runs, slots, NINE - 60 * MINUTE, NINE + 60 * MINUTE, **more)


def test_six_runs_at_once_on_two_slots_make_a_seventh_wait():
    load = look([(NINE, 40.0)] * 6)
    assert (load.starting(NINE), load.wait(NINE)) == (6, 120.0)
    assert [load.wait(NINE + n * MINUTE) for n in (1, 2, 3)] == [60.0, 0.0, 0.0]


def test_the_last_of_six_waits_less_than_a_seventh():
    assert look([(NINE, 40.0)] * 6).delay(NINE) == 80.0


def test_two_on_two_slots_wait_for_nobody_though_a_third_would():
    load = look([(NINE, 40.0)] * 2)
    assert (load.wait(NINE), load.delay(NINE)) == (40.0, 0.0)


def test_a_chain_within_one_minute_waits_for_nobody_and_one_more_only_for_what_has_begun():
    load = look([(NINE + timedelta(seconds=12 * n), 12.0) for n in range(3)])
    assert load.delays == {}
    assert load.wait(NINE) == 0.0  # the second slot is free
    alone = look([(NINE + timedelta(seconds=12 * n), 12.0) for n in range(3)], slots=1)
    assert [alone.wait(NINE + timedelta(seconds=second)) for second in (0, 7, 24, 40)] == [12.0, 5.0, 12.0, 0.0]


def test_a_run_is_in_a_crowd_from_its_start_to_its_end():
    load = look([(NINE, 40.0)] * 6)
    assert not load.is_crowded(NINE - MINUTE, 60.0)
    assert load.is_crowded(NINE - MINUTE, 61.0)
    assert load.is_crowded(NINE + MINUTE, 1.0)
    assert not load.is_crowded(NINE + 2 * MINUTE, 600.0)


def test_before_and_elsewhere_nobody_waits():
    load = look([(NINE, 40.0)] * 6)
    assert load.wait(NINE - MINUTE) == load.wait(NINE + 30 * MINUTE) == load.wait(NINE + 999 * MINUTE) == 0


def test_enough_slots_leave_no_wait():
    assert look([(NINE, 40.0)] * 6, slots=7).full == ()


def test_how_full_the_slots_are():
    load = look([(NINE, 300.0), (NINE, 150.0)])
    assert (load.use(NINE + MINUTE), load.use(NINE + 6 * MINUTE)) == (0.75, 0.0)


def test_what_runs_all_the_time_takes_its_slot():
    assert look([(NINE, 60.0)] * 2, background=1.0).wait(NINE) == 120.0
    assert look([], background=1.0).use(NINE) == 0.5


def test_a_run_that_queued_begins_when_a_slot_is_free():
    load = look([(NINE, 600.0), (NINE, 600.0), (NINE + MINUTE, 600.0)])
    assert load.use(NINE + 12 * MINUTE) == 0.5


def test_no_slot_counts_as_one():
    assert look([(NINE, 60.0)], slots=0).wait(NINE) == 60.0


def test_it_is_kept_as_json():
    load = look([(NINE, 300.0)] * 6)
    assert Load.of(json.loads(json.dumps(load.as_dict()))) == load


@given(
    st.lists(st.tuples(st.integers(0, 7100), st.integers(1, 2000)), max_size=60),
    st.integers(1, 4),
)
def test_the_wait_is_that_of_a_queue(runs, slots):
    """One more run, told last of its instant, begins exactly when the simulated queue says."""
    start = NINE - 60 * MINUTE
    load = look([(start + timedelta(seconds=at), float(took)) for at, took in runs], slots)
    for second in (5400, *(at for at, _ in runs)):
        free = [0.0] * slots
        for at, took in sorted(runs, key=lambda run: (run[0], -run[1])):
            if at <= second:
                free.sort()
                free[0] = max(free[0], at) + took
        wait = max(min(free) - second, 0.0)
        assert load.wait(start + timedelta(seconds=second)) == pytest.approx(wait if wait > 0.5 else 0.0)
    total = sum(load.busy) * 300
    assert total <= sum(took for _, took in runs) + 1e-6
