"""Templates: listed, read, used to make tasks, saved from tasks, changed, withdrawn; and their newer versions."""

from collections.abc import Mapping
from typing import Any, Literal

from flask import Response, g
from pydantic import Field

from app.api import schedule_models, task_models
from app.api.idempotency import once
from app.api.resource import Empty, In, Out, Resource, nothing
from app.api.schedule_models import ScheduleIn
from app.api.task_models import TaskOut
from app.api.tasks import folder
from app.api.versions import ChangeOut
from app.core.errors import Conflict, Invalid, NotFound
from app.domain import library as rules
from app.domain.library import Category, Template
from app.services import library, secrets, tasks
from app.services.library import installing, saving
from app.services.library.saving import About, Chosen
from app.services.tasks import from_template, origins
from app.services.tasks.from_template import Offer

api = Resource("library", "Templates")


class TemplateQuery(In):
    """Which templates."""

    q: str = Field("", max_length=120, description="Words of its name, sentence or subject")
    category: Category | Literal[""] = ""
    source: Literal["builtin", "team", ""] = Field("", description="`team`: its own, and those it has installed")


class TemplateLine(Out):
    """One template in short."""

    slug: str
    source: Literal["builtin", "team", "shared"] = Field(description="`shared`: installed from elsewhere")
    version: int
    name: str
    category: str
    sentence: str
    needs: list[str] = Field(description="Of model, network, secret, packages and file those that it needs")
    tasks: int = Field(description="So many tasks of the team are made of it")
    newer_version: int | None = Field(description="Of one installed from elsewhere: a later version that is offered")


class SuggestionOut(Out):
    """A template that fits what the team's tasks do."""

    slug: str
    reason: str


class TemplatesOut(Out):
    """The templates there are, and those that fit what the team does."""

    items: list[TemplateLine]
    suggestions: list[SuggestionOut]


class AskedOut(Out):
    """One field of the form."""

    name: str
    label: str
    kind: str = Field(description="A kind of variable, `lines`, or `secret`: the name of one")
    help: str
    example: str
    default: str = Field(description="May hold expressions")
    is_required: bool
    options: list[str]


class TemplateOut(TemplateLine):
    """One template in full."""

    about: str
    schedule: str
    minutes_saved: float
    sample: str
    notes: list[str] = Field(description="What each version has brought, the first version first")
    form: list[AskedOut]
    permissions: list[str]
    definition: dict[str, Any]
    is_withdrawn: bool
    visibility: Literal["private", "team", "instance", "public"] = Field(description="Who sees one of the team")
    publisher: str = Field(description="Of one installed from elsewhere, else empty")


class UseIn(In):
    """What the form of a template is answered."""

    name: str = Field("", max_length=120, description="Of the task; by default that of the template")
    answers: dict[str, str] = Field(
        {}, max_length=rules.MOST_FIELDS, description="By the names of fields; of a file its name, added afterwards"
    )
    schedules: list[ScheduleIn] = Field([], max_length=20)
    is_paused: bool = Field(False, description="Whether it stands still until somebody resumes it")


class FieldIn(In):
    """A value of the task that the form asks for."""

    name: str = Field(max_length=40, description="Of a variable of the task, or `url`, `address`, a variable in env …")
    label: str = Field("", max_length=80)
    help: str = Field("", max_length=300)
    is_required: bool = True
    has_default: bool = Field(False, description="Whether the task's own value stands in the field")


class AboutIn(In):
    """What a template says of itself."""

    name: str = Field(min_length=1, max_length=120)
    category: Category
    sentence: str = Field(min_length=1, max_length=200)
    about: str = Field("", max_length=2000)
    schedule: str = Field("", max_length=300)
    sample: str = Field("", max_length=20_000)
    minutes_saved: float = Field(0, ge=0, le=10_000)
    note: str = Field("", max_length=500, description="What is new in this version")


class SaveIn(AboutIn):
    """A task as a template."""

    fields: list[FieldIn] = Field([], max_length=rules.MOST_FIELDS)
    template: str = Field("", max_length=80, description="The slug of a template of the team to save a version of")


class OfferOut(Out):
    """A newer version of the template of a task."""

    template: str
    version: int
    made_of: int = Field(description="The version that the task is of")
    notes: list[str]
    changes: list[ChangeOut]


@api.get("/templates")
@api.allow("see")
@api.input(TemplateQuery, location="query")
@api.output(TemplatesOut)
def list_templates(query_data: TemplateQuery) -> TemplatesOut:
    """List the templates that the team can use, with those that fit what its tasks do"""
    every, used = library.templates(g.actor), library.uses(g.actor)
    found = rules.search(every, query_data.q, query_data.category, query_data.source)
    fitting = [{"slug": one.template.slug, "reason": one.reason} for one in library.suggestions(g.actor, every)]
    newer = installing.newer(found)
    lines = [_line(one, used[one.slug].tasks if one.slug in used else 0, newer) for one in found]
    return TemplatesOut.model_validate({"items": lines, "suggestions": fitting})


@api.get("/templates/<slug>")
@api.allow("see")
@api.output(TemplateOut)
def read_template(slug: str) -> TemplateOut:
    """Read a template: its form, what it does and what it may"""
    return whole(library.find(g.actor, slug))


