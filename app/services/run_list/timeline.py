"""Runs on a time axis: a lane for each task, what was and what is planned, bounded however much there is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain import triggers, usual
from app.domain.access import Actor
from app.domain.lifecycle import ENDED, WENT_WRONG
from app.infra.database import db
from app.models.runs import Run
from app.models.tasks import Task, trigger_of
from app.services import coming
from app.services.coming import ComingRun
from app.services.run_list.filters import Filters, of_tasks, states, within

MOST_LANES, MOST_BARS = 50, 500
MOST_RUNS = 3000
"""So many runs of a window are read, the newest; when there are more, it is drawn from the oldest of them on."""

_MOST_SCHEDULES = 200
_MOST_FIRES = 1000
_ALL_FIRES = 10_000
"""Planned times that are computed of one schedule, and of all together."""

_LOOK_BACK = timedelta(days=1)
"""A run that was planned so long before the window may still reach into it."""


@dataclass(frozen=True)
class Bar:
    """One run, or several that stand too close to be told apart; a future one has no states yet.

    `end` is where it ended, or where it is now; of what never started it is `start`. `seconds` is how long one run
    took, of a future one how long they took lately. `words` say the rhythm of a frequent future one.
    """

    start: datetime
    end: datetime
    states: Counter[str] = field(default_factory=Counter)
    number: int | None = None
    count: int = 1
    has_more: bool = False
    seconds: float | None = None
    words: str = ""

    @property
    def state(self) -> str:
        """The state that matters most here; `planned` for what is to come."""
        order = sorted(self.states, key=lambda state: (state not in WENT_WRONG, state in ENDED, state == "succeeded"))
        return order[0] if order else "planned"


@dataclass(frozen=True)
class Lane:
    """A task and its bars in the window, ascending."""

    slug: str
    name: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Timeline:
    """A window of time. `drawn_since` is later than `since` when there are too many runs to draw them all.

    `at_once` says how many runs went on from each instant on.
    """

    since: datetime
    until: datetime
    now: datetime
    drawn_since: datetime
    lanes: Sequence[Lane]
    more_lanes: int
    at_once: Sequence[tuple[datetime, int]]


def timeline(actor: Actor, filters: Filters, *, with_future: bool = True) -> Timeline:
    """Return what ran and what is planned between `filters.since` and `filters.until`. Raises NotFound."""
    now = utc_now()
    rows = _runs(actor, filters)
    drawn_since = rows[MOST_RUNS - 1].planned_at if len(rows) > MOST_RUNS else filters.since
    rows = rows[:MOST_RUNS]
    names = {row.task_id: (row.slug, row.name) for row in rows}
    past: dict[int, list[Bar]] = {}
    for row in reversed(rows):
        past.setdefault(row.task_id, []).append(_bar(row, now))
    took = {task_id: _usual(bars) for task_id, bars in past.items()}
    future = _future(actor, filters, now, names, took) if with_future and filters.until > now else {}
    chosen = sorted(names, key=lambda task_id: (names[task_id][1].casefold(), task_id))
    lanes = chosen[:MOST_LANES]
    rooms = _rooms({one: len(past.get(one, ())) + len(future.get(one, ())) for one in lanes})
    return Timeline(
        filters.since, filters.until, now, max(drawn_since, filters.since),
        [Lane(*names[one], _fitting(past.get(one, ()), future.get(one, ()), filters, rooms[one])) for one in lanes],
        len(chosen) - len(lanes),
        usual.at_once(_spans(rows, now), max(drawn_since, filters.since), min(filters.until, max(now, filters.since))),
    )  # fmt: skip


# --- what was


def _runs(actor: Actor, filters: Filters) -> Sequence[Any]:
    reaching = replace(filters, since=filters.since - _LOOK_BACK)
    conditions = within(actor, reaching)
    conditions.append(sa.or_(Run.planned_at >= filters.since, Run.ended_at >= filters.since, Run.ended_at.is_(None)))
    if wanted := states(filters.status):
        conditions.append(Run.state.in_(wanted))
    query = (
        sa.select(
            Run.number, Run.state, Run.planned_at, Run.started_at, Run.ended_at, Run.folded_count, Run.folded_until,
            Run.task_id, Task.slug, Task.name,
        )
        .join(Task, Task.id == Run.task_id)
        .where(*conditions)
        .order_by(Run.planned_at.desc(), Run.id.desc())
        .limit(MOST_RUNS + 1)
    )  # fmt: skip
    return db.session.execute(query).all()


def _bar(row: Any, now: datetime) -> Bar:
    start = row.started_at or row.planned_at
    end = row.folded_until or (row.ended_at or now if row.started_at else start)
    seconds = (row.ended_at - row.started_at).total_seconds() if row.started_at and row.ended_at else None
    return Bar(
        start, max(start, end), Counter({row.state: row.folded_count}), row.number, row.folded_count, False, seconds
    )


def _usual(bars: Iterable[Bar]) -> float | None:
    took = [bar.seconds for bar in bars if bar.seconds is not None]
    return median(took) if took else None


def _spans(rows: Iterable[Any], now: datetime) -> Iterable[tuple[datetime, datetime]]:
    return ((row.started_at, row.ended_at or now) for row in rows if row.started_at)


# --- what is to come


def _future(
    actor: Actor, filters: Filters, now: datetime, names: dict[int, tuple[str, str]], took: dict[int, float | None]
) -> dict[int, list[Bar]]:
    """Return, by task, its planned times in the window, and add the names of tasks that have no others."""
    shown = sa.select(Task.id).where(*of_tasks(actor, filters))
    found = coming.coming(
        db.session.connection(), [actor.team_id], max(now, filters.since), filters.until, now, task_ids=shown,
        most=_MOST_FIRES, schedules=_MOST_SCHEDULES, together=_ALL_FIRES,
    )  # fmt: skip
    bars: dict[int, list[Bar]] = {}
    for one in found:
        runs = [run for run in one.runs if not run.is_left_out]
        if runs:
            names.setdefault(one.task_id, (one.schedule.slug, one.schedule.name))
            words = triggers.describe(trigger_of(one.schedule))
            bars.setdefault(one.task_id, []).extend(
                _planned(runs, words, took.get(one.task_id), filters.until, has_more=one.has_more)
            )
    return bars


MOST_SINGLE = 6
"""Of more planned times of one schedule than these, one bar stands for all."""


def _planned(
    runs: Sequence[ComingRun], words: str, seconds: float | None, until: datetime, *, has_more: bool
) -> list[Bar]:
    if len(runs) <= MOST_SINGLE:
        ends = [min(run.at + timedelta(seconds=seconds or 0), until) for run in runs]
        return [Bar(run.at, end, seconds=seconds) for run, end in zip(runs, ends, strict=True)]
    end = until if has_more else runs[-1].at
    return [Bar(runs[0].at, end, count=len(runs), has_more=has_more, seconds=seconds, words=words)]


# --- as many as can be drawn


def _rooms(counts: dict[int, int]) -> dict[int, int]:
    """Return how many bars each lane may have: what a lane with few of them leaves is there for the others."""
    rooms, left = {}, MOST_BARS
    for place, lane in enumerate(sorted(counts, key=counts.__getitem__)):
        rooms[lane] = min(counts[lane], left // (len(counts) - place))
        left -= rooms[lane]
    return rooms


def _fitting(past: Sequence[Bar], future: Sequence[Bar], filters: Filters, most: int) -> list[Bar]:
    """Return at most `most` bars: of too many, those that stand close together become one."""
    coming = sorted(future, key=lambda bar: bar.start)
    if len(past) + len(coming) > most:
        coming = coming[: max(most // 2, 1)]
    room = most - len(coming)
    if len(past) > room:
        slot = (filters.until - filters.since) / room
        groups: dict[int, list[Bar]] = {}
        for bar in past:
            groups.setdefault(min(max((bar.start - filters.since) // slot, 0), room - 1), []).append(bar)
        past = [_one(group) for _, group in sorted(groups.items())]
    return [*past, *coming]


def _one(bars: Sequence[Bar]) -> Bar:
    if len(bars) == 1:
        return bars[0]
    together = sum((bar.states for bar in bars), Counter[str]())
    return Bar(bars[0].start, max(bar.end for bar in bars), together, count=sum(bar.count for bar in bars))
