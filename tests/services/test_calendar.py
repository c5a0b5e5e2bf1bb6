"""The calendar's window: days and hours are those of the viewer's clock, also where it changes or is off by half hours."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.services import calendar
from tests import factories

HOUR = timedelta(hours=1)


def day_of(actor, day, zone):
    here = ZoneInfo(zone)
    since, until = (datetime(day.year, day.month, day.day + more, tzinfo=here).astimezone(UTC) for more in (0, 1))
    return since, until, calendar.window(actor, since, until, here)


DAYS = [
    (date(2026, 3, 29), "Europe/Berlin", [*range(2), *range(3, 24)]),
    (date(2026, 10, 25), "Europe/Berlin", [0, 1, 2, 2, *range(3, 24)]),
    (date(2026, 5, 4), "Asia/Kolkata", list(range(24))),
]


def test_hours_and_days_are_those_of_the_clock(team, actor):
    for number, (day, zone, hours) in enumerate(DAYS):
        check(team, actor, factories.task(team, f"task-{number}"), day, zone, hours)


def check(team, actor, task, day, zone, hours):
    """A run at each hour of the day and around it: those of the day are told, at the hours that the clock shows."""
    since, until, _ = day_of(actor, day, zone)
    for number in range(-2, 27):
        if since - 2 * HOUR <= (at := since + number * HOUR) < until + 2 * HOUR:
            factories.run(team, task, "succeeded", planned_at=at)
    _, _, window = day_of(actor, day, zone)
    assert [hour for (_, hour), count in sorted(window.hours.items()) for _ in range(count)] == hours
    [often] = window.frequent
    assert often.by_day == {day: {"succeeded": len(hours)}}


@pytest.mark.alike
def test_what_never_ends_is_counted_on(team, actor):
    factories.schedule(team, factories.task(team, label="Uptime"), "10s")
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + 24 * HOUR
    window = calendar.window(actor, since, since + 24 * HOUR, UTC)
    assert set(window.hours.values()) <= {359, 360, 361}
    assert window.frequent[0].words == "every 10 seconds"
    assert window.items == []