@api.post("/templates/<slug>/tasks")
@api.allow("edit")
@api.input(UseIn, example={"name": "Shop", "answers": {"url": "https://shop.example/", "phrase": "Basket"}})
@api.output(TaskOut, status_code=201)
@once
def use_template(slug: str, json_data: UseIn) -> TaskOut:
    """Make a task of a template"""
    if library.is_withdrawn(g.actor, slug):
        raise NotFound
    template = library.find(g.actor, slug)
    try:
        made = rules.made(template, json_data.answers, secrets.names(g.actor))
    except rules.Wrong as wrong:
        raise Invalid({f"answers.{name}": sentence for name, sentence in wrong.fields.items()}) from None
    when = schedule_models.all_given(json_data.schedules)
    note = "Made of a template, not started yet." if json_data.is_paused else ""
    task = tasks.create(g.actor, from_template.draft(template, made, json_data.name, when, note), folder())
    return task_models.task(g.actor, task.slug)


@api.patch("/templates/<slug>")
@api.allow("edit")
@api.input(AboutIn, example={"name": "Shop check", "category": "Watch", "sentence": "Asks a shop.", "note": "Words."})
@api.output(TemplateOut)
def change_template(slug: str, json_data: AboutIn) -> TemplateOut:
    """Change what a template of the team says of itself, as a new version"""
    content = _of_team(slug).content.model_dump(mode="json") | json_data.model_dump(exclude={"note"})
    return whole(library.save(g.actor, content, json_data.note, slug))


@api.delete("/templates/<slug>")
@api.allow("edit")
@api.output({}, status_code=204)
def withdraw_template(slug: str) -> Response:
    """Stop offering a template of the team; tasks made of it go on"""
    library.withdraw(g.actor, slug)
    return nothing()


@api.post("/tasks/<slug>/template")
@api.allow("edit")
@api.input(
    SaveIn, example={"name": "Shop check", "category": "Watch", "sentence": "Asks.", "fields": [{"name": "url"}]}
)
@api.output(TemplateOut, status_code=201)
@once
def save_template(slug: str, json_data: SaveIn) -> TemplateOut:
    """Save a task as a template, or as a new version of one

    Secrets are asked for by name and files by theirs; neither leaves the team.
    """
    task = tasks.find(g.actor, slug)
    definition = tasks.definition(task)
    sent = json_data.model_dump(exclude={"note", "template", "fields"})
    about = About(**sent, fields=[Chosen(**one.model_dump()) for one in json_data.fields])
    known = {one.name for one in saving.literals(definition)}
    if unknown := [one.name for one in json_data.fields if one.name not in known]:
        raise Invalid(
            {"fields": f"The task has no value called {unknown[0]}. There are: {', '.join(known) or 'none'}."}
        )
    content = saving.content(definition, about, [one.name for one in tasks.files(task)])
    template = library.save(g.actor, content, json_data.note, json_data.template)
    from_template.mark(g.actor, slug, template, saving.answers(definition, template.content.form))
    return whole(template)


@api.get("/tasks/<slug>/template-version")
@api.allow("see")
@api.output(OfferOut)
def read_template_version(slug: str) -> OfferOut:
    """Read what a newer version of its template would change in a task; 404 when there is none"""
    offer = _offer(slug)
    if offer is None:
        raise NotFound
    values = {"template": offer.template.slug, "version": offer.template.number, "made_of": offer.before}
    return OfferOut.model_validate({**values, "notes": offer.notes, "changes": offer.changes})


@api.post("/tasks/<slug>/template-version")
@api.allow("edit")
@api.input(Empty)
@api.output(TaskOut)
def take_template_version(slug: str, json_data: Empty) -> TaskOut:  # noqa: ARG001 nothing is asked
    """Let the newest version of its template take a task over; its own values stay"""
    from_template.take_over(g.actor, slug, _newer(slug), folder())
    return task_models.task(g.actor, slug)


@api.delete("/tasks/<slug>/template-version")
@api.allow("edit")
@api.output({}, status_code=204)
def dismiss_template_version(slug: str) -> Response:
    """Leave a task as it is until the next version of its template"""
    from_template.dismiss(g.actor, slug, _newer(slug))
    return nothing()


def _newer(slug: str) -> Template:
    offer = _offer(slug)
    if offer is None:
        raise Conflict("There is no newer version of its template.")
    return offer.template


def _offer(slug: str) -> Offer | None:
    task = tasks.find(g.actor, slug)
    use = origins.of(task)
    return from_template.offer(task, library.find(g.actor, use.slug), use) if use else None


def _of_team(slug: str) -> Template:
    template = library.find(g.actor, slug)
    if template.source != "team":
        raise NotFound
    return template


def _line(one: Template, made: int, newer: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    content = one.content
    said = {"name": content.name, "category": content.category, "sentence": content.sentence}
    return {"slug": one.slug, "source": one.source, "version": one.number, "tasks": made, **said} | {
        "needs": rules.needs(content), "newer_version": newer[one.slug][1] if one.slug in newer else None,
    }  # fmt: skip


def whole(one: Template) -> TemplateOut:
    """Return a template in full."""
    content = one.content.model_dump(mode="json")
    parts = ("engine", "settings", "steps", "variables", "contract", "repair", "limits", "policy", "min_isolation")
    said = {name: content[name] for name in ("about", "schedule", "minutes_saved", "sample", "notes", "form")}
    more = {"permissions": rules.permissions(one.content), "definition": {name: content[name] for name in parts}}
    made = library.uses(g.actor, one.slug)[one.slug].tasks
    state = {"is_withdrawn": library.is_withdrawn(g.actor, one.slug), "visibility": one.visibility}
    origin = {"publisher": one.origin.publisher if one.origin else ""}
    return TemplateOut.model_validate(_line(one, made, installing.newer([one])) | said | more | state | origin)
