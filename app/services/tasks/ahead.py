"""What a run of a task would be given at any time: its variables, and the settings with all that is filled in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NoReturn

import sqlalchemy as sa

from app.domain import expressions, variables
from app.domain.access import Actor
from app.domain.expressions import ExpressionError
from app.domain.expressions.facts import of_run
from app.domain.graph import After
from app.domain.variables import Unresolved, Variable
from app.engines.base import engines, fillable
from app.infra.database import db
from app.models.runs import Run
from app.models.tasks import Task
from app.models.teams import Team
from app.services.facts import last_of, previous, team_values, upstream

_LONGEST = 2000
_LATER = "Asked for when it runs."
_LABELS = {"url": "address", "env": "environment", "save_as": "saved as", "expect_text": "expected text"}


@dataclass(frozen=True)
class Seen:
    """A variable, or a setting, as a run would have it: `text`, or a `problem`; `note` says what is not known yet."""

    name: str
    label: str
    text: str = ""
    problem: str = ""
    note: str = ""


@dataclass(frozen=True)
class Ahead:
    """What a run planned for `at` (aware, in the zone of the task) would be given."""

    at: datetime
    variables: Sequence[Seen] = ()
    settings: Sequence[Seen] = ()
    names: Sequence[str] = field(default_factory=tuple)

    @property
    def by_name(self) -> Mapping[str, Seen]:
        """The variables by their names."""
        return {one.name: one for one in self.variables}


def look(actor: Actor, content: Mapping[str, Any], at: datetime, task_id: int = 0) -> Ahead:
    """Return what a run of a definition, also an unsaved one with mistakes, planned for `at` (aware) would be given.

    Nothing is asked of the web and no secret is shown; `task_id` is that of a task that is there already.
    """
    drafts = variables.all_of(content)
    context = _context(actor, content, at, task_id)
    seen = []
    unknown: list[str] = []
    for one in drafts:
        shown, value = _seen(one, context, unknown)
        seen.append(shown)
        if shown.problem or shown.note:
            unknown.append(one.name)
        context[one.name] = value
    context["kept"] = ("steps", "secrets", *unknown)
    filled = [_filled(name, label, value, context) for name, label, value in _settings(content)]
    return Ahead(context["run"]["planned_at"], seen, filled, [one.name for one in drafts])


def _context(actor: Actor, content: Mapping[str, Any], at: datetime, task_id: int) -> dict[str, Any]:
    rules = content.get("schedules") or ()
    number = db.session.scalar(sa.select(Team.next_run_number).where(Team.id == actor.team_id)) or 1
    zone = rules[0]["timezone"] if rules else "UTC"
    context = of_run(at, zone, number=number, attempt=1, task=content.get("name", ""))
    tz = context["run"]["planned_at"].tzinfo
    is_own = task_id and db.session.scalar(sa.select(sa.exists().where(Run.task_id == task_id)))
    context["previous"] = previous(db.session, task_id, at, tz) if is_own else None
    context["team"] = team_values(db.session, actor.team_id)
    before = [link.task for link in After.of(content.get("after")).links]
    context["upstream"] = upstream(db.session, last_of(db.session, _own(actor, before)), tz)
    return context


def _own(actor: Actor, tasks: Sequence[int]) -> Sequence[int]:
    """Return those of the tasks that are the team's: a form may name any."""
    query = sa.select(Task.id).where(Task.team_id == actor.team_id, Task.id.in_(tasks))
    return db.session.scalars(query).all() if tasks else ()


def _seen(one: Variable, context: Mapping[str, Any], unknown: Sequence[str]) -> tuple[Seen, Any]:
    """Return how a variable is shown, and its value for those after it."""
    shown = Seen(one.name, one.title)
    try:
        needs = expressions.names(one.value) | expressions.names(one.url)
    except ExpressionError as error:
        return replace(shown, problem=error.sentence), ""
    if missing := sorted(needs & set(unknown)):
        return replace(shown, note=f"Known when {missing[0]} is."), ""
    if one.source == "web" and not one.value.strip():
        return replace(shown, note=_LATER), ""
    try:
        value = variables.resolve([one], context, {}, _ask_nobody).values[one.name]
    except Unresolved as error:
        sentence = error.sentence.removeprefix(f"The variable {one.name} has no value: ")
        return replace(shown, problem=sentence), ""
    note = f"{_LATER} This is its fallback." if one.source == "web" else ""
    return replace(shown, text=_cut(expressions.as_text(value)), note=note), value


def _ask_nobody(_: Variable, __: str) -> NoReturn:
    raise Unresolved("nobody is asked yet.")


def _settings(content: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield (name, label, value) of each setting with a placeholder, those of steps with `step-<index>-` before."""
    parts = [("", "", content.get("engine", ""), content.get("settings") or {})]
    parts += [
        (f"step-{index}-", f"{step['name']}: ", step["engine"], step["settings"])
        for index, step in enumerate(content.get("steps") or ())
    ]
    for prefix, before, engine, settings in parts:
        for name, value in fillable(engine, settings).items() if engine in engines else ():
            if "{{" in str(value):
                yield f"{prefix}{name}", f"{before}{_LABELS.get(name, name.replace('_', ' '))}", value


def _filled(name: str, label: str, value: Any, context: Mapping[str, Any]) -> Seen:
    try:
        filled = expressions.fill_all(value, context)
    except ExpressionError as error:
        where = f"{error.at[:1].upper()}{error.at[1:]}: " if error.at and not error.sentence.startswith("Line ") else ""
        return Seen(name, label, problem=f"{where}{error.sentence}")
    if isinstance(filled, Mapping):
        return Seen(name, label, _cut("\n".join(f"{key}: {one}" for key, one in filled.items())))
    return Seen(name, label, _cut(filled if isinstance(filled, str) else "\n".join(map(str, filled))))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
