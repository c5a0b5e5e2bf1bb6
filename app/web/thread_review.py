"""The review of a thread: the conversation beside the task it asks for, and what people decide about each finding."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Invalid, NotFound
from app.core.numbers import whole
from app.domain.access import Actor
from app.domain.wording import listed
from app.models.tasks import Task
from app.services import secrets, tasks
from app.services.tasks import definitions, from_template
from app.services.tasks.attached import Upload
from app.services.tasks.definitions import Draft
from app.services.threads import FORMATS, analyses, find, needs, review, tasks_of
from app.services.threads.review import Review
from app.web import live, schedule_box, security, thread_task
from app.web.forms import NO_ERRORS, Errors, shown_by, text
from app.web.guard import guard, vault
from app.web.render import page
from app.web.thread_text import turns

blueprint = Blueprint("thread_review", __name__, url_prefix="/t/<team>")

Fields = MultiDict[str, str]

_GOING = ("waiting", "running")


# --- pages


@blueprint.get("/threads/<int:thread_id>")
@guard("see")
def show(thread_id: int, errors: Errors = NO_ERRORS, decided: str = "", **_more: Any) -> str:
    """Show a thread beside the task that it asks for, or how far its analysis is.

    `decided` is the kind of a finding that was decided about just now: its fields are as found, not as typed.
    """
    context = _context(g.actor, thread_id, errors, decided)
    return page("threads/show.html", part="threads/_task.html", **context)


def _context(actor: Actor, thread_id: int, errors: Errors = NO_ERRORS, decided: str = "") -> dict[str, Any]:
    row = find(actor, thread_id)
    shown: dict[str, Any] = {
        "row": row, "errors": errors, "formats": FORMATS, "stages": analyses.STAGES, "words": analyses.WORDS,
        "is_going": row.analysis_state in _GOING, "has_findings": row.analysed_at is not None,
        "made": tasks_of(actor, [thread_id]).get(thread_id, []), "actor": actor,
    }  # fmt: skip
    if shown["is_going"] or not shown["has_findings"] or review.is_unsafe(row):
        return shown
    seen = _look(actor, thread_id)
    fields = _fields(seen, decided)
    start = request.args.get("from", type=int)
    context = thread_task.context(actor, seen, fields, errors)
    return shown | context | {"turns": turns(seen, context["notes"], start), "start": start}


def _look(actor: Actor, thread_id: int) -> Review:
    return review.look(actor, _folder(), vault(), thread_id)


def _fields(seen: Review, decided: str) -> Fields:
    """Return what the form has: what was typed, else what was found."""
    objective = seen.objective
    found = {"name": seen.name, "objective": objective, "how": ""}
    when = thread_task.when_fields(seen, current_user.timezone)
    if request.method != "POST" or "objective" not in request.form:
        return MultiDict({**found, **when})
    fields: Fields = MultiDict(request.form)
    if decided == "objective":
        fields.setlist("objective", [objective])
    if decided == "schedule":
        for name in [one for one in fields if one.startswith("when-")]:
            fields.poplist(name)
        fields.update(when)
    return fields


def live_parts(actor: Actor, key: str) -> dict[str, str]:
    """Return how far the analysis of a thread is, and in the end its review. Raises NotFound."""
    return {"thread-body": render_template("threads/_body.html", **_context(actor, _number(key)))}


def is_over(actor: Actor, key: str) -> bool:
    """Whether a thread is not analysed any more. Raises NotFound."""
    return find(actor, _number(key)).analysis_state not in _GOING


live.view("thread", live_parts, is_over=is_over)


def _number(key: str) -> int:
    number = whole(key)
    if number is None:
        raise NotFound
    return number


# --- what its buttons do


@blueprint.post("/threads/<int:thread_id>/analysis")
@guard("edit")
@shown_by(show)
def analyse(thread_id: int) -> AnyResponse:
    """Analyse a thread again, and let the team's model read it too when that was asked for."""
    analyses.start(g.actor, [thread_id], deepens=bool(text("deepens")))
    return redirect(url_for("thread_review.show", thread_id=thread_id), 303)


