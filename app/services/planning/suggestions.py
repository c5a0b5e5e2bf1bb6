"""Changes worth making are looked for in what tasks did lately, and what came of those that were made is measured."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.domain import pings, suggestions
from app.domain.suggestions import Decided, Facts, Proposal
from app.infra import database
from app.infra.database import UtcDateTime
from app.models.planning import Suggestion
from app.models.tasks import Task, TaskVersion
from app.models.teams import Team
from app.services.planning import alike, facts
from app.services.planning.alike import Replaying
from app.services.unit import Work, batch

_AT_ONCE = 50
"""So many tasks are looked at with one query for their runs, each by its own walk through the index."""

# --- finding


def find(replaying: Replaying = lambda *_: None) -> int:
    """Look through the tasks of all teams, and keep what is worth a change; returns how many suggestions are open.

    `replaying` says by which steps an agent could be replaced (`threads.replays.of`).
    """
    with database.read() as connection:
        teams = connection.execute(sa.select(Team.id).order_by(Team.id)).scalars().all()
    return sum(_find_in(team_id, replaying) for team_id in teams)


def _find_in(team_id: int, replaying: Replaying) -> int:
    with database.read() as connection:
        now = database.now(connection)
        tasks = connection.execute(_TASKS, {"team": team_id}).all()
        known: dict[int, Facts] = {}
        for start in range(0, len(tasks), _AT_ONCE):
            known |= facts.of_tasks(connection, team_id, tasks[start : start + _AT_ONCE], now)
        same = alike.of(connection, tasks)
    for task in tasks:
        if task.id in same:
            known[task.id] = replace(known[task.id], replay=alike.replay(task, *same[task.id], replaying))
    with batch() as work:
        return _keep(work, team_id, known)


def _keep(work: Work, team_id: int, known: Mapping[int, Facts]) -> int:
    """Store what was found: new ones are open, those that no longer hold are over."""
    decided, opened = _known(work, team_id)
    held = set()
    for task_id, one in known.items():
        for proposal in suggestions.propose(one, decided.get(task_id, ()), work.now):
            row = opened.get((task_id, proposal.kind))
            held.add(row or _add(work, team_id, task_id, proposal))
            if row:
                _set(work, [row], **_said(proposal))
    gone = [row for row in opened.values() if row not in held]
    _set(work, gone, state="over")
    return len(held)


def _known(work: Work, team_id: int) -> tuple[dict[int, list[Decided]], dict[tuple[int, str], int]]:
    """Return what was decided not long ago, by task, and the ids of what is open, by task and kind."""
    its = (Suggestion.team_id == team_id, Suggestion.state != "over")
    is_new = sa.or_(Suggestion.decided_at.is_(None), Suggestion.decided_at > work.now - suggestions.QUIET)
    decided: dict[int, list[Decided]] = {}
    opened = {}
    for row in work.connection.execute(sa.select(Suggestion).where(*its, is_new)):
        if row.state == "open":
            opened[row.task_id, row.kind] = row.id
        else:
            decided.setdefault(row.task_id, []).append(Decided(row.kind, row.state, row.decided_at, row.weight))
    return decided, opened


def _add(work: Work, team_id: int, task_id: int, proposal: Proposal) -> int:
    values = {"team_id": team_id, "task_id": task_id, "kind": proposal.kind, "state": "open", "found_at": work.now}
    query = sa.insert(Suggestion).values(values | {"effect": ""} | _said(proposal)).returning(Suggestion.id)
    return work.connection.execute(query).scalar_one()


def _said(proposal: Proposal) -> dict[str, Any]:
    return {
        "sentence": proposal.sentence, "weight": proposal.weight, "change": dict(proposal.change),
        "before": dict(proposal.figures),
    }  # fmt: skip


# --- measuring


def measure() -> int:
    """Say what came of the changes that were applied two weeks ago; returns of how many.

    One that somebody has taken back by hand counts as undone.
    """
    with batch() as work:
        rows = work.connection.execute(_APPLIED).all()
        gone = [row.id for row in rows if not _holds(row)]
        _set(work, gone, state="undone")
        due = [row for row in rows if row.id not in gone and work.now - row.decided_at >= suggestions.MEASURED_AFTER]
        rules = facts.rules_of(work.connection, [row.task_id for row in due])
        for row in due:
            runs = facts.runs_of(work.connection, [row.task_id], rules, row.decided_at).get(row.task_id, [])
            figures = suggestions.figures(row.kind, runs)
            is_enough = suggestions.is_measured(row.kind, figures)
            if is_enough or work.now - row.decided_at >= suggestions.QUIET:
                said = suggestions.effect(row.kind, row.before, figures) if is_enough else ""
                _set(work, [row.id], effect=said, measured_at=work.now)
        return len(due)


def _holds(row: Any) -> bool:
    return suggestions.holds(row.made, row.present, row.change, is_paused=row.paused_at is not None)


def _set(work: Work, ids: Sequence[int], **values: Any) -> None:
    work.connection.execute(sa.update(Suggestion).where(Suggestion.id.in_(ids)).values(values))


_TASKS = (
    sa.select(
        Task.id,
        Task.team_id,
        Task.engine,
        Task.thread_id,
        Task.version_id,
        TaskVersion.definition,
        sa.func.coalesce(Task.seen_at, Task.created_at, type_=UtcDateTime).label("seen_at"),
        TaskVersion.created_at.label("changed_at"),
    )
    .join(TaskVersion, TaskVersion.id == Task.version_id)
    .where(Task.team_id == sa.bindparam("team"), Task.deleted_at.is_(None), Task.paused_at.is_(None))
    .where(Task.engine != pings.ENGINE)  # it runs elsewhere
    .order_by(Task.id)
)
_MADE = aliased(TaskVersion)
_APPLIED = (
    sa.select(
        Suggestion.id, Suggestion.task_id, Suggestion.kind, Suggestion.change, Suggestion.before, Suggestion.decided_at,
        _MADE.definition.label("made"), TaskVersion.definition.label("present"), Task.paused_at,
    )
    .join(Task, Task.id == Suggestion.task_id)
    .join(TaskVersion, TaskVersion.id == Task.version_id)
    .join(_MADE, sa.and_(_MADE.task_id == Task.id, _MADE.number == Suggestion.version))
    .where(Suggestion.state == "applied", Suggestion.measured_at.is_(None))
)  # fmt: skip
