"""What a task runs after, in the task editor: rows of one form that are added and removed with all that is typed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask import g, request, url_for
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from app.domain import graph
from app.domain.graph import MOST
from app.services.tasks import order

Fields = MultiDict[str, str]

ONS = (("success", "has succeeded"), ("failure", "has failed"), ("any", "has ended, however it went"))

_FIELD = re.compile(r"after-(\d{1,4})-(\w+)", re.ASCII)
_REMOVE = re.compile(r"remove-(\d{1,4})", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One task that comes before."""

    number: int
    task: str

    @property
    def prefix(self) -> str:
        """What the names of its fields begin with."""
        return f"after-{self.number}-"


@dataclass(frozen=True)
class After:
    """All rows of a form, and the tasks to choose from: (id, name); `touched` was added just now.

    `uses` are the names by which expressions know those that are chosen.
    """

    rows: Sequence[Row]
    tasks: Sequence[tuple[str, str]]
    uses: Sequence[str] = ()
    touched: int | None = None
    is_pressed: bool = False
    ons: Sequence[tuple[str, str]] = ONS

    @property
    def draws(self) -> Markup:
        """How a button draws them anew: what else it sends is the form it stands in."""
        return Markup('hx-post="{}" hx-target="#after" hx-swap="outerHTML" hx-sync="#after:drop"').format(
            url_for("editor.draw_after", task=request.args.get("task") or (request.view_args or {}).get("slug"))
        )

    @property
    def joins(self) -> Sequence[tuple[str, str]]:
        """How many of them it may wait for."""
        some = [(str(count), f"{count} of them") for count in range(2, len(self.rows))]
        return [("all", "All of them"), ("any", "One of them"), *some]

    @property
    def names(self) -> Sequence[str]:
        """What the chosen tasks are called."""
        known = dict(self.tasks)
        return [known[row.task] for row in self.rows if row.task and row.task in known]

    @property
    def labels(self) -> dict[str, str]:
        """How the fields are called where errors are listed."""
        own = {f"{row.prefix}task": f"Task {row.number + 1} before it" for row in self.rows}
        return own | {"after": "After other tasks", "after-join": "How many", "after-window": "Wait at most"}


def only_looks(fields: Fields) -> bool:
    """Whether a button of a row was pressed, which shows the form again and saves nothing."""
    return "afters" in fields


def arranged(fields: Fields, slug: str = "") -> tuple[Fields, After]:
    """Return the fields of a form and its rows as they are to be shown now: after a press of one of their buttons.

    `slug` is that of the task whose form it is: it can't be chosen.
    """
    parts = _parts(fields)
    button = fields.get("afters", "")
    if (found := _REMOVE.fullmatch(button)) and int(found[1]) < len(parts):
        parts.pop(int(found[1]))
    elif button == "add" and len(parts) < MOST:
        parts.append({"task": "", "on": "success"})
    is_first = button == "add" and len(parts) == 1
    shown: Fields = MultiDict((name, value) for name, value in fields.items(multi=True) if not _FIELD.fullmatch(name))
    for index, part in enumerate(parts):
        for name, value in part.items():
            shown.setlist(f"after-{index}-{name}", [value])
    if is_first:
        shown.setlist("after-passes", ["1"])
    rows = [Row(index, part.get("task", "")) for index, part in enumerate(parts)]
    chosen = [int(row.task) for row in rows if order.is_id(row.task)]
    known = order.choices(g.actor, slug, chosen)
    tasks = [("", "Choose a task"), *((str(row.id), row.name) for row in known)]
    uses = [graph.identifier(row.slug) for row in known if row.id in chosen]
    return shown, After(rows, tasks, uses, len(rows) - 1 if button == "add" else None, "afters" in fields)


def _parts(fields: Fields) -> list[dict[str, str]]:
    """Return the fields of each row without the beginnings of their names."""
    parts: dict[int, dict[str, str]] = {}
    for name, values in fields.lists():
        if values and (found := _FIELD.fullmatch(name)):
            parts.setdefault(int(found[1]), {})[found[2]] = values[0]
    return [parts[number] for number in sorted(parts)[: MOST + 1]]
