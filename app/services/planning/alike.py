"""Agents that do the same in run after run, so that the steps of their thread may take their place."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from app.domain import agents
from app.domain.lifecycle import ENDED
from app.domain.suggestions import ALIKE_RUNS, Replay
from app.infra import llm_history
from app.models.runs import IS_REAL, Checkpoint, Run

Replaying = Callable[[int, int, Mapping[str, Any]], tuple[Mapping[str, Any], float] | None]
"""Returns by which parts of a definition the steps of a thread take the place of an agent, and how many seconds these
are taken to last; given are the team, the thread and the agent's definition. None where they would not do it all."""

_MOST_RUNS = 10


def replay(task: Any, runs: int, calls: int, replaying: Replaying) -> Replay | None:
    """Return what could replace the agent of a task, whose last so many runs made so many calls, always the same."""
    found = replaying(task.team_id, task.thread_id, task.definition)
    return Replay(found[0], found[1], runs, calls) if found else None


def of(connection: sa.Connection, tasks: Iterable[Any]) -> dict[int, tuple[int, int]]:
    """Return the tasks (rows of `suggestions`) whose agents do the same each time: how many runs, and how many calls.

    Only those count that came from a thread.
    """
    found = {}
    for task in tasks:
        if task.engine == "agent" and task.thread_id is not None:
            runs, calls = _alike(connection, task)
            if runs >= ALIKE_RUNS:
                found[task.id] = runs, len(calls)
    return found


def _alike(connection: sa.Connection, task: Any) -> tuple[int, Sequence[str]]:
    """Return how many runs of the present version in a row, the newest first, have made the same calls, and these."""
    query = sa.select(Run.id, Run.state).where(
        Run.task_id == task.id, Run.version_id == task.version_id, Run.state.in_(sorted(ENDED)), IS_REAL,
        Run.started_at.is_not(None),
    )  # fmt: skip
    runs = connection.execute(query.order_by(Run.planned_at.desc(), Run.id.desc()).limit(_MOST_RUNS)).all()
    first: Sequence[str] = ()
    for count, run in enumerate(runs):
        calls = _calls(connection, run.id) if run.state == "succeeded" else ()
        first = first or calls
        if not calls or calls != first:
            return count, first
    return len(runs), first


def _calls(connection: sa.Connection, run_id: int) -> Sequence[str]:
    """Return what an agent's run has called, as its last checkpoint remembers it."""
    query = sa.select(Checkpoint.state).where(Checkpoint.run_id == run_id).order_by(Checkpoint.number.desc()).limit(1)
    state = connection.execute(query).scalar() or {}
    return [agents.kind_of_call(name, given) for name, given in llm_history.calls(state.get("messages") or ())]
