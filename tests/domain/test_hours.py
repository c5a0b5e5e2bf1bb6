"""How many go at once in each hour of a week."""

from datetime import UTC, date, datetime, timedelta

from app.domain.hours import at_once

NINE = datetime(2026, 11, 30, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def hours(spans, timezone="UTC", days=7):
    return {(day, hour): n for day, row in at_once(spans, NINE, days, timezone) for hour, n in enumerate(row) if n}


def test_the_most_at_once_in_its_hour():
    spans = [(NINE, NINE + 5 * MINUTE), (NINE, NINE + MINUTE), (NINE + 30 * MINUTE, NINE + 31 * MINUTE)]
    assert hours(spans) == {(date(2026, 11, 30), 9): 2}


def test_a_long_one_is_in_each_of_its_hours():
    assert hours([(NINE + 30 * MINUTE, NINE + 150 * MINUTE)]) == {(date(2026, 11, 30), hour): 1 for hour in (9, 10, 11)}


def test_hours_are_those_of_the_zone():
    assert list(hours([(NINE, NINE)], "Asia/Kolkata")) == [(date(2026, 11, 30), 14)]


def test_an_hour_that_clocks_leave_out_has_none():
    night = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    row = dict(at_once([(night, night + 90 * MINUTE)], night, 1, "Europe/Berlin"))[date(2027, 3, 28)]
    assert [hour for hour, n in enumerate(row) if n] == [1, 3]


def test_what_is_outside_is_left_out():
    assert hours([(NINE + timedelta(days=9), NINE + timedelta(days=9, hours=1))]) == {}
