"""RRULE: read part by part, computed from any moment on, as the reference implementation does."""

import time
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from app.domain import recurrence, rrule, triggers
from app.domain.triggers import Trigger, TriggerError, assumptions, check, fires_between, last_fire, next_fire

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
FAR = timedelta(days=36_500)


def rule(expression, timezone="Europe/Berlin", **rules):
    return Trigger("rrule", expression, timezone, **rules)


def walls(expression, count, after=NOW, **rules):
    fires = fires_between(rule(expression, **rules), after, after + FAR)
    return [fire.local for fire in islice(fires, count)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("FREQ=DAILY;BYHOUR=9", ["2026-11-26 09:00", "2026-11-27 09:00"]),
        ("RRULE:FREQ=DAILY;BYHOUR=9,17;BYMINUTE=30", ["2026-11-25 17:30", "2026-11-26 09:30"]),
        ("freq=weekly;byday=mo,fr;byhour=8;byminute=15", ["2026-11-27 08:15", "2026-11-30 08:15"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=17;BYMINUTE=0", ["2026-11-30 17:00", "2026-12-31 17:00", "2027-01-29 17:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=6", ["2026-11-30 06:00", "2026-12-31 06:00", "2027-01-31 06:00", "2027-02-28 06:00"]),
        ("FREQ=MONTHLY;BYDAY=3TH;BYHOUR=10", ["2026-12-17 10:00", "2027-01-21 10:00"]),
        ("FREQ=MONTHLY;BYDAY=-2FR;BYHOUR=10", ["2026-12-18 10:00", "2027-01-22 10:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31;BYHOUR=0", ["2026-12-31 00:00", "2027-01-31 00:00", "2027-03-31 00:00"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYHOUR=0", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYHOUR=0", ["2026-12-28 00:00", "2032-12-27 00:00"]),
        ("FREQ=YEARLY;BYYEARDAY=100,-1;BYHOUR=7", ["2026-12-31 07:00", "2027-04-10 07:00"]),
        ("DTSTART:20261130T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2", ["2026-11-30 09:00", "2026-12-14 09:00"]),
        ("DTSTART;TZID=Europe/Berlin:20261201T090000 FREQ=DAILY;INTERVAL=3", ["2026-12-01 09:00", "2026-12-04 09:00"]),
        ("DTSTART:20261201T080000Z\\nRRULE:FREQ=DAILY", ["2026-12-01 09:00", "2026-12-02 09:00"]),
        ("FREQ=HOURLY;INTERVAL=6", ["2026-11-25 18:00", "2026-11-26 00:00"]),
        ("FREQ=MINUTELY;INTERVAL=20;BYHOUR=8,9;BYDAY=MO", ["2026-11-30 08:00", "2026-11-30 08:20", "2026-11-30 08:40", "2026-11-30 09:00"]),
        ("FREQ=SECONDLY;INTERVAL=90", ["2026-11-25 13:01:30", "2026-11-25 13:03"]),
        ("FREQ=DAILY;BYHOUR=9;UNTIL=20261127", ["2026-11-26 09:00", "2026-11-27 09:00"]),
        ("FREQ=DAILY;BYHOUR=9;UNTIL=20261127T080000Z", ["2026-11-26 09:00", "2026-11-27 09:00"]),
        ("FREQ=DAILY;BYHOUR=9;UNTIL=20261127T085959", ["2026-11-26 09:00"]),
        ("DTSTART:20261120T090000 FREQ=DAILY;COUNT=8", ["2026-11-26 09:00", "2026-11-27 09:00"]),
    ],
)  # fmt: skip
def test_an_rrule_runs_at_the_times_its_parts_allow(expression, expected):
    found = walls(expression, len(expected) + 1, anchor_at=NOW)
    is_ended = "UNTIL" in expression or "COUNT" in expression
    assert (found if is_ended else found[: len(expected)]) == expected


def test_without_dtstart_a_count_begins_after_the_anchor():
    assert walls("FREQ=DAILY;BYHOUR=9;COUNT=2", 5, after=NOW - 9 * FAR / 100, anchor_at=NOW) == ["2026-11-26 09:00", "2026-11-27 09:00"]  # fmt: skip


def test_what_a_rule_leaves_open_is_said():
    assert assumptions(rule("FREQ=DAILY;INTERVAL=2", anchor_at=NOW)) == [
        "Without DTSTART it counts from Wed 25 Nov 2026.",
        "Without BYHOUR and DTSTART it runs at midnight.",
    ]
    assert assumptions(rule("DTSTART:20261201T090000 FREQ=DAILY;INTERVAL=2")) == []
    assert assumptions(rule("FREQ=HOURLY")) == []


def test_days_with_and_without_a_number_are_all_meant():
    assert walls("FREQ=MONTHLY;BYDAY=MO,1TU;BYHOUR=9", 3) == [
        "2026-11-30 09:00",
        "2026-12-01 09:00",
        "2026-12-07 09:00",
    ]


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("", "There is no rule"),
        ("DTSTART:20261201T090000", "There is no rule"),
        ("FREQ=FORTNIGHTLY", "FREQ is one of"),
        ("BYHOUR=9", "FREQ is one of"),
        ("FREQ=DAILY;BYHOUR=24", "“24” does not fit BYHOUR"),
        ("FREQ=DAILY;BYMINUTE=61", "“61” does not fit BYMINUTE"),
        ("FREQ=DAILY;BYSECOND=60", "“60” does not fit BYSECOND"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "“0” does not fit BYMONTHDAY"),
        ("FREQ=DAILY;INTERVAL=0", "“0” does not fit INTERVAL"),
        ("FREQ=DAILY;INTERVAL=two", "“TWO” does not fit INTERVAL"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "Keep one of them"),
        ("FREQ=DAILY;UNTIL=tomorrow", "no moment for UNTIL"),
        ("FREQ=DAILY;UNTIL=20270230", "no moment for UNTIL"),
        ("FREQ=DAILY;BYHOUR=9;BYHOUR=10", "BYHOUR=9,10"),
        ("FREQ=DAILY;BYFOO=1", "BYFOO is no part"),
        ("FREQ=DAILY;BYHOUR", "“BYHOUR” is no part"),
        ("FREQ=WEEKLY;BYDAY=1MO", "FREQ=MONTHLY or FREQ=YEARLY only"),
        ("FREQ=MONTHLY;BYDAY=54MO", "“54MO” is no BYDAY"),
        ("FREQ=MONTHLY;BYWEEKNO=3", "FREQ=YEARLY only"),
        ("FREQ=DAILY;WKST=XX", "“XX” is no weekday"),
        ("DTSTART:yesterday FREQ=DAILY", "“yesterday” is no moment"),
        ("DTSTART;TZID=Europe/Paris:20261201T090000 FREQ=DAILY", "DTSTART is in Europe/Paris"),
        ("FREQ=DAILY FREQ=WEEKLY", "more than one RRULE"),
        ("FREQ=DAILY EXDATE:20261201T090000", "EXDATE is not used here"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;BYHOUR=1", "never runs"),
        ("FREQ=MINUTELY;INTERVAL=1440;BYHOUR=5", "never runs"),
    ],
)  # fmt: skip
def test_what_is_no_rrule_is_refused_with_a_sentence(expression, part):
    with pytest.raises(TriggerError) as refused:
        check(rule(expression))
    assert part in refused.value.sentence


def test_the_last_time_of_a_rule_is_known_and_none_for_one_without_end():
    assert last_fire(rule("FREQ=DAILY;BYHOUR=9;UNTIL=20300101")).local == "2030-01-01 09:00"
    assert last_fire(rule("DTSTART:20261130T090000 FREQ=WEEKLY;COUNT=10")).local == "2027-02-01 09:00"
    assert last_fire(Trigger("cron", "0 9 1 1 *", "UTC", ends_at=NOW)).local == "2026-01-01 09:00"
    assert last_fire(Trigger("once", "2026-12-01T09:00", "UTC")).local == "2026-12-01 09:00"
    assert last_fire(rule("FREQ=DAILY;BYHOUR=9")) is None


def test_start_and_end_bound_every_kind_and_are_included():
    starts, ends = datetime(2026, 12, 1, 9, tzinfo=UTC), datetime(2026, 12, 3, 9, tzinfo=UTC)
    for trigger in (
        Trigger("cron", "0 9 * * *", "UTC", starts_at=starts, ends_at=ends),
        Trigger("rrule", "FREQ=DAILY;BYHOUR=9", "UTC", starts_at=starts, ends_at=ends),
        Trigger("interval", "1d", "UTC", anchor_at=starts, starts_at=starts, ends_at=ends),
    ):
        found = [fire.at.day for fire in fires_between(trigger, NOW, NOW + FAR)]
        assert found == [1, 2, 3]
        assert next_fire(trigger, ends) is None


def test_a_rule_of_seconds_is_asked_years_later_at_once():
    trigger = rule("DTSTART:20000101T000000 FREQ=SECONDLY;INTERVAL=7")
    started = time.perf_counter()
    assert next_fire(trigger, NOW)
    assert time.perf_counter() - started < 0.25


# --- against the reference implementation


def numbers(name, low, high, *, is_signed=False):
    value = st.integers(low, high)
    value = value | value.map(lambda number: -number) if is_signed else value
    lists = st.lists(value, min_size=1, max_size=4, unique=True)
    return st.just("") | lists.map(lambda found: f";{name}={','.join(map(str, found))}")


def weekdays(numbered):
    day = st.sampled_from(rrule.WEEKDAYS)
    lists = st.lists(day, min_size=1, max_size=3, unique=True)
    if numbered:  # all of them or none: “MO,1MO” is every Monday by RFC 5545, the first one to the reference
        nth = st.tuples(st.sampled_from(("1", "2", "-1", "3", "-2", "5")), day).map("".join)
        lists |= st.lists(nth, min_size=1, max_size=3, unique=True)
    return st.just("") | lists.map(lambda found: f";BYDAY={','.join(found)}")


@st.composite
def rules(draw):
    freq = draw(st.sampled_from(("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY")))
    weeks = draw(numbers("BYWEEKNO", 1, 53, is_signed=True)) if freq == "YEARLY" else ""
    parts = [
        f"FREQ={freq}", draw(st.sampled_from(("", ";INTERVAL=2", ";INTERVAL=3", ";INTERVAL=7"))), weeks,
        draw(weekdays(freq in {"YEARLY", "MONTHLY"} and not weeks)), draw(numbers("BYMONTH", 1, 12)),
        draw(numbers("BYMONTHDAY", 1, 31, is_signed=True)), draw(numbers("BYHOUR", 0, 23)),
        draw(numbers("BYMINUTE", 0, 59)), draw(st.sampled_from(("", "", ";BYSETPOS=1", ";BYSETPOS=-1,2"))),
        draw(st.sampled_from(("", "", ";COUNT=7", ";COUNT=23"))),
    ]  # fmt: skip
    return "".join(parts)


@settings(max_examples=80, deadline=None)
@given(rules(), st.integers(0, 300), st.integers(0, 23))
@example("FREQ=YEARLY;BYWEEKNO=1,-1;BYDAY=SU", 0, 9)
@example("FREQ=YEARLY;BYDAY=-1MO;BYMONTH=2", 0, 9)
@example("FREQ=WEEKLY;INTERVAL=3;BYDAY=SU,MO", 40, 9)
def test_times_are_those_of_the_reference_implementation(expression, days_later, hour):
    start = datetime(2024, 1, 1, hour)  # noqa: DTZ001 a wall time; a Monday and a first of the month: the first period is a whole one
    is_fine = "FREQ=MINUTELY" in expression  # the reference counts up from the start, minute by minute
    since = start + timedelta(days=days_later % 4 if is_fine else days_later)
    until = since + timedelta(days=3 if is_fine else 30 if "FREQ=HOURLY" in expression else 500)
    try:
        reference = rrulestr(expression, dtstart=start)
    except ValueError:  # it sees that there are none
        assume(False)
    expected = list(islice(takewhile(lambda wall: wall <= until, reference.xafter(since, inc=True)), 40))
    rule_ = rrule.parse(f"DTSTART:{start:%Y%m%dT%H%M%S} {expression}")
    found = (wall for wall in recurrence.walls(rule_, start, since) if wall <= until)
    assert list(islice(found, len(expected))) == expected, (expression, start, since)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0,30;BYSETPOS=1,4", "Every day at 09:00 and 17:30"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYMONTH=1;BYHOUR=9", "Every 2 weeks on Monday in January at 09:00"),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYHOUR=9;BYSETPOS=1", "Every Monday, Wednesday and Friday at 09:00, of these only the 1st time of each week"),
        ("FREQ=MONTHLY;BYDAY=1MO,3MO;BYHOUR=9,17;BYMINUTE=30", "On the 1st and 3rd Monday of every month at 09:30 and 17:30"),
        ("FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR;BYHOUR=9", "On the 13th of every month, if it is a Friday, at 09:00"),
        ("FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1;BYHOUR=9", "On the 30th or the last day of every month at 09:00"),
        ("FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=1;BYDAY=MO,TU,WE,TH,FR,SA;BYHOUR=9", "Every 2 months on the 1st except on Sundays at 09:00"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYHOUR=9;COUNT=5", "Every Monday and Tuesday at 09:00, 5 times"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;BYHOUR=9", "Every Monday in week 20 at 09:00"),
        ("FREQ=YEARLY;BYDAY=20MO;BYHOUR=9", "On the 20th Monday of every year at 09:00"),
        ("FREQ=HOURLY;BYHOUR=8,9,10;BYMINUTE=0,30", "Every hour, at minutes 0 and 30 of hours 8 to 10"),
        ("FREQ=MINUTELY;INTERVAL=20;BYDAY=MO,TU", "Every 20 minutes on Mondays and Tuesdays"),
        ("DTSTART:20261201T093000 FREQ=DAILY;UNTIL=20261231T120000",
         "Every day at 09:30, from Tue 1 Dec 2026 at 09:30, until Thu 31 Dec 2026 at 12:00"),
    ],
)  # fmt: skip
def test_every_part_of_an_rrule_is_said(expression, sentence):
    assert triggers.describe(Trigger("rrule", expression, "Europe/Berlin")) == sentence


