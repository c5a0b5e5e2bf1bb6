"""Moving one time of a rule: what all of them become, and which rules say no, with a sentence."""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from app.domain import triggers
from app.domain.localtime import TriggerError
from app.domain.moving import moved
from app.domain.triggers import Trigger

BERLIN = ZoneInfo("Europe/Berlin")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def rule(kind, expression, **more):
    return Trigger(kind, expression, "Europe/Berlin", **more)


def times(trigger, since, count=3):
    fires = triggers.fires_between(trigger, at(since), datetime(2030, 1, 1, tzinfo=UTC))
    return [fire.local for fire in islice(fires, count)]


MOVES = [
    (rule("once", "2026-11-24T09:00"), "2026-11-24 09:00", "2026-11-25 13:15", ["2026-11-25 13:15"]),
    (rule("cron", "0 9 * * 1-5"), "2026-11-24 09:00", "2026-11-24 09:45",
     ["2026-11-24 09:45", "2026-11-25 09:45", "2026-11-26 09:45"]),
    (rule("cron", "0 9 * * 2"), "2026-11-24 09:00", "2026-11-26 10:00",
     ["2026-11-26 10:00", "2026-12-03 10:00", "2026-12-10 10:00"]),
    (rule("cron", "30 2 1 * *"), "2026-12-01 02:30", "2026-12-03 04:00",
     ["2026-12-03 04:00", "2027-01-03 04:00", "2027-02-03 04:00"]),
    (rule("interval", "2d", anchor_at=at("2026-11-24 09:00")), "2026-11-26 09:00", "2026-11-26 11:00",
     ["2026-11-24 11:00", "2026-11-26 11:00", "2026-11-28 11:00"]),
    (rule("rrule", "FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=9;BYMINUTE=0"), "2026-11-25 09:00", "2026-11-25 07:30",
     ["2026-11-25 07:30", "2026-11-30 07:30", "2026-12-02 07:30"]),
    (rule("rrule", "DTSTART:20261123T090000 RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=3"), "2026-12-07 09:00",
     "2026-12-09 08:00", ["2026-11-25 08:00", "2026-12-09 08:00", "2026-12-23 08:00"]),
    (rule("rrule", "FREQ=MONTHLY;BYMONTHDAY=15;BYHOUR=9;BYMINUTE=0"), "2026-12-15 09:00", "2026-12-14 09:30",
     ["2026-12-14 09:30", "2027-01-14 09:30", "2027-02-14 09:30"]),
]  # fmt: skip


@pytest.mark.parametrize(("trigger", "old", "new", "after"), MOVES)
def test_the_other_times_move_alike(trigger, old, new, after):
    assert times(moved(trigger, at(old), at(new)), "2026-11-24 00:00") == after


REFUSED = [
    (rule("cron", "0 9,17 * * *"), "2026-11-24 09:00", "2026-11-24 10:00", "more than one time a day"),
    (rule("cron", "*/5 9 * * *"), "2026-11-24 09:05", "2026-11-24 09:07", "more than one time a day"),
    (rule("cron", "0 9 * * *"), "2026-11-24 09:00", "2026-11-25 09:00", "more than one day"),
    (rule("cron", "0 9 * * 1-5"), "2026-11-24 09:00", "2026-11-25 09:00", "more than one day"),
    (rule("cron", "0 9 * * 1-5"), "2026-11-24 09:00", "2026-11-24 09:00:30", "whole minutes"),
    (rule("cron", "0 9 1 * *"), "2026-12-01 09:00", "2026-11-30 09:00", "no place"),
    (rule("cron", "0 9 1 * 1"), "2026-12-01 09:00", "2026-12-02 09:00", "more than one day"),
    (rule("rrule", "FREQ=HOURLY"), "2026-11-24 09:00", "2026-11-24 09:30", "more than one time a day"),
    (rule("rrule", "FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=9;BYMINUTE=0"), "2026-11-25 09:00", "2026-11-26 09:00",
     "more than one day"),
    (rule("rrule", "FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0"), "2026-12-07 09:00", "2026-12-08 09:00", "no place"),
]  # fmt: skip


@pytest.mark.parametrize(("trigger", "old", "new", "said"), REFUSED)
def test_a_rule_that_one_time_does_not_tell_says_what_to_do_instead(trigger, old, new, said):
    with pytest.raises(TriggerError) as refused:
        moved(trigger, at(old), at(new))
    assert said in refused.value.sentence
    assert "only this run" in refused.value.sentence.lower()


def test_a_time_that_the_clock_leaves_out_is_refused():
    gap = datetime(2027, 3, 28, 2, 30, tzinfo=BERLIN)  # it does not exist
    with pytest.raises(TriggerError):
        moved(rule("cron", "0 9 * * *"), at("2027-03-28 09:00"), gap)
