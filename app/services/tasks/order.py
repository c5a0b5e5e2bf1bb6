"""What a task runs after: what was typed for it -> what is stored, checked; and the links that the clock follows."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from app.core.errors import Invalid
from app.domain import graph, pings
from app.domain.access import Actor
from app.domain.graph import MOST, ONS, After
from app.infra.database import db
from app.models.tasks import Task, TaskLink
from app.models.teams import Team
from app.services.tasks import typed
from app.services.tasks.typed import Number
from app.services.unit import SessionWork

WINDOW = Number(
    "after-window", "", "window_seconds", graph.SHORTEST_SECONDS / 3600, graph.LONGEST_SECONDS / 3600, 3600, False
)
"""In hours."""

_MOST_LISTED = 500

_ID = re.compile(r"[0-9]{1,18}")
_FIELD = re.compile(r"after-(\d{1,4})-(task|on)", re.ASCII)


def checked(given: Mapping[str, Any], engine: str, wrong: dict[str, str]) -> dict[str, Any]:
    """Return what is stored of it, empty for a task that runs after none.

    What is wrong goes into `wrong`: `after`, `after-join`, `after-window` or `after-<index>-task`. Whether the tasks
    are there is asked elsewhere.
    """
    rows = [one for one in given.get("tasks", ()) if str(one.get("task", "")).strip()]
    if not rows:
        return {}
    if engine == pings.ENGINE:
        wrong["after"] = "A job that runs elsewhere is not started from here, so it can't run after other tasks."
    if len(rows) > MOST:
        wrong["after"] = f"A task runs after at most {MOST} others. Leave some out."
    links: list[dict[str, Any]] = []
    for index, one in enumerate(rows):
        task = str(one["task"])
        if not is_id(task):
            wrong[f"after-{index}-task"] = "Choose one of the tasks."
        elif int(task) in {link["task"] for link in links}:
            wrong[f"after-{index}-task"] = "This task stands here twice. Remove one of the two."
        else:
            on = one.get("on", "success")
            links.append({"task": int(task), "on": on if on in ONS else "success"})
    window = typed.read(WINDOW, str(given.get("window") or "24"), wrong) * WINDOW.unit
    join = _join(given.get("join", "all"), len(rows), wrong)
    return {"tasks": links, "join": join, "window_seconds": window, "passes": bool(given.get("passes", True))}


def is_id(text: str) -> bool:
    """Whether this is a number that a task may have."""
    return bool(_ID.fullmatch(text))


def _join(said: Any, count: int, wrong: dict[str, str]) -> str | int:
    if said in {"all", "any"} or not said:
        return str(said or "all")
    if not re.fullmatch(r"[0-9]{1,2}", str(said)) or not 1 <= int(said) <= count:
        wrong["after-join"] = f"Say all, any, or how many: from 1 to {count}."
        return "all"
    return int(said)


def given_of(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored as `checked` reads it."""
    if not stored:
        return {}
    return {**stored, "window": f"{stored['window_seconds'] / WINDOW.unit:.10g}"}


def ids(team_id: int, slugs: Sequence[str]) -> dict[str, int]:
    """Return the ids of tasks of a team by their slugs."""
    query = sa.select(Task.slug, Task.id).where(Task.team_id == team_id, Task.slug.in_(slugs))
    return dict(db.session.execute(query.where(Task.deleted_at.is_(None))).all())


def slugs(team_id: int, content: Mapping[str, Any]) -> dict[int, str]:
    """Return the slugs of the tasks that a definition runs after, by their ids; also of deleted ones."""
    chosen = [link.task for link in After.of(content.get("after")).links]
    query = sa.select(Task.id, Task.slug).where(Task.team_id == team_id, Task.id.in_(chosen))
    return dict(db.session.execute(query).all()) if chosen else {}


def choices(actor: Actor, but: str, chosen: Sequence[int]) -> Sequence[Any]:
    """Return the tasks of the team that one may run after, by name, as (id, name, slug): not `but`, its own slug.

    Those that are chosen are among them, also where there are more than can be listed, and when they were deleted.
    """
    mine = sa.select(Task.id, Task.name, Task.slug).where(Task.team_id == actor.team_id, Task.slug != but)
    shown = mine.where(Task.deleted_at.is_(None)).order_by(Task.name, Task.id).limit(_MOST_LISTED)
    rows = list(db.session.execute(shown))
    missing = set(chosen) - {row.id for row in rows}
    return [*rows, *(db.session.execute(mine.where(Task.id.in_(missing))) if missing else ())]


