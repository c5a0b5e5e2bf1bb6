"""What a thread asks for: analysed, what was found decided about, and a task made of it."""

from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from flask import current_app, g
from pydantic import Field

from app.analysis.proposal import chosen, suggested
from app.api import schedule_models, task_models
from app.api.idempotency import once
from app.api.resource import Empty, In, Out, Resource
from app.api.schedule_models import ScheduleIn
from app.api.task_models import TaskOut
from app.core.clock import utc_now
from app.core.errors import Forbidden, Invalid
from app.services import secrets, tasks
from app.services.tasks import from_template
from app.services.tasks.attached import Upload
from app.services.tasks.schedules import Given
from app.services.threads import analyses, needs, review, states
from app.services.threads.review import Act, Review

api = Resource("thread_analysis", "Threads")


class AnalysisIn(In):
    """How a thread is analysed."""

    deepens: bool = Field(False, description="Whether the team's default model reads it too, at its price")


class ProblemOut(Out):
    """A part that could not be read."""

    stage: str
    sentence: str


class EvidenceOut(Out):
    """Where something stands: the number of the message, from 0 on, and its words with secrets masked."""

    message: int
    excerpt: str


class SeenOut(Out):
    """What a worker saw of a host or a package."""

    state: str = Field(description="asked, present, missing, unreachable, unknown")
    sentence: str
    at: datetime


class FindingOut(Out):
    """One thing that was read out of a thread."""

    id: int
    kind: str = Field(
        description="intent, objective, attachment, tool, dependency, variable, schedule, requires, secret, injection"
    )
    value: dict[str, Any]
    changed: dict[str, Any] | None = Field(description="What a person put in its place")
    state: str = Field(description="found, accepted, changed, dropped")
    source: str = Field(description="rules, or model: what a model reads otherwise, which counts once accepted")
    confidence: float
    evidence: list[EvidenceOut]
    seen: SeenOut | None


class AnalysisOut(Out):
    """How far the analysis of a thread is, and what it found."""

    state: str = Field(description="empty, waiting, running, done, failed")
    stage: str = Field(description="What is being read now")
    stages: list[str] = Field(description="All of them in their order")
    problems: list[ProblemOut]
    analysed_at: datetime | None
    model: str = Field(description="The model that read it too; empty for none")
    cost_micros: int | None = Field(description="What that cost, in millionths of a US dollar")
    findings: list[FindingOut]


class FindingChange(In):
    """What becomes of a finding. `value` and `kind` are for a change, `secret` moves a pasted secret to the vault."""

    act: Act = "change"
    value: str | None = Field(None, max_length=review.LONGEST_OBJECTIVE)
    kind: str | None = Field(None, max_length=24, description="Of a variable")
    network: bool | None = None
    code_execution: bool | None = None
    approval: bool | None = None
    secret: str | None = Field(None, max_length=64, description="The name under which the vault keeps a secret")


class ThreadTaskIn(In):
    """The task to make; what is left out is as it was found."""

    how: Literal["", "replay", "hybrid", "agent"] = Field("", description="By default the way that fits best")
    name: str | None = Field(None, max_length=120)
    objective: str | None = Field(None, max_length=review.LONGEST_OBJECTIVE)
    proof: str = Field("", max_length=200, description="Words that its answer must have, as a check of its contract")
    schedules: list[ScheduleIn] | None = Field(None, max_length=20)
    starts: bool = Field(False, description="Whether its schedule starts; by default it is paused")


class WayOut(Out):
    """A way to do it: what it needs, costs and takes."""

    kind: str
    steps: int
    needs: list[str]
    cost_micros: int | None
    seconds: int
    basis: str
    is_possible: bool
    why_not: str


class NeedOut(Out):
    """Something that the task needs."""

    kind: str = Field(description="file, api, tool, env, package")
    name: str
    state: str = Field(description="present, missing, unreachable, unknown, asked")
    sentence: str


class ProposalOut(Out):
    """The task that a thread asks for, as it stands now."""

    name: str
    objective: str
    schedule: str = Field(description="A rule as it may be typed, empty for none")
    timezone: str
    suggested: str = Field(description="The way that fits best; empty where only an agent would do, without a model")
    ways: list[WayOut]
    needs: list[NeedOut]
    variables: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    contract: list[dict[str, Any]]
    requires: dict[str, bool]


@api.get("/threads/<int:thread_id>/analysis")
@api.allow("see")
@api.output(AnalysisOut)
def read_analysis(thread_id: int) -> AnalysisOut:
    """Read what was found in a thread"""
    return _analysis(thread_id)


@api.post("/threads/<int:thread_id>/analysis")
@api.allow("edit")
@api.input(AnalysisIn, example={"deepens": False})
@api.output(AnalysisOut, status_code=202)
def start_analysis(thread_id: int, json_data: AnalysisIn) -> AnalysisOut:
    """Analyse a thread again

    What somebody decided about a finding stays decided.
    """
    analyses.start(g.actor, [thread_id], deepens=json_data.deepens)
    return _analysis(thread_id)


