"""Calendars as text: what RFC 5545 asks for, whatever a task is called and wherever its clock stands."""

import random
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import icalendar
import pytest
from dateutil.tz import tzical
from hypothesis import given, settings
from hypothesis import strategies as st

from app.exporters.ics import Entry, alone, calendar
from app.exporters.ics_zone import timezone

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ODD = "Räume; prüfen, \\ und\r\nEND:VEVENT\nBEGIN:VEVENT\nSUMMARY:x \x00\x1b[31m 🔔 " + "ü" * 90


def entry(**values):
    common = {
        "uid": "1-20261124T080000Z@carillon.example", "begin": AT, "end": AT + HOUR, "zone": "Europe/Berlin",
        "summary": "Digest", "description": "Every day at 09:00.", "url": "https://carillon.example/t/n/tasks/digest",
        "changed_at": datetime(2026, 11, 1, 12, 30, 15, tzinfo=UTC),
    }  # fmt: skip
    return Entry(**common | values)


def read(content):
    found = icalendar.Calendar.from_ical(content)
    events = found.walk("VEVENT")
    assert [one.errors for one in (found, *events) if one.errors] == []
    return events


@pytest.mark.parametrize("text", [ODD, "", " ", "a\rb", "=1+1", "x" * 74 + "é" * 40])
def test_a_text_may_hold_anything_and_stays_one_event(text):
    content = calendar("Team; of, " + text, [entry(summary=text, description=text)], "Europe/Berlin")
    (event,) = read(content)
    assert str(event["SUMMARY"]).split() == text.replace("\x00\x1b", " ").split()
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert [line for line in lines if b"\n" in line or b"\r" in line or not line.decode().isprintable()] == []


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_no_text_breaks_a_line(text):
    content = alone(entry(summary=text))
    assert len(read(content)) == 1
    assert all(len(line) <= 75 and line.decode() is not None for line in content.split(b"\r\n"))


def test_times_stand_in_their_zone_and_whole_days_in_none():
    timed, whole = entry(), entry(uid="2@x", begin=date(2026, 11, 24), end=date(2026, 11, 25), zone="")
    first, second = read(calendar("x", [whole, timed], "UTC"))
    assert first["DTSTART"].dt == date(2026, 11, 24)
    assert second["DTSTART"].dt == AT
    assert second["DTSTART"].params["TZID"] == "Europe/Berlin"
    assert second["DTSTAMP"].dt == second["LAST-MODIFIED"].dt == timed.changed_at
    (later,) = read(alone(entry(changed_at=timed.changed_at + timedelta(seconds=1))))
    assert later["SEQUENCE"] > second["SEQUENCE"] > 0


def test_what_a_clock_shows_twice_is_not_mistaken():
    for at in (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)):
        content = calendar("x", [entry(begin=at, end=at + HOUR)], "UTC")
        (event,) = read(content)
        assert event["DTSTART"].dt.astimezone(UTC) == at


def test_it_is_the_same_in_any_order_and_valid_when_there_is_nothing():
    entries = [entry(uid=f"{number}@x", begin=AT + number * DAY, end=AT + number * DAY + HOUR) for number in range(9)]
    content = calendar("x", entries, "Asia/Tokyo")
    assert calendar("x", random.sample(entries, 9), "Asia/Tokyo") == content
    assert content.count(b"BEGIN:VTIMEZONE") == 2
    nothing = icalendar.Calendar.from_ical(calendar("x", [], "Asia/Tokyo"))
    assert [one.name for one in nothing.subcomponents] == ["VTIMEZONE"]


def test_what_is_called_off_says_so():
    (event,) = read(alone(entry(is_cancelled=True)))
    assert event["STATUS"] == "CANCELLED"


@pytest.mark.parametrize(
    "name",
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Europe/Dublin", "America/Santiago",
     "Africa/Casablanca", "Asia/Jerusalem", "Pacific/Chatham", "UTC"],
)  # fmt: skip
def test_a_zone_is_told_as_its_clocks_go(name):
    text = "\r\n".join(["BEGIN:VCALENDAR", *timezone(name, 2025), "END:VCALENDAR", ""])
    told = tzical(StringIO(text)).get(name)
    for hours in range(0, 2 * 365 * 24, 31):
        at = datetime(2026, 1, 1, tzinfo=UTC) + hours * HOUR
        local = at.astimezone(icalendar.timezone.tzp.timezone(name))
        if not local.fold and local.replace(fold=1).utcoffset() == local.utcoffset():
            assert local.replace(tzinfo=told).utcoffset() == local.utcoffset(), (name, at)
