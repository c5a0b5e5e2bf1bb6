"""Runs as a list: fifty at a time by keyset, and the promise as arithmetic for the same period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.core.errors import NotFound
from app.domain.access import Actor
from app.domain.lifecycle import DID_NOT_HAPPEN, STATES
from app.infra.database import db
from app.models.instance import Worker
from app.models.people import Person
from app.models.runs import Run
from app.models.tasks import Schedule, Task
from app.services.run_list.filters import GROUPS, Filters, usual_seconds, within
from app.services.run_list.walking import found, order

__all__ = [
    "GROUPS", "MOST_AT_ONCE", "Account", "Filters", "Matching", "Page", "Reason",
    "account", "last_good", "listing", "matching", "next_planned_at", "reasons", "tasks", "workers",
]  # fmt: skip

PAGE_ROWS = 50
MOST_AT_ONCE = 100
"""So many runs can be dealt with together."""

_FOLDING = ("missed", "skipped")
"""States in which one row may stand for many planned times."""

_LOOKED_AT = 200


@dataclass(frozen=True)
class Page:
    """Rows with the columns of `_ROW`, the newest first, and whether there are newer and older ones.

    When slow runs are asked for, `usual_seconds` says by task what nine of ten of its runs stay under.
    """

    rows: Sequence[Any]
    has_newer: bool
    has_older: bool
    usual_seconds: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Account:
    """How many planned times there were in a period and what became of each: they add up."""

    by_state: Mapping[str, int] = field(default_factory=dict)

    @property
    def planned(self) -> int:
        """All of them."""
        return sum(self.by_state.values())

    @property
    def going(self) -> int:
        """Those that are not over."""
        return self.of("going")

    @property
    def did_not(self) -> int:
        """Those that were skipped, missed or blocked."""
        return self.of("not")

    @property
    def ran(self) -> int:
        """Those that ran to an end of their own, good or bad."""
        return self.planned - self.going - self.did_not - self.of("cancelled")

    def of(self, state: str) -> int:
        """Count one state, or a group of them."""
        return sum(self.by_state.get(one, 0) for one in GROUPS.get(state, {state}))


@dataclass(frozen=True)
class Reason:
    """Why planned times did not happen, and how many of them."""

    state: str
    reason: str
    count: int


@dataclass(frozen=True)
class Matching:
    """The numbers of the newest runs that match, and whether there are more than can be dealt with together."""

    numbers: Sequence[int]
    has_more: bool


def listing(actor: Actor, filters: Filters, *, before: int | None = None, after: int | None = None) -> Page:
    """Return the runs next to run number `before` or `after`, else the newest. Raises NotFound for a wrong number."""
    most = usual_seconds(actor, filters) if filters.is_slow else {}
    conditions = within(actor, filters, most)
    number = before if before is not None else after
    is_up = before is None and after is not None
    if number is not None:
        here, there = sa.tuple_(Run.planned_at, Run.id), _place(actor, number)
        conditions.append(here > there if is_up else here < there)
    rows = db.session.execute(found(_ROW, conditions, filters.status, is_up, PAGE_ROWS + 1)).all()
    has_more, shown = len(rows) > PAGE_ROWS, list(rows[:PAGE_ROWS])
    if is_up:
        return Page(shown[::-1], has_more, True, most)
    return Page(shown, number is not None, has_more, most)


def matching(actor: Actor, filters: Filters, upto: int | None = None) -> Matching:
    """Return the newest runs that match, MOST_AT_ONCE at most; with `upto` none of a higher number. Raises NotFound."""
    conditions = within(actor, filters)
    if upto is not None:
        conditions.append(Run.number <= upto)
    query = found(sa.select(Run.number).select_from(Run), conditions, filters.status, False, MOST_AT_ONCE + 1)
    numbers = db.session.scalars(query).all()
    return Matching(numbers[:MOST_AT_ONCE], len(numbers) > MOST_AT_ONCE)


def account(actor: Actor, filters: Filters) -> Account:
    """Count the planned times of the period, whatever became of them, through the index by state."""
    conditions = within(actor, replace(filters, reason="", is_slow=False, is_expensive=False))
    plain = [state for state in STATES if state not in _FOLDING]
    single = sa.select(Run.state, sa.func.count()).where(*conditions, Run.state.in_(plain)).group_by(Run.state)
    folded = sa.select(Run.state, sa.func.sum(Run.folded_count)).where(*conditions, Run.state.in_(_FOLDING))
    rows = db.session.execute(sa.union_all(single, folded.group_by(Run.state)))
    return Account({state: int(count) for state, count in rows})


def reasons(actor: Actor, filters: Filters) -> Sequence[Reason]:
    """Return why planned times of the period did not happen, the most frequent reason first."""
    conditions = within(actor, replace(filters, reason="", is_slow=False, is_expensive=False))
    count = sa.func.sum(Run.folded_count)
    query = (
        sa.select(Run.state, Run.reason, count)
        .where(*conditions, Run.state.in_(sorted(DID_NOT_HAPPEN)))
        .group_by(Run.state, Run.reason)
        .order_by(count.desc(), Run.state, Run.reason)
    )
    return [Reason(state, reason, int(number)) for state, reason, number in db.session.execute(query)]


def next_planned_at(actor: Actor) -> datetime | None:
    """Return the team's earliest planned time (UTC), None when nothing is planned."""
    query = sa.select(Schedule.next_fire_at).where(Schedule.team_id == actor.team_id, Schedule.state == "active")
    return db.session.scalar(query.order_by(Schedule.next_fire_at).limit(1))


