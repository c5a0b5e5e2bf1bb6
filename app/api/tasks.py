"""Tasks: listed, made, changed, paused, copied, deleted and brought back."""

from datetime import datetime
from pathlib import Path

from flask import Response, current_app, g
from pydantic import AwareDatetime, Field

from app.api import paging, task_models
from app.api.idempotency import once
from app.api.paging import Answer, PageQuery
from app.api.resource import Empty, In, Out, Resource, nothing
from app.api.task_models import How, Sort, Status, TaskChange, TaskIn, TaskOut, TaskPage
from app.core.clock import utc_now
from app.core.errors import Conflict
from app.domain import graph
from app.services import tasks
from app.services.tasks import ahead, chains, overviews, tagging
from app.services.tasks.overviews import Filters

api = Resource("tasks", "Tasks")

_TASK = {
    "name": "Disk space",
    "engine": "shell",
    "settings": {"script": "df -h"},
    "schedules": [{"text": "every weekday at 9:00", "timezone": "Europe/Berlin"}],
}


class TaskQuery(PageQuery):
    """Which tasks, in which order."""

    q: str = Field("", max_length=120, description="Part of the name")
    status: Status = Field("", description="attention: the last run went wrong, or a schedule can't be computed")
    engine: str = Field("", max_length=24)
    owner: str = Field("", max_length=12, description="The id of a person")
    tag: str = Field("", max_length=60)
    sort: Sort = "next"


class TagsIn(In):
    """Short words by which people group tasks."""

    tags: list[str] = Field(max_length=100)


class PauseIn(In):
    """Why it is paused."""

    note: str = Field("", max_length=tasks.LONGEST_NOTE)
    resume_at: AwareDatetime | None = Field(None, description="When it resumes by itself; by default, never")
    how: How = Field("skip", description="What becomes then of the times planned meanwhile")


class ResumeIn(In):
    """How it goes on."""

    how: How = Field(
        "skip",
        description="What becomes of the times planned meanwhile: put on record as skipped, or recovered by the rules "
        "of the task for missed times",
    )


class AheadQuery(In):
    """For which time."""

    at: AwareDatetime | None = Field(None, description="The planned time; now, if it is left out")


class SeenOut(Out):
    """A variable, or a setting with a placeholder, as a run would have it."""

    name: str
    label: str
    text: str
    problem: str = Field(description="Why it would have no value")
    note: str = Field(description="What is not known yet")


class AheadOut(Out):
    """What a run would be given."""

    at: datetime = Field(description="The planned time, in the zone of the task")
    variables: list[SeenOut]
    settings: list[SeenOut]


class NodeOut(Out):
    """A task of a chain."""

    slug: str
    name: str
    state: str = Field(description="That of the task, as in a list")
    last_run: str = Field(description="The state of its last run; empty without one")


class EdgeOut(Out):
    """A task that runs after another, both by slug."""

    upstream: str
    task: str
    on: graph.On


class GraphOut(Out):
    """What runs after what."""

    tasks: list[NodeOut]
    links: list[EdgeOut]


@api.put("/tasks/<slug>/tags")
@api.allow("edit")
@api.input(TagsIn, example={"tags": ["billing", "nightly"]})
@api.output(TaskOut)
def tag_task(slug: str, json_data: TagsIn) -> TaskOut:
    """Give a task these tags instead of those it has"""
    tagging.replace(g.actor, slug, json_data.tags)
    return task_models.task(g.actor, slug)


@api.get("/tasks")
@api.allow("see")
@api.input(TaskQuery, location="query")
@api.output(TaskPage)
def list_tasks(query_data: TaskQuery) -> Answer[TaskPage]:
    """List the team's tasks"""
    asked = query_data
    after = paging.place(asked.cursor)
    filters = Filters(asked.q, asked.status, asked.engine, asked.owner, asked.tag, asked.sort, after)
    found = overviews.lines(g.actor, filters, asked.limit)
    return paging.page(TaskPage, [task_models.line(one) for one in found.lines], found.after)


@api.post("/tasks")
@api.allow("edit")
@api.input(TaskIn, example=_TASK)
@api.output(TaskOut, status_code=201)
@once
def create_task(json_data: TaskIn) -> TaskOut:
    """Make a task"""
    made = tasks.create(g.actor, task_models.draft(g.actor, json_data), folder())
    return task_models.task(g.actor, made.slug)