def every(count):
    return ",".join(map(str, range(count)))


@pytest.mark.parametrize(
    "expression",
    [
        f"FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR={every(24)};BYMINUTE={every(28)};BYSECOND={every(28)}",
        f"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR={every(24)};BYMINUTE={every(28)};BYSECOND={every(28)}",
        "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYHOUR=1;COUNT=100000",
        "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=31;BYHOUR=1;COUNT=100000",
        "FREQ=SECONDLY;BYMONTH=1;UNTIL=20271201",
        "FREQ=SECONDLY;INTERVAL=11;BYMINUTE=7;BYSECOND=9",
    ],
)
def test_no_rule_keeps_a_page_waiting(expression):
    began = time.perf_counter()
    trigger = Trigger("rrule", expression, "Europe/Berlin", anchor_at=datetime(2026, 11, 28, tzinfo=UTC))
    try:
        check(trigger)
        list(islice(fires_between(trigger, trigger.anchor_at, trigger.anchor_at + timedelta(days=365 * 50)), 1000))
        last_fire(trigger)
    except TriggerError as error:
        assert "COUNT" in error.sentence  # noqa: PT017 refused is as good as fast
    assert time.perf_counter() - began < 2.5


def test_the_last_time_is_found_among_very_many():
    trigger = Trigger("rrule", "FREQ=SECONDLY;BYMONTH=1;UNTIL=20271201T000000Z", "UTC")
    assert last_fire(trigger).at == datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)
