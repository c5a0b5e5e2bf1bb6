"""Better times of day, each with its reasons."""

from datetime import UTC, datetime, timedelta

from app.domain import best_times, conflicts
from app.domain.best_times import Circumstances, Hour
from app.domain.conflicts import Upstream, Wanted
from app.domain.load import forecast

NINE = datetime(2026, 11, 30, 9, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MORNINGS = [NINE + n * DAY for n in range(5)]
WANTED = Wanted(MORNINGS, "UTC", 40.0, 60.0)
CROWD = [(at, 300.0) for at in MORNINGS for _ in range(6)]


def words(runs=(), hours=None, wanted=WANTED, **more):
    load = forecast(runs, 2, NINE - DAY, NINE + 7 * DAY)
    return [choice.words for choice in best_times.best(wanted, Circumstances(load, hours or {}, **more))]


def test_a_good_time_is_left_alone():
    assert words() == []


def test_the_nearest_quiet_times_before_and_after_a_crowd_are_offered():
    assert words(CROWD) == ["08:55, quieter", "09:15, quieter"]


def test_a_time_at_which_others_would_wait_for_it_is_not_quiet():
    long = Wanted(MORNINGS, "UTC", 25 * 60.0, 30 * 60.0)
    assert words(CROWD, wanted=long) == ["09:15, quieter", "08:35, quieter"]


def test_the_quietest_time_is_called_so():
    near = [(at + n * MINUTE, 280.0) for at in MORNINGS for n in range(-60, 120, 5)]
    assert words([*CROWD, *near]) == ["07:55, quietest", "08:55, quieter", "09:30, quieter"]


def test_its_own_runs_are_no_crowd():
    alone = [(at, 40.0) for at in MORNINGS for _ in range(2)]
    assert words(alone, wanted=Wanted(MORNINGS, "UTC", 40.0, 60.0, own=frozenset(MORNINGS))) == []


def test_an_hour_in_which_its_runs_are_faster_and_fail_less():
    hours = {9: Hour(20, 100.0, 0.3), 7: Hour(20, 88.0, 0.0)}
    assert words(hours=hours) == ["07:55, 12 % faster, fails less"]
    assert words(CROWD, hours)[0].startswith("07:")
    assert words(CROWD, hours)[0].endswith("12 % faster, fails less")


def test_few_runs_tell_nothing():
    assert words(hours={9: Hour(20, 100.0, 0.3), 7: Hour(3, 10.0, 0.0)}) == []


def test_cheap_hours_are_offered_even_at_night():
    assert words(price=lambda at: 0.5 if at.hour >= 23 else 1.0) == ["23:00, half the price"]


def test_nobody_is_woken_for_a_quiet_hour():
    busy = [(at + n * 5 * MINUTE, 700.0) for at in MORNINGS for n in range(-24, 156) for _ in range(2)]
    assert words(busy) == []


def test_times_that_are_not_allowed_are_not_offered():
    assert words(CROWD, is_allowed=lambda at: at.hour >= 9) == ["09:15, quieter"]


def test_several_times_a_day_move_together_and_stay_on_their_day():
    twice = Wanted([at + hours * 60 * MINUTE for at in MORNINGS for hours in (0, 14)], "UTC", 40.0, 60.0)
    assert words(CROWD, wanted=twice) == ["08:55, quieter", "09:15, quieter"]


def test_what_is_not_allowed_where_it_is_does_not_matter_elsewhere():
    freeze = MORNINGS[2].date()
    assert words(CROWD, is_allowed=lambda at: at.date() != freeze) == ["08:55, quieter", "09:15, quieter"]


def test_the_tasks_before_it_have_ended_by_then():
    extract = Upstream("Extract", [at - 10 * MINUTE for at in MORNINGS], 8 * 60.0)
    earliest = conflicts.earliest(WANTED, [extract])
    assert earliest == -2 * MINUTE
    assert words(CROWD, earliest=earliest) == ["09:15, quieter"]
    assert conflicts.earliest(WANTED, []) is None


def test_a_price_in_words():
    said = [best_times.price_said(factor) for factor in (1.0, 0.95, 0.5, 0.8, 1.5)]
    assert said == ["", "", "half price", "20 % off the price", "1.5 × price"]
