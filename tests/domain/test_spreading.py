"""Starts spread over a window."""

from collections import Counter
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from app.domain.spreading import Start, spread

NINE = 9 * 60


def test_short_ones_get_a_minute_each():
    found = spread([Start(key, NINE, 1) for key in range(14)], NINE, NINE + 30, {})
    assert sorted(found.values()) == list(range(NINE, NINE + 14))


def test_long_ones_stand_apart_by_their_length():
    found = spread([Start(key, NINE, 10) for key in range(3)], NINE, NINE + 29, {})
    assert sorted(found.values()) == [NINE, NINE + 10, NINE + 20]


def test_what_is_busy_already_is_left_to_others():
    found = spread([Start(1, NINE, 5)], NINE, NINE + 30, {NINE + n: 2.0 for n in range(10)})
    assert found == {1: NINE + 10}


def test_alone_it_stays_where_it_is():
    assert spread([Start(1, NINE + 7, 5)], NINE, NINE + 30, {}) == {1: NINE + 7}


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12))
def test_never_more_at_once_than_started_together(lengths):
    starts = [Start(key, NINE, length) for key, length in enumerate(lengths)]
    found = spread(starts, NINE, NINE + 60, {})
    used = Counter(minute for one in starts for minute in range(found[one.key], found[one.key] + one.minutes))
    assert max(used.values()) <= len(lengths)
    if sum(lengths) <= 61:
        assert max(used.values()) == 1
    assert all(NINE <= minute <= NINE + 60 for minute in found.values())


def test_runs_of_a_week_are_placed_at_once():
    begun = perf_counter()
    spread([Start(key, NINE, 7 * 1440) for key in range(20)], 0, 1439, {NINE: 1.0})
    assert perf_counter() - begun < 3, "each minute is looked at once for each of them, not once for each start"
