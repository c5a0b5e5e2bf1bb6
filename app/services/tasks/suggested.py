"""Suggestions for tasks: shown, applied as a new version, undone, or dismissed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.clock import utc_now
from app.core.errors import Conflict, NotFound
from app.domain import suggestions
from app.domain.access import Actor
from app.infra.database import db
from app.models.planning import Suggestion
from app.models.tasks import Task
from app.models.teams import Model
from app.services import tasks
from app.services.tasks import allowed, definitions, from_template, moving, named, schedules, versions
from app.services.unit import SessionWork, unit

MOST_OF_A_TASK = 2
_MOST = 100
_DECIDED = "This suggestion was decided on already."
_NOBODY_OPENS = "Nobody opens it."
_NO_LONGER = "Its schedule was changed since this was suggested. Look at the task again."


@dataclass(frozen=True)
class Changes:
    """The suggestions of a team: those that wait for somebody, and those that were applied, with what came of them."""

    waiting: Sequence[Suggestion]
    applied: Sequence[Suggestion]


# --- reading


def of_task(task: Task) -> Sequence[Suggestion]:
    """Return the most telling suggestions that wait for a decision on a task, two at most."""
    if task.paused_at:
        return []
    query = sa.select(Suggestion).where(Suggestion.task_id == task.id, Suggestion.state == "open")
    return sorted(db.session.scalars(query), key=_telling)[:MOST_OF_A_TASK]


def of_team(actor: Actor) -> Changes:
    """Return the suggestions of a team with their tasks: the most telling and the latest first."""
    query = sa.select(Suggestion).join(Suggestion.task).options(joinedload(Suggestion.task))
    its = (Suggestion.team_id == actor.team_id, Task.deleted_at.is_(None))
    is_open = (Suggestion.state == "open", Task.paused_at.is_(None))
    waiting = db.session.scalars(query.where(*its, *is_open).order_by(Suggestion.id).limit(_MOST))
    applied = query.where(*its, Suggestion.state == "applied").order_by(Suggestion.decided_at.desc(), Suggestion.id)
    return Changes(sorted(waiting, key=_telling), db.session.scalars(applied.limit(_MOST)).all())


def applied_as(task: Task) -> Suggestion | None:
    """Return the suggestion that made the present version of a task, if one did."""
    its = (Suggestion.task_id == task.id, Suggestion.state == "applied", Suggestion.version == task.version_number)
    return db.session.scalar(sa.select(Suggestion).where(*its).order_by(Suggestion.decided_at.desc()).limit(1))


def can_undo(one: Suggestion) -> bool:
    """Whether what a suggestion has made of its task is still its last change."""
    if one.state != "applied":
        return False
    return one.task.paused_at is not None if "pause" in one.change else one.version == one.task.version_number


def find(actor: Actor, suggestion_id: int) -> Suggestion:
    """Return a suggestion with its task. Raises NotFound."""
    query = sa.select(Suggestion).join(Suggestion.task).options(joinedload(Suggestion.task))
    its = (Suggestion.id == suggestion_id, Suggestion.team_id == actor.team_id, Task.deleted_at.is_(None))
    found = db.session.scalar(query.where(*its))
    if found is None:
        raise NotFound
    return found


def _telling(one: Suggestion) -> int:
    return suggestions.KINDS.index(one.kind) if one.kind in suggestions.KINDS else len(suggestions.KINDS)


# --- deciding


def apply(actor: Actor, suggestion_id: int) -> Task:
    """Make the change that is suggested, as a new version of its task, or by pausing it.

    Raises NotFound, Conflict, Invalid.
    """
    found = _in_state(find(actor, suggestion_id), "open")
    seen = tasks.find(actor, found.task.slug)
    if "pause" in found.change:
        tasks.pause(actor, seen.slug, _NOBODY_OPENS, also=_decide(suggestion_id, "open", "applied"))
        return tasks.find(actor, found.task.slug)
    before = tasks.definition(seen)
    content = _content(actor, seen, before, found.change)
    state = "over" if content == before else "applied"
    return tasks.change_to(actor, seen, content, _decide(suggestion_id, "open", state))


def undo(actor: Actor, suggestion_id: int) -> Task:
    """Take the change back that a suggestion made, while no other came after it. Raises NotFound, Conflict."""
    found = _in_state(find(actor, suggestion_id), "applied")
    seen = tasks.find(actor, found.task.slug)
    if "pause" in found.change:
        return _go_on(actor, seen, suggestion_id)
    if found.version is None or found.version != seen.version_number:
        raise Conflict("The task was changed again since. Take this back in its history or its editor.")
    content = versions.find(seen, found.version - 1).definition
    return tasks.change_to(actor, seen, content, _decide(suggestion_id, "applied", "undone"))


def _go_on(actor: Actor, seen: Task, suggestion_id: int) -> Task:
    if seen.paused_at is None:
        raise Conflict("The task was resumed already.")
    slug = seen.slug
    tasks.resume(actor, slug, also=_decide(suggestion_id, "applied", "undone"))
    return tasks.find(actor, slug)


def dismiss(actor: Actor, suggestion_id: int) -> Task:
    """Leave a task as it is; the same is not suggested again for some time. Raises NotFound, Conflict."""
    found = _in_state(find(actor, suggestion_id), "open")
    task = found.task
    with unit(actor) as work:
        _decide(suggestion_id, "open", "dismissed")(work)
    return task


def _in_state(found: Suggestion, state: str) -> Suggestion:
    if found.state != state:
        raise Conflict(_DECIDED)
    return found


def _decide(suggestion_id: int, before: str, state: str) -> Callable[[SessionWork], None]:
    """Return what puts a decision on record within the transaction that carries it out."""

    def decide(work: SessionWork) -> None:
        row = work.session.scalar(
            sa.select(Suggestion)
            .where(Suggestion.id == suggestion_id)
            .options(joinedload(Suggestion.task))
            .with_for_update(of=Suggestion)
            .execution_options(populate_existing=True)
        )
        if row is None or row.state != before:
            raise Conflict(_DECIDED)
        row.state, row.decided_at = state, work.now
        row.decided_by_id = work.actor.person_id if work.actor else None
        if state == "applied":
            row.version = row.task.version_number
        work.audit(f"suggestion_{state}", row.task.name, task=row.task_id, kind=row.kind)
        work.ring(row.team_id)

    return decide


# --- the change


def _content(actor: Actor, task: Task, before: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return the definition of a task with a change. Raises Conflict, Invalid."""
    if "replay" in change:
        return _replayed(actor, before, change["replay"])
    content = suggestions.changed(before, change)
    if "settings" in change:
        _check_model(actor, change["settings"]["model"])
    if "shift_seconds" in change:
        content["schedules"] = _moved(task, timedelta(seconds=change["shift_seconds"]))
    if "text" in change:
        content["schedules"] = _in_words(actor, before["schedules"], change["text"])
    if content["schedules"] != before["schedules"]:
        allowed.check(actor, content["schedules"], utc_now())
    return content


