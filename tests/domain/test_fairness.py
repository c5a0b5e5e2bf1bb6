"""Whose turn it is, between teams and within one."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.fairness import Place, turns

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def places(team, *seconds):
    return [Place(NOON + timedelta(seconds=at), team * 100 + number) for number, at in enumerate(sorted(seconds))]


def test_within_a_team_the_earlier_rank_goes_first():
    assert turns({}, {1: places(1, 5, 3, 4)}, 2) == [100, 101]


def test_a_team_that_comes_late_with_little_goes_next():
    queued = {1: places(1, *range(50)), 2: places(2, 1000)}
    assert turns({1: 4}, queued, 2) == [200, 100]


def test_equals_take_turns_the_longer_waiting_first():
    queued = {1: places(1, 2, 3), 2: places(2, 1, 4), 3: []}
    assert turns({}, queued, 9) == [200, 100, 101, 201]


@given(
    st.dictionaries(st.integers(1, 5), st.lists(st.integers(0, 99), max_size=8), max_size=5),
    st.dictionaries(st.integers(1, 5), st.integers(0, 6)),
    st.integers(0, 20),
)
def test_no_team_gets_a_slot_while_one_with_fewer_waits(waiting, running, count):
    queued = {team: places(team, *seconds) for team, seconds in waiting.items()}
    chosen = turns(running, queued, count)
    assert len(chosen) == len(set(chosen)) == min(count, sum(map(len, queued.values())))
    has, left = Counter(running), {team: [place.run_id for place in row] for team, row in queued.items()}
    for run in chosen:
        team = run // 100
        assert has[team] == min(has[other] for other, row in left.items() if row)
        assert left[team].pop(0) == run
        has[team] += 1
