"""What is known of tasks, for suggestions: their newest runs, the slots they take, what else speaks for a change."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.domain import moving, retries, suggestions
from app.domain.conflicts import Kind, Wanted
from app.domain.lifecycle import ENDED
from app.domain.load import Load
from app.domain.localtime import TriggerError
from app.domain.policy import Policy
from app.domain.suggestions import Facts, Past
from app.domain.triggers import interval
from app.engines.base import Limits
from app.infra.database import UtcDateTime
from app.models.runs import IS_REAL, Attempt, Run
from app.models.tasks import Schedule, trigger_of
from app.models.teams import Model
from app.services import coming, planned
from app.services.coming import Coming
from app.services.planning import loads, unopened

_MOST_TIMES = 60
_NO_SLOTS: tuple[None, Kind, str] = None, "capacity", ""
_OWN_LIMIT = frozenset({"http"})


def of_tasks(connection: sa.Connection, team_id: int, tasks: Sequence[Any], now: datetime) -> dict[int, Facts]:
    """Return what is known of some tasks of a team (rows of `suggestions`)."""
    ids = [task.id for task in tasks]
    rules = rules_of(connection, ids)
    runs = runs_of(connection, ids, rules)
    models = _models(connection, team_id)
    ahead = {one.task_id: one for one in _coming(connection, team_id, rules, now)}
    asked = {task.id: _asks(task.definition, models) if task.engine == "agent" else ("", ()) for task in tasks}
    slots = _slots(connection, ahead, {task_id: model for task_id, (model, _) in asked.items()})
    found = {}
    for task in tasks:
        limits, one = task.definition["limits"], ahead.get(task.id)
        load, kind, name = slots.get(task.id, _NO_SLOTS)
        model, others = asked[task.id]
        found[task.id] = Facts(
            runs.get(task.id, []), limits.get("timeout_seconds", Limits.timeout_seconds),
            Policy.of(task.definition["policy"]), task.engine in _OWN_LIMIT,
            model, others, _wanted(one) if one else None, load, kind, name, unopened.of(connection, task, now),
        )  # fmt: skip
    return found


def _slots(
    connection: sa.Connection, ahead: Mapping[int, Coming], models: Mapping[int, str]
) -> dict[int, tuple[Load, Kind, str]]:
    """Return by task the slots on which its coming runs wait longest, and what these are called."""
    scopes = {task_id: loads.scopes_of_schedule(one.schedule) for task_id, one in ahead.items()}
    for task_id, one in ahead.items():
        if model := models.get(task_id):
            scopes[task_id].append(f"model:{one.schedule.team_id}:{model}")
    known = loads.of(connection, {name for names in scopes.values() for name in names})
    found = {}
    for task_id, names in scopes.items():
        times = [run.at for run in ahead[task_id].runs if not run.is_left_out]
        waits = {name: sum(map(known[name].wait, times)) for name in names if name in known}
        if waits:
            most = max(waits, key=waits.__getitem__)
            found[task_id] = known[most], *loads.told(most)
    return found


def rules_of(connection: sa.Connection, task_ids: Sequence[int]) -> dict[int, datetime]:
    """Return since when the only schedule of each task holds; nothing for a task with none or several."""
    is_one = (Schedule.task_id.in_(task_ids), Schedule.state == "active")
    since = sa.func.min(Schedule.created_at, type_=UtcDateTime)
    query = sa.select(Schedule.task_id, since).where(*is_one).group_by(Schedule.task_id)
    return dict(connection.execute(query.having(sa.func.count() == 1)).all())


def _models(connection: sa.Connection, team_id: int) -> list[str]:
    """Return the names of the models of a team, the default first."""
    query = sa.select(Model.name).where(Model.team_id == team_id).order_by(Model.is_default.desc(), Model.id)
    return list(connection.execute(query).scalars())


def _asks(definition: Mapping[str, Any], models: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the model that an agent asks, and the others."""
    name = definition["settings"].get("model") or next(iter(models), "")
    return name, [one for one in models if one != name]


def _coming(connection: sa.Connection, team_id: int, rules: Mapping[int, datetime], now: datetime) -> list[Coming]:
    until = now + loads.AHEAD
    found = coming.coming(connection, [team_id], now, until, now, task_ids=list(rules), most=_MOST_TIMES)
    return [one for one in found if _can_move(one)]


def _can_move(one: Coming) -> bool:
    """Whether all times of a schedule can move together: of some rules one time does not tell all."""
    run = next((run for run in one.runs if run.number is None and not run.is_left_out), None)
    if run is None:
        return False
    try:
        moving.moved(trigger_of(one.schedule), run.fire_at, run.fire_at + timedelta(minutes=1))
    except TriggerError:
        return False
    return True


def _wanted(one: Coming) -> Wanted:
    times = [run.at for run in one.runs if not run.is_left_out]
    rule = one.schedule
    every = interval(rule.expression) if rule.kind == "interval" else None
    return Wanted(times, rule.timezone, every=every, own=frozenset(times))


def runs_of(
    connection: sa.Connection, task_ids: Sequence[int], rules: Mapping[int, datetime], since: datetime | None = None
) -> dict[int, list[Past]]:
    """Return the newest runs of tasks that have ended, planned after `since`, the newest first, by task."""
    each = [_newest(task_id, since).subquery() for task_id in task_ids]
    rows = connection.execute(sa.union_all(*(sa.select(one) for one in each))).all() if each else []
    tried = [row.id for row in rows if row.attempt > 1 or row.state == "failed"]
    failed: dict[int, int] = {}
    query = sa.select(Attempt.run_id, Attempt.error_class).where(Attempt.run_id.in_(tried), Attempt.state == "failed")
    for row in connection.execute(query):
        failed[row.run_id] = failed.get(row.run_id, 0) + (retries.class_of(row.error_class) == "transient")
    found: dict[int, list[Past]] = {}
    for row in rows:
        past = _past(row, rules.get(row.task_id), failed.get(row.id, 0))
        found.setdefault(row.task_id, []).append(past)
    return found


def _newest(task_id: int, since: datetime | None) -> Any:
    query = sa.select(*_COLUMNS).where(Run.task_id == task_id, Run.state.in_(sorted(ENDED)), IS_REAL)
    if since:
        query = query.where(Run.planned_at > since)
    return query.order_by(Run.planned_at.desc(), Run.id.desc()).limit(suggestions.MOST_RUNS)


def _past(row: Any, rule_since: datetime | None, transient: int) -> Past:
    is_planned = row.trigger == "schedule" and rule_since is not None and row.planned_at >= rule_since
    is_one_try = row.attempt == 1 and row.started_at is not None and row.ended_at is not None
    return Past(
        row.state, row.reason, is_planned,
        (row.ended_at - row.started_at).total_seconds() if is_one_try else None,
        _waited(row) if is_one_try and row.queued_at else None,
        row.attempt, transient, row.model or "", row.cost_micros,
    )  # fmt: skip


def _waited(row: Any) -> float:
    """Return for how long a run waited for its slots, from when it was first queued: its rank keeps that moment."""
    first = row.rank_at - planned.AGEING * row.priority if row.rank_at else row.queued_at
    waited: timedelta = row.started_at - min(first, row.queued_at)
    return max(waited.total_seconds(), 0.0)


_COLUMNS = (
    Run.id, Run.task_id, Run.state, Run.reason, Run.trigger, Run.planned_at, Run.queued_at, Run.rank_at, Run.priority,
    Run.started_at, Run.ended_at, Run.attempt, Run.cost_micros, Run.facts["model"].as_string().label("model"),
)  # fmt: skip