def _replayed(actor: Actor, before: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """Return the definition of an agent's task with steps in its place, checked like any other."""
    when = [schedules.given_of(rule) for rule in before["schedules"]]
    draft = from_template.of_definition(before | parts, when)
    if wrong := named.wrong(actor, draft):
        raise Conflict(next(iter(wrong.values())))
    checked = definitions.check(draft, utc_now(), before, schedules.calendar_ids(actor.team_id))
    return before | {"contract": []} | {name: checked[name] for name in parts if name in checked}


def _check_model(actor: Actor, name: str) -> None:
    its = (Model.team_id == actor.team_id, Model.name == name)
    if not db.session.scalar(sa.select(sa.exists().where(*its))):
        raise Conflict(f"There is no model called {name} any more.")


def _moved(task: Task, shift: timedelta) -> list[dict[str, Any]]:
    coming = [pair for pair in schedules.coming(task.schedules, utc_now(), 50) if not pair[0].is_left_out]
    if len(task.schedules) != 1 or not coming:
        raise Conflict(_NO_LONGER)
    one, schedule_id = coming[0]
    return moving.change(task, schedule_id, one, one.at, one.at + shift, "all").rules


def _in_words(actor: Actor, before: Sequence[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    if len(before) != 1:
        raise Conflict(_NO_LONGER)
    given = replace(schedules.given_of(before[0]), text=text)
    return schedules.checked([given], utc_now(), (), schedules.calendar_ids(actor.team_id))