@blueprint.post("/threads/<int:thread_id>/needs")
@guard("edit")
def look_at_needs(thread_id: int) -> AnyResponse:
    """Let a worker look whether hosts answer and packages are there."""
    needs.ask(g.actor, thread_id)
    return make_response(show(thread_id))


@blueprint.get("/threads/<int:thread_id>/needs")
@guard("see")
def needs_part(thread_id: int) -> AnyResponse:
    """Show what the task needs, as it is asked for while a worker looks."""
    return make_response(page("threads/show.html", part="threads/_needs.html", **_context(g.actor, thread_id)))


@blueprint.post("/threads/<int:thread_id>/findings/<int:finding_id>")
@guard("edit")
@shown_by(show)
def decide(thread_id: int, finding_id: int) -> AnyResponse:
    """Accept, change or drop a finding, or undo that; the form is shown again with all that was typed."""
    given = {name: text(f"finding-{finding_id}-{name}") for name in ("value", "kind", *_BOXES)}
    try:
        _, kind = review.decide(g.actor, finding_id, text("act"), given, thread_id)
    except Invalid as error:
        raise Invalid(
            {f"finding-{finding_id}-{name}" if name else "": said for name, said in error.fields.items()}
        ) from None
    return make_response(show(thread_id, decided=kind))


_BOXES = ("network", "code_execution", "approval")


@blueprint.post("/threads/<int:thread_id>/findings/<int:finding_id>/secret")
@guard("manage")
@shown_by(show)
def keep_secret(thread_id: int, finding_id: int) -> AnyResponse:
    """Move a secret of the thread into the vault; its value is taken from the conversation and shown to nobody."""
    name = text(f"finding-{finding_id}-secret")
    value = review.secret_of(g.actor, _folder(), vault(), finding_id, thread_id)
    try:
        secrets.put(g.actor, vault(), name, value, replaces=False)  # a thread may name any, and hold anybody's key
    except Invalid as error:
        raise Invalid({f"finding-{finding_id}-secret": " ".join(error.fields.values())}) from None
    review.moved(g.actor, finding_id, name)
    return make_response(show(thread_id))


@blueprint.post("/threads/<int:thread_id>/task")
@guard("edit")
@shown_by(show)
def create(thread_id: int) -> AnyResponse:
    """Make the task as it was reviewed; it stands still unless its schedule was told to start."""
    if schedule_box.only_looks(request.form):
        return make_response(show(thread_id))
    task = _made(_look(g.actor, thread_id))
    if "rehearse" in request.form:
        return redirect(url_for("rehearsals.new", slug=task.slug), 303)
    return redirect(url_for("tasks.show", slug=task.slug, saved="task"), 303)


def _made(seen: Review) -> Task:
    """Make the task; secrets that are not there yet are told where the page names them."""
    uploads = [*_uploads(), *(Upload(name, BytesIO(held.encode())) for name, held in seen.proposal.files().items())]
    draft = _draft(seen)
    try:
        return tasks.create(g.actor, draft, _folder(), _once(uploads))
    except Invalid as error:
        named = dict(definitions.secrets_named(draft))
        missing = sorted({named[field] for field in error.fields if field in named})
        are, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        said = f"{listed(missing or [''])} {are} not in the vault yet. Set {them} there first."
        rest = {field: sentence for field, sentence in error.fields.items() if field not in named}
        raise Invalid(rest | ({"needs": said} if missing else {})) from None


def _draft(seen: Review) -> Draft:
    how = text("how")
    if how not in {"replay", "hybrid", "agent"}:
        raise Invalid({"how": "Choose how it is done."})
    definition = seen.proposal.definition(cast("Any", how), text("name"), text("objective"), text("proof"))
    draft = from_template.of_definition(definition, schedule_box.given(MultiDict(request.form)))
    note = "" if "start" in request.form else "Made from a thread, not started yet."
    return replace(draft, thread_id=seen.row.id, pause_note=note)


def _uploads() -> list[Upload]:
    sent = request.files.getlist("uploads")
    return [Upload(file.filename, cast("Any", file.stream)) for file in sent if file.filename]


def _once(uploads: list[Upload]) -> list[Upload]:
    """Return each file once: the one somebody chose before the one of the export."""
    return list({upload.name: upload for upload in reversed(uploads)}.values())


def _folder() -> Path:
    return security.settings().data_dir / "files"
