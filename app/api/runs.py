"""Runs: listed, asked for, read, stopped, repeated, decided on."""

from datetime import UTC, datetime
from typing import Any, Literal

from flask import g
from pydantic import AwareDatetime, Field, field_validator
from pydantic_core import PydanticCustomError

from app.api import paging, run_models
from app.api.idempotency import once
from app.api.paging import Answer, PageQuery
from app.api.resource import In, Resource
from app.api.run_models import ResumptionOut, RunLine, RunOut, RunPage
from app.domain.lifecycle import STATES
from app.services import run_list, runs, tasks
from app.services.run_list import Filters
from app.services.tasks import repairs, seen

api = Resource("runs", "Runs")

_WORDS = ("", *run_list.GROUPS, *STATES)
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class RunFilterQuery(In):
    """Which runs; the newest come first."""

    state: str = Field(
        "", description="A state, or going, failed, not (did not happen)", json_schema_extra={"enum": list(_WORDS)}
    )
    task: str = Field("", max_length=80, description="The slug of a task")
    trigger: Literal["", "schedule", "person", "api", "backfill", "ping", "upstream", "webhook"] = ""
    engine: str = Field("", max_length=24)
    worker: str = Field("", max_length=80)
    reason: str = Field("", max_length=32)
    since: AwareDatetime | None = Field(None, description="Planned at or after this instant")
    until: AwareDatetime | None = Field(None, description="Planned at or before this instant")
    mine: bool = Field(False, description="Asked for by the token's person, or of their tasks")
    slow: bool = Field(False, description="Longer than nine of ten runs of its task")
    expensive: bool = Field(False, description="Dearer than nine of ten runs of its task")

    @field_validator("state")
    @classmethod
    def _is_word(cls, word: str) -> str:
        if word not in _WORDS:
            raise PydanticCustomError("said", "{s}", {"s": f"Choose one of {', '.join(_WORDS[1:])}."})
        return word


class RunQuery(RunFilterQuery, PageQuery):
    """Which runs, and which page of them."""


class RunIn(In):
    """Which task to run now."""

    task: str = Field(max_length=80, description="Its slug")
    inputs: dict[str, Any] = Field(
        default_factory=dict,
        max_length=50,
        description="Values for its variables, by name, in place of what they are now",
    )
    rehearses_at: AwareDatetime | None = Field(
        None, description="Rehearse the run planned for this time: nothing is sent outside"
    )


class CancelIn(In):
    """How to stop."""

    mode: Literal["now", "after_step"] = "now"


class AgainIn(In):
    """Which version to run."""

    version: Literal["present", "same"] = Field("present", description="The task as it is now, or as it was then")


class ResumptionIn(In):
    """From where it goes on, with which version, and by how much its cost cap is raised."""

    place: Literal["last", "step", "start"] = Field("last", description="Its last checkpoint, a step, or the start")
    after: str = Field("", max_length=60, description="With step: the one behind whose checkpoint it goes on")
    version: Literal["same", "present"] = Field("same", description="The task as it was then, or as it is now")
    raise_micros: int = Field(0, ge=0, le=runs.HIGHEST_CAP_MICROS, description="Millionths of a US dollar")


class RepairIn(In):
    """What becomes of a repair."""

    answer: repairs.Answer = Field(description="take_over makes it a new version of the task")


class DecisionIn(In):
    """What becomes of a run whose worker vanished in the middle."""

    answer: Literal["again", "end"]


@api.get("/runs")
@api.allow("see")
@api.input(RunQuery, location="query")
@api.output(RunPage)
def list_runs(query_data: RunQuery) -> Answer[RunPage]:
    """List runs"""
    filters = filters_of(query_data)

    def fetch(place: str) -> tuple[list[RunLine], bool]:
        found = run_list.listing(g.actor, filters, before=paging.number(place))
        return [run_models.line(row) for row in found.rows], found.has_older

    items, following = paging.gathered(query_data, fetch, lambda run: str(run.number))
    return paging.page(RunPage, items, following)


