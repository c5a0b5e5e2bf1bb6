"""The task that a thread asks for, as its page shows it: sections with the findings behind them, and the form."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from flask_login import current_user
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from app.analysis.intent import INTENTS
from app.analysis.proposal import chosen, suggested
from app.analysis.unseen import visible
from app.core.clock import utc_now
from app.domain import contracts, expressions, library, variables
from app.domain.access import Actor
from app.domain.expressions import ExpressionError
from app.domain.expressions.facts import of_run
from app.services import library as templates
from app.services import models
from app.services.tasks import schedules
from app.services.tasks.schedules import Given
from app.services.threads import review as reviews
from app.services.threads import states
from app.services.threads.review import Review, value_of
from app.web import schedule_box
from app.web.forms import Errors, zones
from app.web.schedule_box import When
from app.web.thread_text import Note

Fields = MultiDict[str, str]

LABELS = {
    "name": "Name",
    "objective": "What it does",
    "how": "How it is done",
    "uploads": "Files",
    "files": "Files",
    "needs": "What it needs",
}
KINDS = [(kind, label) for kind, label in variables.KINDS.items() if kind != "choice"]


_LACKING = ("missing", "unreachable")


@dataclass(frozen=True)
class Line:
    """A variable of the task: its finding if somebody said it, and what its value would be at the next time."""

    variable: Mapping[str, Any]
    note: Note | None
    example: str
    problem: str = ""
    is_unused: bool = False

    @property
    def expression(self) -> str:
        """What makes its value, without braces where it is one expression alone; empty for a plain value."""
        text = str(self.variable["value"]).strip()
        is_alone = text.startswith("{{") and text.endswith("}}") and text.count("{{") == 1
        return (text[2:-2].strip() if is_alone else text) if "{{" in text else ""


def context(actor: Actor, seen: Review, fields: Fields, errors: Errors) -> dict[str, Any]:
    """Return what the parts of the review show."""
    notes = [Note(number, row, value_of(row)) for number, row in enumerate(seen.findings, start=1)]
    when = schedule_box.when(fields, errors)
    ways = reviews.ways(actor, seen)
    how = fields.get("how") or chosen(ways)
    needed = states.needs(seen)
    return {
        "review": seen, "fields": fields, "when": when, "zones": zones(),
        "labels": LABELS | when.labels | _labels(notes),
        "notes": notes, "by_kind": _by_kind(notes), "otherwise": _otherwise(notes), "intents": INTENTS,
        "kinds": KINDS, "labels_of_kinds": variables.KINDS, "variables": _lines(seen, notes, when, how),
        "needs": needed,
        "lacking": [one for one in needed if one.state in _LACKING and not _is_dropped(one)],
        "numbers": {note.row.id: note.number for note in notes}, "ways": ways, "how": how,
        "suggested": suggested(ways), "contract": _contract(seen, how),
        "proves": seen.proposal.proves(_way(how)), "visible": visible,
        "templates": _templates(actor, seen), "deepening": reviews.deepening(actor, seen),
        "has_models": bool(models.names(actor)),
    }  # fmt: skip


def _labels(notes: Sequence[Note]) -> dict[str, str]:
    """Return what the fields of findings are called where something is wrong with them."""
    words = {"secret": "Name in the vault", "value": "Value", "kind": "Kind"}
    return {f"finding-{note.row.id}-{name}": label for note in notes for name, label in words.items()}


def _is_dropped(need: states.Need) -> bool:
    return need.finding is not None and need.finding.state == "dropped"


def when_fields(seen: Review, home: str) -> dict[str, str]:
    """Return the fields of the schedule box for the schedule that was found; `home` is the zone where it names none."""
    text, zone = seen.proposal.when(home, utc_now())
    return {"when-0-text": _in_words(text, zone), "when-0-timezone": zone}


def _in_words(text: str, zone: str) -> str:
    """Return a rule in plain words, if they are read as the same rule; else as it is."""
    written = schedules.preview(Given(text, zone), utc_now(), 1) if text else None
    if not written or not written.trigger:
        return text
    words = written.sentence.removesuffix(f", {zone}")
    return words if schedules.preview(Given(words, zone), utc_now(), 1).trigger == written.trigger else text


def _by_kind(notes: Sequence[Note]) -> dict[str, list[Note]]:
    """Return the findings of the rules, and what people took over from a model, by kind."""
    found: dict[str, list[Note]] = {}
    for note in notes:
        if note.row.source != "model" or note.row.state in {"accepted", "changed"}:
            found.setdefault(note.row.kind, []).append(note)
    return found


def _otherwise(notes: Sequence[Note]) -> dict[str, list[Note]]:
    """Return what a model reads otherwise and nobody has decided yet, by kind."""
    found: dict[str, list[Note]] = {}
    for note in notes:
        if note.row.source == "model" and note.row.state == "found":
            found.setdefault(note.row.kind, []).append(note)
    return found


def _lines(seen: Review, notes: Sequence[Note], when: When, how: str) -> list[Line]:
    said = {str(note.row.value["value"]): note for note in notes if note.row.kind == "variable"}
    first = when.times[0] if when.times else None
    zone = first.zone if first else current_user.timezone
    facts = of_run(first.what.at if first else utc_now(), zone, number=1, attempt=1, task=seen.row.title)
    lines = [_line(one, said.get(one["label"]), facts) for one in seen.proposal.variables]
    if _way(how) != "agent":
        lines = [replace(one, is_unused=one.variable["name"] not in seen.proposal.used) for one in lines]
    shown = {line.note.row.id for line in lines if line.note}
    dropped = [note for note in said.values() if note.row.state == "dropped" and note.row.id not in shown]
    return lines + [
        Line({"name": "", "label": note.value["value"], "kind": note.value["kind"], "value": ""}, note, "")
        for note in dropped
    ]


def _line(variable: Mapping[str, Any], note: Note | None, facts: Mapping[str, Any]) -> Line:
    try:
        example = expressions.as_text(expressions.value(variable["value"], facts))
    except ExpressionError as error:
        return Line(variable, note, "", str(error))
    return Line(variable, note, example)


def _way(how: str) -> Any:
    return how if how in {"replay", "hybrid", "agent"} else "agent"


def _contract(seen: Review, how: str) -> list[str]:
    definition = seen.proposal.definition(_way(how), "", "")
    with suppress(ValidationError):
        return [contracts.shown(one) for one in contracts.parse(definition["contract"])]
    return []


def _templates(actor: Actor, seen: Review) -> Sequence[Any]:
    intent = seen.one("intent")
    said = f"{seen.row.title} {seen.objective} {seen.row.search}"
    found = library.suggest(
        said, templates.templates(actor), str(value_of(intent)["value"]) if intent else "", seen.proposal.hosts
    )
    return list(found)[:3]