# --- as text: what a form sends and shows


def to_texts(stored: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the fields of a form that say it."""
    seconds = stored.get("window_seconds", graph.DAY_SECONDS)
    texts = {"after-join": [str(stored.get("join", "all"))], WINDOW.name: [f"{seconds / WINDOW.unit:.10g}"]}
    texts["after-passes"] = ["1"] if stored.get("passes", True) else []
    for index, one in enumerate(stored.get("tasks", ())):
        texts |= {f"after-{index}-task": [str(one["task"])], f"after-{index}-on": [one["on"]]}
    return texts


def from_texts(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return what was typed, as `checked` reads it."""
    rows: dict[int, dict[str, str]] = {}
    for name, values in texts.items():
        if (found := _FIELD.fullmatch(name)) and values:
            rows.setdefault(int(found[1]), {})[found[2]] = values[0]
    first = {name: (texts.get(f"after-{name}") or [""])[0] for name in ("join", "window")}
    return {"tasks": [rows[number] for number in sorted(rows)], **first, "passes": bool(texts.get("after-passes"))}


# --- in words


def names(team_id: int, *contents: Mapping[str, Any]) -> dict[int, str]:
    """Return the names of the tasks that these definitions run after; of deleted ones they say so."""
    ids = {link.task for content in contents for link in After.of(content.get("after")).links}
    query = sa.select(Task.id, Task.name, Task.deleted_at).where(Task.team_id == team_id, Task.id.in_(ids))
    rows = db.session.execute(query).all() if ids else ()
    return {row.id: f"{row.name} (deleted)" if row.deleted_at else row.name for row in rows}


def gone(team_id: int, content: Mapping[str, Any]) -> list[str]:
    """Return the names of the tasks that a definition runs after and that were deleted."""
    chosen = [link.task for link in After.of(content.get("after")).links]
    query = sa.select(Task.name).where(Task.team_id == team_id, Task.id.in_(chosen), Task.deleted_at.is_not(None))
    return list(db.session.scalars(query.order_by(Task.name))) if chosen else []


def said(content: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, str]:
    """Return in words what a definition runs after, and for how long it waits for several."""
    after = After.of(content.get("after"))
    if not after:
        return {}
    known = {link.task: f"task {link.task}" for link in after.links} | dict(names)
    return {"after": graph.in_words(after, known), "waits for them": graph.span(after.window_seconds)}


# --- rows


def keep(work: SessionWork, task: Task, content: Mapping[str, Any]) -> None:
    """Let the links of a task be those of its definition. Raises Invalid for a circle, which it names."""
    after = After.of(content.get("after"))
    task.awaits = bool(after) and bool(content["schedules"])
    rows = work.session.scalars(sa.select(TaskLink).where(TaskLink.task_id == task.id))
    before = {row.upstream_id: row for row in rows}
    if not after and not before:
        return
    # One at a time in a team, or two changes together would make the circle that neither makes alone.
    work.session.execute(sa.select(Team.id).where(Team.id == task.team_id).with_for_update(key_share=True))
    for link in after.links:
        if row := before.pop(link.task, None):
            row.on = link.on
        else:
            values = {"team_id": task.team_id, "task_id": task.id, "upstream_id": link.task}
            work.session.add(TaskLink(**values, on=link.on, created_at=work.now))
    for row in before.values():
        work.session.delete(row)
    work.session.flush()
    _refuse_circle(work, task)


def begin_anew(work: SessionWork, task: Task) -> None:
    """Let a task that was brought back follow what ends from now on."""
    work.session.execute(sa.update(TaskLink).where(TaskLink.task_id == task.id).values(created_at=work.now))


def _refuse_circle(work: SessionWork, task: Task) -> None:
    links: dict[int, list[int]] = {}
    of_team = sa.select(TaskLink.task_id, TaskLink.upstream_id).where(TaskLink.team_id == task.team_id)
    for task_id, upstream_id in work.session.execute(of_team):
        links.setdefault(task_id, []).append(upstream_id)
    if found := graph.cycle(links, task.id):
        names = dict(work.session.execute(sa.select(Task.id, Task.name).where(Task.id.in_(found))).all())
        said = graph.circle_in_words(found, names)
        raise Invalid({"after": f"That would go round in a circle: {said}. Leave one of them out."})