@api.get("/tasks/graph")
@api.allow("see")
@api.output(GraphOut)
def read_graph() -> GraphOut:
    """Read which tasks run after which: those that stand alone are left out"""
    chain = chains.whole(g.actor)
    slugs = {line.id: line.slug for line in chain.lines.values()}
    nodes = [
        NodeOut(slug=one.slug, name=one.name, state=one.state, last_run=one.strip[-1] if one.strip else "")
        for one in chain.lines.values()
    ]
    links = [{"upstream": slugs[one.upstream_id], "task": slugs[one.task_id], "on": one.on} for one in chain.edges]
    return GraphOut(tasks=nodes, links=[EdgeOut.model_validate(one) for one in links])


@api.get("/tasks/<slug>")
@api.allow("see")
@api.output(TaskOut)
def read_task(slug: str) -> TaskOut:
    """Read a task"""
    return task_models.task(g.actor, slug)


@api.get("/tasks/<slug>/inputs")
@api.allow("see")
@api.input(AheadQuery, location="query")
@api.output(AheadOut)
def preview_inputs(slug: str, query_data: AheadQuery) -> AheadOut:
    """Say what a run of a task planned for any time would be given; nothing is asked of the web"""
    task = tasks.find(g.actor, slug)
    return AheadOut.model_validate(ahead.look(g.actor, tasks.definition(task), query_data.at or utc_now(), task.id))


@api.patch("/tasks/<slug>")
@api.allow("edit")
@api.input(TaskChange, example={"version": 3, "name": "Disk space of all hosts"})
@api.output(TaskOut)
def change_task(slug: str, json_data: TaskChange) -> TaskOut:
    """Change a task

    A new version is written only when something differs. Somebody else's change meanwhile is a 409.
    """
    seen = tasks.find(g.actor, slug)
    if seen.version_number != json_data.version:
        raise Conflict(f"It is at version {seen.version_number} by now. Read it again, then repeat your change.")
    draft = task_models.changed(g.actor, tasks.definition(seen), json_data)
    tasks.change(g.actor, slug, draft, json_data.version, folder())
    return task_models.task(g.actor, slug)


@api.delete("/tasks/<slug>")
@api.allow("edit")
@api.output({}, status_code=204)
def delete_task(slug: str) -> Response:
    """Delete a task

    Nothing more is planned, what runs is asked to stop; its runs stay on record, and it can be brought back.
    """
    tasks.delete(g.actor, slug)
    return nothing()


@api.post("/tasks/<slug>/recovery")
@api.allow("edit")
@api.input(Empty)
@api.output(TaskOut)
def recover_task(slug: str, json_data: Empty) -> TaskOut:  # noqa: ARG001 nothing is asked
    """Bring a deleted task back"""
    return task_models.task(g.actor, tasks.recover(g.actor, slug).slug)


@api.post("/tasks/<slug>/pause")
@api.allow("edit")
@api.input(PauseIn, example={"note": "Until the move is over", "resume_at": "2026-12-01T09:00:00Z", "how": "skip"})
@api.output(TaskOut)
def pause_task(slug: str, json_data: PauseIn) -> TaskOut:
    """Pause a task; runs that are going go on"""
    tasks.pause(g.actor, slug, json_data.note, json_data.resume_at, json_data.how)
    return task_models.task(g.actor, slug)


@api.post("/tasks/<slug>/resume")
@api.allow("edit")
@api.input(ResumeIn, example={"how": "skip"})
@api.output(TaskOut)
def resume_task(slug: str, json_data: ResumeIn) -> TaskOut:
    """Let a paused task go on"""
    tasks.resume(g.actor, slug, json_data.how)
    return task_models.task(g.actor, slug)


@api.post("/tasks/<slug>/copy")
@api.allow("edit")
@api.input(Empty)
@api.output(TaskOut, status_code=201)
@once
def copy_task(slug: str, json_data: Empty) -> TaskOut:  # noqa: ARG001 nothing is asked
    """Make a paused copy of a task"""
    return task_models.task(g.actor, tasks.duplicate(g.actor, slug).slug)


def folder() -> Path:
    """Return where files are kept."""
    path: Path = current_app.config["SETTINGS"].data_dir / "files"
    return path
