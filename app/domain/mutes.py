"""Until when nobody is told of something: for an hour, until tomorrow morning, for a week."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.domain.localtime import fires

CHOICES: Mapping[str, str] = {"hour": "For an hour", "tomorrow": "Until tomorrow 8:00", "week": "For a week"}
"""What can be chosen without writing a time."""

LONGEST = timedelta(days=366)

_MORNING = time(8)


def until(choice: str, now: datetime, zone: str) -> datetime | None:
    """Return when a mute of this kind ends, aware; None for what is not among CHOICES.

    Tomorrow morning is that of the zone; where its clocks leave 8:00 out, it is the first minute after.
    """
    if choice == "tomorrow":
        tz = ZoneInfo(zone)
        morning = datetime.combine(now.astimezone(tz).date() + timedelta(days=1), _MORNING)
        return next(fires([morning], tz, "next", "first")).at
    span = {"hour": timedelta(hours=1), "week": timedelta(days=7)}.get(choice)
    return now + span if span else None
