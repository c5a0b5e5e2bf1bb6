"""Plain words: each phrase is understood right, asked about, or refused; never silently wrong."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.phrases import EXAMPLES, read
from app.domain.triggers import next_fire

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
        ("every 20 minutes from 8:00 to 18:00", "*/20 8-17 * * *", "Every 20 minutes from 08:00 to 17:40"),
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
    ("text", "sentence", "labels"),
    [
        ("every Monday", "At what time?", ["08:00", "09:00", "17:00"]),
        ("tomorrow", "At what time?", ["08:00", "09:00", "17:00"]),
        ("monthly on the 1st", "At what time?", ["08:00", "09:00", "17:00"]),
        ("tomorrow at 5", "Morning or afternoon?", ["05:00", "17:00"]),
        ("every week", "On which day?", ["Mondays", "Fridays"]),
        ("monthly at 9:00", "On which day?", ["The 1st", "The 15th"]),
        ("at 9:00", "On which days?", ["Every day", "Every weekday", "Tomorrow"]),
        ("friday at 10", "Every Friday, or once?", ["Every Friday", "Fri 27 Nov 2026 at 10:00"]),
        ("next friday at 10", "Which Friday?", ["Fri 27 Nov 2026 at 10:00", "Fri 4 Dec 2026 at 10:00"]),
        ("every day at 9 and 17:30", "These times need a schedule each. Which one is this?",
         ["Every day at 09:00", "Every day at 17:30"]),
        ("tomorrow at 9 and 17", "Once has one time. Which one?", ["Thu 26 Nov 2026 at 09:00", "Thu 26 Nov 2026 at 17:00"]),
        ("monthly on the 31st at 9:00", "Some months have no day 31: it does not run then. Is that right?",
         ["On the 31st of every month at 09:00"]),
        ("on the 1st at 6am", "Every month? For a single time, name the month.", ["Every month"]),
        ("every 2 hours between 9 and 5", "5 is not after 9. Until when?", ["17:00"]),
        ("every 3 days", "Such a rhythm counts hours, not clock times. Is that right?", ["Every 72 hours (3 days), from now on"]),
        ("today at 1am", "Wed 25 Nov 2026 at 01:00 is past. When instead?",
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
        "", "soon", "every day at 9 blah", "every day every day at 9", "every other day at 9", "every day at 25:00",
        "every day at 13pm", "every day at 9:60", "every 3rd thursday", "the 3rd thursday of the month at 9:00",
        "last day of the month at 9:00", "last working day of the month at 5pm", "every 2 weeks on monday at 9:00",
        "31 feb 2027 at 9:00", "99.99.2026 8:00", "every 7 minutes between 8 and 18", "every 45 minutes on weekdays",
        "not every day at 9", "every day except sunday at 9", "every 0 minutes", "every 999999 hours", "x" * 400,
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


WORDS = (
    "every", "each", "day", "daily", "weekly", "monthly", "monday", "mondays", "fri", "and", ",", "weekday", "at", "9",
    "9:00", "5pm", "noon", "on", "the", "1st", "31st", "of", "month", "in", "20", "minutes", "2", "hours", "between",
    "8", "18", "tomorrow", "24", "dec", "2026", "next", "from", "to", "today", "days", "*", "0", "-",
)  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join))
def test_whatever_is_typed_has_an_answer_and_every_choice_leads_on(text):
    reading = read(text, NOW, ZONE)
    if reading.state == "understood":
        assert next_fire(reading.trigger, NOW)
    for choice in reading.choices:
        assert read(choice.text, NOW, ZONE).state != "unknown", choice


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text):
    assert read(text, NOW, ZONE).sentence
