"""Files of a task: each change of them is a version of the task."""

from typing import BinaryIO, cast

from apiflask.fields import UploadFile
from flask import g
from pydantic import Field

from app.api import task_models
from app.api.resource import In, Out, Resource
from app.api.task_models import FileOut, TaskChange
from app.api.tasks import folder
from app.core.errors import NotFound
from app.services import tasks
from app.services.tasks.attached import Upload

api = Resource("files", "Files")


class FilesOut(Out):
    """The files of a task, by name."""

    items: list[FileOut]
    version: int = Field(description="The version of the task that has them")


class FilesIn(In):
    """Files to add; one of the same name is replaced."""

    files: list[UploadFile]


@api.get("/tasks/<slug>/files")
@api.allow("see")
@api.output(FilesOut)
def list_files(slug: str) -> FilesOut:
    """List the files of a task"""
    return _of(slug)


@api.post("/tasks/<slug>/files")
@api.allow("edit")
@api.input(FilesIn, location="files")
@api.output(FilesOut, status_code=201)
def add_files(slug: str, files_data: FilesIn) -> FilesOut:
    """Add files to a task, or replace those of the same name"""
    uploads = [Upload(one.filename or "", cast("BinaryIO", one.stream)) for one in files_data.files]
    _change(slug, uploads)
    return _of(slug)


@api.delete("/tasks/<slug>/files/<name>")
@api.allow("edit")
@api.output(FilesOut)
def remove_file(slug: str, name: str) -> FilesOut:
    """Remove a file from a task"""
    _change(slug, without=name)
    return _of(slug)


def _change(slug: str, uploads: list[Upload] | None = None, without: str = "") -> None:
    task = tasks.find(g.actor, slug)
    present = tasks.files(task)
    if without and without not in {row.name for row in present}:
        raise NotFound
    kept = [row.id for row in present if row.name != without]
    sent = TaskChange.model_validate({"version": task.version_number})
    draft = task_models.changed(g.actor, tasks.definition(task), sent, kept)
    tasks.change(g.actor, slug, draft, task.version_number, folder(), uploads or ())


def _of(slug: str) -> FilesOut:
    task = tasks.find(g.actor, slug)
    return FilesOut.model_validate({"items": tasks.files(task), "version": task.version_number})
