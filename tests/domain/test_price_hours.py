"""Hours at another price, as typed and for an instant."""

from datetime import UTC, datetime

import pytest

from app.domain import price_hours

NIGHT = "mon-fri 22:00-06:00 Europe/Berlin 0.5"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (NIGHT, NIGHT),
        ("Friday – Monday 9:00–24:00 UTC x 150 %", "fri-mon 09:00-00:00 UTC 1.5"),
        ("sun 00:00-06:00 America/New_York × 0,25", "sun 00:00-06:00 America/New_York 0.25"),
        ("22:00-06:00 UTC 0.5\n\n06:00-08:00 UTC 0.8", "22:00-06:00 UTC 0.5\n06:00-08:00 UTC 0.8"),
        ("", ""),
    ],
)
def test_what_is_typed_is_kept_and_written_again(text, written):
    assert price_hours.write(price_hours.read(text)) == written
    assert price_hours.read(written) == price_hours.read(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("at night", "“at night” is not clear."),
        ("22:00-06:00 Mars 0.5", "“Mars” is no time zone."),
        ("25:00-06:00 UTC 0.5", "25:00 is no time of day."),
        ("22:00-06:00 UTC 500", "multiplied by 100 at most"),
        ("\n".join(["22:00-06:00 UTC 0.5"] * 21), "At most 20 lines."),
    ],
)
def test_what_can_not_be_read_is_said(text, says):
    with pytest.raises(ValueError, match=says):
        price_hours.read(text)


@pytest.mark.parametrize(
    ("at", "factor"),
    [
        ((2026, 11, 27, 21, 30), 0.5),  # Friday 22:30 in Berlin
        ((2026, 11, 28, 4, 59), 0.5),  # Saturday morning, still Friday's night
        ((2026, 11, 28, 5, 0), 1.0),
        ((2026, 11, 28, 22, 0), 1.0),  # Saturday night is at full price
        ((2026, 11, 30, 2, 0), 1.0),  # Monday morning is Sunday's night
    ],
)
def test_the_factor_holds_within_its_hours_and_days(at, factor):
    assert price_hours.factor(price_hours.read(NIGHT), datetime(*at, tzinfo=UTC)) == factor
