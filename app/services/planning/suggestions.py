"""Changes worth making are looked for in what tasks did lately, and what came of those that were made is measured."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.domain import moving, pings, retries, suggestions
from app.domain.conflicts import Wanted
from app.domain.lifecycle import ENDED
from app.domain.localtime import TriggerError
from app.domain.policy import Policy
from app.domain.suggestions import Decided, Facts, Past, Proposal
from app.domain.triggers import interval
from app.engines.base import Limits
from app.infra import database
from app.infra.database import UtcDateTime
from app.models.planning import Suggestion
from app.models.runs import IS_REAL, Attempt, Run
from app.models.tasks import Schedule, Task, TaskVersion, trigger_of
from app.models.teams import Model, Team
from app.services import coming
from app.services.coming import Coming
from app.services.planning import loads
from app.services.unit import Work, batch

_AT_ONCE = 50
"""So many tasks are looked at with one query for their runs, each by its own walk through the index."""

_MOST_TIMES = 60
_OWN_LIMIT = frozenset({"http"})


# --- finding


def find() -> int:
    """Look through the tasks of all teams, and keep what is worth a change; returns how many suggestions are open."""
    with database.read() as connection:
        teams = connection.execute(sa.select(Team.id).order_by(Team.id)).scalars().all()
    return sum(_find_in(team_id) for team_id in teams)


def _find_in(team_id: int) -> int:
    with database.read() as connection:
        now = database.now(connection)
        tasks = connection.execute(_TASKS, {"team": team_id}).all()
        facts: dict[int, Facts] = {}
        for start in range(0, len(tasks), _AT_ONCE):
            facts |= _facts(connection, team_id, tasks[start : start + _AT_ONCE], now)
    with batch() as work:
        return _keep(work, team_id, facts)


def _keep(work: Work, team_id: int, facts: Mapping[int, Facts]) -> int:
    """Store what was found: new ones are open, those that no longer hold are over."""
    decided, opened = _known(work, team_id)
    held = set()
    for task_id, one in facts.items():
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
        gone = [row.id for row in rows if not suggestions.holds(row.made, row.present, row.change)]
        _set(work, gone, state="undone")
        due = [row for row in rows if row.id not in gone and work.now - row.decided_at >= suggestions.MEASURED_AFTER]
        rules = _rules(work.connection, [row.task_id for row in due])
        for row in due:
            runs = _runs(work.connection, [row.task_id], rules, row.decided_at).get(row.task_id, [])
            figures = suggestions.figures(row.kind, runs)
            is_enough = figures.get("runs", 0) >= suggestions.LEAST_MEASURED
            if is_enough or work.now - row.decided_at >= suggestions.QUIET:
                said = suggestions.effect(row.kind, row.before, figures) if is_enough else ""
                _set(work, [row.id], effect=said, measured_at=work.now)
        return len(due)


def _set(work: Work, ids: Sequence[int], **values: Any) -> None:
    work.connection.execute(sa.update(Suggestion).where(Suggestion.id.in_(ids)).values(values))


# --- facts


def _facts(connection: sa.Connection, team_id: int, tasks: Sequence[Any], now: datetime) -> dict[int, Facts]:
    """Return what is known of some tasks of a team."""
    ids = [task.id for task in tasks]
    rules = _rules(connection, ids)
    runs = _runs(connection, ids, rules)
    models = _models(connection, team_id)
    ahead = {one.task_id: one for one in _coming(connection, team_id, rules, now)}
    known = loads.of(connection, {loads.lane_scope(one.schedule) for one in ahead.values()})
    found = {}
    for task in tasks:
        limits, one = task.definition["limits"], ahead.get(task.id)
        found[task.id] = Facts(
            runs.get(task.id, []), limits.get("timeout_seconds", Limits.timeout_seconds),
            Policy.of(task.definition["policy"]), task.engine in _OWN_LIMIT,
            *(_asks(task.definition, models) if task.engine == "agent" else ("", ())),
            _wanted(one) if one else None, known.get(loads.lane_scope(one.schedule)) if one else None,
        )  # fmt: skip
    return found


def _rules(connection: sa.Connection, task_ids: Sequence[int]) -> dict[int, datetime]:
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


def _runs(
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
        (row.started_at - row.queued_at).total_seconds() if is_one_try and row.queued_at else None,
        row.attempt, transient, row.model or "", row.cost_micros,
    )  # fmt: skip


_COLUMNS = (
    Run.id, Run.task_id, Run.state, Run.reason, Run.trigger, Run.planned_at, Run.queued_at, Run.started_at,
    Run.ended_at, Run.attempt, Run.cost_micros, Run.facts["model"].as_string().label("model"),
)  # fmt: skip
_TASKS = (
    sa.select(Task.id, Task.engine, TaskVersion.definition)
    .join(TaskVersion, TaskVersion.id == Task.version_id)
    .where(Task.team_id == sa.bindparam("team"), Task.deleted_at.is_(None), Task.paused_at.is_(None))
    .where(Task.engine != pings.ENGINE)  # it runs elsewhere
    .order_by(Task.id)
)
_MADE = aliased(TaskVersion)
_APPLIED = (
    sa.select(
        Suggestion.id, Suggestion.task_id, Suggestion.kind, Suggestion.change, Suggestion.before, Suggestion.decided_at,
        _MADE.definition.label("made"), TaskVersion.definition.label("present"),
    )
    .join(Task, Task.id == Suggestion.task_id)
    .join(TaskVersion, TaskVersion.id == Task.version_id)
    .join(_MADE, sa.and_(_MADE.task_id == Task.id, _MADE.number == Suggestion.version))
    .where(Suggestion.state == "applied", Suggestion.measured_at.is_(None))
)  # fmt: skip
