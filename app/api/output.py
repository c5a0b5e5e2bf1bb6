"""What a run wrote and made: its log, and its files."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from apiflask.schemas import FileSchema
from flask import Response, g, request, send_file
from pydantic import Field

from app.api import paging, run_models
from app.api.paging import Answer, PageQuery
from app.api.resource import Out, Resource
from app.api.run_models import ArtifactOut
from app.api.tasks import folder
from app.services import run_log, runs
from app.services.tasks import seen

api = Resource("output", "Logs and artifacts")

_LINES = "application/x-ndjson"


class LogQuery(PageQuery):
    """Which lines."""

    limit: int = Field(500, ge=1, le=run_log.TAIL_LINES)


class LogLine(Out):
    """One line of a log."""

    number: int
    at: datetime
    level: str
    text: str


class LogPage(Out):
    """Some lines, and where to go on: while the run goes on there is always a cursor for the lines to come."""

    items: list[LogLine]
    next_cursor: str | None


class ArtifactsOut(Out):
    """The files that a run made."""

    items: list[ArtifactOut]


@api.get("/runs/<int:number>/log")
@api.allow("see")
@api.input(LogQuery, location="query")
@api.output(LogPage)
def read_log(number: int, query_data: LogQuery) -> Answer[LogPage] | Response:
    """Read the log, line by line

    With `Accept: application/x-ndjson` each line is a JSON object of its own. `next_cursor`, also in the Link header,
    is null once the run is over and its last line was read.
    """
    after = _after(query_data.cursor)
    seen.note_run(g.actor, number)
    is_over = runs.is_over(g.actor, number)  # first: only then the lines read after it are the last ones
    lines = run_log.lines(g.actor, number, after=after, limit=query_data.limit)
    last = lines[-1].number if lines else after
    is_end = is_over and len(lines) < query_data.limit
    answer = paging.page(LogPage, lines, "" if is_end else str(last))
    if request.accept_mimetypes.best != _LINES:
        return answer
    text = "".join(f"{line.model_dump_json()}\n" for line in answer[0].items)
    return Response(text, mimetype=_LINES, headers=answer[2])


@api.get("/runs/<int:number>/log.txt")
@api.allow("see")
@api.output(FileSchema(type="string", format="text"), content_type="text/plain")
def read_log_text(number: int) -> Response:
    """Read the whole log as text"""
    pieces: Iterator[str] = run_log.text(g.actor, number)
    first = next(pieces, "")  # before the answer begins, so that a failure is still an answer of its own
    seen.note_run(g.actor, number)
    return Response(chain((first,), pieces), mimetype="text/plain")


@api.get("/runs/<int:number>/artifacts")
@api.allow("see")
@api.output(ArtifactsOut)
def list_artifacts(number: int) -> ArtifactsOut:
    """List the files that a run made"""
    return ArtifactsOut(items=run_models.run(g.actor, number).artifacts)


@api.get("/runs/<int:number>/artifacts/<path:name>")
@api.allow("see")
@api.output(FileSchema(type="string", format="binary"), content_type="application/octet-stream")
def read_artifact(number: int, name: str) -> Response:
    """Download a file that a run made"""
    artifact, path = runs.file(g.actor, number, name, folder())
    seen.note_run(g.actor, number)
    plain = name.rpartition("/")[2]
    answer = send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=plain)
    answer.set_etag(artifact.digest)
    return answer


def _after(cursor: str) -> int:
    return paging.number(paging.place(cursor)) or 0
