"""Schedules: the preview of one, and those of a task; every change of them is a version of the task."""

from datetime import UTC, datetime
from typing import Literal

from flask import g
from pydantic import AwareDatetime, Field

from app.api import schedule_models
from app.api.resource import In, Out, Resource
from app.api.schedule_models import FireOut, Kind, ScheduleIn, ScheduleOut
from app.core.clock import utc_now
from app.core.errors import NotFound
from app.models.tasks import Task
from app.services import tasks
from app.services.tasks import schedules
from app.services.tasks.schedules import Moves

api = Resource("schedules", "Schedules")

_SCHEDULE = {"kind": "cron", "expression": "0 9 * * 1-5", "timezone": "Europe/Berlin"}


class PreviewIn(ScheduleIn):
    """A schedule, and which of its times to show."""

    after: AwareDatetime | None = Field(None, description="Show times later than this instant; by default, now")
    show: int | None = Field(
        None, ge=1, le=schedules.MOST_PREVIEWED, description="So many times; by default 5, or as many as `count`"
    )
    spread: int = Field(0, ge=0, le=86_400, description="Seconds within which all its times move alike")
    jitter: int = Field(0, ge=0, le=86_400, description="Seconds within which each of its times moves by itself")


class ChoiceOut(Out):
    """What may have been meant: a text to send instead."""

    text: str
    label: str


class LastOut(Out):
    """The time a schedule ends with, by its rule."""

    at: datetime
    local: str


class PreviewOut(Out):
    """How a schedule is understood, and when it runs."""

    state: Literal["understood", "ask", "unknown"] = Field(description="ask: choose one of the choices")
    sentence: str
    kind: Kind | None
    expression: str
    timezone: str
    choices: list[ChoiceOut]
    fires: list[FireOut]
    notes: list[str] = Field(
        description="What clock changes of the coming year do to it, what is assumed, and how far spread and jitter go"
    )
    last: LastOut | None = Field(description="The time it ends with; none when it goes on for ever")


class SchedulesIn(In):
    """All schedules of a task."""

    schedules: list[ScheduleIn] = Field(max_length=schedules.MOST_SCHEDULES)


class SchedulesOut(Out):
    """All schedules of a task."""

    items: list[ScheduleOut]
    version: int = Field(description="The version of the task that has them")


@api.post("/schedules/preview")
@api.allow("see")
@api.input(PreviewIn, example={"text": "last working day of the month at 17:00", "timezone": "Europe/Lisbon"})
@api.output(PreviewOut)
def preview_schedule(json_data: PreviewIn) -> PreviewOut:
    """Say how a schedule is understood and when it runs, without saving it"""
    given = schedule_models.given(json_data)
    after = (json_data.after or utc_now()).astimezone(UTC)
    moves = Moves(g.actor.team_id, json_data.spread, json_data.jitter)
    found = schedules.preview(given, _possible(after), json_data.show or json_data.count or 5, moves)
    return PreviewOut(
        state=found.state,  # type: ignore[arg-type]  # one of the three, by the reading
        sentence=found.sentence,
        kind=found.trigger.kind if found.trigger else None,
        expression=found.trigger.expression if found.trigger else "",
        timezone=found.trigger.timezone if found.trigger else given.timezone,
        choices=[ChoiceOut.model_validate(choice) for choice in found.choices],
        fires=[schedule_models.fire(one) for one in found.fires],
        notes=list(found.notes),
        last=LastOut(at=found.last.at, local=found.last.local.replace(" ", "T")) if found.last else None,
    )


@api.get("/tasks/<slug>/schedules")
@api.allow("see")
@api.output(SchedulesOut)
def list_schedules(slug: str) -> SchedulesOut:
    """List the schedules of a task"""
    return _of(tasks.find(g.actor, slug))


@api.put("/tasks/<slug>/schedules")
@api.allow("edit")
@api.input(SchedulesIn, example={"schedules": [_SCHEDULE]})
@api.output(SchedulesOut)
def replace_schedules(slug: str, json_data: SchedulesIn) -> SchedulesOut:
    """Replace all schedules of a task; nothing fires at once"""
    tasks.find(g.actor, slug)
    tasks.reschedule(g.actor, slug, schedule_models.all_given(json_data.schedules))
    return _of(tasks.find(g.actor, slug))


@api.post("/tasks/<slug>/schedules")
@api.allow("edit")
@api.input(ScheduleIn, example=_SCHEDULE)
@api.output(SchedulesOut, status_code=201)
def add_schedule(slug: str, json_data: ScheduleIn) -> SchedulesOut:
    """Add a schedule to a task"""
    before = _typed(tasks.find(g.actor, slug))
    tasks.reschedule(g.actor, slug, [*before, schedule_models.given(json_data)])
    return _of(tasks.find(g.actor, slug))


@api.delete("/tasks/<slug>/schedules/<int:position>")
@api.allow("edit")
@api.output(SchedulesOut)
def remove_schedule(slug: str, position: int) -> SchedulesOut:
    """Remove one schedule of a task, by its position"""
    kept = _typed(tasks.find(g.actor, slug))
    if position >= len(kept):
        raise NotFound
    del kept[position]
    tasks.reschedule(g.actor, slug, kept)
    return _of(tasks.find(g.actor, slug))


def _typed(task: Task) -> list[schedules.Given]:
    return [schedules.given_of(rule) for rule in tasks.definition(task)["schedules"]]


def _of(task: Task) -> SchedulesOut:
    rules = tasks.definition(task)["schedules"]
    return SchedulesOut(items=schedule_models.shown(rules, task.schedules), version=task.version_number)


def _possible(after: datetime) -> datetime:
    """Return the instant within the years that zones know."""
    return min(max(after, datetime(1970, 1, 1, tzinfo=UTC)), datetime(2100, 1, 1, tzinfo=UTC))
