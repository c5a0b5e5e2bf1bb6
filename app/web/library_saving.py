"""Saving a task as a template, changing what a template says of itself, and withdrawing it."""

from flask import Blueprint, g, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Invalid, NotFound
from app.domain import library as rules
from app.domain.library import Content, Template
from app.models.tasks import Task
from app.services import library, run_log, tasks
from app.services.library import saving
from app.services.library.saving import About, Chosen, Literal
from app.services.tasks import from_template, origins, overviews
from app.web.forms import NO_ERRORS, Errors, checked, saved, shown_by, text
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("library_saving", __name__, url_prefix="/t/<team>")

_LONGEST_NUMBER = 9

_LABELS = {"name": "Name", "sentence": "In one sentence", "minutes": "Minutes saved", "about": "What it does"}
_LATEST, _LOG_LINES, _SAMPLE_LINES = 20, 200, 30
_NOT_SHOWN = ("── ", "met: ", "GET ", "HEAD ")
"""Lines of a log that Carillon writes itself."""


@blueprint.get("/tasks/<slug>/template")
@guard("edit")
def new(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Ask what a task is to be as a template."""
    task = tasks.find(g.actor, slug)
    definition = tasks.definition(task)
    own = _own(task)
    stored = own.content.model_dump(mode="json") if own else {}
    rule = definition["schedules"][0] if definition["schedules"] else None
    starts = dict.fromkeys(Content.model_fields, "") | {
        "name": task.name,
        "schedule": rule["text"] if rule else "",
        "sample": _sample(task),
    }
    return page(
        "library/save.html",
        task=task,
        shown=own,
        stored=starts | {key: value for key, value in stored.items() if value},
        literals=saving.literals(definition),
        asked={one["name"]: one for one in stored.get("form", ())},
        secrets=saving.secrets(definition),
        files=[one.name for one in tasks.files(task)],
        categories=[(name, name) for name in rules.CATEGORIES],
        errors=errors,
        labels=_LABELS,
    )


@blueprint.post("/tasks/<slug>/template")
@guard("edit")
@shown_by(new)
def create(slug: str) -> AnyResponse:
    """Save a task as a template, or as a new version of the one that was saved from it."""
    task = tasks.find(g.actor, slug)
    definition = tasks.definition(task)
    about = _about(saving.literals(definition))
    content = saving.content(definition, about, [one.name for one in tasks.files(task)])
    own = _own(task)
    template = library.save(g.actor, content, text("note"), own.slug if own and text("as") != "new" else "")
    from_template.mark(g.actor, slug, template, saving.answers(definition, template.content.form))
    return saved(url_for("library.show", slug=template.slug), "template")


@blueprint.get("/templates/<slug>/edit")
@guard("edit")
def edit(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Ask what a template of the team is to say of itself."""
    template = _of_team(slug)
    return page(
        "library/edit.html",
        shown=template,
        stored=template.content.model_dump(mode="json"),
        categories=[(name, name) for name in rules.CATEGORIES],
        errors=errors,
        labels=_LABELS,
    )


@blueprint.post("/templates/<slug>/edit")
@guard("edit")
@shown_by(edit)
def change(slug: str) -> AnyResponse:
    """Save what a template says of itself, as a new version."""
    content = _of_team(slug).content.model_dump(mode="json")
    about = _about([])
    said = {name: getattr(about, name) for name in ("name", "category", "sentence", "about", "schedule", "sample")}
    form = [
        {**one, "label": text(f"label-{one['name']}") or one["label"], "help": text(f"help-{one['name']}")}
        for one in content["form"]
    ]
    library.save(g.actor, content | said | {"minutes_saved": about.minutes_saved, "form": form}, text("note"), slug)
    return saved(url_for("library.show", slug=slug), "template")


@blueprint.post("/templates/<slug>/withdraw")
@guard("edit")
def withdraw(slug: str) -> AnyResponse:
    """Stop offering a template of the team."""
    library.withdraw(g.actor, slug)
    return redirect(url_for("library.index", saved="withdrawn"), 303)


def _of_team(slug: str) -> Template:
    template = library.find(g.actor, slug)
    if template.source != "team":
        raise NotFound
    return template


def _own(task: Task) -> Template | None:
    """Return the template of the team that a task is of, None for none."""
    use = origins.of(task)
    try:
        template = library.find(g.actor, use.slug) if use else None
    except NotFound:
        return None
    return template if template and template.source == "team" else None


def _about(literals: list[Literal]) -> About:
    wrong = {}
    if not text("sentence"):
        wrong["sentence"] = "Say in one sentence what it does for somebody."
    if not text("name"):
        wrong["name"] = "Give the template a name."
    minutes = text("minutes").replace(",", ".") or "0"
    if len(minutes) > _LONGEST_NUMBER or not minutes.replace(".", "", 1).isdecimal():
        wrong["minutes"] = "Write a number."
    if wrong:
        raise Invalid(wrong)
    return About(
        name=text("name"), category=text("category"), sentence=text("sentence"), about=text("about"),
        schedule=text("schedule"), sample=text("sample"), minutes_saved=float(minutes),
        fields=[_chosen(one) for one in literals if checked(f"ask-{one.name}")],
    )  # fmt: skip


def _chosen(one: Literal) -> Chosen:
    label = text(f"label-{one.name}") or one.label
    return Chosen(one.name, label, text(f"help-{one.name}"), one.is_required, checked(f"default-{one.name}"))


def _sample(task: Task) -> str:
    """Return what the last good run of a task has shown, for a result to look at before using the template."""
    good = next((run for run in overviews.latest_runs(task, _LATEST) if run.state == "succeeded"), None)
    if good is None:
        return ""
    if answer := good.facts.get("answer"):
        return str(answer)
    lines = run_log.lines(g.actor, good.number, limit=_LOG_LINES)
    said = [line.text for line in lines if line.level == "info" and not line.text.startswith(_NOT_SHOWN)]
    return "\n".join(said[-_SAMPLE_LINES:])
