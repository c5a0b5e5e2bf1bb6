"""The schedule that an export carries beside a conversation: that of an automation of the chat program."""

from typing import Any

from app.analysis.base import Evidence, Finding
from app.domain import conversion, cron, localtime, rrule
from app.domain.localtime import TriggerError
from app.domain.thread import Thread
from app.domain.triggers import Trigger

_LONGEST = 300


def schedule(thread: Thread) -> Finding | None:
    """Return the schedule of the thread's settings; None without one, or where its rule can't be read."""
    rule, zone = str(thread.settings.get("schedule") or "")[:_LONGEST], str(thread.settings.get("timezone") or "")
    try:
        zone = str(localtime.zone(zone)) if zone else ""
        value = _read(rule, zone) if rule.strip() else None
    except TriggerError:
        return None
    return Finding("schedule", value, 0.95, (Evidence(0, f"Schedule in the export: {rule}"),)) if value else None


def _read(rule: str, zone: str) -> dict[str, Any]:
    """Return a rule as a finding has it. Raises TriggerError."""
    if "FREQ=" not in rule.upper():
        cron.parse(rule)
        return {"kind": "cron", "cron": rule, "timezone": zone or None}
    read = rrule.parse(rule, zone or "UTC")
    if read.count == 1 and read.dtstart:
        return {"kind": "once", "at": read.dtstart.isoformat(), "timezone": zone or None}
    if fields := conversion.as_cron(Trigger("rrule", rule, zone or "UTC")):
        return {"kind": "cron", "cron": fields, "timezone": zone or None}
    return {"kind": "rrule", "rrule": rule, "timezone": zone or None}
