"""Schedules as programs send and get them: in plain words, or by kind and expression."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from flask import g
from pydantic import Field

from app.api.resource import In, Out
from app.core.clock import utc_now
from app.core.errors import Invalid
from app.domain import triggers
from app.domain.occurrences import Occurrence
from app.domain.triggers import TriggerError
from app.models.tasks import Schedule
from app.services.tasks import schedules
from app.services.tasks.schedules import Given

Kind = Literal["once", "interval", "cron", "rrule"]

_EXAMPLES = {
    "once": "2026-12-01T09:00",
    "interval": "15m",
    "cron": "0 9 * * 1-5",
    "rrule": "FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1;BYHOUR=17;BYMINUTE=0",
}


CalendarUse = Literal["exclude", "only", "next_day", "previous_day", "delay", "note"]


class CalendarUseIn(In):
    """How a schedule uses a calendar of the team."""

    calendar: str = Field(max_length=60, description="Its slug")
    use: CalendarUse = Field(
        description="What becomes of a time that falls in it: left out, run only in it, moved to the next or previous "
        "business day, delayed until it is over, or run and noted"
    )


class CalendarUseOut(Out):
    """How a schedule uses a calendar of the team."""

    calendar: str
    use: CalendarUse


class ScheduleIn(In):
    """When a task runs: `text` in plain words, or `kind` with `expression`."""

    text: str = Field("", max_length=300, description="Like “every weekday at 9:00”; cron and RRULE are read too")
    kind: Kind | None = Field(None, description="Instead of `text`, with `expression`")
    expression: str = Field("", max_length=300, description="Like `0 9 * * 1-5`, `15m`, `FREQ=DAILY;BYHOUR=9`")
    timezone: str = Field("", max_length=64, description="Like Europe/Berlin; by default that of the token's person")
    gap: Literal["next", "skip"] = Field("next", description="A time that clocks skip: the next minute, or not at all")
    fold: Literal["first", "both"] = Field("first", description="A time that clocks repeat: once, or at both")
    starts: str = Field("", max_length=40, description="First day or moment, in the zone: 2026-12-01, 2026-12-01T09:00")
    ends: str = Field("", max_length=40, description="Last day or moment")
    count: int | None = Field(None, ge=1, le=schedules.MOST_TIMES, description="So many times at most")
    calendars: list[CalendarUseIn] = Field([], max_length=20, description="Applied in this order")


class ScheduleOut(Out):
    """When a task runs, as it was understood."""

    position: int = Field(description="Its place among the schedules of the task, from 0")
    text: str
    sentence: str = Field(description="How it was understood")
    kind: Kind
    expression: str
    timezone: str
    gap: str
    fold: str
    starts_at: datetime | None
    ends_at: datetime | None
    count: int | None
    calendars: list[CalendarUseOut]
    state: str = Field(description="active, paused, broken or over")
    problem: str
    next_fire_at: datetime | None = Field(description="When the clock decides on it next")


class FireOut(Out):
    """One planned time, and what becomes of it."""

    at: datetime = Field(description="When it starts, UTC")
    by_rule: datetime = Field(description="The instant by the rule; the same unless something moves it")
    local: str = Field(description="The wall time of the rule, like 2026-11-24T09:00")
    note: str = Field(description="What clocks did to it, mostly nothing")
    is_left_out: bool = Field(description="A calendar leaves it out: it does not run")
    notes: list[str] = Field(description="What moved it or left it out, a sentence each")


def given(schedule: ScheduleIn) -> Given:
    """Return what was sent as if it were typed. Raises Invalid when kind and expression are not one rule."""
    zone = schedule.timezone or g.bearer.timezone
    text = schedule.text if schedule.kind is None else schedule.expression.strip()
    if schedule.kind == "interval" and text.isascii() and text.isdecimal():
        text = f"{text}s"
    chosen = tuple(f"{one.use}:{one.calendar}" for one in schedule.calendars)
    typed = Given(
        text, zone, schedule.gap, schedule.fold, schedule.starts, schedule.ends, str(schedule.count or ""), chosen
    )
    if schedule.kind is None:
        if schedule.expression:
            raise Invalid({"kind": "Say the kind of the expression: once, interval, cron or rrule."})
        if not schedule.text.strip():
            raise Invalid({"text": "Say when, like “every weekday at 9:00”, or send kind and expression."})
    elif schedule.text:
        raise Invalid({"text": "Send either text, or kind and expression."})
    else:
        _check_kind(schedule.kind, typed)
    return typed


def _check_kind(kind: Kind, typed: Given) -> None:
    reading = schedules.read(typed, utc_now())
    if reading.trigger is None or reading.trigger.kind != kind:
        sentence = reading.sentence if reading.trigger is None and typed.text.strip() else ""
        raise Invalid({"expression": sentence or f"This is no {kind}; one is {_EXAMPLES[kind]}."})


def all_given(sent: list[ScheduleIn]) -> list[Given]:
    """Return what was sent for several schedules. Raises Invalid."""
    typed: list[Given] = []
    wrong: dict[str, str] = {}
    for index, schedule in enumerate(sent):
        try:
            typed.append(given(schedule))
        except Invalid as error:
            wrong |= {f"when-{index}-{name}": sentence for name, sentence in error.fields.items()}
    if wrong:
        raise Invalid(wrong)
    return typed


def shown(rules: list[Mapping[str, Any]], rows: list[Schedule]) -> list[ScheduleOut]:
    """Return the stored rules of a task with what their rows say."""
    return [_shown(position, rule, rows) for position, rule in enumerate(rules)]


def _shown(position: int, rule: Mapping[str, Any], rows: list[Schedule]) -> ScheduleOut:
    trigger = schedules.trigger_of(rule)
    # One that is over may have the same rule as one that goes on.
    used = rule.get("calendars", [])
    alike = (row for row in rows if row.trigger == trigger and row.calendars == used)
    same = sorted(alike, key=lambda row: row.state == "over")
    row = same[0] if same else None
    try:
        sentence = triggers.describe(trigger)
    except TriggerError as error:
        sentence = error.sentence
    return ScheduleOut(
        position=position, text=rule["text"], sentence=sentence, kind=rule["kind"], expression=rule["expression"],
        timezone=rule["timezone"], gap=rule["gap"], fold=rule["fold"], starts_at=trigger.starts_at,
        ends_at=trigger.ends_at, count=int(rule["count"]) if rule["count"] else None,
        calendars=[CalendarUseOut(calendar=one["slug"], use=one["use"]) for one in used],
        state=row.state if row else "over", problem=row.problem if row else "",
        next_fire_at=row.next_fire_at if row else None,
    )  # fmt: skip


def fire(one: Occurrence) -> FireOut:
    """Return one planned time."""
    return FireOut(
        at=one.at, by_rule=one.fire.at, local=one.fire.local.replace(" ", "T"), note=one.fire.note,
        is_left_out=one.is_left_out, notes=list(one.notes),
    )  # fmt: skip
