"""What a team sees first: what needs somebody, what goes on now, what comes next, and how the day went so far.

Every question is answered from an index and is bounded, whatever the team has stored. With `owner_id` each is only
about tasks that this person owns.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain import occurrences, triggers
from app.domain.access import Actor
from app.domain.calendars import LOOKS_AHEAD
from app.domain.lifecycle import STATES, WENT_WRONG
from app.domain.occurrences import Plan
from app.domain.triggers import TriggerError
from app.infra.database import db
from app.models.runs import IS_REAL, Run
from app.models.tasks import PLAN, Schedule, Task, plan_of
from app.services import uses
from app.services.today.asks import Need, needs, owned, present, seen_to
from app.services.today.beside import Trouble, Yesterday, month, spent, troubles, workers

__all__ = [
    "Coming", "Going", "Mark", "Need", "Next", "Now", "Past", "Trouble", "Yesterday", "coming", "has_tasks", "month",
    "needs", "now", "past", "seen_to", "spent", "workers", "yesterday",
]  # fmt: skip

AHEAD = timedelta(hours=24)
MOST_GOING, MOST_COMING = 8, 8

_GOING = ("running", "lost", "queued", "waiting")
_FREQUENT = 6  # times in AHEAD beyond which a task stands in the list once
_MOST_SINGLE = 40  # marks on the ruler that are still told apart
_BASIS = 10  # runs that an expected duration is taken from


@dataclass(frozen=True)
class Going:
    """A run that has not ended, `seconds` after it began or was queued.

    `expected_seconds` is the median of its task's latest successes, None without any; `cost_micros` is what it has
    cost so far in millionths of a US dollar, None where nothing is counted.
    """

    number: int
    name: str
    state: str
    sentence: str
    since: datetime
    seconds: float
    expected_seconds: float | None
    cost_micros: int | None = None


@dataclass(frozen=True)
class Now:
    """The first few runs that have not ended, and how many there are in each state."""

    runs: Sequence[Going]
    counts: Counter[str]


@dataclass(frozen=True)
class Coming:
    """A planned time. `words` say the rhythm of a task too frequent to list each time, else they are empty."""

    at: datetime
    task_id: int
    slug: str
    name: str
    engine: str
    words: str
    expected_seconds: float | None = None


@dataclass(frozen=True)
class Mark:
    """A stem on the day ruler: `minute` of the local day, a state of runs, how many there are, and the words for it."""

    minute: int
    state: str
    label: str
    count: int = 1


@dataclass(frozen=True)
class Next:
    """The next planned times of 24 hours: the first few as a list, the rest of the local day as marks."""

    times: Sequence[Coming]
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Past:
    """The runs of the local day so far."""

    marks: Sequence[Mark] = ()
    counts: Counter[str] = field(default_factory=Counter)


def has_tasks(actor: Actor) -> bool:
    """Whether the team has anything to show."""
    return bool(db.session.scalar(sa.select(sa.exists().where(present(actor)))))


def now(actor: Actor, owner_id: int | None = None) -> Now:
    """Return what runs or waits, running first; what was moved to a time that has not come is not told."""
    is_due = sa.or_(Run.state != "waiting", Run.planned_at <= utc_now())
    theirs = (Run.team_id == actor.team_id, is_due, *owned(owner_id, Run.task_id))
    counts = _by_state(*theirs, Run.state.in_(_GOING))
    rows: list[Any] = []
    for state in _GOING:
        if counts[state] and len(rows) < MOST_GOING:
            rows += db.session.execute(
                sa.select(
                    Run.task_id,
                    Run.number,
                    Run.state,
                    Run.sentence,
                    Run.started_at,
                    Run.queued_at,
                    Run.planned_at,
                    Run.cost_micros,
                    Task.name,
                )
                .join(Task, Task.id == Run.task_id)
                .where(*theirs, Run.state == state)
                .order_by(Run.planned_at, Run.id)
                .limit(MOST_GOING - len(rows))
            )
    expected = _expected({row.task_id for row in rows})
    return Now([_going(row, expected.get(row.task_id)) for row in rows], counts)


def _going(row: Any, expected_seconds: float | None) -> Going:
    since = (row.started_at if row.state == "running" else row.queued_at) or row.planned_at
    seconds = max(0.0, (utc_now() - since).total_seconds())
    return Going(row.number, row.name, row.state, row.sentence, since, seconds, expected_seconds, row.cost_micros)


# One statement, always the same, so that it is built and compiled once; places that are not needed ask for task 0.
_LATEST = sa.union_all(
    *(
        sa.select(
            sa.select(Run.task_id, Run.started_at, Run.ended_at)
            .where(Run.task_id == sa.bindparam(f"task_{place}"), Run.state == "succeeded", IS_REAL)
            .where(Run.started_at.is_not(None))
            .order_by(Run.planned_at.desc(), Run.id.desc())
            .limit(_BASIS)
            .subquery()
        )
        for place in range(max(MOST_GOING, MOST_COMING))
    )
)


def _expected(task_ids: Iterable[int]) -> dict[int, float]:
    """Return the median seconds of each task's latest successes; at most as many tasks as a list is long."""
    wanted = dict.fromkeys((f"task_{place}" for place in range(max(MOST_GOING, MOST_COMING))), 0)
    wanted |= {f"task_{place}": task_id for place, task_id in enumerate(task_ids)}
    seconds: dict[int, list[float]] = {}
    for task_id, started_at, ended_at in db.session.execute(_LATEST, wanted):
        seconds.setdefault(task_id, []).append((ended_at - started_at).total_seconds())
    return {task_id: median(values) for task_id, values in seconds.items()}


