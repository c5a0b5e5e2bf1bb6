"""A definition that a template has come to -> the draft of a task; and the newer version of one that a task is of."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.core.clock import utc_now
from app.core.errors import Conflict, Invalid
from app.domain import library
from app.domain.access import Actor
from app.domain.library import Asked, Made, Template
from app.domain.variables import Variable
from app.models.library import TemplateUse
from app.models.tasks import Task
from app.services import tasks
from app.services.tasks import definitions, order, origins, schedules, steps, versions
from app.services.tasks.definitions import Draft
from app.services.tasks.origins import Origin
from app.services.tasks.schedules import Given
from app.services.tasks.steps import StepDraft
from app.services.tasks.versions import Change
from app.services.unit import unit


@dataclass(frozen=True)
class Offer:
    """A newer version of the template of a task: its number, what is new in it, and what would change in the task."""

    template: Template
    before: int
    notes: Sequence[str]
    changes: Sequence[Change]


def draft(template: Template, made: Made, name: str, when: Sequence[Given] = (), pause_note: str = "") -> Draft:
    """Return the draft of a task of a template; with a note it stands still at first.

    Raises Invalid where the template names a secret of the team that nobody has chosen in its form.
    """
    origin = Origin(template.slug, template.number, made.answers, template.content.minutes_saved)
    whole = {"name": name.strip() or template.content.name, **made.definition}
    new = replace(of_definition(whole, when), origin=origin, pause_note=pause_note)
    _check_secrets(template, made.answers, new)
    return new


def _check_secrets(template: Template, answers: Mapping[str, str], new: Draft, known: Collection[str] = ()) -> None:
    """A template may name secrets in any way it can think of: what counts is what a task of it would be given."""
    chosen = {answers.get(one.name, "") for one in template.content.form if one.kind == "secret"} | {*known}
    for field, name in definitions.secrets_named(new):
        if name not in chosen:
            raise Invalid({field: f"The template takes the secret {name}, which nobody has chosen in its form."})


def of_definition(content: Mapping[str, Any], when: Sequence[Given]) -> Draft:
    """Return the draft that a definition is saved again by."""
    its = [{"condition": "", "is_optional": False, **steps.DEFAULTS, **one} for one in content.get("steps") or ()]
    whole = {"schedules": [], "files": [], "settings": {}, **content, "steps": its}
    texts = {name: values[0] for name, values in definitions.to_texts(whole).items() if values}
    return Draft(
        name=whole["name"],
        engine=whole["engine"],
        settings=whole["settings"],
        when=when,
        numbers=texts,
        choices=texts,
        is_idempotent="is_idempotent" in texts,
        is_slow_told="is_slow_told" in texts,
        pool=texts.get("pool", ""),
        min_isolation=str(whole["min_isolation"]),
        files=whole["files"],
        steps=[_step(one) for one in its],
        variables=[Variable.of(one) for one in whole.get("variables") or ()],
        contract=whole.get("contract") or (),
        repair=whole.get("repair") or {},
        after=order.given_of(whole.get("after") or {}),
    )


def _step(stored: Mapping[str, Any]) -> StepDraft:
    numbers = {number.name: f"{stored[number.key] / number.unit:.10g}" for number in steps.NUMBERS}
    parts = (stored["name"], stored["engine"], stored["settings"], stored["condition"], stored["is_optional"])
    return StepDraft(*parts, numbers=numbers)


def problem(template: Template) -> str:
    """Say why no task could be made of a template, whatever its form is answered; empty when one can."""
    given = {one.name: one.default.strip() or _some(one) for one in template.content.form}
    try:
        made = library.made(template, given, {_SOME["secret"]})
        definitions.check(draft(template, made, ""), utc_now())
    except (library.Wrong, Invalid) as wrong:
        return " ".join(wrong.fields.values())
    return ""


_SOME = {
    "date": "2026-01-31", "period": "2026-01", "number": "1", "money": "1 EUR", "email": "someone@example.com",
    "url": "https://example.com/", "file": "file.csv", "secret": "SOME_SECRET",
}  # fmt: skip


def _some(one: Asked) -> str:
    return one.options[0] if one.options else _SOME.get(one.kind) or one.example or "something"


# --- newer versions


def offer(task: Task, template: Template, use: TemplateUse) -> Offer | None:
    """Return what a newer version of its template would change in a task; None when there is nothing new to hear."""
    if template.number <= max(use.number, use.dismissed):
        return None
    present = tasks.definition(task)
    changes = versions.compare(present, library.taken_over(template, present, use.answers))
    return Offer(template, use.number, template.content.notes[use.number :], changes)


def take_over(actor: Actor, slug: str, template: Template, folder: Path) -> Task:
    """Let the newer version of its template take a task over; what its people have set stays. Raises NotFound, Invalid,
    and Conflict for a task that is of another template.
    """
    task = tasks.find(actor, slug)
    use = _use(task, template)
    present = tasks.definition(task)
    content = library.taken_over(template, present, use.answers)
    when = [schedules.given_of(rule) for rule in present["schedules"]]
    origin = Origin(template.slug, template.number, library.answers_of(template, present, use.answers))
    new = replace(of_definition(content, when), origin=replace(origin, answers=_kept(origin, template)))
    known = {name for _, name in definitions.secrets_named(of_definition(present, []))}
    _check_secrets(template, origin.answers, new, known)
    return tasks.change(actor, slug, new, task.version_number, folder)


def dismiss(actor: Actor, slug: str, template: Template) -> None:
    """Say no to the newest version of its template; the next one is told again. Raises NotFound, Conflict."""
    task = tasks.find(actor, slug)
    _use(task, template)
    with unit(actor) as work:
        use = work.session.get_one(TemplateUse, task.id)
        use.dismissed = template.number


def mark(actor: Actor, slug: str, template: Template, answers: Mapping[str, str]) -> None:
    """Say that a task is of a template that was saved from it, with these answers. Raises NotFound."""
    task = tasks.find(actor, slug)
    with unit(actor) as work:
        origins.keep(work, work.session.get_one(Task, task.id), Origin(template.slug, template.number, answers))


def _use(task: Task, template: Template) -> TemplateUse:
    use = origins.of(task)
    if use is None or use.slug != template.slug:
        raise Conflict(f"{task.name} is not made of {template.content.name}.")
    return use


def _kept(origin: Origin, template: Template) -> dict[str, str]:
    fixed = template.content.fixed
    return {name: answer for name, answer in origin.answers.items() if name in fixed}
