"""Queue age and depth -> wanted workers."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.scaling import Look, wanted


def looks(*ages, depth=3, apart=3.0):
    return [Look(number * apart, age, depth if age else 0) for number, age in enumerate(ages)]


def test_two_looks_at_a_queue_that_is_too_old_want_one_more():
    assert wanted(1, 1, 4, looks(9)) == 1
    assert wanted(1, 1, 4, looks(9, 4)) == 1
    assert wanted(1, 1, 4, looks(6, 9)) == 2


def test_a_deep_queue_wants_twice_as_many_but_never_more_than_allowed():
    assert wanted(2, 1, 8, looks(6, 9, depth=500)) == 4
    assert wanted(2, 1, 3, looks(6, 9, depth=500)) == 3
    assert wanted(3, 1, 3, looks(6, 9)) == 3


def test_after_a_minute_with_nothing_to_wait_for_one_less_will_do():
    assert wanted(3, 1, 4, looks(*[0] * 20)) == 3
    assert wanted(3, 1, 4, looks(*[0] * 21)) == 2
    assert wanted(1, 1, 4, looks(*[0] * 40)) == 1


def test_one_run_that_waited_begins_the_minute_anew():
    assert wanted(3, 1, 4, looks(*[0] * 12, 1, *[0] * 20)) == 3
    assert wanted(3, 1, 4, looks(*[0] * 12, 1, *[0] * 21)) == 2


@given(
    st.integers(0, 20),
    st.integers(1, 5),
    st.integers(0, 10),
    st.lists(st.tuples(st.floats(0, 99), st.floats(0, 99), st.integers(0, 9999)), max_size=9),
)
def test_it_stays_within_its_bounds_and_never_goes_down_by_more_than_one(workers, least, more, seen):
    found = wanted(workers, least, least + more, [Look(*one) for one in sorted(seen)])
    assert least <= found <= least + more
    assert found >= min(workers, least + more) - 1