# --- what comes


def coming(actor: Actor, zone: ZoneInfo, owner_id: int | None = None) -> Next:
    """Return the planned times of the next 24 hours; of a frequent task only its next one, with its rhythm.

    Of a team with many schedules, the marks show only the next time of each.
    """
    start = utc_now()
    planned = (
        Schedule.team_id == actor.team_id, Schedule.state == "active", Schedule.next_fire_at < start + AHEAD,
        *owned(owner_id, Schedule.task_id),
    )  # fmt: skip
    columns = (*PLAN, Schedule.team_id, Schedule.task_id, Schedule.next_fire_at, Task.slug, Task.name, Task.engine)
    query = sa.select(*columns).join(Task, Task.id == Schedule.task_id).where(*planned)
    rows = db.session.execute(query.order_by(Schedule.next_fire_at).limit(_MOST_SINGLE + 1)).all()
    times = sorted((time for row in rows for time in _times(row, start)), key=lambda time: (time.at, time.name))
    midnight = _midnight(start.astimezone(zone).date() + timedelta(days=1), zone)
    if len(rows) > _MOST_SINGLE:
        marks, _ = _crowd(
            Schedule.next_fire_at, sa.literal("planned"), zone, *planned, Schedule.next_fire_at < midnight
        )
    else:
        marks = _folded([_mark(time.at, "planned", time.name, zone) for time in times if time.at < midnight])
    return Next(_with_expected(times[:MOST_COMING]), marks)


def _times(row: Any, start: datetime) -> list[Coming]:
    used = uses.of(db.session.connection(), row.team_id, row.calendars) if row.calendars else ()
    instants, words = _day_of(plan_of(row, used), row.next_fire_at)
    chosen = instants[:1] if words else [at for at in instants if at < start + AHEAD]
    return [Coming(at, row.task_id, row.slug, row.name, row.engine, words) for at in chosen]


@lru_cache(maxsize=4096)
def _day_of(plan: Plan, first: datetime) -> tuple[tuple[datetime, ...], str]:
    """Return the planned times of 24 hours from `first` on; for a frequent rule only some, and its rhythm in words."""
    until = first + AHEAD + (LOOKS_AHEAD if plan.looks_ahead else timedelta())
    try:
        found = occurrences.between(plan, first - timedelta.resolution, until)
        instants = sorted(one.at for one in islice(found, _FREQUENT + 1) if first <= one.at and not one.is_left_out)
        return tuple(instants), triggers.describe(plan.trigger) if len(instants) > _FREQUENT else ""
    except TriggerError:
        return (first,), ""  # the clock sets it aside when its time comes


def _with_expected(times: Sequence[Coming]) -> list[Coming]:
    expected = _expected({time.task_id for time in times})
    return [replace(time, expected_seconds=expected.get(time.task_id)) for time in times]


# --- what was