def tasks(actor: Actor) -> Sequence[tuple[str, str]]:
    """Return the team's tasks to choose from: (slug, name), by name."""
    query = sa.select(Task.slug, Task.name).where(Task.team_id == actor.team_id, Task.deleted_at.is_(None))
    return [(row.slug, row.name) for row in db.session.execute(query.order_by(sa.func.lower(Task.name), Task.id))]


def workers() -> Sequence[str]:
    """Return the names of the workers that are known."""
    return db.session.scalars(sa.select(Worker.name).order_by(Worker.name)).all()


def last_good(actor: Actor, number: int) -> int | None:
    """Return the number of the latest run of the same task before this one that succeeded, if any. Raises NotFound."""
    query = sa.select(Run.task_id, Run.planned_at, Run.id).where(Run.team_id == actor.team_id, Run.number == number)
    run = db.session.execute(query).first()
    if run is None:
        raise NotFound
    here = sa.tuple_(Run.planned_at, Run.id)
    earlier = sa.select(Run.number, Run.state, Run.rehearses_at).where(
        Run.task_id == run.task_id, here < (run.planned_at, run.id)
    )
    last = db.session.execute(earlier.order_by(*order(is_up=False)).limit(_LOOKED_AT))
    return next((row.number for row in last if row.state == "succeeded" and row.rehearses_at is None), None)


# --- the query

_ROW = (
    sa.select(
        Run.number, Run.state, Run.reason, Run.sentence, Run.trigger, Run.planned_at, Run.started_at, Run.ended_at,
        Run.folded_count, Run.folded_until, Run.stop_mode, Run.cost_micros, Run.rehearses_at, Run.task_id, Task.slug,
        Task.name, Task.deleted_at, Person.name.label("requested_by"),
    )
    .select_from(Run)
    .join(Task, Task.id == Run.task_id)
    .outerjoin(Person, Person.id == Run.requested_by_id)
)  # fmt: skip


def _place(actor: Actor, number: int) -> tuple[datetime, int]:
    query = sa.select(Run.planned_at, Run.id).where(Run.team_id == actor.team_id, Run.number == number)
    row = db.session.execute(query).first()
    if row is None:
        raise NotFound
    return row.planned_at, row.id
