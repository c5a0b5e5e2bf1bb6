"""What a schedule collides with, which times would be better, and what its runs will take: asked while it is typed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from statistics import median
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from app.domain import best_times, conflicts, occurrences, price_hours
from app.domain.best_times import Choice, Circumstances, Hour
from app.domain.conflicts import Conflict, Upstream, Wanted
from app.domain.forecast import Estimate
from app.domain.occurrences import Plan
from app.domain.policy import Overlap, Policy
from app.domain.triggers import TriggerError, interval
from app.engines.base import engines
from app.infra.database import db
from app.models.runs import Run
from app.models.tasks import Task, TaskVersion
from app.models.teams import Calendar, Model
from app.services import coming, estimates, uses
from app.services.estimates import Subject
from app.services.planning import loads, rates, spend

MOST_TIMES = 60
"""So many of the coming times are looked at."""

_HOURS_OF_RUNS = 300
_SHORT_NOTICE = timedelta(minutes=1)
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class About:
    """The task whose schedules are looked at: its slug where it is saved, its engine, and what of its policy counts.

    What is empty is as it was saved, `model` the default one. `after` are the slugs of the tasks that it waits for,
    `flexible` is how far its runs may move.
    """

    team_id: int
    slug: str = ""
    engine: str = ""
    overlap: str = ""
    pool: str = ""
    after: Sequence[str] = ()
    model: str = ""
    flexible: timedelta | None = None


@dataclass(frozen=True)
class Line:
    """What planning says of one time: what a run then is expected to be, and what its price is multiplied by.

    The estimate rests on runs of which the price was multiplied by `usual_price`.
    """

    estimate: Estimate
    price: float = 1.0
    usual_price: float = 1.0

    @property
    def price_said(self) -> str:
        """The price then, in words; empty where it is the usual one."""
        return best_times.price_said(self.price)

    def cost_micros(self, each: int | None) -> int | None:
        """Return what a run then costs, where each costs so much as a rule; in millionths of a US dollar."""
        return None if each is None else round(each * self.price / self.usual_price)


@dataclass(frozen=True)
class Seen:
    """What planning says of one schedule."""

    estimate: Estimate
    conflicts: Sequence[Conflict] = ()
    choices: Sequence[Choice] = ()


@dataclass
class Look:
    """All schedules of one task, looked at one after the other: what they have in common is read once."""

    about: About
    now: datetime
    _own: frozenset[datetime] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        about, connection = self.about, db.session.connection()
        is_it = (Task.team_id == about.team_id, Task.slug == about.slug, Task.deleted_at.is_(None))
        query = sa.select(Task).where(*is_it).options(selectinload(Task.schedules))
        self._task = db.session.scalar(query) if about.slug else None
        policy = self._task.schedules[0].rules if self._task and self._task.schedules else Policy()
        self._overlap: Overlap = cast("Overlap", about.overlap) if about.overlap else policy.overlap
        engine = about.engine or (self._task.engine if self._task else "")
        self._engine = engine
        saved = timedelta(seconds=policy.flexible_seconds)
        self._flexible = saved if about.flexible is None else about.flexible
        attrs = {"model": about.model} if about.model else {}
        self._subject = Subject(0, engine, attrs=attrs)
        if self._task:
            self._subject = Subject(self._task.id, engine, self._task.version_number, attrs)
            self._own = frozenset(run.at for one in self._coming([self._task.id]) for run in one.runs)
        self.estimate = self._estimate(self.now)
        lane = (self._task.lane if self._task else "") or (engines[engine].lane if engine in engines else "code")
        self._scopes = loads.scopes_of(about.team_id, lane, Policy(pool=about.pool or policy.pool))
        if engine == "agent":
            self._scopes.append(rates.scope(connection, about.team_id, self._model))
        self._loads = loads.of(connection, self._scopes)

    def _estimate(self, at: datetime) -> Estimate:
        if not self._engine:
            return Estimate()
        connection, team_id = db.session.connection(), self.about.team_id
        return estimates.of(connection, team_id, [self._subject], at)[self._subject.task_id]

    def line(self, at: datetime) -> Line:
        """Say what planning knows of a run that starts at an instant (aware)."""
        return Line(self._estimate(at), self._price(at) if self._price else 1.0, self._usual_price)

    def at(self, plan: Plan) -> Seen:
        """Say what planning knows of a schedule; nothing of one that can't be computed."""
        try:
            found = occurrences.coming(plan, self.now, MOST_TIMES, counts_left_out=False)
        except TriggerError:
            return Seen(self.estimate)
        times = [one.at for one in found if not one.is_left_out and one.at < self.now + loads.AHEAD]
        if not times:
            return Seen(self.estimate)
        every = interval(plan.trigger.expression) if plan.trigger.kind == "interval" else None
        wanted = Wanted(
            times, plan.trigger.timezone, self.estimate.typical_seconds, self.estimate.p90_seconds,
            self._overlap, every, self._own, self._flexible,
        )  # fmt: skip
        return Seen(self.estimate, self._conflicts(wanted, plan), self._choices(wanted, plan))

    # --- what it collides with

    def _conflicts(self, wanted: Wanted, plan: Plan) -> list[Conflict]:
        crowded = [conflicts.crowded(wanted, load, *loads.told(scope)) for scope, load in self._loads.items()]
        over = spend.clashes(db.session.connection(), self.about.team_id, self._task_id, plan, self.now)
        late = (conflicts.too_early(wanted, one) for one in self._upstreams)
        found = [conflicts.outrun(wanted), *crowded, *over, *self._blackouts(wanted, plan), *late]
        return [one for one in found if one]

    @property
    def _task_id(self) -> int:
        return self._task.id if self._task else 0

    def _blackouts(self, wanted: Wanted, plan: Plan) -> list[Conflict | None]:
        used = {calendar.name for _, calendar in plan.uses}
        return [
            conflicts.blacked_out(wanted, row.slug, uses.read(row)) for row in self._calendars if row.name not in used
        ]

    @property
    def _calendars(self) -> Sequence[Calendar]:
        is_blackout = (
            Calendar.team_id == self.about.team_id,
            Calendar.kind == "blackout",
            Calendar.deleted_at.is_(None),
        )
        return db.session.scalars(sa.select(Calendar).where(*is_blackout).order_by(Calendar.name)).all()

    @cached_property
    def _upstreams(self) -> list[Upstream]:
        """The tasks that it waits for, as far as is known how long they take."""
        if not self.about.after:
            return []
        these = (Task.team_id == self.about.team_id, Task.slug.in_(self.about.after), Task.deleted_at.is_(None))
        tasks = {task.id: task for task in db.session.scalars(sa.select(Task).where(*these))}
        found = []
        for one in self._coming(list(tasks)):
            upper = estimates.of_task(tasks[one.task_id], self.now).p90_seconds
            starts = [run.at for run in one.runs if not run.is_left_out]
            if upper is not None:
                found.append(Upstream(one.schedule.name, starts, upper))
        return found

    def _coming(self, task_ids: list[int]) -> list[coming.Coming]:
        connection, until = db.session.connection(), self.now + loads.AHEAD
        return coming.coming(connection, [self.about.team_id], self.now, until, self.now, task_ids=task_ids)

    # --- what would be better

    def _choices(self, wanted: Wanted, plan: Plan) -> list[Choice]:
        if not self._loads or plan.trigger.kind == "interval":
            return []
        load = max(self._loads.values(), key=lambda load: sum(map(load.wait, wanted.times)))  # where it waits longest
        bounds = replace(plan, uses=(*plan.uses, *(("exclude", uses.read(row)) for row in self._calendars)))
        soonest = self.now + _SHORT_NOTICE if plan.trigger.kind == "once" else _EVER

        def is_allowed(at: datetime) -> bool:
            return at > soonest and occurrences.is_allowed(bounds, at)

        earliest = conflicts.earliest(wanted, self._upstreams)
        return best_times.best(wanted, Circumstances(load, self._hours(wanted), self._price, is_allowed, earliest))

    @cached_property
    def _model(self) -> str:
        """The model that the agent asks, as it is typed or saved; "" for the default one."""
        if self.about.model or self._task is None:
            return self.about.model
        query = sa.select(TaskVersion.definition).where(TaskVersion.id == self._task.version_id)
        return str((db.session.scalar(query) or {}).get("settings", {}).get("model") or "")

    @cached_property
    def _price(self) -> Callable[[datetime], float] | None:
        """What the price of the agent's model is multiplied by at an instant; None where it is always the same."""
        if self._engine != "agent":
            return None
        is_it = Model.name == self._model if self._model else Model.is_default
        hours = db.session.scalar(sa.select(Model.price_hours).where(Model.team_id == self.about.team_id, is_it))
        return partial(price_hours.factor, hours) if hours else None

    @cached_property
    def _usual_price(self) -> float:
        """What the price was multiplied by when the last runs began, in the middle: estimates rest on these."""
        return median(map(self._price, (row.started_at for row in self._ran))) if self._price and self._ran else 1.0

    def _hours(self, wanted: Wanted) -> dict[int, Hour]:
        """Return how the last runs did by the hour, in the zone of the schedule, in which they began."""
        ran = [(row.started_at, (row.ended_at - row.started_at).total_seconds(), row.state) for row in self._ran]
        return best_times.by_hour(ran, wanted.timezone)

    @cached_property
    def _ran(self) -> Sequence[Any]:
        query = (
            sa.select(Run.started_at, Run.ended_at, Run.state)
            .where(Run.task_id == self._task_id, Run.started_at.is_not(None), Run.ended_at.is_not(None))
            .where(Run.rehearses_at.is_(None))
            .order_by(Run.planned_at.desc(), Run.id.desc())
            .limit(_HOURS_OF_RUNS)
        )
        return db.session.execute(query).all() if self._task else ()
