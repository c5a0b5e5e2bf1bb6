"""Templates: the gallery, the page of one with its form, and what is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from flask import Blueprint, g, make_response, request, url_for
from flask_login import current_user
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.errors import Invalid, NotFound
from app.domain import library as rules
from app.domain.library import Asked, Template
from app.services import library, models, secrets, tasks
from app.services.library import indexes, installing, opinions, publishing, signing
from app.services.library.installing import Offered
from app.services.tasks import ahead, from_template
from app.services.tasks.attached import Upload
from app.web import schedule_box, security
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text, zones
from app.web.guard import guard, vault
from app.web.render import page
from app.web.tasks import to_run

blueprint = Blueprint("library", __name__, url_prefix="/t/<team>")

A_SECTION = 3
"""So many of a category are shown while all categories are."""

_SOURCES = ("builtin", "team")
_SAVED = {
    "template": "Saved.", "withdrawn": "The template is withdrawn. Tasks made of it go on.",
    "published": "It is published.", "unpublished": "It is no longer offered to others.",
    "private": "Only you and the admins see it now.", "team": "Everybody in the team sees it now.",
    "installed": "It is installed: fill it in, and use it.",
}  # fmt: skip
_PAUSED = "Made of a template, not started yet."


@dataclass(frozen=True)
class Section:
    """A category of the gallery: the templates that are shown, and how many there are."""

    category: str
    shown: Sequence[Template]
    count: int


@blueprint.get("/templates")
@guard("see")
def index(errors: Errors = NO_ERRORS, source: str = "") -> str:
    """Show the gallery; `source` is what it shows whatever the address says."""
    every = library.templates(g.actor)
    asked = {name: request.args.get(name, "").strip() for name in ("q", "category", "source")}
    asked["source"] = source or asked["source"]
    is_shared = asked["source"] == "shared"
    offered = installing.offered(g.actor, vault()) if is_shared else []
    known = [one.template for one in offered] if is_shared else every
    found = rules.search(known, asked["q"], source=asked["source"] if asked["source"] in _SOURCES else "")
    is_narrow = any(asked.values())
    return page(
        "library/index.html",
        part="library/_found.html",
        asked=asked,
        sections=_sections(found, asked["category"], A_SECTION if not is_narrow else len(every)),
        counts={name: sum(one.content.category == name for one in found) for name in rules.CATEGORIES},
        sources=(("", "All"), ("builtin", "Built-in"), ("team", "Team"), ("shared", "Shared")),
        market=_market(offered) if is_shared else None,
        errors=errors,
        suggestions=[] if is_narrow else library.suggestions(g.actor, every),
        uses=library.uses(g.actor),
        newer=installing.newer(every),
        rules=rules,
        address=lambda **changed: _address(asked | changed),
        toasts=_told(),
    )


def _market(offered: Sequence[Offered]) -> dict[str, Any]:
    """Return what the gallery of shared templates says of them and of this installation."""
    key = signing.public(vault())
    return {
        "offered": {one.template.slug: one for one in offered},
        "key": key,
        "fingerprint": signing.fingerprint(key),
        "states": indexes.states(security.settings()),
        "has_indexes": bool(security.settings().index_urls),
        "is_public": security.settings().publish,
        "may_settle": opinions.may_settle(g.actor),
    }


def _sections(found: Sequence[Template], category: str, most: int) -> list[Section]:
    sections = []
    for name in rules.CATEGORIES:
        own = [one for one in found if one.content.category == name]
        if own and category in {"", name}:
            sections.append(Section(name, own[:most], len(own)))
    return sections


def _address(asked: Mapping[str, str]) -> str:
    return url_for("library.index", **{name: value for name, value in asked.items() if value})  # type: ignore[arg-type]  # values of the query


def _told() -> list[dict[str, str]]:
    words = _SAVED.get(request.args.get("saved", ""))
    return [{"text": words, "tone": "", "undo_url": ""}] if words else []


# --- one template


@blueprint.get("/templates/<slug>")
@guard("see")
def show(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Show what a template does, with its form."""
    template = library.find(g.actor, slug)
    content = template.content
    fields: MultiDict[str, str] = _fields(template)
    when = schedule_box.when(fields, errors)
    known = {f"ask-{one.name}": one.label for one in content.form} | when.labels | {"name": "Name"}
    return page(
        "library/show.html",
        shown=template,
        content=content,
        fields=fields,
        seen=_seen(template, fields),
        when=when,
        zones=zones(),
        errors=_own(errors, known),
        labels=known,
        secrets=secrets.names(g.actor),
        lacks=_lacks(template),
        uses=library.uses(g.actor, slug)[slug],
        is_withdrawn=library.is_withdrawn(g.actor, slug),
        rules=rules,
        label_of=label_of,
        pairs=lambda values: [(value, value) for value in values],
        newer=installing.newer([template]).get(slug),
        listing=publishing.listing_of(g.actor, slug) if template.source == "team" else None,
        toasts=_told(),
    )