@api.get("/threads/<int:thread_id>/task")
@api.allow("see")
@api.output(ProposalOut)
def read_proposal(thread_id: int) -> ProposalOut:
    """Read the task that a thread asks for"""
    return _proposal(_look(thread_id))


@api.post("/threads/<int:thread_id>/task")
@api.allow("edit")
@api.input(ThreadTaskIn, example={"how": "replay", "name": "Net revenue"})
@api.output(TaskOut, status_code=201)
@once
def create_task_of_thread(thread_id: int, json_data: ThreadTaskIn) -> TaskOut:
    """Make the task that a thread asks for, paused unless it is told to start"""
    seen = _look(thread_id)
    how = json_data.how or chosen(review.ways(g.actor, seen))
    objective = seen.objective if json_data.objective is None else json_data.objective
    name = json_data.name or seen.name
    definition = seen.proposal.definition(how, name, objective, json_data.proof)
    draft = from_template.of_definition(definition, _when(seen, json_data))
    note = "" if json_data.starts else "Made from a thread, not started yet."
    uploads = [Upload(file, BytesIO(held.encode())) for file, held in seen.proposal.files().items()]
    task = tasks.create(g.actor, replace(draft, thread_id=thread_id, pause_note=note), _folder(), uploads)
    return task_models.task(g.actor, task.slug)


@api.post("/threads/<int:thread_id>/needs")
@api.allow("edit")
@api.input(Empty)
@api.output(ProposalOut, status_code=202)
def look_at_needs(thread_id: int, json_data: Empty) -> ProposalOut:  # noqa: ARG001 nothing is asked
    """Let a worker look whether the hosts and packages that a thread needs are there"""
    needs.ask(g.actor, thread_id)
    return _proposal(_look(thread_id))


@api.patch("/findings/<int:finding_id>")
@api.allow("edit")
@api.input(FindingChange, example={"act": "change", "value": "{{ run.date }}", "kind": "date"})
@api.output(FindingOut)
def change_finding(finding_id: int, json_data: FindingChange) -> FindingOut:
    """Accept, change or drop a finding, or undo that; or move a pasted secret to the vault"""
    if json_data.secret is not None:
        thread_id = _move(finding_id, json_data.secret)
    else:
        given = json_data.model_dump(exclude={"act", "secret"}, exclude_none=True)
        thread_id, _ = review.decide(
            g.actor, finding_id, json_data.act, {name: str(one) for name, one in given.items()}
        )
    row = next(one for one in review.findings(g.actor, thread_id)[1] if one.id == finding_id)
    return FindingOut.model_validate(row)


def _move(finding_id: int, name: str) -> int:
    thread_id = review.thread_of(g.actor, finding_id)
    if not g.actor.may("manage"):
        raise Forbidden("manage")
    value = review.secret_of(g.actor, _folder(), _vault(), finding_id)
    try:
        secrets.put(g.actor, _vault(), name, value, replaces=False)
    except Invalid as error:
        raise Invalid({"secret": " ".join(error.fields.values())}) from None
    review.moved(g.actor, finding_id, name)
    return thread_id


def _when(seen: Review, sent: ThreadTaskIn) -> list[Given]:
    if sent.schedules is not None:
        return schedule_models.all_given(sent.schedules)
    text, zone = seen.proposal.when("UTC", utc_now())
    return [Given(text, zone)] if text else []


def _analysis(thread_id: int) -> AnalysisOut:
    row, found = review.findings(g.actor, thread_id)
    return AnalysisOut(
        state=row.analysis_state, stage=row.analysis_stage, stages=list(analyses.STAGES),
        problems=[ProblemOut.model_validate(one) for one in row.analysis_problems], analysed_at=row.analysed_at,
        model=row.analysis_model, cost_micros=row.analysis_cost_micros,
        findings=[FindingOut.model_validate(one) for one in found],
    )  # fmt: skip


def _proposal(seen: Review) -> ProposalOut:
    made, ways = seen.proposal.made, review.ways(g.actor, seen)
    rule, zone = seen.proposal.when("UTC", utc_now())
    return ProposalOut(
        name=seen.name, objective=seen.objective, schedule=rule, timezone=zone,
        suggested=suggested(ways) or "", ways=[WayOut.model_validate(one) for one in ways],
        needs=[NeedOut.model_validate(one) for one in states.needs(seen)], variables=seen.proposal.variables,
        steps=list(made.steps), contract=list(made.contract), requires=dict(seen.proposal.requires),
    )  # fmt: skip


def _look(thread_id: int) -> Review:
    return review.look(g.actor, _folder(), _vault(), thread_id)


def _folder() -> Path:
    path: Path = current_app.config["SETTINGS"].data_dir / "files"
    return path


def _vault() -> Any:
    return current_app.extensions["vault"]
