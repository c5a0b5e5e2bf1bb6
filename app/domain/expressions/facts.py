"""What expressions may name of a run: its dates and times, in the zone of its task."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain import localtime
from app.domain.expressions.dates import WEEKDAYS
from app.domain.localtime import TriggerError


def of_run(
    planned_at: datetime, timezone: str, *, number: int, attempt: int, task: str, at: datetime | None = None
) -> dict[str, Any]:
    """Return `run` and `weekday` for a run that was planned for an instant (aware), and began at `at`.

    Its dates are those of the planned time in `timezone`, so that a run made up for later has the day it was meant for.
    """
    try:
        zone: Any = localtime.zone(timezone)
    except TriggerError:
        zone = UTC
    planned = planned_at.astimezone(zone).replace(microsecond=0)
    run: Mapping[str, Any] = {
        "date": planned.date(),
        "time": f"{planned:%H:%M}",
        "at": (at or planned_at).astimezone(zone).replace(microsecond=0),
        "planned_at": planned,
        "number": number,
        "attempt": attempt,
        "timezone": timezone,
        "task": task,
    }
    return {"run": run, "weekday": WEEKDAYS[planned.weekday()]}
