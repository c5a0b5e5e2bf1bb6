"""The task editor: one form for new tasks and for changes, and the live reading of its schedules."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, cast

from flask import Blueprint, g, make_response, redirect, request, url_for
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.numbers import whole
from app.domain import reporting
from app.domain.analytics.answers import QUESTIONS
from app.services import models, pools, secrets, tasks, teams
from app.services.insights import reports
from app.services.tasks import builder, definitions, mending, order, typed
from app.services.tasks.attached import Upload
from app.services.tasks.definitions import Draft
from app.web import after_rows, contract_rows, schedule_box, security, step_cards, variable_rows
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text, zones
from app.web.guard import guard
from app.web.render import is_part, page
from app.web.tasks import to_run

blueprint = Blueprint("editor", __name__, url_prefix="/t/<team>")

Fields = MultiDict[str, str]

STARTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "agent": {
            "engine": "agent",
            "name": "Ask an agent",
            "timeout": "15",
            "prompt": "Explain in three sentences what a carillon is, to somebody who has never heard one.",
        },
        "website": {"engine": "http", "name": "Check a website", "url": "https://example.com/", "expect_status": "200"},
        "script": {"engine": "shell", "name": "Disk space", "script": "# How full the disks are\ndf -h\n"},
        "report": {
            "engine": "report",
            "name": "Weekly report",
            "when-0-text": "every Monday at 8:00",
            "contract-words": "a file report.* is made",
        },
        "python": {"engine": "python", "name": "Python script", "code": 'print("Hello from Carillon")\n'},
    }
)
"""The starter cards of Today, and the report that Insights offers: filled in and valid, to be overwritten."""

_LABELS = MappingProxyType(
    {
        "url": "Address", "script": "Script", "code": "Code", "env": "Environment variables",
        "prompt": "What should it do?", "model": "Model", "tools": "What it may do", "max_turns": "Turns at most",
        "cost_cap_cents": "Stop at a cost of", "temperature": "Temperature", "allowed_hosts": "Hosts it may ask",
        "timeout": "Stop after", "min_isolation": "Isolation", "files": "Files", "expect_json": "Expected in the JSON",
        "repair_cap": "What repairs may cost", "mail_to": "Who gets it by e-mail", "format": "As", "days": "About",
    }
)  # fmt: skip


_ANSWERS = {"none": "tasks/_will.html", "one": "tasks/_answer_box.html", "all": "tasks/_answer_all.html"}
"""What the schedule box asks for while somebody types, by how much of the form is drawn anew."""

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
    if _only_looks(request.form):
        return make_response(new())
    task = tasks.create(g.actor, _draft(request.form), _folder(), _uploads())
    return _leave(task, "scheduled" if task.schedules else "task")


@blueprint.post("/tasks/begun")
@guard("edit")
def begin() -> str:
    """Show the form of a new task with what another app shared; nothing is made yet."""
    fields, name, url = _started(), text("name"), text("url")
    given = {"engine": text("engine"), "name": name, "url": url, "prompt": text("text") or f"{name}\n{url}".strip()}
    for field, value in given.items():
        if value:
            fields.setlist(field, [value])
    return _form(fields, NO_ERRORS)


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
    if _only_looks(request.form):
        return make_response(edit(slug))
    made_from = whole(request.form.get("version", "")) or 0
    task = tasks.change(g.actor, slug, _draft(request.form), made_from, _folder(), _uploads())
    return _leave(task, "task")


@blueprint.get("/tasks/schedule/preview")
@guard("see")
def preview() -> AnyResponse:
    """Read the schedules of a form while they are typed.

    `box` is the one that was touched, and `boxes` what of the form is drawn anew: none, one, all, or only what it says.
    """
    when = schedule_box.when(MultiDict(request.args))
    if not is_part():
        first = when.boxes[0].given
        return redirect(url_for("editor.new", text=first.text, timezone=first.timezone))
    touched = when.boxes[min(request.args.get("box", 0, int), len(when.boxes) - 1)]
    template = _ANSWERS.get(request.args.get("boxes", ""), "tasks/_answer.html")
    return make_response(page(template, when=when, box=touched, zones=zones()))


@blueprint.post("/tasks/new/steps")
@guard("edit")
def draw_steps() -> AnyResponse:
    """Draw the steps of a form anew after a press of one of their buttons."""
    fields, steps = step_cards.arranged(MultiDict(request.form))
    known: dict[str, Any] = {"secrets": secrets.names(g.actor), "models": models.names(g.actor)}
    return make_response(page("tasks/_steps_edit.html", steps=steps, fields=fields, errors=NO_ERRORS, **known))


@blueprint.post("/tasks/new/variables")
@guard("edit")
def draw_variables() -> AnyResponse:
    """Draw the variables of a form anew after a press of one of their buttons."""
    return _variables("tasks/_variables.html")


@blueprint.post("/tasks/new/ahead")
@guard("edit")
def look_ahead() -> AnyResponse:
    """Say what a run would be given, while the form is typed."""
    return _variables("tasks/_ahead_answer.html")


@blueprint.post("/tasks/new/contract")
@guard("edit")
def draw_contract() -> AnyResponse:
    """Draw the contract of a form anew after a press of one of its buttons."""
    fields, contract = contract_rows.arranged(MultiDict(request.form))
    return make_response(page("tasks/_contract.html", contract=contract, fields=fields, errors=NO_ERRORS))


@blueprint.post("/tasks/new/after")
@guard("edit")
def draw_after() -> AnyResponse:
    """Draw what a task runs after anew after a press of one of its buttons."""
    fields, after = after_rows.arranged(MultiDict(request.form), request.args.get("task", ""))
    return make_response(page("tasks/_after.html", after=after, fields=fields, errors=NO_ERRORS))


def _variables(template: str) -> AnyResponse:
    form: Fields = MultiDict(request.form)
    at = _first_at(schedule_box.when(form))
    fields, rows = variable_rows.arranged(form, _draft, at, request.args.get("task", ""))
    return make_response(page(template, vars=rows, fields=fields, errors=NO_ERRORS))


def _first_at(when: schedule_box.When) -> datetime | None:
    return when.times[0].what.at if when.times else None


def _only_looks(fields: Fields) -> bool:
    parts = (schedule_box, step_cards, variable_rows, contract_rows, after_rows)
    return any(part.only_looks(fields) for part in parts)


def _form(fields: Fields, errors: Errors, **more: Any) -> str:
    task = more.get("task")
    when = schedule_box.when(fields, errors, task.slug if task else "")
    fields, steps = step_cards.arranged(fields)
    fields, rows = variable_rows.arranged(fields, _draft, _first_at(when), task.slug if task else "")
    fields, contract = contract_rows.arranged(fields)
    fields, after = after_rows.arranged(fields, task.slug if task else "")
    return page(
        "tasks/edit.html",
        fields=fields,
        errors=dict(sorted(errors.items(), key=lambda one: one[0] == "name")),  # asked for after the rest
        labels=_LABELS | when.labels | steps.labels | rows.labels | contract.labels | after.labels,
        steps=steps,
        vars=rows,
        contract=contract,
        after=after,
        engine_options=[(name, label, step_cards.SIGNS.get(name, "plug")) for name, label in definitions.types()],
        secrets=secrets.names(g.actor),
        models=models.names(g.actor),
        pools=pools.names(g.actor),
        questions=QUESTIONS,
        forms=reports.OFFERED,
        members=[(one.person.email.lower(), one.person.name) for one in teams.members(g.actor)],
        zones=zones(),
        when=when,
        **{"task": None, "files": (), "version": 0, **more},
    )


def _leave(task: Any, what: str) -> AnyResponse:
    return to_run(task) if "run" in request.form else saved(url_for("tasks.show", slug=task.slug), what)


# --- what the form says


def _typed_or(stored: Fields) -> Fields:
    return schedule_box.as_set(MultiDict(request.form)) if request.method == "POST" else stored


def _started() -> Fields:
    zone = request.args.get("timezone") or current_user.timezone
    given: Fields = MultiDict({**definitions.blank(), "engine": "http", "when-0-timezone": zone})
    for name, value in STARTS.get(request.args.get("start", ""), {}).items():
        given.setlist(name, [value])
    if request.args.get("start") == reporting.ENGINE:
        given.setlist("days", request.args.getlist("days") or given.getlist("days"))
        given.setlist("questions", request.args.getlist("questions"))
        given.setlist("mail_to", [current_user.email])
    if sentence := request.args.get("text", ""):
        name, when = builder.split(sentence, utc_now(), current_user.timezone)
        given.setlist("name", [name or given.get("name", "")])
        given.setlist("when-0-text", [when])
    return given


def _draft(form: Fields) -> Draft:
    fields: Fields = MultiDict(form)
    texts = fields.to_dict(flat=False)
    plain = {name: values[0] for name, values in texts.items()}
    return Draft(
        name=fields.get("name", ""),
        engine=fields.get("engine", ""),
        settings=typed.from_texts(fields.get("engine", ""), texts),
        when=schedule_box.given(fields),
        steps=step_cards.given(fields),
        variables=variable_rows.given(fields),
        contract=contract_rows.given(fields),
        contract_words=fields.get("contract-words", ""),
        repair=mending.from_texts(texts),
        after=order.from_texts(texts),
        over_plan="over_plan" in fields,
        numbers=plain,
        choices=plain,
        is_idempotent="is_idempotent" in fields,
        is_slow_told="is_slow_told" in fields,
        pool=fields.get("pool", ""),
        min_isolation=fields.get("min_isolation", "1"),
        files=[number for file in fields.getlist("files") if (number := whole(file)) is not None],
    )


def _uploads() -> list[Upload]:
    return [
        Upload(file.filename, cast("BinaryIO", file.stream))
        for file in request.files.getlist("uploads")
        if file.filename
    ]


def _folder() -> Path:
    return security.settings().data_dir / "files"
