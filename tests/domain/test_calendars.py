"""What calendars cover and what they do to planned times, also on days on which clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain import calendars
from app.domain.calendars import Calendar, CalendarError, effect
from app.domain.localtime import Fire

BERLIN = "Europe/Berlin"
HOLIDAYS = Calendar("Holidays Berlin", "holidays", BERLIN, {"country": "DE", "region": "BE"})
OFFICE = Calendar("Office", "hours", BERLIN, {"hours": ["Mon-Fri 09:00-17:00"]})
NIGHTS = Calendar("Nights", "blackout", BERLIN, {"weekly": ["02:00-04:00 Backup"]})


def blackout(*weekly, dated=(), zone=BERLIN, name="Freeze"):
    return Calendar(name, "blackout", zone, {"weekly": list(weekly), "dated": list(dated)})


def local(*parts, zone=BERLIN, fold=0):
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def fire(*parts, zone=BERLIN):
    return Fire(local(*parts, zone=zone), "")


def applied(at, *uses, zone=BERLIN):
    return effect(at, uses, zone)


# --- what is covered


@pytest.mark.parametrize(
    ("calendar", "moment", "is_covered"),
    [
        (OFFICE, (2026, 11, 24, 9, 0), True),
        (OFFICE, (2026, 11, 24, 17, 0), False),
        (OFFICE, (2026, 11, 28, 12, 0), False),
        (HOLIDAYS, (2026, 12, 25, 0, 0), True),
        (HOLIDAYS, (2026, 3, 8, 12, 0), True),  # a holiday of Berlin alone
        (HOLIDAYS, (2026, 11, 28, 12, 0), False),
        (NIGHTS, (2026, 11, 24, 3, 59), True),
        (blackout("Fri 18:00 - Mon 06:00"), (2026, 11, 29, 12, 0), True),
        (blackout("Fri 18:00 - Mon 06:00"), (2026, 11, 30, 6, 0), False),
        (blackout("Sat-Sun"), (2026, 11, 29, 23, 59), True),
        (blackout("Fri 22:00-06:00"), (2026, 11, 28, 5, 59), True),
        (blackout("Mon 09:00 - Mon 08:00"), (2026, 11, 29, 12, 0), True),  # all week but an hour
        (blackout("Mon 09:00 - Mon 08:00"), (2026, 11, 30, 8, 30), False),
        (blackout(dated=["2026-12-24 - 2027-01-01 Freeze"]), (2027, 1, 1, 23, 59), True),
        (blackout(dated=["2026-12-24 - 2027-01-01 Freeze"]), (2027, 1, 2, 0, 0), False),
        (blackout(dated=["2026-12-24 12:00 - 18:00"]), (2026, 12, 24, 12, 0), True),
        (blackout(dated=["2026-12-24T12:00 to 2026-12-25T08:00"]), (2026, 12, 25, 7, 59), True),
    ],
)
def test_what_a_calendar_covers(calendar, moment, is_covered):
    calendars.check(calendar)
    assert calendars.covers(calendar, local(*moment)) is is_covered


def test_stretches_that_meet_end_together():
    christmas = calendars.ends(HOLIDAYS, local(2026, 12, 25, 12))
    assert christmas == local(2026, 12, 27)
    assert calendars.ends(HOLIDAYS, local(2026, 12, 24, 12)) is None
    assert calendars.ends(blackout("daily 00:00-24:00"), local(2026, 12, 24)) is None, "it never ends"


def test_own_days_of_one_year_and_of_every_year():
    own = ["12-24 Christmas Eve", "2026-12-28 - 2026-12-30 Closed"]
    calendar = Calendar("Ours", "holidays", BERLIN, {"country": "", "own": own})
    assert [calendars.covers(calendar, local(year, 12, 24, 9)) for year in (2026, 2031)] == [True, True]
    assert [calendars.covers(calendar, local(2026, 12, day, 9)) for day in (27, 28, 30, 31)] == [
        False,
        True,
        True,
        False,
    ]
    assert not calendars.covers(calendar, local(2027, 12, 28, 9))


def test_weekends_are_those_of_the_country():
    dubai, berlin = (Calendar("", "holidays", "UTC", {"country": code}) for code in ("SA", "DE"))
    friday = datetime(2026, 11, 27, 9, tzinfo=UTC)
    assert (calendars.is_business_day(dubai, friday), calendars.is_business_day(berlin, friday)) == (False, True)


# --- clock changes


ZONES = [
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/St_Johns",
    "Pacific/Apia",
    "America/Havana",
    "UTC",
]
_CHANGES = {
    "Europe/Berlin": [date(2026, 3, 29), date(2026, 10, 25)],
    "Australia/Lord_Howe": [date(2026, 4, 5), date(2026, 10, 4)],
    "Africa/Cairo": [date(2026, 4, 24), date(2026, 10, 29)],  # at midnight
    "America/St_Johns": [date(2006, 10, 29), date(2026, 3, 8)],  # one minute after midnight
    "Pacific/Apia": [date(2011, 12, 30)],  # a day that never was
    "America/Havana": [date(2026, 3, 8), date(2026, 11, 1)],
    "UTC": [date(2026, 3, 29)],
}


@settings(max_examples=60, deadline=None)
@example(zone="Europe/Berlin", which=1, begin=0, length=52)  # it ends just where a repeated hour begins
@given(
    zone=st.sampled_from(ZONES),
    which=st.integers(0, 1),
    begin=st.integers(0, 47),
    length=st.integers(1, 95),
)
def test_a_stretch_goes_from_the_first_to_the_last_time_the_clock_shows_it(zone, which, begin, length):
    """Against a walk through every five minutes that looks at nothing but the clock on the wall."""
    changed = _CHANGES[zone][which % len(_CHANGES[zone])]
    first = datetime.combine(changed - timedelta(1), time()) + timedelta(minutes=30 * begin)
    last = first + timedelta(minutes=30 * length)
    calendar = blackout(dated=[f"{first:%Y-%m-%d %H:%M} - {last:%Y-%m-%d %H:%M}"], zone=zone)
    start = datetime.combine(changed - timedelta(3), time(), UTC)
    walk = [start + timedelta(minutes=5 * step) for step in range(12 * 24 * 8)]
    walls = [at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in walk]
    reached = next(number for number, wall in enumerate(walls) if wall >= first)
    left = max(number for number, wall in enumerate(walls) if wall < last)
    assert [calendars.covers(calendar, at) for at in walk] == [reached <= number <= left for number in range(len(walk))]
    if reached <= left:
        assert abs(calendars.ends(calendar, walk[reached]) - walk[left]) <= timedelta(minutes=5)


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    which=st.integers(0, 1),
    minutes=st.integers(0, 1439),
    offset=st.integers(-2, 2),
    use=st.sampled_from(["next_day", "previous_day"]),
)
def test_a_moved_time_is_that_wall_time_on_the_nearest_business_day(zone, which, minutes, offset, use):
    tz, calendar = ZoneInfo(zone), Calendar("Business days", "holidays", zone, {"own": ["2000-01-01"]})
    day = _CHANGES[zone][which % len(_CHANGES[zone])] + timedelta(offset)
    at = datetime.combine(day, time(minutes // 60, minutes % 60), tz).astimezone(UTC)
    moved = applied(Fire(at, ""), (use, calendar), zone=zone)
    before, after = at.astimezone(tz), moved.at.astimezone(tz)
    assert after.weekday() < 5
    if before.weekday() < 5:
        assert moved.at == at
    elif zone != "Pacific/Apia":  # where a Friday never was
        step = 1 if use == "next_day" else -1
        wanted = before.date()
        while wanted.weekday() >= 5:
            wanted += timedelta(step)
        assert after.date() == wanted
        there = datetime.combine(wanted, before.time(), tz)
        back = there.astimezone(UTC).astimezone(tz)
        is_missing = back.replace(tzinfo=None) != there.replace(
            tzinfo=None
        )  # the clock leaves this wall time out on that day
        assert after.time() == before.time() or is_missing or after.utcoffset() != before.utcoffset()


def test_a_missing_wall_time_moves_to_the_first_minute_after_it_and_says_so():
    friday = Calendar("Fridays", "hours", BERLIN, {"hours": ["Sun 00:00-24:00"]})
    moved = applied(fire(2026, 3, 28, 2, 30), ("next_day", friday))
    assert moved.at == local(2026, 3, 29, 3, 0)
    assert moved.notes[-1] == "Sun 29 Mar: 02:30 does not exist, so it runs at 03:00."


def test_the_wall_time_is_kept_over_a_day_that_has_none():
    closed = Calendar("Open", "hours", BERLIN, {"hours": ["Mon-Fri 09:00-17:00"]})
    moved = applied(fire(2026, 3, 28, 2, 30), ("next_day", closed))
    assert moved.at == local(2026, 3, 30, 2, 30)


def test_a_window_in_the_repeated_hour_covers_both_passes():
    window = blackout("Sun 02:00-03:00")
    passes = [local(2026, 10, 25, 2, 30, fold=fold) for fold in (0, 1)]
    assert [calendars.covers(window, at) for at in passes] == [True, True]
    assert applied(Fire(passes[0], ""), ("delay", window)).at == local(2026, 10, 25, 3)


def test_a_delay_to_an_end_that_the_clock_leaves_out_is_the_moment_of_the_change():
    assert applied(fire(2026, 3, 29, 1, 30), ("delay", blackout("01:00-02:30"))).at == local(2026, 3, 29, 3)


# --- what becomes of a time


@pytest.mark.parametrize(
    ("use", "calendar", "at", "becomes", "note"),
    [
        ("exclude", HOLIDAYS, (2026, 12, 25, 9), None, "Left out: 25 Dec is Christmas Day (Holidays Berlin)."),
        ("exclude", NIGHTS, (2026, 11, 24, 2, 30), None, "Left out: Tue 24 Nov 02:30 is in Backup (Nights)."),
        ("only", OFFICE, (2026, 11, 24, 20), None, "Left out: Tue 24 Nov 20:00 is outside (Office)."),
        ("only", HOLIDAYS, (2026, 11, 24, 9), None, "Left out: 24 Nov is no holiday (Holidays Berlin)."),
        ("next_day", HOLIDAYS, (2026, 11, 28, 9), (2026, 11, 30, 9), "Moved from Sat 28 Nov to Mon 30 Nov: a weekend (Holidays Berlin)."),
        ("next_day", HOLIDAYS, (2026, 12, 25, 9), (2026, 12, 28, 9), "Moved from Fri 25 Dec to Mon 28 Dec: Christmas Day (Holidays Berlin)."),
        ("previous_day", HOLIDAYS, (2026, 4, 6, 9), (2026, 4, 2, 9), "Moved from Mon 6 Apr to Thu 2 Apr: Easter Monday (Holidays Berlin)."),
        ("next_day", OFFICE, (2026, 11, 29, 20), (2026, 11, 30, 20), "Moved from Sun 29 Nov to Mon 30 Nov: a closed day (Office)."),
        ("delay", NIGHTS, (2026, 11, 24, 2, 30), (2026, 11, 24, 4), "Moved from Tue 24 Nov 02:30 to Tue 24 Nov 04:00: Backup (Nights)."),
        ("note", HOLIDAYS, (2026, 12, 25, 9), (2026, 12, 25, 9), "Runs although 25 Dec is Christmas Day (Holidays Berlin)."),
    ],
)  # fmt: skip
def test_each_use_does_what_it_says_and_says_it(use, calendar, at, becomes, note):
    found = applied(fire(*at), (use, calendar))
    assert found.is_left_out == (becomes is None)
    assert found.at == local(*(becomes or at))
    assert found.notes == (note,)


@pytest.mark.parametrize("use", calendars.USES)
def test_a_time_that_no_calendar_speaks_of_is_left_alone(use):
    calendar = OFFICE if use == "only" else NIGHTS
    assert applied(fire(2026, 11, 24, 9), (use, calendar)) == calendars.Effect(local(2026, 11, 24, 9))


def test_uses_are_applied_in_their_order_until_nothing_moves():
    freeze = blackout(dated=["2026-11-30 Freeze"])
    found = applied(fire(2026, 11, 28, 9), ("next_day", HOLIDAYS), ("delay", freeze), ("next_day", HOLIDAYS))
    assert found.at == local(2026, 12, 1)
    assert found.notes == (
        "Moved from Sat 28 Nov to Mon 30 Nov: a weekend (Holidays Berlin).",
        "Moved from Mon 30 Nov 09:00 to Tue 1 Dec 00:00: Freeze (Freeze).",
    )
    left_out = applied(fire(2026, 11, 28, 9), ("exclude", freeze), ("next_day", HOLIDAYS))
    assert left_out.is_left_out, "where it was moved to is excluded"
    assert left_out.at == local(2026, 11, 28, 9)


def test_a_note_speaks_of_where_the_time_ends_up():
    found = applied(fire(2026, 12, 25, 9), ("note", HOLIDAYS), ("next_day", HOLIDAYS))
    assert found.notes == ("Moved from Fri 25 Dec to Mon 28 Dec: Christmas Day (Holidays Berlin).",)


def test_calendars_that_contradict_each_other_leave_it_out():
    even, odd = (
        Calendar(name, "hours", BERLIN, {"hours": [f"{day} 09:00-17:00"]}) for name, day in (("A", "Mon"), ("B", "Tue"))
    )
    found = applied(fire(2026, 11, 24, 9), ("next_day", even), ("previous_day", odd))
    assert found.is_left_out
    assert found.notes[-1] == "Left out: no time was found that suits all its calendars (A, B)."


def test_what_finds_no_day_within_a_month_is_left_out():
    never = blackout("daily 08:00-10:00", name="Mornings")
    assert applied(fire(2026, 11, 24, 9), ("next_day", never)).notes == (
        "Left out: no business day is found within 31 days after it (Mornings).",
    )
    long = blackout(dated=["2026-11-01 - 2027-03-01 Closed for the winter"])
    assert applied(fire(2026, 11, 24, 9), ("delay", long)).notes == (
        "Left out: it would have moved by more than 31 days (Freeze).",
    )


def test_a_calendar_that_is_gone_or_broken_is_not_applied_and_says_so():
    gone, broken = Calendar("Calendar 7", "gone", "UTC", {}), Calendar("Bank", "holidays", BERLIN, {"country": "XX"})
    found = applied(fire(2026, 12, 25, 9), ("only", gone), ("exclude", broken), ("note", gone))
    assert not found.is_left_out
    assert found.notes == (
        "Calendar 7 was not applied: This calendar is not there any more.",
        "Bank was not applied: No holidays of “XX” are known. Choose a country from the list.",
    )


def test_a_holiday_is_a_day_of_the_calendars_zone():
    new_york = fire(2026, 12, 24, 20, zone="America/New_York")  # 02:00 of the 25th in Berlin
    assert applied(new_york, ("exclude", HOLIDAYS), zone="America/New_York").is_left_out


def test_a_thousand_times_are_decided_in_a_moment():
    fresh = Calendar("H", "holidays", BERLIN, {"country": "DE", "region": "BY"})
    times = [Fire(local(2026, 1, 1, 9) + timedelta(days=day), "") for day in range(1000)]
    calendars.covers(fresh, times[0].at)  # the library is loaded once in a process
    began = process_time()
    for one in times:
        applied(one, ("next_day", fresh))
    assert process_time() - began < 0.15


# --- what can't be used


@pytest.mark.parametrize(
    ("kind", "given_settings", "field", "sentence"),
    [
        ("weeks", {}, "kind", "A calendar is one of hours, holidays, blackout, ics. Choose one of them."),
        ("hours", {}, "hours", "Write when it is open, a line for each: Mon-Fri 09:00-17:00."),
        ("hours", {"hours": ["", "Mon 9-5"]}, "hours", "Line 2: “Mon 9-5” can't be read. Write days and hours like Mon-Fri 09:00-17:00."),
        ("hours", {"hours": ["Mon 09:00-25:00"]}, "hours", "Line 1: “25:00” is no time of day. Write it as 09:00; a day ends at 24:00."),
        ("hours", {"hours": "Mon"}, "hours", "Write a list of lines."),
        ("hours", {"hours": ["Mon 24:00-08:00"]}, "hours", "Line 1: A stretch can't begin at 24:00. Write 00:00 of the next day."),
        ("hours", {"hours": ["Mon 09:00-10:00"] * 501}, "hours", "A calendar has at most 500 lines here. Leave out what is over."),
        ("blackout", {}, "weekly", "Write at least one line: Sun 02:00-04:00, or 2026-12-24 - 2027-01-01."),
        ("blackout", {"weekly": ["sometimes"]}, "weekly", "Line 1: “sometimes” can't be read. Write it like Sun 02:00-04:00, or Fri 18:00 - Mon 06:00."),
        ("blackout", {"dated": ["2026-02-30"]}, "dated", "Line 1: There is no day “2026-02-30”. Check month and day."),
        ("blackout", {"dated": ["2026-12-24 - 2026-12-20"]}, "dated", "Line 1: “2026-12-24 - 2026-12-20” ends before it begins. Write the earlier day first."),
        ("blackout", {"dated": ["2026-12-24 12:00"]}, "dated", "Line 1: “2026-12-24 12:00” has no end. Write it like 2026-12-24 12:00 - 18:00."),
        ("holidays", {}, "country", "Choose a country, or write days of your own."),
        ("holidays", {"country": "DE", "region": "ZZ"}, "region", "“ZZ” is no region of Germany. Choose one from the list."),
        ("holidays", {"own": ["13-01"]}, "own", "Line 1: There is no day “13-01”. Check month and day."),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_refused_with_a_sentence(kind, given_settings, field, sentence):
    with pytest.raises(CalendarError) as refused:
        calendars.check(Calendar("x", kind, BERLIN, given_settings))
    assert (refused.value.sentence, refused.value.field) == (sentence, field)


def test_a_zone_that_does_not_exist_is_refused():
    with pytest.raises(CalendarError, match="There is no time zone “Mars”"):
        calendars.check(Calendar("x", "hours", "Mars", {"hours": ["Mon 09:00-17:00"]}))


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("weekdays 09:00-10:00", "01234"), ("weekends 09:00-10:00", "56"), ("every day 09:00-10:00", "0123456"),
        ("Fri-Mon 09:00-10:00", "0456"), ("monday, Wed and fri 9:00 to 10:00", "024"), ("09:00–10:00", "0123456"),
    ],
)  # fmt: skip
def test_days_are_written_as_people_write_them(line, days):
    calendar = blackout(line)
    monday = date(2026, 11, 23)
    found = [n for n in range(7) if calendars.covers(calendar, local(2026, 11, (monday + timedelta(n)).day, 9, 30))]
    assert "".join(map(str, found)) == days


# --- what is coming, countries and regions


def test_what_is_coming_is_told_in_order():
    coming = calendars.coming(HOLIDAYS, local(2026, 12, 1), 3)
    assert [span.what for span in coming] == ["Christmas Day", "Second Day of Christmas", "New Year's Day"]
    assert coming[0].begin == local(2026, 12, 25)
    assert calendars.coming(blackout(dated=["2020-01-01"]), local(2026, 1, 1), 3) == []
    running = calendars.coming(blackout(dated=["2026-01-01 - 2026-12-31 Year"]), local(2026, 6, 1), 3)
    assert [span.what for span in running] == ["Year"]


def test_countries_and_their_regions_have_names():
    assert ("DE", "Germany") in calendars.countries()
    assert ("US", "United States") in calendars.countries()
    assert ("BE", "Berlin") in calendars.regions("DE")
    assert calendars.regions("nowhere") == []
