"""What expressions may name of a team and of the run before: read for an attempt, and for a look ahead. A helper."""

from collections.abc import Collection, Mapping
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from app.domain import graph
from app.models.runs import Checkpoint, Run
from app.models.tasks import Task
from app.models.teams import TeamValue

_WORKED = ("succeeded", "degraded")
_LOOKED_AT = 200
"""The run before that worked is looked for among so many, so that a task that always fails costs no more."""

_RESULT = "step_result"


def team_values(connection: Any, team_id: int) -> dict[str, str]:
    """Return the plain values of a team by name."""
    query = sa.select(TeamValue.name, TeamValue.value).where(TeamValue.team_id == team_id)
    return {row.name: row.value for row in connection.execute(query)}


def previous(connection: Any, task_id: int, before: datetime, zone: tzinfo, but: int = 0) -> dict[str, Any] | None:
    """Return state, at, sentence and outputs of the last run of a task that worked before an instant (aware).

    `at` is its planned time in `zone`. The outputs are those of its steps by name; of a task of one engine the facts
    that its page shows. `but` is the id of a run that does not count. One that came from outside has its `hook_id`
    beside. None where there is none.
    """
    last = (
        sa.select(Run.id, Run.state, Run.planned_at, Run.sentence, Run.facts, Run.rehearses_at, Run.hook_id)
        .where(Run.task_id == task_id, Run.planned_at < before, Run.id != but)
        .order_by(Run.planned_at.desc(), Run.id.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    worked = last.c.state.in_(_WORKED) & last.c.rehearses_at.is_(None)
    query = sa.select(last).where(worked).order_by(last.c.planned_at.desc(), last.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    if row is None:
        return None
    return {**_told(connection, row, zone), **({"hook_id": row.hook_id} if row.hook_id else {})}


def upstream(connection: Any, upstreams: Mapping[str, int], zone: tzinfo) -> dict[str, Any]:
    """Return what expressions may name of the runs that a run came after, by the names of their tasks.

    `upstreams` are their ids by those of their tasks; `number` is that of the run, the rest as in `previous`.
    """
    if not upstreams:
        return {}
    query = sa.select(Task.slug, Run.id, Run.number, Run.state, Run.planned_at, Run.sentence, Run.facts)
    rows = connection.execute(query.join(Task, Task.id == Run.task_id).where(Run.id.in_(upstreams.values())))
    return {
        graph.identifier(row.slug): {"number": row.number, **_told(connection, row, zone)} for row in rows.all()
    }  # fmt: skip


def last_of(connection: Any, task_ids: Collection[int]) -> dict[str, int]:
    """Return the id of the last run of each of these tasks that worked, by theirs: what a run could come after."""
    found: dict[str, int] = {}
    for task_id in task_ids:
        worked = (Run.task_id == task_id, Run.state.in_(_WORKED), Run.rehearses_at.is_(None))
        query = sa.select(Run.id).where(*worked).order_by(Run.planned_at.desc(), Run.id.desc()).limit(1)
        if run_id := connection.execute(query).scalar():
            found[str(task_id)] = run_id
    return found


def _told(connection: Any, row: Any, zone: tzinfo) -> dict[str, Any]:
    at = row.planned_at.astimezone(zone).replace(microsecond=0)
    return {"state": row.state, "at": at, "sentence": row.sentence, "outputs": _outputs(connection, row)}


def _outputs(connection: Any, row: Any) -> dict[str, Any]:
    query = sa.select(Checkpoint.after, Checkpoint.state).where(Checkpoint.run_id == row.id).order_by(Checkpoint.number)
    steps = {after: state[_RESULT]["outputs"] for after, state in connection.execute(query) if _RESULT in state}
    return steps or dict(row.facts)
