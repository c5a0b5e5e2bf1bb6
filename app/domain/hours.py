"""Spans of time -> how many go at once in each hour of a week, as somebody in a time zone sees it."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from app.domain import localtime, usual

_HOURS = 24


def at_once(
    spans: Iterable[tuple[datetime, datetime]], since: datetime, days: int, timezone: str
) -> list[tuple[date, list[int]]]:
    """Return for so many days from that of `since` on, in the zone, the most spans (aware) at once in each hour.

    What lasts no time counts in the hour in which it is. An hour that clocks leave out has none.
    """
    zone = localtime.zone(timezone)
    first = since.astimezone(zone).date()
    table = {first + timedelta(day): [0] * _HOURS for day in range(days)}
    start = datetime.combine(first, datetime.min.time(), zone)
    end = datetime.combine(first + timedelta(days), datetime.min.time(), zone)
    shown = [(begin, max(finish, begin + timedelta(seconds=1))) for begin, finish in spans]
    steps = usual.at_once(shown, start, end)
    for (at, count), (until, _) in zip(steps, [*steps[1:], (end, 0)], strict=True):
        while count and at < until:
            local = at.astimezone(zone)
            row = table.get(local.date())
            if row:
                row[local.hour] = max(row[local.hour], count)
            at = (at.replace(minute=0, second=0, microsecond=0)) + timedelta(hours=1)  # noqa: PLW2901 the next hour
    return list(table.items())
