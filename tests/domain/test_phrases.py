"""Plain words: each phrase is understood right, asked about, or refused; never silently wrong."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.phrases import EXAMPLES, read
from app.domain.triggers import fires_between, next_fire

NOW = datetime(2026, 11, 25, 2, 50, 12, 345, tzinfo=UTC)
"""Wednesday, 03:50 in Berlin."""

ZONE = "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "expression", "sentence"),
    [
        ("every minute", "* * * * *", "Every minute"),
        ("every hour", "0 * * * *", "Every hour"),
        ("hourly", "0 * * * *", "Every hour"),
        ("every 15 minutes", "*/15 * * * *", "Every 15 minutes"),
        ("every ten minutes", "*/10 * * * *", "Every 10 minutes"),
        ("every 2 hours", "0 */2 * * *", "Every 2 hours"),
        ("every 45 minutes", "45m", "Every 45 minutes"),
        ("every 5 hours", "5h", "Every 5 hours"),
        ("every 24 hours", "24h", "Every 24 hours"),
        ("every 90 seconds", "90s", "Every 90 seconds"),
        ("every day at 9", "0 9 * * *", "Every day at 09:00"),
        ("Every day at 9 a.m.", "0 9 * * *", "Every day at 09:00"),
        ("every day at 12am", "0 0 * * *", "Every day at 00:00"),
        ("every day at 12 pm", "0 12 * * *", "Every day at 12:00"),
        ("every day at 9am and 5pm", "0 9,17 * * *", "Every day at 09:00 and 17:00"),
        ("daily at noon", "0 12 * * *", "Every day at 12:00"),
        ("every weekday at 9:00", "0 9 * * 1-5", "Every weekday at 09:00"),
        ("weekdays 9:00", "0 9 * * 1-5", "Every weekday at 09:00"),
        ("9:00 on weekdays", "0 9 * * 1-5", "Every weekday at 09:00"),
        ("monday to friday at 8:15", "15 8 * * 1-5", "Every weekday at 08:15"),
        ("fri-mon 8:15", "15 8 * * 0,1,5,6", "Every Monday, Friday, Saturday and Sunday at 08:15"),
        ("Mondays 8:00", "0 8 * * 1", "Every Monday at 08:00"),
        ("every sunday 2:30 am", "30 2 * * 0", "Every Sunday at 02:30"),
        ("every monday and thursday at 17:30", "30 17 * * 1,4", "Every Monday and Thursday at 17:30"),
        ("each mon, wed & fri at 7pm", "0 19 * * 1,3,5", "Every Monday, Wednesday and Friday at 19:00"),
        ("weekly on tuesday at 10:00", "0 10 * * 2", "Every Tuesday at 10:00"),
        ("every month on the 1st at 6am", "0 6 1 * *", "On the 1st of every month at 06:00"),
        ("on the 1st and 15th of every month at 6:30", "30 6 1,15 * *", "On the 1st and 15th of every month at 06:30"),
        ("every hour on weekdays", "0 * * * 1-5", "Every hour on weekdays"),
        ("every 2 hours between 8 and 18", "0 8-18/2 * * *", "Every 2 hours from 08:00 to 18:00"),
        ("every 2 hours between 8 and 18 on weekdays", "0 8-18/2 * * 1-5", "Every 2 hours from 08:00 to 18:00 on weekdays"),
        ("every 20 minutes from 8:00 to 17:40", "*/20 8-17 * * *", "Every 20 minutes from 08:00 to 17:40"),
        ("every 36 hours", "36h", "Every 36 hours"),
        ("every hour at quarter past", "15 * * * *", "Every hour, 15 minutes past"),
        ("yearly on 24 December at 9", "0 9 24 12 *", "Every year on 24 December at 09:00"),
        ("every quarter on the first day at 9", "0 9 1 1,4,7,10 *", "On the 1st of January, April, July and October at 09:00"),
        ("every day at 9 but not on the 24th", "0 9 1-23,25-31 * *", "Every day except on the 24th at 09:00"),
        ("every monday in december at 9", "0 9 * 12 1", "Every Monday in December at 09:00"),
        ("hourly between 22 and 6", "0 0-6,22,23 * * *", "Every hour from 22:00 to 06:00"),
        ("in 20 minutes", "2026-11-25T04:10:12+01:00", "Once, Wed 25 Nov 2026 at 04:10:12"),
        ("in an hour", "2026-11-25T04:50:12+01:00", "Once, Wed 25 Nov 2026 at 04:50:12"),
        ("in two days at 9:00", "2026-11-27T09:00", "Once, Fri 27 Nov 2026 at 09:00"),
        ("tomorrow 9:00", "2026-11-26T09:00", "Once, Thu 26 Nov 2026 at 09:00"),
        ("tomorrow at 5pm", "2026-11-26T17:00", "Once, Thu 26 Nov 2026 at 17:00"),
        ("24 Dec 2026 8:00", "2026-12-24T08:00", "Once, Thu 24 Dec 2026 at 08:00"),
        ("on December 24th, 2026 at 8:00", "2026-12-24T08:00", "Once, Thu 24 Dec 2026 at 08:00"),
        ("24.12.2026 8:00", "2026-12-24T08:00", "Once, Thu 24 Dec 2026 at 08:00"),
        ("1 feb at 8:00", "2027-02-01T08:00", "Once, Mon 1 Feb 2027 at 08:00"),
        ("29 feb at 9:00", "2028-02-29T09:00", "Once, Tue 29 Feb 2028 at 09:00"),
        ("2026-12-24T08:00", "2026-12-24T08:00", "Once, Thu 24 Dec 2026 at 08:00"),
        ("0 9 * * mon-fri", "0 9 * * mon-fri", "Every weekday at 09:00"),
        ("@daily", "0 0 * * *", "Every day at 00:00"),
        ("15m", "15m", "Every 15 minutes"),
        ("1h30m", "1h30m", "Every 90 minutes"),
    ],
)  # fmt: skip
def test_a_phrase_is_understood(text, expression, sentence):
    reading = read(text, NOW, ZONE)
    assert (reading.state, reading.sentence) == ("understood", sentence)
    assert reading.trigger.expression == expression
    assert reading.trigger.timezone == ZONE


@pytest.mark.parametrize(
    ("text", "expression", "sentence"),
    [
        ("every 2 weeks on Monday at 9", "DTSTART:20261130T090000 FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0",
         "Every 2 weeks on Monday at 09:00, from Mon 30 Nov 2026"),
        ("every other day at 9", "DTSTART:20261125T090000 FREQ=DAILY;INTERVAL=2;BYHOUR=9;BYMINUTE=0",
         "Every 2 days at 09:00, from Wed 25 Nov 2026"),
        ("every 3 months on the 1st at 9", "DTSTART:20261201T090000 FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0",
         "Every 3 months on the 1st at 09:00, from Tue 1 Dec 2026"),
        ("last working day of the month at 5pm", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=17;BYMINUTE=0;BYSETPOS=-1",
         "On the last working day of every month at 17:00"),
        ("last day of the month at 9:00", "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=9;BYMINUTE=0",
         "On the last day of every month at 09:00"),
        ("every 3rd thursday at 9", "FREQ=MONTHLY;BYDAY=3TH;BYHOUR=9;BYMINUTE=0", "On the 3rd Thursday of every month at 09:00"),
        ("2nd to last friday of the month at 9", "FREQ=MONTHLY;BYDAY=-2FR;BYHOUR=9;BYMINUTE=0",
         "On the 2nd to last Friday of every month at 09:00"),
        ("weekdays at 9 and 17:30", "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9,17;BYMINUTE=0,30;BYSETPOS=1,4",
         "Every weekday at 09:00 and 17:30"),
        ("every month on the 30th or the last day at 9", "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYHOUR=9;BYMINUTE=0;BYSETPOS=-1",
         "On the 30th or the last day of every month at 09:00"),
    ],
)  # fmt: skip
def test_what_cron_can_not_say_is_an_rrule(text, expression, sentence):
    reading = read(text, NOW, ZONE)
    assert (reading.state, reading.sentence) == ("understood", sentence)
    assert reading.trigger.kind == "rrule"
    assert reading.trigger.expression.replace("\nRRULE:", " ").removeprefix("RRULE:") == expression


@pytest.mark.parametrize("text", ["every 20 minutes between 8 and 18 on weekdays", "every 2 hours from 8am to 6pm"])
def test_the_end_of_the_hours_counts_when_a_step_comes_to_it(text):
    reading = read(text, NOW, ZONE)
    day = datetime(2026, 11, 26, tzinfo=ZoneInfo(ZONE))
    found = [fire.local[11:] for fire in fires_between(reading.trigger, day, day + timedelta(days=1))]
    assert (found[0], found[-1]) == ("08:00", "18:00")
    assert "from 08:00 to 18:00" in reading.sentence


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("last working day of the month at 5pm in Lisbon", "Europe/Lisbon"),
        ("9am London time every day", "Europe/London"),
        ("every day at 9 Europe/Paris", "Europe/Paris"),
        ("every day at 9 utc", "UTC"),
        ("in new york every weekday at 9", "America/New_York"),
        ("täglich um 9 in München", "Europe/Berlin"),
        ("tous les jours à 9h heure de Londres", "Europe/London"),
        ("todos los días a las 9 en Bogotá", "America/Bogota"),
    ],
)
def test_a_place_in_the_phrase_is_the_zone(text, zone):
    reading = read(text, NOW, "Asia/Tokyo")
    assert (reading.state, reading.trigger.timezone) == ("understood", zone)
    assert reading.sentence.endswith(f", {zone}")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("every day at 9 in Atlantis", "no time zone for “atlantis”"),
        ("every day at 9 Europe/Berln", "no time zone for “europe/berln”"),
        ("every day at 9 if it rains", "“if it rains”"),
        ("every day at 9 and every friday at 10", "more than one schedule"),
        ("every day at 24:00", "24:00"),
        ("twice a day at 9", "Twice a day"),
        ("tuesday 30 nov 2026 at 9", "is a Monday"),
        ("every day at 9 until 24 nov 2026", "ends before its first time"),
    ],
)
def test_what_is_wrong_is_told(text, word):
    reading = read(text, NOW, ZONE)
    assert reading.state == "unknown"
    assert word in reading.sentence


def test_tomorrow_in_a_place_is_that_of_the_place():
    evening = datetime(2026, 11, 25, 16, tzinfo=UTC)
    assert read("tomorrow at 7 in Tokyo", evening, ZONE).trigger.expression == "2026-11-27T07:00"
    assert read("tomorrow at 7", evening, ZONE).trigger.expression == "2026-11-26T07:00"


def test_limits_are_part_of_the_rule_and_of_its_sentence():
    reading = read("every day at 9 from 1 dec until 24 dec", NOW, ZONE)
    assert reading.trigger.starts_at == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert reading.trigger.ends_at == datetime(2026, 12, 24, 22, 59, 59, tzinfo=UTC)
    assert reading.sentence == "Every day at 09:00, from Tue 1 Dec 2026, until Thu 24 Dec 2026"
    ten = read("every day at 9 for 10 times", NOW, ZONE)
    assert len([*fires_between(ten.trigger, NOW, NOW + timedelta(days=99))]) == 10
    assert ten.sentence.endswith("10 times")


@pytest.mark.parametrize(
    ("text", "sentence", "labels"),
    [
        ("every Monday", "At what time?", ["08:00", "09:00", "17:00"]),
        ("tomorrow", "At what time?", ["08:00", "09:00", "17:00"]),
        ("monthly on the 1st", "At what time?", ["08:00", "09:00", "17:00"]),
        ("tomorrow at 5", "Morning or afternoon?", ["05:00", "17:00"]),
        ("every week", "On which day?", [f"{day}, {at}" for day in ("Mondays", "Fridays") for at in ("08:00", "09:00", "17:00")]),
        ("monthly at 9:00", "On which day?", ["The 1st", "The 15th", "The last day"]),
        ("at 9:00", "On which days?", ["Every day", "Every weekday", "Tomorrow"]),
        ("friday at 10", "Every Friday, or once?", ["Every Friday", "Fri 27 Nov 2026 at 10:00"]),
        ("next friday at 10", "Which Friday?", ["Fri 27 Nov 2026 at 10:00", "Fri 4 Dec 2026 at 10:00"]),
        ("tomorrow at 9 and 17", "Once has one time. Which one?", ["Thu 26 Nov 2026 at 09:00", "Thu 26 Nov 2026 at 17:00"]),
        ("monthly on the 31st at 9:00", "Some months have no day 31. What then?", ["Leave those months out", "Always the last day"]),
        ("monthly on the 30th at 9:00", "Some months have no day 30. What then?",
         ["Leave those months out", "Their last day instead", "Always the last day"]),
        ("end of month at 9", "On the last day of the month, or its last working day?", ["The last day", "The last working day"]),
        ("every 2nd monday at 9", "Every other Monday, or the 2nd Monday of the month?", ["Every other Monday", "The 2nd of the month"]),
        ("jeden zweiten Montag um 9", "Every other Monday, or the 2nd Monday of the month?",
         ["Every other Monday", "The 2nd of the month"]),
        ("tous les quinze jours à 9h", "Every 15 days, or every 2 weeks?",
         ["Every 15 days", "Every 2 weeks, Mondays", "Every 2 weeks, Fridays"]),
        ("on 03/04/2027 at 9", "Which day comes first, or the month?", ["Sat 3 Apr 2027 at 09:00", "Thu 4 Mar 2027 at 09:00"]),
        ("every day at 9 EST", "Which time zone?", ["America/New York", "UTC-5 all year"]),
        ("every day at 9 IST", "Which time zone?", ["Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"]),
        ("every monday between 9 and 17", "How often?", ["Every hour", "Every 30 minutes", "Every 15 minutes"]),
        ("every morning", "At what time?", ["07:00", "08:00", "09:00"]),
        ("on the 1st at 6am", "Every time, or once?", ["On the 1st of every month at 06:00", "Tue 1 Dec 2026 at 06:00"]),
        ("every 2 hours between 9 and 5", "Between which hours?", ["09:00 to 17:00", "21:00 to 05:00"]),
        ("every 2 hours from 8 to 10pm", "Between which hours?", ["08:00 to 22:00", "20:00 to 22:00"]),
        ("every 3 days", "At what time?", ["08:00", "09:00", "17:00"]),
        ("today at 1am", "Wed 25 Nov 2026 at 01:00 is past. When instead?",
         ["Thu 26 Nov 2026 at 01:00"]),
        ("25 nov at 1am", "Wed 25 Nov 2026 at 01:00 is past. When instead?",
         ["Thu 26 Nov 2026 at 01:00", "Thu 25 Nov 2027 at 01:00"]),
    ],
)  # fmt: skip
def test_what_is_missing_or_can_mean_two_things_is_asked(text, sentence, labels):
    reading = read(text, NOW, ZONE)
    assert (reading.state, reading.sentence, reading.trigger) == ("ask", sentence, None)
    assert [choice.label for choice in reading.choices] == labels


@pytest.mark.parametrize(
    "text",
    [
        "", "the", "soon", "every day at 9 blah", "every day every day at 9", "every day at 25:00", "every day at 13pm",
        "every day at 9:60", "31 feb 2027 at 9:00", "99.99.2026 8:00", "every 7 minutes between 8 and 18",
        "not every day at 9", "every day at 9 except christmas", "every other weekday at 9", "every 15th day at 9",
        "every 5 hours on weekdays", "in 20 minutes 5 times", "in 20 minutes in the morning", "tomorrow at 9 for 3 times", "every 0 minutes", "every 999999 hours", "every day at 9:00:30", "x" * 400,
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_said_with_three_examples(text):
    reading = read(text, NOW, ZONE)
    assert (reading.state, reading.trigger) == ("unknown", None)
    assert tuple(choice.text for choice in reading.choices) == EXAMPLES
    assert all(read(example, NOW, ZONE).state == "understood" for example in EXAMPLES)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("* * * *", "five fields"),
        ("61 * * * *", "61"),
        ("*/90 * * * *", "90m"),
        ("0 0 31 2 *", "never runs"),
        ("0s", "15m"),
    ],
)
def test_a_rule_with_a_mistake_is_told_the_mistake(text, part):
    reading = read(text, NOW, ZONE)
    assert reading.state == "unknown"
    assert part in reading.sentence


def test_an_unknown_zone_is_told():
    assert "no time zone" in read("every day at 9:00", NOW, "Europe/Berln").sentence
    assert "no time zone" in read("tomorrow at 9:00", NOW, "Europe/Berln").sentence


def test_tomorrow_is_that_of_the_zone():
    late = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
    assert read("tomorrow 9:00", late, "UTC").trigger.expression == "2026-11-26T09:00"
    assert read("tomorrow 9:00", late, ZONE).trigger.expression == "2026-11-27T09:00"


def test_in_20_minutes_is_20_real_minutes_through_a_clock_change():
    before = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
    trigger = read("in 20 minutes", before, ZONE).trigger
    assert next_fire(trigger, before).at == datetime(2026, 10, 25, 1, 10, tzinfo=UTC)


def test_a_spoken_interval_counts_from_now():
    fire = next_fire(read("every 45 minutes", NOW, ZONE).trigger, NOW)
    assert fire.at == datetime(2026, 11, 25, 3, 35, 12, tzinfo=UTC)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text):
    assert read(text, NOW, ZONE).sentence
