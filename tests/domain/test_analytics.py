"""Periods in the reader's days, and lengths of time in buckets."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.analytics import histogram, periods

NOON = datetime(2026, 11, 28, 12, 7, tzinfo=UTC)


@given(st.lists(st.floats(0.02, 100_000), min_size=1), st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_off_by_no_more_than_it_says(values, share):
    of = histogram.merged({histogram.bucket(value): 1} for value in values)
    exact = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    assert histogram.quantile(of, share) == pytest.approx(exact, rel=0.101)


def test_nothing_has_no_quantile_and_no_time_is_none():
    assert histogram.quantile({}, 0.5) is None
    assert histogram.quantile({histogram.bucket(0.001): 3}, 0.5) == 0.0


@pytest.mark.parametrize(
    ("zone", "now", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 10, 26, 12, tzinfo=UTC), [24] * 5 + [25, 24]),
        ("America/New_York", datetime(2026, 3, 9, 12, tzinfo=UTC), [24] * 5 + [23, 24]),
        ("Asia/Kathmandu", NOON, [24] * 7),
        ("Australia/Lord_Howe", datetime(2026, 4, 6, 12, tzinfo=UTC), [24] * 5 + [24.5, 24]),
    ],
)
def test_days_are_those_of_the_zone_whatever_its_clocks_do(zone, now, hours):
    period = periods.last(7, zone, now)
    assert [(until - since) / timedelta(hours=1) for since, until in period.cuts()] == hours
    assert all(since.minute % 15 == 0 for since, _ in period.cuts())
    assert period.before().until == period.since


def test_the_last_24_hours_are_hours():
    period = periods.last(1, "Asia/Kolkata", NOON)
    assert (period.unit, len(period.cuts()), period.until) == ("hour", 24, datetime(2026, 11, 28, 12, 30, tzinfo=UTC))
    assert period.before().since == period.since - timedelta(days=1)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia"])
@pytest.mark.parametrize("days", periods.DAYS)
def test_the_pieces_of_a_period_are_the_period(zone, days):
    period = periods.last(days, zone, NOON)
    edges, whole = periods.pieces(period)
    spans = sorted([*edges, *([whole] if whole else [])])
    assert (spans[0][0], spans[-1][1]) == (period.since, period.until)
    assert all(one[1] == following[0] for one, following in pairwise(spans))
    assert not whole or all(at.hour == at.minute == 0 for at in whole)


@pytest.mark.parametrize(
    ("days", "first", "last"),
    [("2", "", ""), ("x", "", ""), ("", "2026-11-30", "2026-11-01"), ("", "yesterday", ""), ("", "2026-12-24", ""),
     ("", "2020-01-01", ""), ("", "", "2026-11-01"), ("٣٠", "", "")],
)  # fmt: skip
def test_what_is_no_period_is_refused(days, first, last):
    with pytest.raises(periods.Unreadable):
        periods.read(days, first, last, "UTC", NOON)


def test_a_period_between_two_days_includes_both():
    period = periods.read("", "2026-11-01", "2026-11-03", "Europe/Berlin", NOON)
    assert (period.days, str(period.first), str(period.last)) == (3, "2026-11-01", "2026-11-03")
    assert periods.read("", "2026-01-01", "2026-06-30", "UTC", NOON).unit == "week"
