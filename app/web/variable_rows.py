"""The variables of the task editor: rows of one form that are added, moved and removed with all that is typed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from flask import g, request, url_for
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.domain import graph, localtime, variables
from app.domain.expressions.filters import FILTERS
from app.domain.expressions.names import RUN
from app.services import tasks, values
from app.services.tasks import ahead, inputs, order
from app.services.tasks.ahead import Ahead, Seen
from app.services.tasks.definitions import Draft
from app.web.forms import Errors

Fields = MultiDict[str, str]

LABELS: Mapping[str, str] = {
    "name": "Name of the variable", "kind": "Kind", "value": "Value", "url": "Address", "path": "Where in the answer",
    "label": "Label", "help": "Help", "options": "Choices", "source": "Comes from",
}  # fmt: skip

_FIELD = re.compile(r"var-(\d{1,4})-(\w+)", re.ASCII)
_PRESSED = re.compile(r"(add|look|remove|up|down)(?:-(\d{1,4}))?", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One variable of a form; `seen` is what it would be."""

    number: int
    name: str
    seen: Seen | None = None

    @property
    def id(self) -> str:
        """The name of its element."""
        return f"var-{self.number}"

    @property
    def prefix(self) -> str:
        """What the names of its fields begin with."""
        return f"{self.id}-"

    def wrong(self, errors: Errors, *names: str) -> bool:
        """Whether one of these fields needs another look."""
        return any(f"{self.prefix}{name}" in errors for name in names)


@dataclass(frozen=True)
class Variables:
    """All variables of a form and what a run would get; `touched` was added just now, `is_cut`: one was removed."""

    rows: Sequence[Row]
    ahead: Ahead
    team_values: Sequence[str]
    upstreams: Sequence[str] = ()
    touched: int | None = None
    is_cut: bool = False
    is_pressed: bool = False
    kinds: Sequence[tuple[str, str]] = tuple(variables.KINDS.items())

    @property
    def draws(self) -> Markup:
        """How a button draws them anew: what else it sends is the form it stands in."""
        return Markup('hx-post="{}" hx-target="#variables" hx-swap="outerHTML" hx-sync="#variables:drop"').format(
            url_for("editor.draw_variables", task=request.args.get("task") or (request.view_args or {}).get("slug"))
        )

    @property
    def looks(self) -> Markup:
        """How what a run would be given is shown anew while somebody types."""
        return Markup('hx-post="{}" hx-target="#ahead" hx-swap="innerHTML" hx-sync="#variables:replace"').format(
            url_for("editor.look_ahead", task=request.args.get("task") or (request.view_args or {}).get("slug"))
        )

    @property
    def names(self) -> Sequence[str]:
        """What can be written between the braces, besides the variables themselves."""
        return [*(f"run.{name}" for name in RUN), "weekday", "previous.state", "previous.outputs.…",
                *(f"upstream.{name}.outputs.…" for name in self.upstreams),
                *(f"team.{name}" for name in self.team_values)]  # fmt: skip

    @property
    def filters(self) -> Sequence[tuple[str, str]]:
        """What can be done to them: an example of each, and what that means."""
        return [(spec.example, spec.means) for spec in FILTERS.values()]

    @property
    def labels(self) -> dict[str, str]:
        """How the fields are called where errors are listed."""
        return {
            f"{row.prefix}{name}": f"{label} (variable {row.number + 1})"
            for row in self.rows
            for name, label in LABELS.items()
        } | {"variables": "Variables"}


def only_looks(fields: Fields) -> bool:
    """Whether a button of a row was pressed, which shows the form again and saves nothing."""
    return "vars" in fields


def arranged(fields: Fields, draft_of: Any, first_at: datetime | None, slug: str = "") -> tuple[Fields, Variables]:
    """Return the fields of a form and its variables as they are to be shown now: after a press of one of its buttons.

    `draft_of` reads a draft out of fields; `first_at` is when the task would run next.
    """
    parts = _parts(fields)
    touched, is_cut = _pressed(parts, fields.get("vars", ""))
    shown: Fields = MultiDict((name, value) for name, value in fields.items(multi=True) if not _FIELD.fullmatch(name))
    for index, part in enumerate(parts):
        for name, texts in part.items():
            shown.setlist(f"var-{index}-{name}", texts)
    seen = _ahead(shown, draft_of(shown), first_at, slug)
    names = [next(iter(part.get("name", ())), "").strip() for part in parts]
    rows = [Row(index, name, one) for index, (name, one) in enumerate(zip(names, seen.variables, strict=True))]
    more = (touched, is_cut, "vars" in fields)
    return shown, Variables(rows, seen, values.names(g.actor), _upstreams(draft_of(shown)), *more)


def _upstreams(draft: Draft) -> list[str]:
    """Return the names by which expressions know the tasks before it."""
    after = {"after": order.checked(draft.after, draft.engine, {})}
    return [graph.identifier(slug) for slug in order.slugs(g.actor.team_id, after).values()]


def given(fields: Fields) -> list[variables.Variable]:
    """Return what was typed, a variable for each row in its order."""
    return [inputs.from_texts(part) for part in _parts(fields)]


def _ahead(fields: Fields, draft: Draft, first_at: datetime | None, slug: str) -> Ahead:
    zone = next((one.timezone for one in draft.when if one.text.strip()), "UTC")
    content = {
        "name": draft.name, "engine": draft.engine, "settings": draft.settings, "schedules": [{"timezone": zone}],
        "variables": [asdict(inputs.plain(one)) for one in draft.variables],
        "steps": [{"name": one.name, "engine": one.engine, "settings": one.settings} for one in draft.steps]
        if draft.engine == "steps" else [],
        "after": order.checked(draft.after, draft.engine, {}),
    }  # fmt: skip
    return ahead.look(g.actor, content, _moment(fields, zone) or first_at or utc_now(), _task_id(slug))


def _moment(fields: Fields, zone: str) -> datetime | None:
    """Return the moment for which the form asks what a run would be given."""
    try:
        typed = datetime.fromisoformat(fields.get("ahead", ""))
        return typed.replace(tzinfo=localtime.zone(zone), microsecond=0)
    except (ValueError, localtime.TriggerError):
        return None


def _task_id(slug: str) -> int:
    try:
        return tasks.find(g.actor, slug).id if slug else 0
    except NotFound:
        return 0


def _parts(fields: Fields) -> list[dict[str, list[str]]]:
    """Return the fields of each row without the beginnings of their names."""
    parts: dict[int, dict[str, list[str]]] = {}
    for name, texts in fields.lists():
        if found := _FIELD.fullmatch(name):
            parts.setdefault(int(found[1]), {})[found[2]] = list(texts)
    return [parts[number] for number in sorted(parts)[: variables.MOST + 1]]


def _pressed(parts: list[dict[str, list[str]]], button: str) -> tuple[int | None, bool]:
    """Do what a button says; returns the place of the row that was added or moved, and whether one went."""
    found = _PRESSED.fullmatch(button)
    if found is None or found[1] == "look":
        return None, False
    if found[1] == "add":
        if len(parts) < variables.MOST:
            parts.append(inputs.blank())
        return len(parts) - 1, False
    index = int(found[2] or len(parts))
    if index >= len(parts):
        return None, False
    part = parts.pop(index)
    if found[1] == "remove":
        return None, True
    index = max(0, min(index + (1 if found[1] == "down" else -1), len(parts)))
    parts.insert(index, part)
    return index, False
