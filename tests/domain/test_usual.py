"""What is usual, and how many runs go at once."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.usual import LEAST, at_once, upper

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def test_of_few_runs_nothing_is_said():
    assert upper([1.0] * (LEAST - 1)) is None


def test_of_ten_runs_one_is_beyond():
    assert upper([10, 1, 2, 3, 4, 5, 6, 7, 8, 9]) == 9


@given(st.lists(st.floats(0, 1e6), min_size=LEAST, max_size=200))
def test_at_most_one_in_ten_is_beyond(values):
    assert sum(value > upper(values) for value in values) <= len(values) / 10


def test_runs_that_overlap_are_counted():
    spans = [(at(0), at(10)), (at(5), at(15)), (at(10), at(20))]
    assert at_once(spans, at(0), at(60)) == [(at(0), 1), (at(5), 2), (at(15), 1), (at(20), 0)]


def test_what_reaches_into_the_window_counts_from_its_start():
    assert at_once([(at(-30), at(5)), (at(50), at(90))], at(0), at(60)) == [(at(0), 1), (at(5), 0), (at(50), 1)]


def test_without_runs_there_is_one_step():
    assert at_once([], at(0), at(60)) == [(at(0), 0)]


@given(st.lists(st.tuples(st.integers(-50, 150), st.integers(0, 60)), max_size=30))
def test_the_steps_are_what_counting_finds(drawn):
    spans = [(at(start), at(start + length)) for start, length in drawn]
    steps = at_once(spans, at(0), at(100))
    for minute in range(100):
        here = [count for step, count in steps if step <= at(minute)][-1]
        assert here == sum(start <= at(minute) < end for start, end in spans)
