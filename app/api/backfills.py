"""Backfills: what one would do, asked for, watched and cancelled."""

from datetime import datetime

from flask import Response, g
from pydantic import Field

from app.api.idempotency import once
from app.api.resource import In, Out, Resource, nothing
from app.core.clock import utc_now
from app.services import backfills
from app.services.backfills import Wanted

api = Resource("backfills", "Backfills")

_EXAMPLE = {"since": "2026-11-01", "until": "2026-11-14", "concurrency": 2}


class BackfillIn(In):
    """Which time of the past; days and wall times are those of the task's first schedule."""

    since: str = Field(max_length=40, description="A day, a wall time, or an instant with its offset")
    until: str = Field(max_length=40, description="Included; at most now")
    concurrency: int = Field(1, ge=1, le=backfills.MOST_AT_ONCE, description="So many go at once")
    only_open: bool = Field(True, description="Leave out the times that a run has done")


class PlanOut(Out):
    """What a backfill would do."""

    since: datetime
    until: datetime
    runs: int
    done: int = Field(description="Times left out because a run has done them")
    dates: list[datetime] = Field(description="The logical dates")
    cost_micros: int | None = Field(description="About what it costs, millionths of a US dollar; null: no price known")
    seconds: float | None = Field(description="About how long it takes; null: not known")


class BackfillOut(Out):
    """How far a backfill is."""

    id: int
    task: str
    since: datetime
    until: datetime
    runs: int
    concurrency: int
    cost_micros: int | None = Field(description="What was quoted")
    states: dict[str, int] = Field(description="How many of its runs are in each state")
    is_over: bool
    created_at: datetime
    cancelled_at: datetime | None


@api.post("/tasks/<slug>/backfills/plan")
@api.allow("run")
@api.input(BackfillIn, example=_EXAMPLE)
@api.output(PlanOut)
def plan_backfill(slug: str, json_data: BackfillIn) -> PlanOut:
    """Say what a backfill would do and cost; nothing runs"""
    found = backfills.plan(g.actor, slug, _wanted(json_data), utc_now())
    return PlanOut(
        since=found.since, until=found.until, runs=len(found.dates), done=found.done,
        dates=[fire.at for fire in found.dates], cost_micros=found.cost_micros, seconds=found.seconds,
    )  # fmt: skip


@api.post("/tasks/<slug>/backfills")
@api.allow("run")
@api.input(BackfillIn, example=_EXAMPLE)
@api.output(BackfillOut, status_code=201)
@once
def create_backfill(slug: str, json_data: BackfillIn) -> BackfillOut:
    """Run a task for planned times of the past"""
    return _out(backfills.find(g.actor, backfills.create(g.actor, slug, _wanted(json_data), utc_now())))


@api.get("/backfills/<int:backfill_id>")
@api.allow("see")
@api.output(BackfillOut)
def read_backfill(backfill_id: int) -> BackfillOut:
    """Read how far a backfill is"""
    return _out(backfills.find(g.actor, backfill_id))


@api.delete("/backfills/<int:backfill_id>")
@api.allow("run")
@api.output({}, status_code=204)
def cancel_backfill(backfill_id: int) -> Response:
    """Cancel what of a backfill has not started; what runs goes on"""
    backfills.cancel(g.actor, backfill_id)
    return nothing()


def _wanted(sent: BackfillIn) -> Wanted:
    return Wanted(sent.since, sent.until, str(sent.concurrency), sent.only_open)


def _out(detail: backfills.Detail) -> BackfillOut:
    row = detail.row
    return BackfillOut(
        id=row.id, task=detail.task.slug, since=row.since, until=row.until, runs=row.runs, concurrency=row.concurrency,
        cost_micros=row.quoted_micros, states=dict(detail.counts), is_over=detail.over == row.runs,
        created_at=row.created_at, cancelled_at=row.cancelled_at,
    )  # fmt: skip