@blueprint.post("/templates/<slug>")
@guard("edit")
@shown_by(show)
def use(slug: str) -> AnyResponse:
    """Make a task of a template: at once, paused, or to be tried once without a schedule."""
    if schedule_box.only_looks(request.form):
        return make_response(show(slug))
    template = _offered(slug)
    uploads = _uploads(template)
    do = text("do")
    made = _made(template, uploads)
    when = [] if do == "try" else [one for one in schedule_box.given(MultiDict(request.form)) if one.text]
    note = _PAUSED if do == "paused" else ""
    draft = from_template.draft(template, made, text("name"), when, note)
    task = tasks.create(g.actor, draft, security.settings().data_dir / "files", list(uploads.values()))
    if do == "try":
        return to_run(task)
    return saved(url_for("tasks.show", slug=task.slug), "scheduled" if when and not note else "task")


@blueprint.get("/templates/<slug>/example")
@guard("see")
def example(slug: str) -> str:
    """Say what one answer comes to, while it is typed."""
    template = library.find(g.actor, slug)
    fields: MultiDict[str, str] = MultiDict(request.args)
    name = next((one.name for one in template.content.form if f"ask-{one.name}" in fields), "")
    return page("library/_example.html", one=_seen(template, fields).get(name))


def _offered(slug: str) -> Template:
    if library.is_withdrawn(g.actor, slug):
        raise NotFound
    return library.find(g.actor, slug)


def _made(template: Template, uploads: Mapping[str, Upload]) -> rules.Made:
    given = {name.removeprefix("ask-"): value for name, value in request.form.items() if name.startswith("ask-")}
    given |= {name: upload.name for name, upload in uploads.items()}
    try:
        return rules.made(template, given, secrets.names(g.actor))
    except rules.Wrong as wrong:
        raise Invalid({f"ask-{name}": sentence for name, sentence in wrong.fields.items()}) from None


def _uploads(template: Template) -> dict[str, Upload]:
    wanted = [one.name for one in template.content.form if one.kind == "file"]
    sent = {name: request.files.get(f"ask-{name}") for name in wanted}
    return {
        name: Upload(file.filename, cast("BinaryIO", file.stream))
        for name, file in sent.items()
        if file and file.filename
    }


def _fields(template: Template) -> MultiDict[str, str]:
    if request.method == "POST":
        return MultiDict(request.form)
    starts = {f"ask-{name}": value for name, value in rules.starts(template).items()}
    when = {"when-0-text": template.content.schedule, "when-0-timezone": current_user.timezone}
    return MultiDict({"name": template.content.name, **when, **starts})


def _seen(template: Template, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return what the answers that hold expressions come to now, by the names of their fields."""
    given = [(one, fields.get(f"ask-{one.name}", "")) for one in template.content.form]
    variables = [{**rules.asks_for(one).__dict__, "value": value} for one, value in given if "{{" in value]
    content = {
        "name": template.content.name,
        "variables": variables,
        "schedules": [{"timezone": current_user.timezone}],
    }
    return dict(ahead.look(g.actor, content, utc_now()).by_name)


def _lacks(template: Template) -> list[tuple[str, str, str]]:
    """Return what is not there yet: a sentence, and the way to mend it with its words."""
    needs, lacks = rules.needs(template.content), []
    if "model" in needs and not models.names(g.actor):
        lacks.append(("It needs a model, and your team has none yet.", "Add a model", url_for("models.index")))
    if "secret" in needs and not secrets.names(g.actor):
        lacks.append(
            ("It needs a secret, and your team has none yet.", "Add a secret", url_for("settings.secrets_page"))
        )
    return lacks


def _own(errors: Errors, known: Mapping[str, str]) -> Errors:
    """Return the errors with those of fields that this form does not have put on top."""
    own = {name: sentence for name, sentence in errors.items() if name in known}
    others = [sentence for name, sentence in errors.items() if name not in known]
    return own | ({"": " ".join(others)} if others else {})


def label_of(one: Asked) -> Markup:
    """Return the label of a field with its kind beside it, small."""
    kind = rules.KINDS[one.kind].lower()
    optional = "" if one.is_required else ", may be empty"
    return Markup('{} <span class="kind-of">{}{}</span>').format(one.label, kind, optional)
