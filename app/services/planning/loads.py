"""How full slots will be in the coming two weeks: worked out by a job, kept, and read by whoever plans."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.domain import graph, load, pings
from app.domain.conflicts import Kind
from app.domain.load import Load
from app.domain.policy import Policy
from app.engines.base import engines
from app.infra import database
from app.infra.database import UtcDateTime
from app.models.instance import ALIVE, Worker
from app.models.planning import Load as Row
from app.models.tasks import Task, TaskLink
from app.models.teams import Pool, Team
from app.services import coming, estimates
from app.services.coming import Coming
from app.services.estimates import Subject
from app.services.planning import rates
from app.services.unit import batch

AHEAD, OFTEN = timedelta(days=14), timedelta(minutes=15)

_MOST_RUNS = 200_000
_UNKNOWN_SECONDS = {"agent": 60.0, "http": 2.0}
_SECONDS = 10.0
"""What runs of an engine are taken to last while nothing of any run is known."""

_kept: dict[str, tuple[datetime, Load]] = {}


@dataclass
class _Scope:
    """Some slots, and what will want them: (start, seconds) of runs, and the slots that are always in use."""

    slots: int
    team_id: int | None = None
    runs: list[tuple[datetime, float]] = field(default_factory=list)
    background: float = 0.0


# --- reading


def of(connection: sa.Connection, scopes: Iterable[str]) -> dict[str, Load]:
    """Return what is known of these scopes (`lane:io`, `team:1`, `pool:1:printer`, `model:1:Sonnet`), if anything."""
    wanted = list(scopes)
    states = connection.execute(sa.select(Row.scope, Row.made_at).where(Row.scope.in_(wanted))).all()
    stale = [row.scope for row in states if _kept.get(row.scope, (None,))[0] != row.made_at]
    for row in connection.execute(sa.select(Row).where(Row.scope.in_(stale))) if stale else ():
        _kept[row.scope] = (row.made_at, Load.of(row.state))
    return {row.scope: _kept[row.scope][1] for row in states if row.scope in _kept}


# --- working out


def refresh_when_due() -> bool:
    """Work it out anew where a task, a pool or the slots have changed since, and at least every OFTEN."""
    with database.read() as connection:
        made_at = connection.execute(sa.select(sa.func.min(Row.made_at, type_=UtcDateTime))).scalar()
        now = database.now(connection)
        is_due = made_at is None or now - made_at >= OFTEN or _has_changed(connection, made_at)
    if is_due:
        refresh()
    return is_due


def _has_changed(connection: sa.Connection, since: datetime) -> bool:
    times = (Task.changed_at, Pool.changed_at, sa.func.coalesce(Worker.stopped_at, Worker.started_at))
    newest = (connection.execute(sa.select(sa.func.max(at, type_=UtcDateTime))).scalar() for at in times)
    return any(at and at > since for at in newest)


def refresh() -> int:
    """Work out anew how full all slots will be; returns how many coming runs were looked at."""
    with database.read() as connection:
        now = database.now(connection)
        scopes = _scopes(connection, now)
        teams = connection.execute(sa.select(Team.id)).scalars().all()
        found = coming.coming(connection, teams, now, now + AHEAD, now, most=20_000, together=_MOST_RUNS)
        links = connection.execute(_LINKS).all()
        tasks = {one.task_id: one.schedule for one in found} | {link.task_id: link for link in links}
        seconds = _seconds(connection, tasks, now)
        turns = rates.of(connection, tasks, now)
    for limited in turns.values():
        scopes.setdefault(limited.scope, _Scope(limited.slots, int(limited.scope.split(":")[1])))
    for one in found:
        if one.schedule.engine == pings.ENGINE:  # it runs elsewhere
            continue
        for scope in _wanted(one, scopes):
            _add(scope, one, seconds[one.task_id])
        if turn := turns.get(one.task_id):
            _add(scopes[turn.scope], one, turn.seconds)
    for task_id, starts in _following(found, links, seconds).items():
        row = tasks[task_id]
        for name in (lane_scope(row), f"team:{row.team_id}"):
            if name in scopes:
                scopes[name].runs += [(at, seconds[task_id]) for at in starts]
        if turn := turns.get(task_id):
            scopes[turn.scope].runs += [(at, turn.seconds) for at in starts]
    rows = [
        {"scope": name, "team_id": scope.team_id, "made_at": now, "state": _state(scope, now)}
        for name, scope in scopes.items()
    ]
    with batch() as work:
        work.connection.execute(sa.delete(Row))
        work.connection.execute(sa.insert(Row), rows)
    return sum(len(one.runs) for one in found)


def _state(scope: _Scope, now: datetime) -> dict[str, Any]:
    return load.forecast(scope.runs, scope.slots, now, now + AHEAD, scope.background).as_dict()


def _scopes(connection: sa.Connection, now: datetime) -> dict[str, _Scope]:
    is_alive = (Worker.stopped_at.is_(None), Worker.seen_at > now - ALIVE)
    io, code = connection.execute(
        sa.select(sa.func.sum(Worker.io_slots), sa.func.sum(Worker.code_slots)).where(*is_alive)
    ).one()
    scopes = {"lane:io": _Scope(io or 1), "lane:code": _Scope(code or 1)}
    for team in connection.execute(sa.select(Team.id, Team.max_running, Team.plan_running)):
        if limits := [limit for limit in (team.max_running, team.plan_running) if limit is not None]:
            scopes[f"team:{team.id}"] = _Scope(min(limits), team.id)
    for pool in connection.execute(sa.select(Pool.team_id, Pool.name, Pool.slots)):
        scopes[f"pool:{pool.team_id}:{pool.name}"] = _Scope(pool.slots, pool.team_id)
    return scopes


def scopes_of(team_id: int, lane: str, policy: Policy) -> list[str]:
    """Return the scopes in which a run of a task takes a slot."""
    return [f"lane:{lane}", f"team:{team_id}", *([f"pool:{team_id}:{policy.pool}"] if policy.pool else [])]


def lane_scope(row: Any) -> str:
    """Return the scope of the slots that the runs of a schedule (a row of `coming`) take."""
    return f"lane:{row.lane or (engines[row.engine].lane if row.engine in engines else 'code')}"


def scopes_of_schedule(row: Any) -> list[str]:
    """Return the scopes in which a run of a schedule (a row of `coming`) takes a slot."""
    return scopes_of(row.team_id, lane_scope(row).removeprefix("lane:"), Policy.of(row.policy))


def told(scope: str) -> tuple[Kind, str]:
    """Return what a wait in a scope is called, and the name of the pool or the model that has it."""
    kind, _, name = scope.partition(":")
    kinds: Mapping[str, Kind] = {"pool": "pool", "model": "rate"}
    return kinds.get(kind, "capacity"), name.partition(":")[2]


def _wanted(one: Coming, scopes: Mapping[str, _Scope]) -> list[_Scope]:
    return [scopes[name] for name in scopes_of_schedule(one.schedule) if name in scopes]


def _seconds(connection: sa.Connection, tasks: Mapping[int, Any], now: datetime) -> dict[int, float]:
    """Return how long a run of each task (a row with its team and engine) is taken to last."""
    by_team: dict[int, list[Subject]] = {}
    for task_id, row in tasks.items():
        by_team.setdefault(row.team_id, []).append(Subject(task_id, row.engine))
    seconds: dict[int, float] = {}
    for team_id, subjects in by_team.items():
        for task_id, estimate in estimates.of(connection, team_id, subjects, now).items():
            usual, engine = estimate.typical_seconds, tasks[task_id].engine
            seconds[task_id] = _UNKNOWN_SECONDS.get(engine, _SECONDS) if usual is None else usual
    return seconds


def _following(
    found: Iterable[Coming], links: Iterable[Any], seconds: Mapping[int, float]
) -> dict[int, list[datetime]]:
    before: dict[int, list[int]] = {}
    for link in links:
        before.setdefault(link.task_id, []).append(link.upstream_id)
    known = {one.task_id: [run.at for run in one.runs if not run.is_left_out] for one in found}
    return graph.following(known, before, seconds)


def _add(scope: _Scope, one: Coming, seconds: float) -> None:
    starts = [run.at for run in one.runs if not run.is_left_out]
    scope.runs += [(at, seconds) for at in starts]
    if one.has_more and len(starts) > 1:
        spread = (starts[-1] - starts[0]).total_seconds()  # 0.0 where a calendar delays them all to one moment
        scope.background += seconds * (len(starts) - 1) / max(spread, 1.0)


_LINKS = (
    sa.select(TaskLink.task_id, TaskLink.upstream_id, Task.team_id, Task.engine, Task.lane)
    .join(Task, Task.id == TaskLink.task_id)
    .where(Task.deleted_at.is_(None), Task.paused_at.is_(None), sa.not_(Task.awaits), TaskLink.on != "failure")
    .order_by(TaskLink.task_id, TaskLink.upstream_id)
)
"""Tasks that others start by their ends, as a rule: failures are none."""
