"""Cron as RRULE and back: what is turned into the other plans exactly the same, or is not turned at all."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import conversion, triggers
from app.domain.triggers import Trigger

NOW = datetime(2026, 3, 20, tzinfo=UTC)
ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "Pacific/Chatham")


def fires(trigger):
    """Its first times, and those around the clock changes of a year."""
    marks = [NOW, *(NOW + timedelta(days=days) for days in (7, 14, 200, 215))]
    return [
        fire.at for mark in marks for fire in islice(triggers.fires_between(trigger, mark, mark + timedelta(10)), 150)
    ]


def field(low, high):
    numbers = st.integers(low, high)
    spans = st.tuples(numbers, numbers).map(sorted).map(lambda ends: f"{ends[0]}-{ends[1]}")
    steps = st.sampled_from([f"*/{step}" for step in (2, 3, 5, 7, 12) if step <= high])
    return st.one_of(st.just("*"), numbers.map(str), spans, steps, st.lists(numbers, min_size=2, max_size=4, unique=True).map(
        lambda found: ",".join(map(str, sorted(found)))
    ))  # fmt: skip


CRONS = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(expression=CRONS, zone=st.sampled_from(ZONES))
def test_an_rrule_made_of_cron_plans_the_same(expression, zone):
    trigger = Trigger("cron", expression, zone)
    rrule = conversion.as_rrule(trigger, NOW)
    if not rrule:
        return
    other = Trigger("rrule", rrule, zone, anchor_at=NOW)
    assert fires(other) == fires(trigger)
    if back := conversion.as_cron(other):
        assert fires(Trigger("cron", back, zone)) == fires(trigger)
        assert conversion.is_same(other, trigger, NOW)


@pytest.mark.parametrize(("cron", "rrule"), [
    ("0 9 * * 1-5", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9;BYMINUTE=0"), ("*/15 * * * *", "FREQ=HOURLY;BYMINUTE=0,15,30,45"),
    ("* * * * *", "FREQ=MINUTELY"), ("0 */2 * * sun", "FREQ=HOURLY;INTERVAL=2;BYDAY=SU;BYMINUTE=0"),
    ("0 9,17 1,15 1 *", "FREQ=MONTHLY;BYMONTHDAY=1,15;BYMONTH=1;BYHOUR=9,17;BYMINUTE=0"), ("0 9 13 * 5", ""),
])  # fmt: skip
def test_how_a_cron_is_written_as_rrule(cron, rrule):
    assert conversion.as_rrule(Trigger("cron", cron, "Europe/Berlin"), NOW) == rrule


def test_a_wildcard_that_meets_a_clock_change_has_no_rrule_with_hours():
    """With BYHOUR its times would be fixed: one would be made up in spring, one left out in autumn."""
    assert conversion.as_rrule(Trigger("cron", "*/20 1-3 * * *", "Europe/Berlin"), NOW) == ""
    assert conversion.as_rrule(Trigger("cron", "*/20 8-17 * * *", "Europe/Berlin"), NOW)


@pytest.mark.parametrize("rrule", [
    "FREQ=DAILY;INTERVAL=2;BYHOUR=9", "FREQ=DAILY;COUNT=3;BYHOUR=9", "FREQ=WEEKLY;BYHOUR=9", "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=9",
    "FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9", "FREQ=SECONDLY", "FREQ=HOURLY;INTERVAL=5", "FREQ=MONTHLY;BYDAY=MO;BYMONTHDAY=1;BYHOUR=9",
    "FREQ=DAILY;BYHOUR=9;BYSECOND=30", "DTSTART:20260101T090000 RRULE:FREQ=DAILY", "FREQ=DAILY",
])  # fmt: skip
def test_what_cron_cant_say_has_no_cron(rrule):
    assert conversion.as_cron(Trigger("rrule", rrule, "Europe/Berlin", anchor_at=NOW)) == ""
