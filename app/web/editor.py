"""The task editor: one form for new tasks and for changes, and the live reading of its schedule."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, cast

from flask import Blueprint, g, make_response, redirect, request, url_for
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.services import secrets, tasks
from app.services.tasks import Upload, builder, definitions, schedules
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given, Preview
from app.web import security
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, zones
from app.web.guard import guard
from app.web.render import is_part, page
from app.web.tasks import to_run

blueprint = Blueprint("editor", __name__, url_prefix="/t/<team>")

Fields = MultiDict[str, str]

STARTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "website": {"engine": "http", "name": "Check a website", "url": "https://example.com/", "expect_status": "200"},
        "script": {"engine": "shell", "name": "Disk space", "script": "# How full the disks are\ndf -h\n"},
        "python": {"engine": "python", "name": "Python script", "code": 'print("Hello from Carillon")\n'},
    }
)
"""The starter cards of Today: filled in and valid, to be overwritten."""

_LABELS = MappingProxyType(
    {
        "url": "Address", "script": "Script", "code": "Code", "text": "When should it run?", "env": "Variables",
        "timeout": "Stop after", "min_isolation": "Isolation", "files": "Files", "expect_json": "Expected in the JSON",
    }
)  # fmt: skip


_SIGNS = MappingProxyType({"http": "http", "shell": "script", "python": "terminal"})


# --- pages


@blueprint.get("/tasks/new")
@guard("edit")
def new(errors: Errors = NO_ERRORS) -> str:
    """Show the form of a new task; `start` names a starter card, `text` is a sentence with a name and a schedule."""
    return _form(_typed_or(_started()), errors)


@blueprint.post("/tasks/new")
@guard("edit")
@shown_by(new)
def create() -> AnyResponse:
    """Make a task; without JavaScript also show the schedule as it is understood."""
    if _only_looks():
        return make_response(new())
    task = tasks.create(g.actor, _draft(request.form), _folder(), _uploads())
    return _leave(task, "scheduled" if task.schedules else "task")


@blueprint.get("/tasks/<slug>/edit")
@guard("edit")
def edit(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Show the form of a task."""
    task = tasks.find(g.actor, slug)
    stored: Fields = MultiDict(definitions.to_texts(tasks.definition(task)))
    # After a conflict the form carries the newest version: saving it again means to save it over that one.
    version = task.version_number if "" in errors or request.method == "GET" else request.form.get("version", "0")
    return _form(_typed_or(stored), errors, task=task, files=tasks.files(task), version=version)


@blueprint.post("/tasks/<slug>/edit")
@guard("edit")
@shown_by(edit)
def change(slug: str) -> AnyResponse:
    """Change a task."""
    if _only_looks():
        return make_response(edit(slug))
    made_from = request.form.get("version", "")
    made_from_number = int(made_from) if made_from.isdecimal() else 0
    task = tasks.change(g.actor, slug, _draft(request.form), made_from_number, _folder(), _uploads())
    return _leave(task, "task")


@blueprint.get("/tasks/schedule/preview")
@guard("see")
def preview() -> AnyResponse:
    """Read a schedule while it is typed; `to` asks for the schedule box in another way of writing."""
    fields = _composed(MultiDict(request.args))
    if not is_part():
        return redirect(url_for("editor.new", text=fields.get("text", ""), timezone=fields.get("timezone", "")))
    template = "tasks/_when.html" if "to" in request.args else "tasks/_answer.html"
    words: dict[str, Any] = {
        "fields": _mode(fields),
        "errors": NO_ERRORS,
        "zones": zones(),
        "preview": _preview(fields),
    }
    return make_response(page(template, **words))


def _form(fields: Fields, errors: Errors, **more: Any) -> str:
    fields = _mode(_composed(fields))
    return page(
        "tasks/edit.html",
        fields=fields,
        errors=errors,
        labels=_LABELS,
        engine_options=[(name, label, _SIGNS.get(name, "plug")) for name, label in definitions.types()],
        secrets=secrets.names(g.actor),
        zones=zones(),
        preview=_preview(fields),
        **{"task": None, "files": (), "version": 0, **more},
    )


def _leave(task: Any, what: str) -> AnyResponse:
    return to_run(task) if "run" in request.form else saved(url_for("tasks.show", slug=task.slug), what)


# --- what the form says


def _typed_or(stored: Fields) -> Fields:
    return MultiDict(request.form) if request.method == "POST" else stored


def _only_looks() -> bool:
    return bool({"preview", "to", "choice"} & request.form.keys())


def _started() -> Fields:
    given: Fields = MultiDict(
        {**definitions.blank(), "engine": "http", "timezone": request.args.get("timezone") or current_user.timezone}
    )
    for name, value in STARTS.get(request.args.get("start", ""), {}).items():
        given.setlist(name, [value])
    if sentence := request.args.get("text", ""):
        name, when = builder.split(sentence, utc_now(), current_user.timezone)
        given.setlist("name", [name or given.get("name", "")])
        given.setlist("text", [when])
    return given


def _draft(form: Fields) -> Draft:
    fields = _composed(MultiDict(form))
    texts = fields.to_dict(flat=False)
    plain = {name: values[0] for name, values in texts.items()}
    return Draft(
        name=fields.get("name", ""),
        engine=fields.get("engine", ""),
        settings=definitions.from_texts(fields.get("engine", ""), texts),
        when=_given(fields),
        numbers=plain,
        choices=plain,
        is_idempotent="is_idempotent" in fields,
        min_isolation=fields.get("min_isolation", "1"),
        files=[int(file) for file in fields.getlist("files") if file.isdecimal()],
    )


def _uploads() -> list[Upload]:
    return [
        Upload(file.filename, cast("BinaryIO", file.stream))
        for file in request.files.getlist("uploads")
        if file.filename
    ]


def _folder() -> Path:
    return security.settings().data_dir / "files"


# --- the schedule box: words, builder and cron write the same text


def _given(fields: Fields) -> Given:
    return Given(
        fields.get("text", ""),
        fields.get("timezone") or current_user.timezone,
        fields.get("gap") or "next",
        fields.get("fold") or "first",
    )


def _preview(fields: Fields) -> Preview | None:
    given = _given(fields)
    return schedules.preview(given, utc_now()) if given.text.strip() else None


def _composed(fields: Fields) -> Fields:
    """Bring what builder or cron say, or the choice that was pressed, into `text`."""
    if choice := fields.get("choice"):
        fields.setlist("text", [choice])
        fields.setlist("mode", ["words"])
    elif fields.get("mode") == "builder":
        fields.setlist("text", [builder.compose(fields.to_dict(flat=False))])
    elif fields.get("mode") == "cron":
        fields.setlist("text", [fields.get("cron") or fields.get("text", "")])
    return fields


def _mode(fields: Fields) -> Fields:
    """Show the schedule the way that was asked for, filled in with what it is now."""
    mode = fields.get("to") or fields.get("mode") or "words"
    fields.setlist("mode", [mode])
    if "to" in fields:
        del fields["to"]
        for name, values in builder.written(mode, _given(fields), utc_now()).items():
            fields.setlist(name, values)
    return fields
