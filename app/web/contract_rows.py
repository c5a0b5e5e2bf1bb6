"""The contract in the task editor: checks in words or as rows of a form, and both are the same checks."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from flask import url_for
from markupsafe import Markup
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from app.domain import contracts as domain
from app.services.tasks import contracts
from app.services.tasks.contracts import WORDS
from app.web.forms import Errors

Fields = MultiDict[str, str]

_FIELD = re.compile(r"check-(\d{1,4})-(\w+)", re.ASCII)
_REMOVE = re.compile(r"remove-(\d{1,4})", re.ASCII)


@dataclass(frozen=True)
class Field:
    """One field of a check: how it is called, and how it is typed."""

    name: str
    label: str
    placeholder: str = ""
    how: Literal["text", "number", "tick", "long"] = "text"


_OF = Field("of", "In", "answer, file:report.csv, steps.fetch.json.items")
_TIMES = Field("min", "At least, times", how="number")
KINDS: Mapping[str, tuple[str, Sequence[Field]]] = {
    "file": ("A file", (
        Field("name", "File", "report.csv"), Field("min_bytes", "At least, bytes", how="number"),
        Field("is_new", "It must be new or changed", how="tick"))),
    "rows": ("A number of rows", (
        _OF, Field("min", "At least", how="number"), Field("max", "At most", "no limit", how="number"))),
    "pattern": ("A text or pattern", (
        _OF, Field("pattern", "Pattern", "(?i)total"), Field("is_absent", "It must not be there", how="tick"))),
    "schema": ("JSON that fits a schema", (_OF, Field("schema", "Schema", '{"type": "array"}', how="long"))),
    "answer": ("An answer", (Field("min_length", "At least, letters", how="number"),)),
    "http": ("A page that answers", (
        Field("url", "Address", "https://example.com/"), Field("status", "Status", how="number"),
        Field("contains", "And shows"))),
    "tool": ("A tool that was used", (Field("name", "Tool", "http_get"), _TIMES)),
    "delivered": ("Something delivered", (Field("to", "To", "a host or a step"), _TIMES)),
    "cost": ("The cost", (Field("below_cents", "Less than, cents", "20", how="number"),)),
    "duration": ("The time it takes", (Field("below_seconds", "Less than, seconds", "60", how="number"),)),
    "judge": ("A model's judgement", (Field("question", "Question", "Does it name three papers?"),)),
}  # fmt: skip
"""The kinds of checks as they are offered, each with its fields."""


@dataclass(frozen=True)
class Row:
    """One check of a form; `words` say it, empty while it is not complete."""

    number: int
    kind: str
    words: str

    @property
    def id(self) -> str:
        """The name of its element."""
        return f"check-{self.number}"

    @property
    def prefix(self) -> str:
        """What the names of its fields begin with."""
        return f"{self.id}-"

    @property
    def label(self) -> str:
        """What kind of check it is."""
        return KINDS.get(self.kind, ("Unknown", ()))[0]

    @property
    def fields(self) -> Sequence[Field]:
        """Its fields."""
        return KINDS.get(self.kind, ("", ()))[1]


@dataclass(frozen=True)
class Contract:
    """All checks of a form; `touched` was added just now, `is_pressed`: a button was. `asks` say what was not read."""

    rows: Sequence[Row]
    asks: Errors
    touched: int | None = None
    is_pressed: bool = False
    kinds: Sequence[tuple[str, str]] = tuple((name, label) for name, (label, _) in KINDS.items())
    examples: Sequence[str] = domain.EXAMPLES

    @property
    def draws(self) -> Markup:
        """How a button draws them anew: what else it sends is the form it stands in."""
        return Markup('hx-post="{}" hx-target="#contract" hx-swap="outerHTML" hx-sync="#contract:drop"').format(
            url_for("editor.draw_contract")
        )

    @property
    def labels(self) -> dict[str, str]:
        """How the fields are called where errors are listed."""
        return {
            f"{row.prefix}{field.name}": f"{field.label} (check {row.number + 1})"
            for row in self.rows
            for field in row.fields
        } | {"contract": "What must be true", WORDS: "What must be true"}


def only_looks(fields: Fields) -> bool:
    """Whether a button of the contract was pressed, which shows the form again and saves nothing."""
    return "contract" in fields


def arranged(fields: Fields) -> tuple[Fields, Contract]:
    """Return the fields of a form and its contract as they are to be shown now: after a press of one of its buttons."""
    parts = _parts(fields)
    shown: Fields = MultiDict((name, value) for name, value in fields.items(multi=True) if not _FIELD.fullmatch(name))
    before = len(parts)
    asks = _pressed(parts, shown, fields.get("contract", ""))
    for index, part in enumerate(parts):
        for name, texts in part.items():
            shown.setlist(f"check-{index}-{name}", texts)
    rows = [Row(index, _first(part, "kind"), _words(part, domain.shown)) for index, part in enumerate(parts)]
    touched = len(parts) - 1 if len(parts) > before else None
    return shown, Contract(rows, asks, touched, "contract" in fields)


def given(fields: Fields) -> list[dict[str, object]]:
    """Return what was typed as rows, a check for each; what is in words stands in the field WORDS."""
    return [contracts.from_texts(part) for part in _parts(fields)]


def _parts(fields: Fields) -> list[dict[str, list[str]]]:
    """Return the fields of each row without the beginnings of their names."""
    parts: dict[int, dict[str, list[str]]] = {}
    for name, texts in fields.lists():
        if found := _FIELD.fullmatch(name):
            parts.setdefault(int(found[1]), {})[found[2]] = list(texts)
    return [parts[number] for number in sorted(parts)[: domain.MOST + 1]]


def _pressed(parts: list[dict[str, list[str]]], shown: Fields, button: str) -> dict[str, str]:
    """Do what a button says, to the rows and to what is in words; returns what was not understood."""
    found = _REMOVE.fullmatch(button)
    if found and int(found[1]) < len(parts):
        parts.pop(int(found[1]))
    elif button == "add" and shown.get("contract-kind", "") in KINDS:
        parts.append(contracts.blank(shown["contract-kind"]))
    elif button == "read":
        reading = domain.read(shown.get(WORDS, ""))
        parts += [contracts.texts_of(one) for one in domain.stored(reading.checks)]
        shown.setlist(WORDS, ["\n".join(reading.lines)])
        return {WORDS: reading.asks[0]} if reading.asks else {}
    elif button == "words":
        words = {index: text for index, part in enumerate(parts) if (text := _words(part))}
        shown.setlist(WORDS, ["\n".join(filter(None, [*words.values(), shown.get(WORDS, "").strip()]))])
        parts[:] = [part for index, part in enumerate(parts) if index not in words]
    return {}


def _words(part: Mapping[str, Sequence[str]], said: Callable[[domain.Check], str] = domain.in_words) -> str:
    try:
        return said(domain.CHECK.validate_python(contracts.from_texts(part)))
    except ValidationError:
        return ""


def _first(part: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(part.get(name, ())), "")
