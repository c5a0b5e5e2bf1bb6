"""Until when nobody is told."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.mutes import CHOICES, until

NOW = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)


def test_an_hour_and_a_week_count_from_now():
    assert until("hour", NOW, "Asia/Tokyo") == NOW + timedelta(hours=1)
    assert until("week", NOW, "Asia/Tokyo") == NOW + timedelta(days=7)


@pytest.mark.parametrize(
    ("now", "zone", "at"),
    [
        (NOW, "UTC", datetime(2026, 11, 25, 8, tzinfo=UTC)),
        (NOW, "Europe/Berlin", datetime(2026, 11, 25, 7, tzinfo=UTC)),
        (NOW, "Asia/Tokyo", datetime(2026, 11, 25, 23, tzinfo=UTC)),  # there it is the 25th already
        (datetime(2027, 3, 27, 12, tzinfo=UTC), "Europe/Berlin", datetime(2027, 3, 28, 6, tzinfo=UTC)),
        (
            datetime(2011, 12, 29, 12, tzinfo=UTC),
            "Pacific/Apia",
            datetime(2011, 12, 30, 10, tzinfo=UTC),
        ),  # no 30th there
    ],
)
def test_tomorrow_is_that_of_the_zone_also_when_its_clocks_change(now, zone, at):
    assert until("tomorrow", now, zone) == at


def test_what_is_no_choice_is_none():
    assert until("ever", NOW, "UTC") is None
    assert all(until(choice, NOW, "UTC") for choice in CHOICES)
