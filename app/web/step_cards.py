"""The steps of the task editor: cards of one form that are added, moved and removed with all that is typed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import url_for
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from app.core.numbers import whole
from app.services.tasks import steps
from app.services.tasks.steps import StepDraft
from app.web.forms import Errors

Fields = MultiDict[str, str]

SIGNS: Mapping[str, str] = {
    "agent": "agent", "http": "http", "shell": "script", "python": "terminal", "ping": "bell", "report": "insights",
    "steps": "workflow",
}  # fmt: skip
"""The icons of engines."""

LABELS: Mapping[str, str] = {
    "name": "Name of the step", "condition": "Only if", "timeout": "Stop after", "retries": "Try again",
    "retry_delay": "Wait before", "engine": "Type",
}  # fmt: skip

_FIELD = re.compile(r"step-(\d{1,4})-(\w+)", re.ASCII)
_PRESSED = re.compile(r"(add|remove|up|down)-([\w-]{1,24})", re.ASCII)
_OUTPUTS = {"http": "json", "agent": "text"}


@dataclass(frozen=True)
class Kind:
    """An engine that a step may have."""

    name: str
    label: str

    @property
    def sign(self) -> str:
        """Its icon."""
        return SIGNS.get(self.name, "plug")


@dataclass(frozen=True)
class Card:
    """One step of a form; `before` are the names and engines of the steps before it."""

    number: int
    name: str
    kind: Kind
    before: Sequence[tuple[str, str]]

    @property
    def id(self) -> str:
        """The name of its element."""
        return f"step-{self.number}"

    @property
    def prefix(self) -> str:
        """What the names of its fields begin with."""
        return f"{self.id}-"

    @property
    def is_code(self) -> bool:
        """Whether it is a program, which gets the outputs in a file."""
        return self.kind.name in {"shell", "python"}

    @property
    def uses(self) -> Sequence[str]:
        """How it gets at the outputs of the steps before it."""
        named = [(name, engine) for name, engine in self.before if name]
        if self.kind.name == "python" and named:
            return [f'carillon.inputs()["{name}"]' for name, _ in named[-3:]]
        if self.is_code and named:
            return ["$CARILLON_INPUTS", f"jq .{named[-1][0]}"]
        return [f"{{{{ steps.{name}.{_OUTPUTS.get(engine, '…')} }}}}" for name, engine in named[-3:]]

    @property
    def example(self) -> str:
        """A condition as it could stand here."""
        name, engine = next(((name, engine) for name, engine in reversed(self.before) if name), ("fetch", "http"))
        return f"steps.{name}.status == 200" if engine == "http" else f'steps.{name}.state == "succeeded"'

    def wrong(self, errors: Errors, *names: str) -> bool:
        """Whether one of these fields needs another look."""
        return any(f"{self.prefix}{name}" in errors for name in names)


@dataclass(frozen=True)
class Steps:
    """All steps of a form; `touched` is the one that was added or moved just now, `is_cut`: one was removed."""

    cards: Sequence[Card]
    kinds: Sequence[Kind]
    touched: int | None = None
    is_cut: bool = False

    @property
    def draws(self) -> Markup:
        """How a button draws them anew: what else it sends is the form it stands in."""
        return Markup('hx-post="{}" hx-target="#steps" hx-swap="outerHTML" hx-sync="#steps:drop"').format(
            url_for("editor.draw_steps")
        )

    @property
    def labels(self) -> dict[str, str]:
        """How the fields are called where errors are listed."""
        return {
            f"{card.prefix}{name}": f"{label} (step {card.number + 1})"
            for card in self.cards
            for name, label in LABELS.items()
        }


def only_looks(fields: Fields) -> bool:
    """Whether a button of a card was pressed, which shows the form again and saves nothing."""
    return "steps" in fields


def arranged(fields: Fields) -> tuple[Fields, Steps]:
    """Return the fields of a form and its steps as they are to be shown now: after a press of a button of theirs."""
    parts = _parts(fields)
    touched, is_cut = _pressed(parts, fields.get("steps", ""))
    shown: Fields = MultiDict((name, value) for name, value in fields.items(multi=True) if not _FIELD.fullmatch(name))
    for index, part in enumerate(parts):
        for name, values in part.items():
            shown.setlist(f"step-{index}-{name}", values)
    kinds = [Kind(name, label) for name, label in steps.kinds()]
    by_name = {kind.name: kind for kind in kinds}
    named = [(_first(part, "name").strip().lower(), _first(part, "engine")) for part in parts]
    cards = [
        Card(index, name, by_name.get(engine, Kind(engine, engine or "Unknown")), named[:index])
        for index, (name, engine) in enumerate(named)
    ]
    return shown, Steps(cards, kinds, touched, is_cut)


def given(fields: Fields) -> list[StepDraft]:
    """Return what was typed, a step for each card in its order."""
    return [steps.from_texts(part) for part in _parts(fields)]


def _parts(fields: Fields) -> list[dict[str, list[str]]]:
    """Return the fields of each card without the beginnings of their names."""
    parts: dict[int, dict[str, list[str]]] = {}
    for name, values in fields.lists():
        if found := _FIELD.fullmatch(name):
            parts.setdefault(int(found[1]), {})[found[2]] = list(values)
    return [parts[number] for number in sorted(parts)[: steps.MOST + 1]]


def _pressed(parts: list[dict[str, list[str]]], button: str) -> tuple[int | None, bool]:
    """Do what a button says; returns the place of the card that was added or moved, and whether one went."""
    found = _PRESSED.fullmatch(button)
    if found is None:
        return None, False
    what, of = found.groups()
    if what == "add":
        if of in dict(steps.kinds()) and len(parts) < steps.MOST:
            parts.append(steps.blank(of))
        return len(parts) - 1, False
    index = whole(of)
    if index is None or index >= len(parts):
        return None, False
    part = parts.pop(index)
    if what == "remove":
        return None, True
    index = max(0, min(index + (1 if what == "down" else -1), len(parts)))
    parts.insert(index, part)
    return index, False


def _first(part: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(part.get(name, ())), "")
