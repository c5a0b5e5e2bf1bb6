"""The calendar: what ran and is to come in a window of time, and single runs moved, skipped and put back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from flask import g
from pydantic import AwareDatetime, Field

from app.api.resource import In, Out, Resource
from app.core.clock import utc_now
from app.core.errors import Invalid
from app.services import calendar, tasks
from app.services.calendar import Item
from app.services.runs import moving
from app.services.tasks import moving as rules

api = Resource("calendar", "Calendar")

_RUN = {"task": "morning-digest", "fire_at": "2026-11-25T08:00:00Z"}


class WindowQuery(In):
    """Which time, at most 62 days."""

    since: AwareDatetime
    until: AwareDatetime


class ItemOut(Out):
    """A run that was, or is to come."""

    at: datetime
    task: str
    name: str
    state: str = Field(description="planned: it is to come; skipped with a fire_at: it is left out")
    number: int | None
    fire_at: datetime | None = Field(description="Of one to come, the instant of its rule, by which it is known")
    seconds: float | None = Field(description="How long it took, or mostly takes")
    sentence: str
    count: int = Field(description="So many planned times that it stands for")
    after: str = Field(description="Of one that others start by their ends, about then: their names")


class FrequentOut(Out):
    """A task that runs too often to be told run by run."""

    task: str
    name: str
    words: str
    days: dict[str, dict[str, int]] = Field(description="By day (UTC) how many runs in each state")


class SpanOut(Out):
    """A time in which calendars keep runs away."""

    begin: datetime
    end: datetime
    name: str


class WindowOut(Out):
    """What the calendar shows of a time."""

    since: datetime
    until: datetime
    runs: list[ItemOut]
    frequent: list[FrequentOut]
    blackouts: list[SpanOut]


class ComingOut(Out):
    """Runs that are to come."""

    runs: list[ItemOut]


class PlannedIn(In):
    """Which run that is to come: its task, and the instant of its rule."""

    task: str = Field(max_length=80, description="Its slug")
    fire_at: AwareDatetime = Field(description="As GET /calendar tells it, wherever the run has moved")


class MoveIn(PlannedIn):
    """Where to, and which others move alike."""

    to: AwareDatetime
    which: Literal["one", "later", "all"] = Field(
        "one", description="Only this run; or its schedule: this and later, or all"
    )


class PlannedOut(Out):
    """When a run is to start now. `version` is the new one of its task where its schedule was changed."""

    task: str
    fire_at: datetime
    at: datetime
    is_skipped: bool = False
    number: int | None = None
    version: int | None = None


@api.get("/calendar")
@api.allow("see")
@api.input(WindowQuery, location="query")
@api.output(WindowOut)
def show_calendar(query_data: WindowQuery) -> WindowOut:
    """Say what ran and what is to come in a window of time"""
    since, until = query_data.since.astimezone(UTC), query_data.until.astimezone(UTC)
    if not timedelta() < until - since <= calendar.LONGEST:
        raise Invalid({"until": f"Choose an end after the beginning, at most {calendar.LONGEST.days} days later."})
    found = calendar.window(g.actor, since, until, UTC)
    return WindowOut(
        since=since, until=until,
        runs=_items(found.items),
        frequent=[
            FrequentOut(
                task=one.slug, name=one.name, words=one.words,
                days={day.isoformat(): dict(counts) for day, counts in sorted(one.by_day.items())},
            )
            for one in found.frequent
        ],
        blackouts=[SpanOut(begin=span.begin, end=span.end, name=span.what) for span in found.blackouts],
    )  # fmt: skip


@api.get("/tasks/<slug>/coming-runs")
@api.allow("see")
@api.input(WindowQuery, location="query")
@api.output(ComingOut)
def list_coming_runs(slug: str, query_data: WindowQuery) -> ComingOut:
    """List the runs of a task that are to come, also of one that runs often; at most 200"""
    task = tasks.find(g.actor, slug)
    found = calendar.of_task(g.actor, task.id, query_data.since.astimezone(UTC), query_data.until.astimezone(UTC))
    return ComingOut(runs=_items(found))


def _items(found: Sequence[Item]) -> list[ItemOut]:
    return [ItemOut(task=item.slug, **{name: getattr(item, name) for name in _OWN}) for item in found]


_OWN = [name for name in ItemOut.model_fields if name != "task"]


@api.post("/runs/moves")
@api.allow("edit")
@api.input(MoveIn, example={**_RUN, "to": "2026-11-25T10:30:00Z", "which": "one"})
@api.output(PlannedOut)
def move_run(json_data: MoveIn) -> PlannedOut:
    """Move a run that is to come, alone or with those after it

    Alone it becomes a run with a number that waits for the new time. `later` and `all` change the schedule, as a new
    version of the task.
    """
    asked, to = json_data, json_data.to.astimezone(UTC)
    run = moving.find(g.actor, asked.task, asked.fire_at.astimezone(UTC))
    if asked.which == "one":
        moving.move(g.actor, asked.task, run.fire_at, to)
        return _planned(asked)
    moving.check(run, to, utc_now())
    task = rules.move(g.actor, asked.task, run.schedule.id, run.rule, run.at, to, asked.which)
    return PlannedOut(task=asked.task, fire_at=run.fire_at, at=to, version=task.version_number)


@api.post("/runs/skips")
@api.allow("edit")
@api.input(PlannedIn, example=_RUN)
@api.output(PlannedOut)
def skip_run(json_data: PlannedIn) -> PlannedOut:
    """Let a run that is to come not happen"""
    moving.skip(g.actor, json_data.task, json_data.fire_at.astimezone(UTC))
    return _planned(json_data)


@api.post("/runs/returns")
@api.allow("edit")
@api.input(PlannedIn, example=_RUN)
@api.output(PlannedOut)
def put_run_back(json_data: PlannedIn) -> PlannedOut:
    """Put a run that was moved or skipped back to its own time"""
    moving.undo(g.actor, json_data.task, json_data.fire_at.astimezone(UTC))
    return _planned(json_data)


def _planned(asked: PlannedIn) -> PlannedOut:
    run = moving.find(g.actor, asked.task, asked.fire_at.astimezone(UTC))
    return PlannedOut(
        task=asked.task, fire_at=run.fire_at, at=run.at, is_skipped=run.is_skipped, number=run.number
    )  # fmt: skip