def past(actor: Actor, zone: ZoneInfo, owner_id: int | None = None) -> Past:
    """Return today's runs so far, as the local day of `zone` has it: each one, or per ten minutes on a busy day."""
    until = utc_now()
    since = _midnight(until.astimezone(zone).date(), zone)
    rows = db.session.execute(
        sa.select(Run.planned_at, Run.state, Run.number, Task.name)
        .join(Task, Task.id == Run.task_id)
        .where(Run.team_id == actor.team_id, Run.planned_at >= since, Run.planned_at <= until)
        .where(*owned(owner_id, Run.task_id))
        .order_by(Run.planned_at.desc(), Run.id.desc())
        .limit(_MOST_SINGLE + 1)
    ).all()
    if len(rows) > _MOST_SINGLE:
        return Past(*_crowd(Run.planned_at, Run.state, zone, *_between(actor, since, until, owner_id)))
    marks = [_mark(at, state, f"{name} #{number}", zone) for at, state, number, name in reversed(rows)]
    return Past(marks, Counter(state for _, state, _, _ in rows))


def yesterday(actor: Actor, zone: ZoneInfo, owner_id: int | None = None) -> Yesterday:
    """Return how yesterday went, as the local day of `zone` has it."""
    day = utc_now().astimezone(zone).date()
    since, until = _midnight(day - timedelta(days=1), zone), _midnight(day, zone)
    counts = _by_state(*_between(actor, since, until, owner_id))
    cost_micros = spent(actor.team_id, since, until, owner_id)
    return Yesterday(counts, cost_micros, troubles(actor, since, until, owner_id) if counts else ())


def _by_state(*where: sa.ColumnElement[bool]) -> Counter[str]:
    rows = db.session.execute(sa.select(Run.state, sa.func.count()).where(*where).group_by(Run.state))
    return Counter(dict(rows.all()))


def _between(
    actor: Actor, since: datetime, until: datetime, owner_id: int | None
) -> tuple[sa.ColumnElement[bool], ...]:
    # All states by name: the index on them holds everything asked for, so no row is read.
    return (
        Run.team_id == actor.team_id, Run.state.in_(STATES), Run.planned_at >= since, Run.planned_at < until,
        *owned(owner_id, Run.task_id),
    )  # fmt: skip


# --- marks


def _mark(at: datetime, state: str, what: str, zone: ZoneInfo, count: int = 1) -> Mark:
    local = at.astimezone(zone)
    return Mark(local.hour * 60 + local.minute, state, f"{what}, {local:%H:%M}", count)


def _crowd(
    at: Any, state: sa.ColumnElement[str] | Any, zone: ZoneInfo, *where: sa.ColumnElement[bool]
) -> tuple[list[Mark], Counter[str]]:
    """Return marks for rows too many to draw each, and how many there are in each state."""
    place = _ten_minutes(at).label("place")
    marks, counts = [], Counter[str]()
    for text, word, count in db.session.execute(
        sa.select(place, state, sa.func.count()).where(*where).group_by(place, state).order_by(place)
    ):
        start = datetime.fromisoformat(f"{text}0+00:00")
        marks.append(_mark(start, word, word, zone, count))
        counts[word] += count
    return _folded(marks), counts


def _ten_minutes(at: Any) -> sa.ColumnElement[str]:
    """Return the instant cut to ten minutes, as text: 2026-11-24 09:0."""
    text: sa.ColumnElement[str] = sa.type_coerce(at, sa.String)
    if db.engine.dialect.name == "postgresql":
        text = sa.func.to_char(sa.func.timezone("UTC", at), "YYYY-MM-DD HH24:MI")
    return sa.func.substr(text, 1, 15, type_=sa.String)


def _folded(marks: list[Mark]) -> list[Mark]:
    """Return two marks an hour, what went wrong and the rest, when there are too many to tell apart."""
    if len(marks) <= _MOST_SINGLE:
        return marks
    together: dict[tuple[int, bool], list[Mark]] = {}
    for mark in marks:
        together.setdefault((mark.minute // 60, mark.state in WENT_WRONG), []).append(mark)
    return [_one(hour, here) if len(here) > 1 else here[0] for (hour, _), here in together.items()]


def _one(hour: int, marks: list[Mark]) -> Mark:
    most = max(marks, key=lambda mark: mark.count)
    count = sum(mark.count for mark in marks)
    return Mark(hour * 60 + 30, most.state, f"{count} from {hour:02}:00 to {hour:02}:59", count)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
