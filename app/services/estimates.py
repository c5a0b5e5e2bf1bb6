"""What runs are expected to take, to cost and to risk, learned from how others ended. A helper, like unit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from app.domain import forecast
from app.domain.forecast import Calibration, Ended, Estimate, Learner, Planned
from app.domain.lifecycle import ENDED
from app.engines.base import SEVERAL
from app.infra.database import db
from app.models.instance import Fact
from app.models.library import TemplateUse
from app.models.planning import Forecast
from app.models.runs import Event, Run
from app.models.tasks import Task, TaskVersion
from app.models.teams import Model
from app.services.unit import Work, batch

log = structlog.get_logger()

FACT = "learned"
MOST_EVENTS = 2000
"""So many events are learned from in one transaction."""

_SETTLED = timedelta(seconds=10)
"""An event so old has none before it that is still being written: transactions end in another order than they begin."""

_COSTS = "agent"
"""The engine of which every run uses tokens. Of one of several steps that is known from its own runs alone; others cost
nothing, whatever other tasks of the team do."""

_MOST_ATTRS = 20
_MOST_KEPT = 200

_kept: dict[int, tuple[datetime, Learner]] = {}


@dataclass(frozen=True)
class Subject:
    """A run that is thought of: of which task (its id), by which engine and version, with which values."""

    task_id: int
    engine: str
    version: int = 0
    attrs: Mapping[str, Any] = field(default_factory=dict)


# --- asking


def of(connection: sa.Connection, team_id: int, subjects: Iterable[Subject], at: datetime) -> dict[int, Estimate]:
    """Return what a run of each subject that starts at `at` (aware) is expected to be, by task: a query or four."""
    learner, those = _learner(connection, team_id), list(subjects)
    templates: dict[int, str] = {}
    if learner.knows("template"):
        templates = dict(connection.execute(_TEMPLATES, {"team": team_id}).all())
    models = _models(connection, team_id, those) if learner.knows("model") else {}
    return {one.task_id: _of(learner, one, at, templates.get(one.task_id), models.get(one.task_id)) for one in those}


def of_task(task: Task, at: datetime) -> Estimate:
    """Return what a run of a task that starts at `at` (aware) is expected to be."""
    subject = Subject(task.id, task.engine, task.version_number)
    return of(db.session.connection(), task.team_id, [subject], at)[task.id]


def calibration(team_id: int) -> Calibration:
    """Return how well past estimates of a team held."""
    return _learner(db.session.connection(), team_id).calibration()


def attrs(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return of the values of a run's variables what may tell how long it takes: numbers and short texts."""
    kept = {name: value for name, value in values.items() if isinstance(value, int | float | str | bool)}
    return {name: value[:80] if isinstance(value, str) else value for name, value in sorted(kept.items())[:_MOST_ATTRS]}


def _models(connection: sa.Connection, team_id: int, subjects: Iterable[Subject]) -> dict[int, str]:
    """Return the models that agents ask now, by task."""
    agents = [one.task_id for one in subjects if one.engine == _COSTS]
    if not agents:
        return {}
    default = connection.execute(sa.select(Model.name).where(Model.team_id == team_id, Model.is_default)).scalar() or ""
    rows = connection.execute(_ASKED, {"tasks": agents})
    return {row.id: row.model or default for row in rows}


def _of(learner: Learner, one: Subject, at: datetime, template: str | None, model: str | None) -> Estimate:
    attrs = {"model": model, **one.attrs} if model else one.attrs
    row = Planned(str(one.task_id), at, one.engine, template, one.version, attrs)
    found = learner.estimate(row, at)
    if one.engine == _COSTS or (one.engine == SEVERAL and found.runs):
        return found
    return replace(found, cost_micros=None, cost_range=None, tokens=None, tokens_range=None)


def _learner(connection: sa.Connection, team_id: int) -> Learner:
    """Return what was learned from a team, read anew only when it has changed."""
    changed_at = connection.execute(sa.select(Forecast.changed_at).where(Forecast.team_id == team_id)).scalar()
    if changed_at is None:
        return Learner()
    known = _kept.get(team_id)
    if known is None or known[0] != changed_at:
        state = connection.execute(sa.select(Forecast.state).where(Forecast.team_id == team_id)).scalar_one()
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        known = _kept[team_id] = (changed_at, _read(team_id, state))
    return known[1]


# --- learning


