"""How often a model may be asked, as slots: a run holds its share of what a minute lets through for that minute."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from app.domain.effects import parts_of
from app.engines.base import SEVERAL
from app.models.runs import IS_REAL, Run
from app.models.tasks import Task, TaskVersion
from app.models.teams import Model
from app.services import estimates
from app.services.estimates import Subject

_LATELY = timedelta(days=30)
_MINUTE_SECONDS = 60.0


@dataclass(frozen=True)
class Turn:
    """What a run of a task takes of its model's rate: for how many seconds it holds one of so many slots."""

    scope: str
    slots: int
    seconds: float


def scope(connection: sa.Connection, team_id: int, model: str) -> str:
    """Return the scope of the load of a model of a team, "" being its default one."""
    if not model:
        query = sa.select(Model.name).where(Model.team_id == team_id).order_by(Model.is_default.desc(), Model.id)
        model = connection.execute(query.limit(1)).scalar() or ""
    return f"model:{team_id}:{model}"


def of(connection: sa.Connection, tasks: Mapping[int, Any], now: datetime) -> dict[int, Turn]:
    """Return what a run takes of the rate of its model, by task; `tasks` are rows with `team_id` and `engine`.

    A task counts once it is known how many tokens its runs use, a model once it has a rate.
    """
    limits = {(row.team_id, row.name): row for row in connection.execute(_MODELS)}
    agents = {task_id: row for task_id, row in tasks.items() if row.engine in {"agent", SEVERAL}}
    shares: dict[str, dict[int, float]] = {}
    for task_id, model, share in _shares(connection, limits, agents, now) if limits else ():
        shares.setdefault(f"model:{agents[task_id].team_id}:{model}", {})[task_id] = share
    return {
        task_id: Turn(name, slots, _MINUTE_SECONDS * share * slots)
        for name, those in shares.items()
        for slots in [max(int(1 / median(those.values())), 1)]
        for task_id, share in those.items()
    }


def _shares(
    connection: sa.Connection, limits: Mapping[tuple[int, str], Any], agents: Mapping[int, Any], now: datetime
) -> Iterator[tuple[int, str, float]]:
    """Yield for each agent the model that it asks, and which part of a minute's rate one run uses up."""
    teams = {team_id for team_id, _ in limits}
    defaults = {row.team_id: row.name for row in connection.execute(_DEFAULTS)}
    its = Task.id.in_([task_id for task_id, row in agents.items() if row.team_id in teams])
    turns: dict[int, float] = dict(connection.execute(_TURNS.where(its), {"since": now - _LATELY}).all())
    limited: dict[int, dict[int, Any]] = {}
    for row in connection.execute(_DEFINITIONS.where(its)):
        model = _model(row.definition)
        limit = None if model is None else limits.get((row.team_id, model or defaults.get(row.team_id, "")))
        if limit:
            limited.setdefault(row.team_id, {})[row.id] = limit
    for team_id, those in limited.items():
        subjects = [Subject(task_id, agents[task_id].engine) for task_id in those]
        for task_id, estimate in estimates.of(connection, team_id, subjects, now).items():
            limit = those[task_id]
            if estimate.tokens:
                by_tokens = estimate.tokens / limit.tokens_per_minute if limit.tokens_per_minute else 0.0
                calls = float(turns.get(task_id) or 1)
                by_calls = calls / limit.requests_per_minute if limit.requests_per_minute else 0.0
                yield task_id, limit.name, max(by_tokens, by_calls)


def _model(definition: Mapping[str, Any]) -> str | None:
    """Return the model that the first agent of a definition asks, "" for the default one; None without an agent."""
    parts = parts_of(definition)
    return next((str(settings.get("model") or "") for _, engine, settings in parts if engine == "agent"), None)


_MODELS = sa.select(Model.team_id, Model.name, Model.requests_per_minute, Model.tokens_per_minute).where(
    sa.or_(Model.requests_per_minute > 0, Model.tokens_per_minute > 0)
)
_DEFAULTS = sa.select(Model.team_id, Model.name).where(Model.is_default)
_DEFINITIONS = sa.select(Task.id, Task.team_id, TaskVersion.definition).join(
    TaskVersion, TaskVersion.id == Task.version_id
)
_TURNS = (
    sa.select(Run.task_id, sa.func.avg(Run.facts["turns"].as_integer()))
    .join(Task, Task.id == Run.task_id)
    .where(Run.planned_at > sa.bindparam("since", type_=Run.planned_at.type), IS_REAL, Run.state == "succeeded")
    .group_by(Run.task_id)
)
