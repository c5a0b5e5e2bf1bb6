"""Planned times: right by the rules of cron, elapsed time and clock changes, in any zone, and quickly."""

import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.triggers import (
    Trigger,
    TriggerError,
    check,
    clock_changes,
    describe,
    fires_between,
    next_fire,
)

NOW = datetime(2026, 11, 25, 2, 50, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def cron(expression, timezone="Europe/Berlin", **rules):
    return Trigger("cron", expression, timezone, **rules)


def walls(trigger, after, count):
    fires = fires_between(trigger, after, after + timedelta(days=4000))
    return [fire.local for fire in islice(fires, count)]


# --- cron


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 9 * * 1-5", ["2026-11-25 09:00", "2026-11-26 09:00", "2026-11-27 09:00", "2026-11-30 09:00"]),
        ("*/20 3-4 * * *", ["2026-11-25 04:00", "2026-11-25 04:20", "2026-11-25 04:40", "2026-11-26 03:00"]),
        ("0 6 1,15 * *", ["2026-12-01 06:00", "2026-12-15 06:00", "2027-01-01 06:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 13 * fri", ["2026-11-27 00:00", "2026-12-04 00:00", "2026-12-11 00:00", "2026-12-13 00:00"]),
        ("0 0 */2 * mon", ["2026-12-07 00:00", "2026-12-21 00:00"]),
        ("0 0 1-7 * */7", ["2026-12-06 00:00", "2027-01-03 00:00"]),
        ("0 12 * jan-feb 7", ["2027-01-03 12:00", "2027-01-10 12:00"]),
        ("0 12 * * SAT-SUN", ["2026-11-28 12:00", "2026-11-29 12:00", "2026-12-05 12:00"]),
        ("5-59/25 4 * * *", ["2026-11-25 04:05", "2026-11-25 04:30", "2026-11-25 04:55", "2026-11-26 04:05"]),
    ],
)
def test_cron_runs_at_the_times_its_fields_allow(expression, expected):
    assert walls(cron(expression), NOW, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("61 * * * *", "61"),
        ("* * * *", "five fields"),
        ("* * * * * *", "here are 6"),
        ("", "five fields"),
        ("*/0 * * * *", "step of 0"),
        ("*/90 * * * *", "90m"),
        ("5/15 * * * *", "5-59/15"),
        ("17-9 * * * *", "ends before"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of week"),
        ("0 0 L * *", "day of month"),
        ("0 0 ? * 1#2", "day of month"),
        ("1,,2 * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("*-5 * * * *", "minute"),
        ("² * * * *", "minute"),
        ("0 0 31 2 *", "never runs"),
        ("0 0 31 4,6,9,11 *", "never runs"),
    ],
)
def test_nonsense_is_refused_with_a_sentence_that_names_it(expression, part):
    with pytest.raises(TriggerError) as refusal:
        check(cron(expression))
    assert part in refusal.value.sentence
    assert refusal.value.sentence.endswith(".")


@pytest.mark.parametrize("timezone", ["Europe/Berln", "", "../etc/passwd", "Europe", "a\0b", "/etc/localtime"])
def test_an_unknown_zone_is_refused(timezone):
    with pytest.raises(TriggerError, match="no time zone"):
        check(cron("0 9 * * *", timezone))


def test_a_planned_time_is_strictly_later_than_the_instant_asked_for():
    nine = datetime(2026, 11, 25, 8, tzinfo=UTC)
    assert next_fire(cron("0 9 * * *"), nine).at == nine + DAY
    assert next_fire(cron("0 9 * * *"), nine - timedelta(microseconds=1)).at == nine


def test_the_end_of_a_stretch_belongs_to_it_and_its_beginning_does_not():
    nine = datetime(2026, 11, 25, 8, tzinfo=UTC)
    assert [fire.at for fire in fires_between(cron("0 9 * * *"), nine, nine + DAY)] == [nine + DAY]


def test_the_instant_may_be_given_in_any_zone():
    assert next_fire(cron("0 9 * * *"), NOW.astimezone(ZoneInfo("Asia/Tokyo"))) == next_fire(cron("0 9 * * *"), NOW)


# --- intervals


@given(
    st.sampled_from(("1s", "90s", "15m", "7h", "1d", "1h30m", "11m7s")),
    st.integers(10**9, 2 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.integers(0, 100_000),
)
def test_the_nth_time_of_an_interval_is_anchor_plus_n_intervals_exactly(expression, anchor, number):
    every = {"1s": 1, "90s": 90, "15m": 900, "7h": 25200, "1d": 86400, "1h30m": 5400, "11m7s": 667}[expression]
    trigger = Trigger("interval", expression, "Europe/Berlin", anchor_at=anchor)
    nth = anchor + number * timedelta(seconds=every)
    assert next_fire(trigger, nth - timedelta(microseconds=1)).at == nth
    assert next_fire(trigger, nth).at == nth + timedelta(seconds=every)


def test_an_interval_does_not_drift_in_a_day():
    trigger = Trigger("interval", "90s", "UTC", anchor_at=NOW)
    fires = list(fires_between(trigger, NOW, NOW + DAY))
    assert [fire.at for fire in fires] == [NOW + number * timedelta(seconds=90) for number in range(1, 961)]


def test_an_interval_with_its_anchor_ahead_begins_there():
    assert next_fire(Trigger("interval", "1h", "UTC", anchor_at=NOW), NOW - 9 * DAY).at == NOW


@pytest.mark.parametrize(
    "expression", ["", "0s", "15x", "p1m", "p", "-5m", "1.5h", "5m1h", "4000d", "99999999999s", "٣m"]
)
def test_an_interval_that_is_none_is_refused(expression):
    with pytest.raises(TriggerError, match="Write 90s, 15m, 2h"):
        check(Trigger("interval", expression, "UTC"))


# --- once


@pytest.mark.parametrize(
    ("expression", "at"),
    [
        ("2026-12-24T09:00", "2026-12-24T08:00:00+00:00"),
        ("2026-12-24T09:00:30", "2026-12-24T08:00:30+00:00"),
        ("2026-12-24T09:00Z", "2026-12-24T09:00:00+00:00"),
        ("2026-12-24T09:00-05:00", "2026-12-24T14:00:00+00:00"),
        ("2027-03-28T02:30", "2027-03-28T01:00:00+00:00"),
        ("2027-10-31T02:30", "2027-10-31T00:30:00+00:00"),
    ],
)
def test_once_runs_once(expression, at):
    trigger = Trigger("once", expression, "Europe/Berlin")
    check(trigger)
    assert [fire.at.isoformat() for fire in fires_between(trigger, NOW, NOW + 999 * DAY)] == [at]
    assert next_fire(trigger, datetime.fromisoformat(at)) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "2026-12-24",
        "09:00",
        "2026-02-30T09:00",
        "2026-12-24T25:00",
        "24.12.2026 09:00",
        "9999-12-31T23:59-12:00",
        "0001-01-01T00:00",
    ],
)
def test_a_moment_that_is_none_is_refused(expression):
    with pytest.raises(TriggerError):
        check(Trigger("once", expression, "UTC"))


