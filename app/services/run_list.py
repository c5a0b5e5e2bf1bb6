"""Runs as a list: fifty at a time by keyset, and the promise as arithmetic for the same period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.core.errors import NotFound
from app.domain.access import Actor
from app.domain.lifecycle import ACTIVE, DID_NOT_HAPPEN, STATES
from app.infra.database import db
from app.models.people import Person
from app.models.runs import Run
from app.models.tasks import Schedule, Task

PAGE_ROWS = 50

GROUPS: Mapping[str, frozenset[str]] = {
    "going": ACTIVE | {"planned"},
    "failed": frozenset({"failed", "timed_out", "unmet"}),
    "not": frozenset(DID_NOT_HAPPEN),
}
"""Words of the filter that stand for several states; a state stands for itself."""

_FOLDING = ("missed", "skipped")
"""States in which one row may stand for many planned times."""


@dataclass(frozen=True)
class Filters:
    """Which runs: planned from `since` to `until` (UTC), in a state or group, of a task (its slug), asked for how."""

    since: datetime
    until: datetime
    state: str = ""
    task: str = ""
    trigger: str = ""
    is_mine: bool = False


@dataclass(frozen=True)
class Page:
    """Rows with the columns of `_ROW`, the newest first, and whether there are newer and older ones."""

    rows: Sequence[Any]
    has_newer: bool
    has_older: bool


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


def listing(actor: Actor, filters: Filters, *, before: int | None = None, after: int | None = None) -> Page:
    """Return the runs next to run number `before` or `after`, else the newest. Raises NotFound for a wrong number."""
    conditions = _within(actor, filters)
    states = _states(filters.state)
    number = before if before is not None else after
    is_up = before is None and after is not None
    if number is not None:
        here, there = sa.tuple_(Run.planned_at, Run.id), _place(actor, number)
        conditions.append(here > there if is_up else here < there)
    # A branch a state: each goes through its index and stops early, however rare the state is.
    branches = [_first(conditions, is_up, Run.state == state) for state in states] or [_first(conditions, is_up)]
    found = sa.union_all(*branches).subquery()
    order = _order(Run.planned_at, Run.id, is_up)
    rows = db.session.execute(_ROW.join(found, found.c.id == Run.id).order_by(*order).limit(PAGE_ROWS + 1)).all()
    has_more, shown = len(rows) > PAGE_ROWS, list(rows[:PAGE_ROWS])
    if is_up:
        return Page(shown[::-1], has_more, True)
    return Page(shown, number is not None, has_more)


def account(actor: Actor, filters: Filters) -> Account:
    """Count the planned times of the period, whatever state is filtered for, through the index by state."""
    conditions = _within(actor, filters)
    plain = [state for state in STATES if state not in _FOLDING]
    single = sa.select(Run.state, sa.func.count()).where(*conditions, Run.state.in_(plain)).group_by(Run.state)
    folded = sa.select(Run.state, sa.func.sum(Run.folded_count)).where(*conditions, Run.state.in_(_FOLDING))
    rows = db.session.execute(sa.union_all(single, folded.group_by(Run.state)))
    return Account({state: int(count) for state, count in rows})


def next_planned_at(actor: Actor) -> datetime | None:
    """Return the team's earliest planned time (UTC), None when nothing is planned."""
    query = sa.select(Schedule.next_fire_at).where(Schedule.team_id == actor.team_id, Schedule.state == "active")
    return db.session.scalar(query.order_by(Schedule.next_fire_at).limit(1))


def tasks(actor: Actor) -> Sequence[tuple[str, str]]:
    """Return the team's tasks to choose from: (slug, name), by name."""
    query = sa.select(Task.slug, Task.name).where(Task.team_id == actor.team_id, Task.deleted_at.is_(None))
    return [(row.slug, row.name) for row in db.session.execute(query.order_by(sa.func.lower(Task.name), Task.id))]


# --- the query

_ROW = (
    sa.select(
        Run.number, Run.state, Run.reason, Run.sentence, Run.trigger, Run.planned_at, Run.started_at, Run.ended_at,
        Run.folded_count, Run.folded_until, Run.stop_mode, Task.slug, Task.name, Task.deleted_at,
        Person.name.label("requested_by"),
    )
    .select_from(Run)
    .join(Task, Task.id == Run.task_id)
    .outerjoin(Person, Person.id == Run.requested_by_id)
)  # fmt: skip


def _states(word: str) -> Sequence[str]:
    if not word:
        return ()
    if word not in GROUPS and word not in STATES:
        raise NotFound
    return sorted(GROUPS.get(word, {word}))


def _within(actor: Actor, filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted = [Run.team_id == actor.team_id, Run.planned_at >= filters.since, Run.planned_at <= filters.until]
    own = sa.select(Task.id).where(Task.team_id == actor.team_id)
    if filters.task:
        wanted.append(Run.task_id == own.where(Task.slug == filters.task).scalar_subquery())
    if filters.trigger:
        wanted.append(Run.trigger == filters.trigger)
    if filters.is_mine:
        mine = own.where(Task.owner_id == actor.person_id)
        wanted.append(sa.or_(Run.requested_by_id == actor.person_id, Run.task_id.in_(mine)))
    return wanted


def _place(actor: Actor, number: int) -> tuple[datetime, int]:
    query = sa.select(Run.planned_at, Run.id).where(Run.team_id == actor.team_id, Run.number == number)
    row = db.session.execute(query).first()
    if row is None:
        raise NotFound
    return row.planned_at, row.id


def _first(conditions: Sequence[sa.ColumnElement[bool]], is_up: bool, *more: sa.ColumnElement[bool]) -> sa.Select[Any]:
    order = _order(Run.planned_at, Run.id, is_up)
    first = sa.select(Run.id).where(*conditions, *more).order_by(*order).limit(PAGE_ROWS + 1)
    return sa.select(first.subquery().c.id)


def _order(at: Any, row: Any, is_up: bool) -> tuple[Any, Any]:
    return (at, row) if is_up else (at.desc(), row.desc())
