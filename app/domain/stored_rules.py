"""Alert rules and wishes as they are stored: plain JSON, read without trust in its shape and written in one way."""

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any

from app.domain.alert_rules import EVENTS, Pace, Quiet, Rule, Wishes

DIGEST_AT = time(17)


def rule(definition: Mapping[str, Any]) -> Rule:
    """Return the rule that a stored definition stands for."""
    after_seconds = definition.get("escalates_after_seconds")
    return Rule(
        events=frozenset(definition.get("events", ())) & EVENTS.keys(),
        tasks=frozenset(definition.get("tasks", ())),
        tags=frozenset(definition.get("tags", ())),
        channels=frozenset(definition.get("channels", ())),
        ends=_channels(definition) if definition.get("tells_end", True) else frozenset(),
        after=int(definition.get("after", 1)),
        is_each=bool(definition.get("is_each", False)),
        held=frozenset(definition.get("held", ())),
        pace=_pace(definition.get("zone", "UTC"), definition.get("quiet") or {}, definition.get("digest_at") or ""),
        escalates_after=timedelta(seconds=after_seconds) if after_seconds else None,
        escalates_to=frozenset(definition.get("escalates_to", ())),
    )


def definition(rule: Rule) -> dict[str, Any]:
    """Return what to store of a rule."""
    return {
        "events": sorted(rule.events), "tasks": sorted(rule.tasks), "tags": sorted(rule.tags),
        "channels": sorted(rule.channels), "tells_end": bool(rule.ends), "after": rule.after, "is_each": rule.is_each,
        "held": sorted(rule.held), "zone": rule.pace.zone, "quiet": quiet(rule.pace.quiet),
        "digest_at": hour(rule.pace.digest_at),
        "escalates_after_seconds": rule.escalates_after.total_seconds() if rule.escalates_after else None,
        "escalates_to": sorted(rule.escalates_to),
    }  # fmt: skip


def _channels(definition: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(definition.get("channels", ())) | frozenset(definition.get("escalates_to", ()))


def wishes(row: Any, zone: str) -> Wishes:
    """Return what a row of `wishes` stands for; without one (an outer join's) it is all by default."""
    if row is None or row.person_id is None:
        return Wishes(pace=Pace(zone, digest_at=DIGEST_AT))
    ways = row.events.get("ways", {})
    held = row.events.get("held")
    return Wishes(
        {event: frozenset(of_event) for event, of_event in ways.items() if event in EVENTS},
        None if held is None else frozenset(held),
        is_all=row.reach == "all",
        after=row.after,
        pace=_pace(zone, row.quiet, row.digest_hour),
    )


def quiet(hours: Quiet | None) -> dict[str, Any]:
    """Return what to store of quiet hours."""
    return {"since": hour(hours.since), "until": hour(hours.until), "but": sorted(hours.but)} if hours else {}


def hour(at: time | None) -> str:
    """Write a time of day as it is stored, 17:00; empty without one."""
    return f"{at:%H:%M}" if at else ""


def _pace(zone: str, hours: Mapping[str, Any], digest_at: str) -> Pace:
    kept = None
    if hours.get("since") and hours.get("until"):
        but = hours.get("but")
        span = time.fromisoformat(hours["since"]), time.fromisoformat(hours["until"])
        kept = Quiet(*span) if but is None else Quiet(*span, frozenset(but))
    return Pace(zone, kept, time.fromisoformat(digest_at) if digest_at else None)