def test_a_single_time_inside_a_gap_that_is_skipped_never_runs_and_is_refused():
    with pytest.raises(TriggerError, match="never runs"):
        check(Trigger("once", "2027-03-28T02:30", "Europe/Berlin", gap="skip"))


@pytest.mark.parametrize("rules", [{"gap": "later"}, {"fold": "second"}])
def test_a_rule_for_clock_changes_that_is_none_is_refused(rules):
    with pytest.raises(TriggerError, match="Choose one"):
        check(cron("0 9 * * *", **rules))


def test_a_kind_that_is_none_is_refused():
    with pytest.raises(TriggerError, match="once, an interval, cron or rrule"):
        check(Trigger("lunar", "FREQ=DAILY", "UTC"))


# --- in words


@pytest.mark.parametrize(
    ("kind", "expression", "words"),
    [
        ("cron", "0 9 * * 1-5", "Every weekday at 09:00"),
        ("cron", "0 9 * * *", "Every day at 09:00"),
        ("cron", "30 17 * * 1,4", "Every Monday and Thursday at 17:30"),
        ("cron", "0 10 * * 0", "Every Sunday at 10:00"),
        ("cron", "* * * * *", "Every minute"),
        ("cron", "*/15 * * * *", "Every 15 minutes"),
        ("cron", "0 * * * *", "Every hour"),
        ("cron", "5 * * * *", "Every hour, 5 minutes past"),
        ("cron", "0 8-18/2 * * 1-5", "Every 2 hours from 08:00 to 18:00 on weekdays"),
        ("cron", "0 6 1,15 * *", "On the 1st and 15th of every month at 06:00"),
        ("cron", "0 9 24 12 *", "Every year on 24 December at 09:00"),
        ("cron", "0 0 13 * 5", "On the 13th of every month and on Fridays at 00:00"),
        ("cron", "0 0 1-7 * */7", "On Sundays that are the 1st to 7th of every month at 00:00"),
        ("cron", "0 9,12,17 * 6-8 1", "Every Monday in June, July and August at 09:00, 12:00 and 17:00"),
        ("cron", "*/25 * * * *", "Every hour, 0, 25 and 50 minutes past"),
        ("cron", "7,9 3-9 2,3 * *", "On the 2nd and 3rd of every month at minutes 7 and 9 past the hours 3 to 9"),
        ("interval", "15m", "Every 15 minutes"),
        ("interval", "1h30m", "Every 90 minutes"),
        ("interval", "1s", "Every second"),
        ("interval", "1d", "Every 24 hours"),
        ("interval", "7d", "Every 168 hours (7 days)"),
        ("interval", "2w", "Every 336 hours (14 days)"),
        ("interval", "PT1H30M", "Every 90 minutes"),
        ("interval", "P1DT2H", "Every 26 hours"),
        ("interval", "5400", "Every 90 minutes"),
        ("once", "2026-11-24T09:00", "Once, Tue 24 Nov 2026 at 09:00"),
        ("once", "2026-11-24T08:00Z", "Once, Tue 24 Nov 2026 at 09:00"),
    ],
)
def test_a_rule_is_said_in_words(kind, expression, words):
    assert describe(Trigger(kind, expression, "Europe/Berlin")) == words