@api.post("/runs")
@api.allow("run")
@api.input(RunIn, example={"task": "disk-space", "inputs": {"host": "web-2"}})
@api.output(RunOut, status_code=201)
@once
def create_run(json_data: RunIn) -> RunOut:
    """Run a task now

    With an `Idempotency-Key` header it is safe to repeat: the same key and body give the same run for 24 h.
    """
    task = tasks.find(g.actor, json_data.task)
    asked = ("api", _key(), json_data.inputs)
    if json_data.rehearses_at:
        return run_models.run(g.actor, runs.rehearse(g.actor, task.id, json_data.rehearses_at, *asked))
    return run_models.run(g.actor, runs.start(g.actor, task.id, *asked))


@api.get("/runs/<int:number>")
@api.allow("see")
@api.output(RunOut)
def read_run(number: int) -> RunOut:
    """Read a run"""
    seen.note_run(g.actor, number)
    return run_models.run(g.actor, number)


@api.post("/runs/<int:number>/cancellation")
@api.allow("run")
@api.input(CancelIn, example={"mode": "after_step"})
@api.output(RunOut)
def cancel_run(number: int, json_data: CancelIn) -> RunOut:
    """Cancel a run, or ask it to stop

    What has not started ends at once; what runs ends when its worker has stopped it.
    """
    runs.cancel(g.actor, number, json_data.mode)
    return run_models.run(g.actor, number)


@api.post("/runs/<int:number>/again")
@api.allow("run")
@api.input(AgainIn, example={"version": "same"})
@api.output(RunOut, status_code=201)
@once
def repeat_run(number: int, json_data: AgainIn) -> RunOut:
    """Run it once more"""
    is_same = json_data.version == "same"
    made = runs.again(g.actor, number, with_its_version=is_same, trigger="api", key=_key())
    return run_models.run(g.actor, made)


@api.get("/runs/<int:number>/resumption")
@api.allow("see")
@api.output(ResumptionOut)
def read_resumption(number: int) -> ResumptionOut:
    """Say from where an ended run can go on, and what each place would do again"""
    return run_models.resumption(g.actor, number)


@api.post("/runs/<int:number>/resumption")
@api.allow("run")
@api.input(ResumptionIn, example={"place": "step", "after": "Fetch"})
@api.output(RunOut, status_code=201)
def resume_run(number: int, json_data: ResumptionIn) -> RunOut:
    """Go on from a checkpoint or from the start, in a new run

    To raise its cost cap takes the scope write. Asked again for the same place and version, it is the same new run;
    from the start each is a new one.
    """
    asked = json_data
    made = runs.resume(
        g.actor, number, asked.raise_micros, "api", kind=asked.place, after=asked.after, version=asked.version
    )
    return run_models.run(g.actor, made)


@api.post("/runs/<int:number>/decision")
@api.allow("run")
@api.input(DecisionIn, example={"answer": "again"})
@api.output(RunOut)
def decide_run(number: int, json_data: DecisionIn) -> RunOut:
    """Decide on a run whose worker vanished in the middle"""
    runs.decide(g.actor, number, json_data.answer)
    return run_models.run(g.actor, number)


@api.post("/runs/<int:number>/repairs/<step>")
@api.allow("edit")
@api.input(RepairIn, example={"answer": "take_over"})
@api.output(RunOut)
def decide_on_repair(number: int, step: str, json_data: RepairIn) -> RunOut:
    """Take a repair of a run over, or dismiss it

    What was repaired stands in `facts.repairs` of a run that worked, and what no run has tried, with `is_tried` false,
    in those of one that failed. Taken over it becomes a new version of the task.
    """
    repairs.decide(g.actor, number, step, json_data.answer)
    return run_models.run(g.actor, number)


def _key() -> str:
    """Return what the run is known by: the request's own name, so that it is never made twice."""
    return f"event:{g.ticket}" if g.ticket else ""


def filters_of(asked: RunFilterQuery) -> Filters:
    """Return which runs are asked for."""
    return Filters(
        (asked.since or _FIRST).astimezone(UTC), (asked.until or _LAST).astimezone(UTC), asked.state, asked.task,
        asked.trigger, asked.engine, asked.worker, asked.reason, asked.mine, asked.slow, asked.expensive,
    )  # fmt: skip
