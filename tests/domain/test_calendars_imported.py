"""Imported calendars: what their events cover, and which line is to blame when a file can't be read."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from app.domain import calendars
from app.domain.calendars import Calendar, CalendarError

BERLIN = "Europe/Berlin"


def ics(*events):
    blocks = [["BEGIN:VEVENT", *event.strip().splitlines(), "END:VEVENT"] for event in events]
    return "\r\n".join(
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//", *(line for b in blocks for line in b), "END:VCALENDAR"]
    )


def imported(*events):
    return Calendar("Team", "ics", BERLIN, {}, ics(*events))


def local(*parts, zone=BERLIN):
    return datetime(*parts, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def days(calendar, *moments):
    return [calendars.covers(calendar, local(*moment)) for moment in moments]


def refused(content):
    with pytest.raises(CalendarError) as found:
        calendars.check(Calendar("Team", "ics", BERLIN, {}, content))
    return found.value.sentence


def test_whole_days_are_days_of_the_calendars_zone():
    calendar = imported("UID:1\nDTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227\nSUMMARY:Holiday\\, all of us")
    assert days(calendar, (2026, 12, 23, 23, 59), (2026, 12, 24), (2026, 12, 26, 23, 59), (2026, 12, 27)) == [
        False, True, True, False,
    ]  # fmt: skip
    assert calendars.coming(calendar, local(2026, 1, 1), 5)[0].what == "Holiday, all of us"


def test_zones_are_those_of_the_file_and_what_has_none_is_of_the_calendars():
    calendar = imported(
        "UID:1\nDTSTART:20261124T090000Z\nDTEND:20261124T100000Z",
        "UID:2\nDTSTART;TZID=America/New_York:20261125T090000\nDURATION:PT1H",
        'UID:3\nDTSTART;TZID="W. Europe Standard Time":20261126T090000\nDURATION:PT1H',
        "UID:4\nDTSTART:20261127T090000\nDURATION:PT1H",
        "UID:5\nDTSTART;TZID=Our Own Zone:20261128T090000\nDURATION:PT1H",
    )
    hours = [
        (2026, 11, 24, 10, 30),
        (2026, 11, 25, 15, 30),
        (2026, 11, 26, 9, 30),
        (2026, 11, 27, 9, 30),
        (2026, 11, 28, 9, 30),
    ]
    assert days(calendar, *hours) == [True] * 5
    assert len(calendars.coming(calendar, local(2026, 1, 1), 9)) == 5


def test_events_come_again_and_keep_their_wall_time_over_clock_changes():
    calendar = imported("UID:1\nDTSTART;TZID=Europe/Berlin:20260105T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=MO")
    assert days(calendar, (2026, 3, 23, 9, 30), (2026, 3, 30, 9, 30), (2026, 10, 26, 9, 30), (2026, 10, 27, 9, 30)) == [
        True, True, True, False,
    ]  # fmt: skip


def test_exceptions_moved_and_cancelled_ones_are_not_where_they_were():
    calendar = imported(
        "UID:1\nDTSTART;TZID=Europe/Berlin:20261102T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=5\nEXDATE:20261109T080000Z\nRDATE;TZID=Europe/Berlin:20261203T090000",
        "UID:1\nRECURRENCE-ID;TZID=Europe/Berlin:20261116T090000\nDTSTART;TZID=Europe/Berlin:20261117T090000\nDURATION:PT1H",
        "UID:1\nRECURRENCE-ID;TZID=Europe/Berlin:20261123T090000\nDTSTART;TZID=Europe/Berlin:20261123T090000\nDURATION:PT1H\nSTATUS:CANCELLED",
    )
    begins = [
        span.begin.astimezone(ZoneInfo(BERLIN)).strftime("%d.%m")
        for span in calendars.coming(calendar, local(2026, 1, 1), 9)
    ]
    assert begins == ["02.11", "17.11", "30.11", "03.12"]


def test_an_end_of_a_rule_is_kept():
    calendar = imported(
        "UID:1\nDTSTART;VALUE=DATE:20261101\nRRULE:FREQ=DAILY;UNTIL=20261103",
        "UID:2\nDTSTART;TZID=Europe/Berlin:20261201T230000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20261202T220000Z",
    )
    assert len(calendars.coming(calendar, local(2026, 1, 1), 9)) == 5


def test_a_stretch_over_new_year_is_one():
    calendar = imported("UID:1\nDTSTART;VALUE=DATE:20261220\nDTEND;VALUE=DATE:20270110\nSUMMARY:Closed")
    assert calendars.ends(calendar, local(2026, 12, 31, 12)) == local(2027, 1, 10)
    assert len(calendars.coming(calendar, local(2026, 1, 1), 9)) == 1
    free = calendars.effect(calendars.applied.Fire(local(2027, 1, 5, 9), ""), [("next_day", calendar)], BERLIN)
    assert free.notes == ("Moved from Tue 5 Jan to Sun 10 Jan: Closed (Team).",)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "There is no event in this file. Export a calendar that has some."),
        ("<html>\n", "Line 1 can't be read: “<html>”. Export the calendar again."),
        ("BEGIN:VCARD\nEND:VCARD", "Line 1 is not BEGIN:VCALENDAR, so this is no calendar file. Export it as ICS (iCalendar)."),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR", "There is no event in this file. Export a calendar that has some."),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\nno colon here\nEND:VEVENT\nEND:VCALENDAR", "Line 4 can't be read: “no colon here”. Export the calendar again."),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101", "Line 2 begins VEVENT, which never ends. Export the calendar again."),
        ("BEGIN:VCALENDAR\nEND:VEVENT", "Line 2 ends VEVENT, which has not begun. Export the calendar again."),
        (ics("UID:1\nSUMMARY:x"), "Line 4 begins an event that does not say when it begins. Correct or remove this event."),
        (ics("UID:1\nDTSTART:2026nonsense"), "Line 6 can't be read: “DTSTART:2026nonsense”. Correct or remove this event."),
        (ics("UID:1\nSUMMARY:long\n text\nDTSTART:20260101T090000Z\nRRULE:FREQ=OFTEN"), "Line 9 can't be read: “RRULE:FREQ=OFTEN”. Correct or remove this event."),
        (ics("UID:1\nDTSTART:20260101T090000Z\nRRULE:FREQ=SECONDLY"), "Line 7 can't be used: It repeats every hour or more often. A calendar repeats by days, weeks, months or years."),
        (ics("UID:1\nDTSTART:20260101T090000Z\nRRULE:FREQ=DAILY;BYMINUTE=" + ",".join(map(str, range(60)))), "Line 7 can't be used: It repeats every hour or more often. A calendar repeats by days, weeks, months or years."),
        (ics("UID:1\nDTSTART:00010101T090000Z"), "Line 6 has no DTSTART that can be read. Correct or remove it."),
        (ics("UID:1\nDTSTART:20260101T090000Z\nEXDATE:00010101T000000Z"), "Line 7 has no EXDATE that can be read. Correct or remove it."),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_read_says_which_line(content, sentence):
    assert refused(content) == sentence


def test_files_are_bounded():
    assert refused("x" * (2 * 1024 * 1024 + 1)) == "The file is larger than 2 MiB. Export fewer events."
    many = ics(*(["UID:1\nDTSTART;VALUE=DATE:20260101"] * 5001))
    assert refused(many) == "The file has more than 5,000 events. Export fewer of them."


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",  # a day that never comes
        "FREQ=DAILY;COUNT=100000",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
    ],
)
def test_what_repeats_too_often_is_refused_in_a_moment(rule):
    calendar = imported(*(f"UID:{n}\nDTSTART:19700101T000000Z\nDURATION:PT1M\nRRULE:{rule}" for n in range(500)))
    began = process_time()
    with suppress(CalendarError):
        calendars.check(calendar)
        calendars.covers(calendar, local(2026, 6, 1))
    assert process_time() - began < 5


def test_zones_that_a_file_defines_can_not_hold_it_up():
    zone = "BEGIN:VTIMEZONE\r\nTZID:Slow\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nRRULE:FREQ=SECONDLY\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    content = ics("UID:1\nDTSTART;TZID=Slow:20261124T090000\nDURATION:PT1H").replace(
        "BEGIN:VEVENT", zone + "BEGIN:VEVENT", 1
    )
    began = process_time()
    assert calendars.covers(Calendar("Team", "ics", BERLIN, {}, content), local(2026, 11, 24, 9, 30))
    assert process_time() - began < 2


def test_the_largest_file_is_followed_quickly():
    first = datetime(2026, 1, 1, tzinfo=UTC)
    events = (f"UID:{n}\nDTSTART:{first + timedelta(hours=n):%Y%m%dT%H%M%SZ}\nDURATION:PT30M" for n in range(5000))
    calendar = imported(*events)
    calendars.check(calendar)
    began = process_time()
    hits = sum(calendars.covers(calendar, first + timedelta(minutes=15 * n)) for n in range(400))
    assert hits == 200
    assert process_time() - began < 1


def test_many_events_of_years_are_told_once_and_in_good_time():
    now = datetime(2026, 11, 1, tzinfo=UTC)
    events = "".join(
        f"BEGIN:VEVENT\nUID:{n}\nDTSTART:2025{1 + n % 12:02}01T{n % 24:02}{n % 60:02}00Z\nDURATION:P{n % 1500}D\nEND:VEVENT\n"
        for n in range(1, 2000)
    )
    calendar = Calendar("", "ics", "Europe/Berlin", {}, f"BEGIN:VCALENDAR\n{events}END:VCALENDAR\n")
    begun = process_time()
    found = calendars.between(calendar, now, now + timedelta(days=400))
    assert process_time() - begun < 6
    there = {span for day in range(-1, 402) for span in calendar.around((now + timedelta(days=day)).date())}
    assert found == sorted(span for span in there if span.end > now and span.begin < now + timedelta(days=400))
