"""Versions of a task: every one there was, and the way back to it."""

from datetime import datetime
from typing import Any

from flask import g
from pydantic import Field

from app.api import task_models
from app.api.resource import Empty, Out, Resource
from app.api.task_models import TaskOut
from app.services import tasks
from app.services.tasks import versions

api = Resource("versions", "Versions")


class ChangeOut(Out):
    """One thing that a version changed, in words; of code the lines of a unified diff."""

    label: str
    before: str
    after: str
    diff: list[str]


class VersionOut(Out):
    """One version, and what it changed of the one before."""

    number: int
    author: str
    created_at: datetime
    changes: list[ChangeOut]


class VersionsOut(Out):
    """The newest versions of a task, the newest first."""

    items: list[VersionOut]
    present: int = Field(description="The version that the next run has")


class DefinitionOut(Out):
    """One version in full."""

    number: int
    author: str
    created_at: datetime
    definition: dict[str, Any]


@api.get("/tasks/<slug>/versions")
@api.allow("see")
@api.output(VersionsOut)
def list_versions(slug: str) -> VersionsOut:
    """List the newest versions of a task, with what each changed"""
    task = tasks.find(g.actor, slug)
    return VersionsOut.model_validate({"items": versions.history(task), "present": task.version_number})


@api.get("/tasks/<slug>/versions/<int:number>")
@api.allow("see")
@api.output(DefinitionOut)
def read_version(slug: str, number: int) -> DefinitionOut:
    """Read one version in full"""
    found = versions.find(tasks.find(g.actor, slug), number)
    author = found.author.name if found.author else ""
    return DefinitionOut(number=found.number, author=author, created_at=found.created_at, definition=found.definition)


@api.post("/tasks/<slug>/versions/<int:number>/restoration")
@api.allow("edit")
@api.input(Empty)
@api.output(TaskOut)
def restore_version(slug: str, number: int, json_data: Empty) -> TaskOut:  # noqa: ARG001 nothing is asked
    """Make an earlier version the present one again, as a new version"""
    tasks.restore(g.actor, slug, number)
    return task_models.task(g.actor, slug)
