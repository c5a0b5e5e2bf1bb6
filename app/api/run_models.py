"""Runs as programs get them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.api.alerts import MessageOut
from app.api.resource import Out
from app.core.clock import utc_now
from app.domain.access import Actor
from app.domain.lifecycle import ENDED
from app.models.runs import Attempt
from app.services import alerts, runs
from app.services.runs import Detail, insight
from app.services.tasks import remedies


class RunLine(Out):
    """A run in a list."""

    number: int
    task: str = Field(description="The slug of its task")
    task_name: str
    state: str
    reason: str = Field(description="Why, as a code")
    sentence: str = Field(description="Why, in words")
    trigger: str = Field(description="What asked for it: schedule, person, api, backfill, ping, upstream, webhook")
    requested_by: str
    planned_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    folded_count: int = Field(description="So many planned times that were missed or skipped alike")
    folded_until: datetime | None
    cost_micros: int | None = Field(description="Millionths of a US dollar; null: no price is known")


class RunPage(Out):
    """A page of runs, the newest first."""

    items: list[RunLine]
    next_cursor: str | None


class StepOut(Out):
    """One part of an attempt."""

    position: int
    name: str
    state: str
    detail: str
    facts: dict[str, Any]
    started_at: datetime
    ended_at: datetime | None


class AttemptOut(Out):
    """One try of a run."""

    number: int
    state: str
    reason: str
    sentence: str
    worker: str
    isolation: dict[str, Any]
    started_at: datetime
    ended_at: datetime | None
    steps: list[StepOut]


class ArtifactOut(Out):
    """A file that a run made."""

    name: str
    media_type: str
    size_bytes: int
    digest: str = Field(description="The SHA-256 of its content")
    created_at: datetime


class CheckedOut(Out):
    """What became of one check of a contract."""

    words: str
    state: Literal["met", "unmet", "unknown"]
    evidence: str = Field(description="What was found, in one sentence")
    is_optional: bool


class LineOut(Out):
    """The line of the log that tells why it failed."""

    line: int
    step: str = Field(description="The step it was written in")
    text: str


class InsightOut(Out):
    """How it stands with a run: its sentence against what is usual, and for a failure its cause and what to do."""

    sentence: str
    more: str
    cause: str = Field(description="What it comes from, where that is known")
    target: str = Field(description="What the cause is about: a host, a model, a package, a secret")
    evidence: LineOut | None
    next_step: str
    remedy: str = Field(description="What POST …/remedy changes of the task; empty: nothing can be changed like that")


class RunOut(RunLine):
    """A run with all that is known of it but its log."""

    notes: list[str] = Field(description="What moved its planned time, and which runs it came after")
    version: int = Field(description="The version of the task it ran")
    planned_local: str = Field(description="The wall time that the planned time comes from")
    queued_at: datetime | None
    not_before: datetime | None = Field(description="When it is tried again")
    attempt: int
    worker: str
    stop_mode: str = Field(description="How it was asked to stop: now, after_step, or not")
    is_over: bool
    ahead: int = Field(description="So many runs are before it in its queue")
    usual_seconds: float | None
    cost_cap_micros: int | None = Field(description="Raised for this run; null: as the task says")
    came_from: int | None = Field(description="The run whose last checkpoint it goes on from")
    went_on: int | None = Field(description="The run that goes on from it")
    can_go_on: bool = Field(description="Whether it ended with a checkpoint to go on from")
    facts: dict[str, Any] = Field(description="Small values of its outcome; effects are what a rehearsal held back")
    rehearses_at: datetime | None = Field(description="The planned time that it rehearses; null: it is no rehearsal")
    inputs: dict[str, Any] = Field(description="Its variables with their values, once they are known")
    typed: list[str] = Field(description="Those of them that were typed for this run")
    checks: list[CheckedOut] = Field(description="What became of its contract; empty where it was not checked")
    attempts: list[AttemptOut]
    artifacts: list[ArtifactOut]
    letters: list[MessageOut] = Field(description="Those by which a report goes to its readers")
    insight: InsightOut


class PointOut(Out):
    """A place that a run can go on from."""

    place: Literal["last", "step", "start"]
    after: str = Field(description="With step: the one whose result is kept")
    at: datetime | None = Field(description="Since when it is kept")
    steps: list[str] = Field(description="The steps that run again, as far as they have names")
    effects: list[str] = Field(description="What is done to the outside once more, in words")


class ResumptionOut(Out):
    """From where an ended run can go on; the latest place comes first."""

    version: int
    present_version: int
    must_raise: bool = Field(description="Whether it ended at its cost cap, which has to be raised but from the start")
    places: list[PointOut]


_COPIED = (
    "number", "state", "reason", "sentence", "trigger", "planned_at", "started_at", "ended_at", "folded_count",
    "folded_until", "cost_micros", "cost_cap_micros", "planned_local", "queued_at", "not_before", "attempt", "worker",
    "stop_mode", "facts", "notes", "inputs", "rehearses_at",
)  # fmt: skip


def run(actor: Actor, number: int) -> RunOut:
    """Return a run. Raises NotFound."""
    detail = runs.find(actor, number)
    row = detail.run
    return RunOut(
        **{name: getattr(row, name) for name in _COPIED}, typed=sorted(row.typed),
        task=row.task.slug, task_name=row.task.name, version=row.version.number,
        requested_by=row.requested_by.name if row.requested_by else "", is_over=row.state in ENDED, ahead=detail.ahead,
        usual_seconds=detail.usual_seconds, came_from=detail.way.came_from, went_on=detail.way.went_on,
        can_go_on=detail.way.can_go_on, checks=[CheckedOut(**one) for one in row.checks],
        attempts=[_attempt(one) for one in row.attempts],
        artifacts=[ArtifactOut.model_validate(one) for one in row.artifacts],
        letters=[MessageOut.model_validate(one) for one in alerts.letters(actor, row)],
        insight=_insight(detail),
    )  # fmt: skip


def _insight(detail: Detail) -> InsightOut:
    said, cause = insight.of(detail, utc_now()), insight.trouble(detail)
    quote, change = insight.quote(detail, said), remedies.offered(detail.run, detail.told)
    return InsightOut(
        sentence=said.lead, more=said.more, cause=cause.title, target=cause.target,
        evidence=LineOut(line=quote.line, step=quote.step, text=quote.text) if quote else None,
        next_step=said.next_step, remedy=change.label if change else "",
    )  # fmt: skip


def _attempt(row: Attempt) -> AttemptOut:
    return AttemptOut.model_validate(row)


def line(row: Any) -> RunLine:
    """Return a run of a list."""
    values = row._mapping  # noqa: SLF001 SQLAlchemy's own name for a row as a mapping
    known = {name: values[name] for name in RunLine.model_fields if name in values}
    return RunLine.model_validate(
        known | {"task": row.slug, "task_name": row.name, "requested_by": row.requested_by or ""}
    )


def resumption(actor: Actor, number: int) -> ResumptionOut:
    """Return from where a run can go on. Raises NotFound, and Conflict while it has not ended."""
    found = runs.resumption(actor, number)
    places = [
        PointOut(place=point.kind, after=point.after, at=point.at, steps=[*point.steps], effects=[*point.effects])
        for point in found.points
    ]
    return ResumptionOut(
        version=found.run.version.number, present_version=found.present, must_raise=found.is_capped, places=places
    )
