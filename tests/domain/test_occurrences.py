"""What becomes of the fires of a rule: calendars first, then spread and jitter, each once, whoever asks and when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.calendars import LOOKS_AHEAD, Calendar
from app.domain.occurrences import Plan, between, coming, due, has_passed, next_look
from app.domain.triggers import Trigger, fires_between

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
OFFICE = Calendar("Office", "hours", "UTC", {"hours": ["Mon-Fri 09:00-17:00"]})
FREEZE = Calendar("Freeze", "blackout", "UTC", {"weekly": ["Fri 18:00 - Mon 06:00"]})
EVERY_MINUTE, DAILY = Trigger("cron", "* * * * *", "UTC"), Trigger("cron", "0 9 * * *", "UTC")
DAY = timedelta(days=1)


def days(found):
    return [f"{one.at:%a %H:%M}" + ("-" if one.is_left_out else "") for one in found]


def decided(plan, since, until, step):
    """What a clock decides that looks when it should, from `since` until `until`; `step` is how late it comes."""
    found, before, look = [], since, next_look(plan, since)
    while look and look + step <= until:
        now = look + step
        fires = list(between(plan, before, now))
        found += [one for one in due(plan, fires, before, now) if not has_passed(one)]
        look = next_look(plan, now, was_left_out=bool(fires) and fires[-1].is_left_out)
        before = now
    return found, before


# --- calendars


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("exclude", ["Thu 09:00-", "Fri 09:00-", "Sat 09:00", "Sun 09:00", "Mon 09:00-"]),
        ("only", ["Thu 09:00", "Fri 09:00", "Sat 09:00-", "Sun 09:00-", "Mon 09:00"]),
        ("next_day", ["Thu 09:00", "Fri 09:00", "Mon 09:00", "Mon 09:00", "Mon 09:00"]),
        ("previous_day", ["Thu 09:00", "Fri 09:00", "Fri 09:00", "Fri 09:00", "Mon 09:00"]),
    ],
)
def test_each_use_of_a_calendar(use, expected):
    plan = Plan(DAILY, ((use, OFFICE),))
    assert days(coming(plan, NOON, 5)) == expected


def test_what_moves_keeps_its_fire_and_says_why():
    moved = coming(Plan(DAILY, (("delay", FREEZE),)), NOON + 2 * DAY, 1)[0]
    assert (moved.fire.at, moved.at) == (datetime(2026, 11, 28, 9, tzinfo=UTC), datetime(2026, 11, 30, 6, tzinfo=UTC))
    assert moved.is_moved
    assert "Freeze" in moved.notes[0]


def test_what_moves_to_a_time_that_is_over_is_left_out():
    saturday = datetime(2026, 11, 28, 8, tzinfo=UTC)
    first = coming(Plan(DAILY, (("previous_day", OFFICE),)), saturday, 1)[0]
    assert (first.is_left_out, first.at, has_passed(first)) == (True, first.fire.at, True)


def test_a_preview_may_go_on_until_so_many_run():
    plan = Plan(EVERY_MINUTE, (("only", OFFICE),))
    night = datetime(2026, 11, 25, 17, tzinfo=UTC)
    found = coming(plan, night, 3, counts_left_out=False)
    assert days(found)[-3:] == ["Thu 09:00", "Thu 09:01", "Thu 09:02"]
    assert len(found) == 959 + 3


# --- when the clock looks


def test_what_is_left_out_waits_for_the_next_that_runs_so_that_it_can_be_told_together():
    plan, closing = Plan(EVERY_MINUTE, (("only", OFFICE),)), datetime(2026, 11, 25, 17, tzinfo=UTC)
    assert next_look(plan, closing - timedelta(minutes=1)) == closing
    assert next_look(plan, closing, was_left_out=True) == closing + timedelta(hours=16)


def test_the_clock_looks_once_a_day_at_least_while_all_is_left_out():
    plan = Plan(Trigger("cron", "0 * * * *", "UTC"), (("exclude", FREEZE),))
    friday = datetime(2026, 11, 27, 18, tzinfo=UTC)
    assert next_look(plan, friday, was_left_out=True) == friday + DAY


def test_the_clock_looks_when_something_moves_to_an_earlier_time():
    plan = Plan(Trigger("cron", "0 9 * * 6", "UTC"), (("previous_day", OFFICE),))
    assert next_look(plan, NOON) == datetime(2026, 11, 27, 9, tzinfo=UTC)


def test_a_rule_without_fires_needs_no_look():
    ended = Trigger("cron", "* * * * *", "UTC", ends_at=NOON)
    assert next_look(Plan(ended), NOON) is None
    assert next_look(Plan(ended, (("only", OFFICE),)), NOON) is None


@pytest.mark.parametrize("use", ["exclude", "only", "next_day", "previous_day", "delay", "note"])
@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=7), timedelta(hours=30)])
def test_however_late_the_clock_looks_each_fire_is_decided_once_and_as_foreseen(use, late):
    plan = Plan(Trigger("cron", "30 7,17 * * *", "Europe/Berlin"), ((use, FREEZE),), 0, 1200, 5)
    found, until = decided(plan, NOON, NOON + 30 * DAY, late)
    foreseen = {one.fire.at: one for one in between(plan, NOON, until + LOOKS_AHEAD)}
    assert len({one.fire.at for one in found}) == len(found)
    assert all(one == foreseen[one.fire.at] for one in found)
    assert {fire.at for fire in fires_between(plan.trigger, NOON, until)} <= {one.fire.at for one in found}


# --- spread and jitter


def test_s11_jitter_is_the_same_whenever_it_is_asked_for():
    plan = Plan(EVERY_MINUTE, jitter_seconds=40, schedule=7)
    whole = list(between(plan, NOON, NOON + timedelta(hours=2)))
    assert whole == [
        one
        for minute in range(120)
        for one in between(plan, NOON + timedelta(minutes=minute), NOON + timedelta(minutes=minute + 1))
    ]
    assert len({one.at - one.fire.at for one in whole}) > 100


def test_spread_moves_all_alike_and_each_schedule_in_its_own_way():
    parts = set()
    for schedule in (1, 2, 3):
        plan = Plan(DAILY, spread_seconds=3600, schedule=schedule)
        moved = {one.at - one.fire.at for one in between(plan, NOON, NOON + 50 * DAY)}
        assert len(moved) == 1
        parts |= moved
    assert len(parts) == 3


def test_what_is_moved_later_says_by_how_much():
    one = next(between(Plan(DAILY, spread_seconds=600, jitter_seconds=60, schedule=3), NOON, NOON + DAY))
    assert one.notes[-1].startswith("Starts ")
    assert one.notes[-1].endswith(" later, by its spread and jitter.")


def test_nothing_is_moved_before_it_is_saved():
    assert next(between(Plan(DAILY, jitter_seconds=600), NOON, NOON + DAY)).at.minute == 0


@settings(deadline=None)
@given(
    st.sampled_from(("* * * * *", "*/7 * * * *", "0 9 * * *", "30 2 * * *", "59 23 31 12 *")),
    st.sampled_from(("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns")),
    st.floats(0, 86_400),
    st.floats(0, 86_400),
    st.integers(1, 2**40),
)
def test_s11_what_is_moved_later_stays_before_the_next_fire(expression, zone, spread, jitter, schedule):
    plan = Plan(Trigger("cron", expression, zone), (), spread, jitter, schedule)
    start = datetime(2027, 3, 27, 12, tzinfo=UTC)
    fires = list(fires_between(plan.trigger, start, start + 400 * DAY if "12" in expression else start + 2 * DAY))
    moved = list(between(plan, start, fires[-1].at))
    for one, following in zip(moved, fires[1:], strict=False):
        assert one.fire.at <= one.at < following.at
    assert [one.at for one in moved] == sorted(one.at for one in moved)


def test_an_offset_that_a_calendar_forbids_is_dropped():
    closing = Trigger("cron", "59 16 * * *", "UTC")
    plan = Plan(closing, (("only", OFFICE),), jitter_seconds=7200, schedule=11)
    runs = [one for one in between(plan, NOON, NOON + 20 * DAY) if not one.is_left_out]
    assert all(one.at.hour == 16 for one in runs)
    assert any(not one.is_moved for one in runs)
