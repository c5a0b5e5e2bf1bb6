"""A template and the answers to its form -> the definition of a task; and back, when a newer version takes over."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.domain import variables
from app.domain.library.content import Asked, Template, settled
from app.domain.variables import Variable

OWN = ("name", "schedules", "files", "limits", "policy", "min_isolation")
"""What a task keeps as its people have set it when a newer version of its template takes over."""


class Wrong(ValueError):
    """Answers that need another look: a sentence by the name of each field."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = fields


@dataclass(frozen=True)
class Made:
    """What a template comes to with answers: the parts of a definition, and what was written into it by name."""

    definition: dict[str, Any]
    answers: dict[str, str] = field(default_factory=dict)


def made(template: Template, given: Mapping[str, str], secrets: Collection[str]) -> Made:
    """Return what the template comes to; `secrets` are the names there are. Raises Wrong."""
    content = template.content
    answers = {one.name: _plain(one, given.get(one.name, "")) for one in content.form}
    wrong = _wrong(template, answers, secrets)
    if wrong:
        raise Wrong(wrong)
    return Made(_definition(template, answers), {name: answers[name] for name in _written(template)})


def starts(template: Template) -> dict[str, str]:
    """Return the answers that the form begins with."""
    return {one.name: one.default.strip() for one in template.content.form}


def asks_for(one: Asked) -> Variable:
    """Return a field as a variable, without a value."""
    kind = "text" if one.kind in {"lines", "secret"} else one.kind
    return Variable(one.name, one.label, kind, help=one.help, is_required=one.is_required, options=one.options)


def answers_of(template: Template, definition: Mapping[str, Any], kept: Mapping[str, str]) -> dict[str, str]:
    """Return the answers of a task made of an earlier version; `kept` are those that were written into it.

    What is asked for newly has its default.
    """
    present = {one["name"]: one["value"] for one in definition.get("variables") or ()} | dict(kept)
    return starts(template) | {one.name: present[one.name] for one in template.content.form if one.name in present}


def taken_over(template: Template, definition: Mapping[str, Any], kept: Mapping[str, str]) -> dict[str, Any]:
    """Return the definition of a task with the parts of this version, and everything of its own as it is."""
    new = _definition(template, answers_of(template, definition, kept))
    asked = {one["name"] for one in new["variables"]}
    fixed = _written(template)
    before = {one.name for one in template.content.form} | fixed
    mine = [one for one in definition.get("variables") or () if one["name"] not in asked | before]
    own = {name: definition[name] for name in OWN if name in definition}
    if template.source == "shared":  # what others have written stays confined, whatever its people have set
        own["min_isolation"] = max(new["min_isolation"], definition.get("min_isolation", 0))
    return {**definition, **new, "variables": [*new["variables"], *mine], **own}


def _definition(template: Template, answers: Mapping[str, str]) -> dict[str, Any]:
    content, fixed = template.content, _written(template)
    asked = [_variable(one, answers[one.name]) for one in content.form if one.name not in fixed]
    steps = [{**step, "settings": settled(step.get("settings", {}), answers)} for step in content.steps]
    return {
        "engine": content.engine,
        "settings": settled(content.settings, answers),
        **({"steps": steps} if steps else {}),
        "variables": [*asked, *(_stored(Variable.of(one)) for one in content.variables)],
        "contract": [dict(one) for one in content.contract],
        **({"repair": dict(content.repair)} if content.repair else {}),
        "limits": dict(content.limits),
        "policy": dict(content.policy),
        "min_isolation": content.min_isolation,
    }


def _written(template: Template) -> set[str]:
    return template.content.fixed | {one.name for one in template.content.form if one.kind == "secret"}


def _variable(one: Asked, answer: str) -> dict[str, Any]:
    return _stored(Variable.of(asdict(asks_for(one)) | {"value": answer}))


def _stored(one: Variable) -> dict[str, Any]:
    return {**asdict(one), "options": list(one.options)}


def _plain(one: Asked, text: str) -> str:
    return text.strip() if one.kind != "lines" else text.replace("\r\n", "\n").strip("\n")


def _wrong(template: Template, answers: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    wrong = {}
    for one in template.content.form:
        answer = answers[one.name]
        if not answer.strip():
            if one.is_required:
                wrong[one.name] = "Give it the file." if one.kind == "file" else "Fill this in."
        elif one.kind == "secret":
            if answer not in secrets:
                wrong[one.name] = f"There is no secret called {answer[:60]}. Set it in Settings, Secrets."
        elif one.name in _written(template) and "{{" in answer:
            wrong[one.name] = "Write it out: nothing can be put in here later."
        else:
            checked = Variable.of(asdict(asks_for(one)) | {"value": answer})
            if problem := next(iter(variables.problem(checked, ()).values()), ""):
                wrong[one.name] = problem
    return wrong
