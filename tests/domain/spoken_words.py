"""Tables of phrases for tests: what they plan from one fixed instant on, in Berlin unless the phrase names a place."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from app.domain import triggers
from app.domain.phrases import read

NOW = datetime(2026, 11, 25, 2, 50, 12, 345, tzinfo=UTC)
"""Wednesday, 03:50 in Berlin."""

ZONE = "Europe/Berlin"
YEARS = timedelta(days=365 * 20)


def rows(table):
    """Return the cells of a table: a line for each row, ` | ` between cells."""
    return [tuple(line.split(" | ")) for line in table.strip().splitlines()]


def fires(text):
    """Return the next three times as a phrase's own clock shows them, and its zone where that is not Berlin."""
    reading = read(text, NOW, ZONE)
    assert reading.state == "understood", reading.sentence
    zone = ZoneInfo(reading.trigger.timezone)
    found = islice(triggers.fires_between(reading.trigger, NOW, NOW + YEARS), 3)
    times = ", ".join(f"{fire.at.astimezone(zone):%y-%m-%d %H:%M}" for fire in found)
    return times if zone.key == ZONE else f"{times} {zone.key}"


def asked(text):
    """Return what is asked about a phrase; every choice is understood, no two are the same."""
    reading = read(text, NOW, ZONE)
    assert (reading.state, reading.trigger) == ("ask", None), reading.sentence
    assert reading.choices
    choices = [read(choice.text, NOW, ZONE) for choice in reading.choices]
    assert [choice.state for choice in choices] == ["understood"] * len(choices), reading.choices
    assert len({choice.trigger for choice in choices}) == len(choices)
    assert len({choice.label for choice in reading.choices}) == len(choices)
    return reading.sentence