def learn() -> int:
    """Learn from what has ended since the last time, up to MOST_EVENTS of it; returns how much that was.

    Each run is learned from once: the place in the events that was reached is stored with what was learned.
    """
    with batch() as work:
        place = _place(work)
        events = work.connection.execute(_EVENTS, {"place": place, "until": work.now - _SETTLED}).all()
        if not events:
            return 0
        _learn(work, work.connection.execute(_RUNS, {"runs": [event.run_id for event in events]}).all())
        _keep(work, Fact, {"name": FACT, "value": {"event": events[-1].id}, "at": work.now}, "name")
        return len(events)


def _place(work: Work) -> int:
    """Return the event that was reached, and let nobody else learn until the end of the transaction."""
    kept = work.connection.execute(sa.select(Fact.value).where(Fact.name == FACT).with_for_update()).scalar()
    place: int = kept["event"] if kept else 0
    return place


def _learn(work: Work, runs: Sequence[Any]) -> None:
    by_team: dict[int, list[Any]] = {}
    for run in runs:
        by_team.setdefault(run.team_id, []).append(run)
    for team_id in sorted(by_team):
        state = work.connection.execute(sa.select(Forecast.state).where(Forecast.team_id == team_id)).scalar()
        learner = _read(team_id, state) if state else Learner()
        for run in by_team[team_id]:
            _learn_one(learner, run)
        values = {"team_id": team_id, "state": learner.as_dict(), "changed_at": work.now}
        _keep(work, Forecast, values, "team_id")


def _learn_one(learner: Learner, run: Any) -> None:
    """Learn from a run; one that can't be learned from is told, once, and left out: others come after it."""
    try:
        learner.learn(_ended(run))
    except Exception:
        log.exception("run_not_learned", run=run.id)


def _read(team_id: int, state: Mapping[str, Any]) -> Learner:
    """Return what was learned from a team; where that can't be read any more it is told, and learning begins anew."""
    try:
        return Learner.of(state)
    except Exception:
        log.exception("estimates_forgotten", team=team_id)
        return Learner()


def _ended(run: Any) -> Ended:
    return forecast.Ended(
        task=str(run.task_id), at=run.started_at, duration_seconds=(run.ended_at - run.started_at).total_seconds(),
        outcome=run.state, cost_micros=run.cost_micros, tokens=_tokens(run.facts), engine=run.engine,
        template=run.slug, version=run.number, attrs=_asked(run.facts) | attrs(run.inputs),
    )  # fmt: skip


def _asked(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": facts["model"]} if facts.get("model") else {}


def _tokens(facts: Mapping[str, Any]) -> int | None:
    return facts["tokens_in"] + facts["tokens_out"] if {"tokens_in", "tokens_out"} <= facts.keys() else None


def _keep(work: Work, table: Any, values: dict[str, Any], key: str) -> None:
    insert = postgresql.insert if work.connection.dialect.name == "postgresql" else sqlite.insert
    others = {name: value for name, value in values.items() if name != key}
    work.connection.execute(insert(table).values(values).on_conflict_do_update(index_elements=[key], set_=others))


_TEMPLATES = sa.select(TemplateUse.task_id, TemplateUse.slug).where(TemplateUse.team_id == sa.bindparam("team"))
_ASKED = (
    sa.select(Task.id, TaskVersion.definition["settings"]["model"].as_string().label("model"))
    .join(TaskVersion, TaskVersion.id == Task.version_id)
    .where(Task.id.in_(sa.bindparam("tasks", expanding=True)))
)
_EVENTS = (
    sa.select(Event.id, Event.run_id)
    .where(Event.id > sa.bindparam("place"), Event.at <= sa.bindparam("until", type_=Event.at.type))
    .where(Event.kind.in_(sorted(ENDED)), Event.run_id.is_not(None))
    .order_by(Event.id)
    .limit(MOST_EVENTS)
)
_RUNS = (
    sa.select(
        Run.id, Run.team_id, Run.task_id, Run.started_at, Run.ended_at, Run.state, Run.cost_micros, Run.facts,
        Run.inputs, Task.engine, TaskVersion.number, TemplateUse.slug,
    )
    .join(Task, Task.id == Run.task_id)
    .join(TaskVersion, TaskVersion.id == Run.version_id)
    .outerjoin(TemplateUse, TemplateUse.task_id == Run.task_id)
    .where(Run.id.in_(sa.bindparam("runs", expanding=True)), Run.started_at.is_not(None), Run.ended_at.is_not(None))
    .where(Run.rehearses_at.is_(None))
    .order_by(Run.ended_at, Run.id)
)  # fmt: skip
