"""Threads: imports of files, texts and addresses, watched as they are read; what they brought, listed and deleted."""

from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from apiflask.fields import UploadFile
from flask import Response, current_app, g
from pydantic import Field

from app.api import paging
from app.api.idempotency import once
from app.api.paging import Answer, PageQuery
from app.api.resource import Empty, In, Out, Resource, nothing
from app.core.errors import Invalid
from app.models.threads import Import
from app.services import threads
from app.services.threads import Filters, imports
from app.settings import Settings

api = Resource("threads", "Threads")


class ImportIn(In):
    """A text or an address to read conversations from."""

    text: str = Field("", max_length=imports.LARGEST_TEXT, description="A conversation as it was copied")
    address: str = Field("", max_length=imports.LONGEST_ADDRESS, description="Of a shared file; a worker fetches it")


class ImportFileIn(In):
    """A file to read conversations from: an export as it came."""

    file: UploadFile


class BrokenOut(Out):
    """A conversation that can't be read."""

    name: str
    sentence: str = Field(description="Why")


class ImportOut(Out):
    """How far an import is, and what became of it."""

    id: int
    name: str
    source: str = Field(description="upload, paste, url, api, cli")
    state: str = Field(description="waiting, reading, done, failed")
    sentence: str = Field(description="The same for people")
    size_bytes: int
    bytes_read: int
    found: int = Field(description="Conversations so far, those that can't be read among them")
    added: int
    updated: int = Field(description="Here before, and gone on since")
    known: int = Field(description="Here already")
    broken_count: int
    broken: list[BrokenOut] = Field(description="The first hundred of them")
    thread: int | None = Field(description="The thread, where it held one conversation")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class ThreadsQuery(PageQuery):
    """Which threads."""

    q: str = Field("", max_length=200, description="Words that all occur in the title or in what was asked")
    format: str = Field("", max_length=16, description="As chatgpt, claude, codex")
    state: Literal["", "new", "going", "done", "failed"] = Field("", description="How far their analysis is")
    brought_by: int | None = Field(None, ge=1, description="The number of an import")


class ThreadOut(Out):
    """An imported conversation as lists show it, with secrets masked."""

    id: int
    format: str
    title: str
    message_count: int
    begun_at: datetime | None
    last_at: datetime | None
    excerpt: str = Field(description="The first words")
    body_bytes: int = Field(description="As it is kept")
    import_id: int | None = Field(description="What brought it, or brought it last")
    created_at: datetime
    changed_at: datetime
    analysis_state: str = Field(description="waiting, running, done, failed, or empty")
    analysis_stage: str
    analysed_at: datetime | None


class ThreadsOut(Out):
    """Some of the threads, those that went on last first."""

    items: list[ThreadOut]
    next_cursor: str | None


@api.post("/imports")
@api.allow("edit")
@api.input(ImportIn, example={"text": "You: Sum up the news every Monday\n\nChatGPT: Here is the first."})
@api.output(ImportOut, status_code=201)
@once
def create_import(json_data: ImportIn) -> ImportOut:
    """Read the conversation of a text, or the conversations of a shared file"""
    if bool(json_data.text) == bool(json_data.address):
        raise Invalid({"text": "Send either a text or an address."})
    if json_data.text:
        return _import(imports.start_text(g.actor, _folder(), json_data.text, "api"))
    return _import(imports.start_address(g.actor, json_data.address, "api"))


@api.post("/imports/files")
@api.allow("edit")
@api.input(ImportFileIn, location="files")
@api.output(ImportOut, status_code=201)
def import_file(files_data: ImportFileIn) -> ImportOut:
    """Read the conversations of a file"""
    stream, name = cast("BinaryIO", files_data.file.stream), files_data.file.filename or ""
    return _import(imports.start(g.actor, _folder(), stream, name, _settings().import_bytes, "api"))


import_file.takes_files = True  # type: ignore[attr-defined]  # read where requests are limited


@api.get("/imports/<int:import_id>")
@api.allow("see")
@api.output(ImportOut)
def read_import(import_id: int) -> ImportOut:
    """Read how far an import is"""
    return _import(import_id)


@api.get("/threads")
@api.allow("see")
@api.input(ThreadsQuery, location="query")
@api.output(ThreadsOut)
def list_threads(query_data: ThreadsQuery) -> Answer[ThreadsOut]:
    """List threads, or search them"""
    filters = Filters(query_data.q, query_data.format, query_data.state, str(query_data.brought_by or ""))

    def fetch(place: str) -> tuple[Any, bool]:
        found = threads.listing(g.actor, filters, place, query_data.limit)
        return found.rows, bool(found.after)

    return paging.page(ThreadsOut, *paging.gathered(query_data, fetch, threads.place_of))


@api.get("/threads/<int:thread_id>")
@api.allow("see")
@api.output(ThreadOut)
def read_thread(thread_id: int) -> ThreadOut:
    """Read what is known of a thread"""
    return ThreadOut.model_validate(threads.find(g.actor, thread_id))


@api.delete("/threads/<int:thread_id>")
@api.allow("edit")
@api.output({}, status_code=204)
def delete_thread(thread_id: int) -> Response:
    """Delete a thread; for an hour it can be brought back"""
    threads.delete(g.actor, [thread_id])
    return nothing()


@api.post("/threads/<int:thread_id>/recovery")
@api.allow("edit")
@api.input(Empty)
@api.output(ThreadOut)
def recover_thread(thread_id: int, json_data: Empty) -> ThreadOut:  # noqa: ARG001 nothing is asked
    """Bring a deleted thread back"""
    threads.recover(g.actor, [thread_id])
    return ThreadOut.model_validate(threads.find(g.actor, thread_id))


def _import(import_id: int) -> ImportOut:
    row: Import = imports.find(g.actor, import_id)
    shown = {name: getattr(row, name) for name in ImportOut.model_fields if name not in {"sentence", "thread"}}
    return ImportOut.model_validate({**shown, "sentence": imports.told(row), "thread": row.thread_id})


def _folder() -> Path:
    return _settings().data_dir / "files"


def _settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found