def test_the_end_of_the_calendar_is_an_end_and_no_crash():
    late = datetime(9899, 12, 31, 23, 59, tzinfo=UTC)
    for trigger in (cron("* * * * *", "UTC"), Trigger("interval", "3660d", "UTC"), cron("0 0 29 2 */7")):
        assert next_fire(trigger, late) is None
        assert next_fire(trigger, datetime(9999, 12, 31, tzinfo=UTC)) is None


# --- quickly


def seconds(work):
    def once():
        begin = time.process_time()
        work()
        return time.process_time() - begin

    return min(once() for _ in range(3))


def test_a_month_of_minutes_is_quick():
    fires = fires_between(cron("* * * * *"), NOW, NOW + 30 * DAY)
    begin = time.process_time()
    assert sum(1 for _ in fires) == 43_200
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize(
    ("trigger", "limit"),
    [
        (cron("0 9 * * 1-5"), 0.0005),
        (cron("* * * * *"), 0.0005),
        (cron("0 0 29 2 *"), 0.005),
        (Trigger("interval", "1s", "UTC"), 0.0005),
    ],
)
def test_the_next_time_is_found_quickly(trigger, limit):
    assert seconds(lambda: next_fire(trigger, NOW)) < limit


def test_a_year_of_clock_changes_is_found_quickly():
    assert seconds(lambda: clock_changes(cron("30 2 * * *"), NOW, NOW + timedelta(days=366))) < 0.03
