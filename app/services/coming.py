"""The runs that are still to come: what schedules plan, with the rows that differ from it. A helper, like unit."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from app.domain import occurrences
from app.domain.calendars import LOOKS_AHEAD
from app.domain.occurrences import Occurrence, Plan
from app.domain.triggers import TriggerError
from app.models.runs import IS_TIMED, Run
from app.models.tasks import PLAN, Schedule, Task, plan_of
from app.services import planned, uses

MOST_OF_ONE, MOST_TOGETHER = 1000, 100_000
"""So many runs of one schedule, and of all, are computed (26 µs each) unless the caller asks for another number."""


@dataclass(frozen=True, slots=True)
class ComingRun:
    """A run that is to start at `at` (UTC); `fire_at` is the instant of its rule, by which it is known.

    One that calendars leave out, or a person (`state` skipped), is told as well: `is_left_out`. `number` is that of
    its row where it has one, `notes` the sentences of what moved it.
    """

    at: datetime
    fire_at: datetime
    notes: tuple[str, ...] = ()
    is_left_out: bool = False
    number: int | None = None


@dataclass(frozen=True)
class Coming:
    """The coming runs of one schedule, ascending. `has_more`: they go on like this after the last."""

    schedule: Any
    runs: Sequence[ComingRun]
    has_more: bool = False

    @property
    def task_id(self) -> int:
        """Whose runs they are."""
        task_id: int = self.schedule.task_id
        return task_id


def coming(
    connection: sa.Connection,
    team_ids: Collection[int],
    since: datetime,
    until: datetime,
    now: datetime,
    *,
    task_ids: Collection[int] | sa.Select[Any] | None = None,
    most: int = MOST_OF_ONE,
    schedules: int | None = None,
    together: int = MOST_TOGETHER,
) -> list[Coming]:
    """Return what active schedules plan to start with since <= at <= until and is not decided yet, by schedule.

    Moved and skipped runs stand in their place, at most `most` of each schedule and about `together` of all. Of
    more than `schedules` those are told whose next time is the nearest. `schedule` has the columns of PLAN,
    `team_id`, `task_id`, `decided_until`, and `slug`, `name`, `engine`, `lane`, `awaits` of its task. A schedule that
    can't be computed yields nothing: the clock sets it aside and says so. Three queries, and two for each set of
    calendars.
    """
    these = [Schedule.team_id.in_(team_ids), Schedule.state == "active", Schedule.next_fire_at <= until]
    if task_ids is not None:
        these.append(Schedule.task_id.in_(task_ids))
    rows = connection.execute(_SCHEDULES.where(*these).limit(schedules)).all()
    most = min(most, max(together // max(len(rows), 1), 1))
    decided, held = _rows(connection, these, now), _held(connection, team_ids, since, until)
    known: dict[str, Any] = {}
    found = []
    seen: set[tuple[int, datetime]] = set()  # two schedules of a task that meet share a run
    for row in rows:
        with suppress(TriggerError):
            runs, has_more = _of(row, _plan(connection, row, known), since, until, decided, most)
            runs = [*held.get(row.id, ()), *(run for run in runs if (row.task_id, run.fire_at) not in seen)]
            seen.update((row.task_id, run.fire_at) for run in runs)
            if runs:
                found.append(Coming(row, sorted(runs, key=lambda run: run.at), has_more))
    return found


def _of(
    row: Any, plan: Plan, since: datetime, until: datetime, decided: dict[tuple[int, str], Any], most: int
) -> tuple[list[ComingRun], bool]:
    runs: list[ComingRun] = []
    for one in _occurrences(row, plan, since, until):
        run = decided.get((row.task_id, planned.key(one.fire.at)))
        if run is None or run.state == "skipped":
            if len(runs) == most:
                return runs, True
            is_left_out = one.is_left_out or run is not None
            number = run.number if run else None
            runs.append(ComingRun(one.at, one.fire.at, one.notes, is_left_out, number))
    return runs, False


def _occurrences(row: Any, plan: Plan, since: datetime, until: datetime) -> Iterator[Occurrence]:
    """Yield what starts in the window; a fire outside of it may move into it."""
    offset = timedelta(seconds=plan.spread_seconds + plan.jitter_seconds)
    after = max(row.decided_until, since - (LOOKS_AHEAD if plan.uses else timedelta.resolution) - offset)
    found = occurrences.between(plan, after, until + LOOKS_AHEAD if plan.looks_ahead else until)
    return (one for one in found if since <= one.at <= until and not occurrences.has_passed(one))


def _plan(connection: sa.Connection, row: Any, known: dict[str, Any]) -> Plan:
    if not row.calendars:
        return plan_of(row)
    alike = f"{row.team_id} {row.calendars}"
    if alike not in known:
        known[alike] = uses.of(connection, row.team_id, row.calendars)
    return plan_of(row, known[alike])


def _rows(connection: sa.Connection, these: Sequence[Any], now: datetime) -> dict[tuple[int, str], Any]:
    """Return the runs that are there already for instants of rules which have not come, by task and key."""
    query = (
        sa.select(Run.task_id, Run.key, Run.state, Run.number)
        .join(Schedule, Schedule.task_id == Run.task_id)
        .where(*these, Run.key > planned.key(now), Run.key < "at;")  # keys are in the order of their instants
    )
    return {(run.task_id, run.key): run for run in connection.execute(query)}


def _held(
    connection: sa.Connection, team_ids: Collection[int], since: datetime, until: datetime
) -> dict[int, list[ComingRun]]:
    """Return the runs that wait for their time, by schedule: those that a person moved, and those a calendar delays."""
    query = sa.select(Run.schedule_id, Run.key, Run.not_before, Run.notes, Run.number).where(
        IS_TIMED, Run.reason == "time", Run.team_id.in_(team_ids), Run.not_before.between(since, until)
    )
    held: dict[int, list[ComingRun]] = {}
    for run in islice(connection.execute(query), 10 * MOST_OF_ONE):
        fire_at = planned.instant(run.key) or run.not_before
        held.setdefault(run.schedule_id, []).append(
            ComingRun(run.not_before, fire_at, tuple(run.notes), number=run.number)
        )
    return held


_OF_TASK = (Task.slug, Task.name, Task.engine, Task.lane, Task.awaits)
_SCHEDULES = (
    sa.select(*PLAN, Schedule.team_id, Schedule.task_id, Schedule.decided_until, *_OF_TASK)
    .join(Task, Task.id == Schedule.task_id)
    .where(Task.deleted_at.is_(None))
    .order_by(Schedule.next_fire_at, Schedule.id)
)
