"""The calendar of a team: what ran and what is to come in a window of days, with what keeps it from running."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain import calendars, graph, localtime, triggers, wording
from app.domain.access import Actor
from app.domain.calendars import CalendarError, Span
from app.domain.triggers import TriggerError
from app.infra import database
from app.models.instance import ALIVE, Worker
from app.models.runs import IS_REAL, Run
from app.models.tasks import Task, TaskLink, trigger_of
from app.models.teams import Calendar
from app.services import busy, coming, estimates, uses
from app.services.coming import Coming, ComingRun
from app.services.estimates import Subject

MOST_A_DAY = 6
"""A task that runs more often is told in one line."""

MOST_RUNS = 8000
"""So many runs of a window are read one by one, the newest."""

LONGEST = timedelta(days=62)

MOST_TIMES = 200
"""So many runs of one task are listed at once."""

_HOUR = timedelta(hours=1)
_MOST_COMING = 1500
_HEAT = (0.0, 0.5, 1.0, 2.0)
_KEEPS_FROM = frozenset({"exclude", "next_day", "previous_day", "delay"})


@dataclass(frozen=True, slots=True)
class Item:
    """A run that was or is to come (`fire_at`, the instant of its rule) at `at` (UTC).

    `state` is that of its row, `planned` for what is to come, `skipped` where it is left out. `seconds` is how long it
    took or takes mostly, `slow_seconds` what nine of ten stay under; None where nothing is known.
    """

    at: datetime
    task_id: int
    slug: str
    name: str
    state: str
    number: int | None = None
    fire_at: datetime | None = None
    seconds: float | None = None
    slow_seconds: float | None = None
    sentence: str = ""
    cost_micros: int | None = None
    count: int = 1
    after: str = ""  # the names of the tasks whose ends start it, at about this time


@dataclass
class Frequent:
    """A task that runs more than MOST_A_DAY times a day: its rhythm in words, and by day how many in which state."""

    slug: str
    name: str
    words: str = ""
    by_day: dict[date, Counter[str]] = field(default_factory=dict)

    @property
    def a_day(self) -> int:
        """How often it runs on the fullest of these days: some are seen in part only."""
        return max(sum(counts.values()) for counts in self.by_day.values())


@dataclass(frozen=True)
class Window:
    """What the calendar shows of since <= at < until. `hours` counts starts by day and hour of the viewer's clock.

    `busy` are the times of the viewer's own calendars; `slots` is how many runs the workers take at once. `cut_before`
    says from when on runs of the past are told, where there are too many to tell all.
    """

    since: datetime
    until: datetime
    now: datetime
    items: Sequence[Item]
    frequent: Sequence[Frequent]
    hours: Mapping[tuple[date, int], int]
    slots: int
    blackouts: Sequence[Span] = ()
    busy: Sequence[Span] = ()
    cut_before: datetime | None = None


def window(actor: Actor, since: datetime, until: datetime, zone: tzinfo) -> Window:
    """Return what a team has in a window (aware, at most LONGEST), days and hours as the clock of `zone` shows them."""
    until, now = min(until, since + LONGEST), utc_now()
    with database.read() as connection:
        found = coming.coming(connection, [actor.team_id], max(since, now), until, now, most=_MOST_COMING)
        lengths = _lengths(connection, actor, found, now)
        ahead = [_ahead(one, run, lengths) for one in found for run in one.runs if run.at < until]
        numbers = {item.number for item in ahead if item.number}
        ahead += _dependents(connection, actor, found, until, now)
        by_day, by_hour = _counted(connection, actor, (since, until), zone)
        planned = [*_planned(found, until, zone), *_planned_after(ahead, zone)]
        frequent = _frequent(by_day, planned)
        past = _past(connection, actor, (since, until), frequent)
        items = [item for item in past if item.number not in numbers]
        items += [item for item in ahead if item.task_id not in frequent]
        return Window(
            since, until, now, sorted(items, key=lambda item: (item.at, item.name)),
            sorted(frequent.values(), key=lambda one: one.name.casefold()), _hours(by_hour, planned),
            _slots(connection, now), _blackouts(connection, actor, found, since, until),
            busy.spans([actor.person_id], since, until).get(actor.person_id, ()),
            past[-1].at if len(past) == MOST_RUNS else None,
        )  # fmt: skip


def of_task(actor: Actor, task_id: int, since: datetime, until: datetime) -> list[Item]:
    """Return the runs of a task that are to come with since <= at < until (aware), the first MOST_TIMES of them."""
    now = utc_now()
    with database.read() as connection:
        found = coming.coming(
            connection, [actor.team_id], max(since, now), until, now, task_ids=[task_id], most=MOST_TIMES
        )  # fmt: skip
    items = (_ahead(one, run, {}) for one in found for run in one.runs if run.at < until)
    return sorted(items, key=lambda item: item.at)[:MOST_TIMES]


def load_of(starts: int, slots: int) -> int:
    """Return how busy an hour is, from 0 (nothing) to 4 (more than two starts for each slot of the workers)."""
    return sum(starts / (slots or 1) > edge for edge in _HEAT)


# --- runs


def _ahead(one: Coming, run: ComingRun, lengths: Mapping[int, tuple[float | None, float | None]]) -> Item:
    seconds, slow = lengths.get(one.task_id, (None, None))
    state = "skipped" if run.is_left_out else "planned"
    words = " ".join(run.notes)
    of = one.schedule
    return Item(run.at, one.task_id, of.slug, of.name, state, run.number, run.fire_at, seconds, slow, words)


def _dependents(
    connection: sa.Connection, actor: Actor, found: Sequence[Coming], until: datetime, now: datetime
) -> list[Item]:
    """Return the runs of tasks that others start by their ends, about when they will start."""
    links = connection.execute(_LINKS, {"team": actor.team_id}).all()
    if not links or not found:
        return []
    tasks = {link.task_id: link for link in links}
    names = {one.task_id: one.schedule.name for one in found} | {link.task_id: link.name for link in links}
    before: dict[int, list[int]] = {}
    for link in links:
        before.setdefault(link.task_id, []).append(link.upstream_id)
    subjects = [Subject(one.task_id, one.schedule.engine) for one in found]
    subjects += [Subject(task_id, link.engine) for task_id, link in tasks.items()]
    known = estimates.of(connection, actor.team_id, subjects, now)
    seconds = {task_id: one.typical_seconds or 0.0 for task_id, one in known.items()}
    starts = {one.task_id: [run.at for run in one.runs if not run.is_left_out] for one in found}
    return [
        Item(
            at, task_id, tasks[task_id].slug, tasks[task_id].name, "planned", seconds=known[task_id].typical_seconds,
            after=wording.listed([names[one] for one in before[task_id]]),
        )
        for task_id, times in graph.following(starts, before, seconds).items()
        for at in times if at < until
    ]  # fmt: skip


def _past(
    connection: sa.Connection, actor: Actor, between: tuple[datetime, datetime], but: Collection[int]
) -> list[Item]:
    these = (Run.team_id == actor.team_id, Run.planned_at >= between[0], Run.planned_at < between[1])
    query = _RUNS.where(*these, Run.task_id.not_in(but)).limit(MOST_RUNS)
    return [
        Item(
            row.planned_at, row.task_id, row.slug, row.name, row.state, row.number,
            seconds=(row.ended_at - row.started_at).total_seconds() if row.started_at and row.ended_at else None,
            sentence=row.sentence, cost_micros=row.cost_micros, count=row.folded_count,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def _lengths(
    connection: sa.Connection, actor: Actor, found: Iterable[Coming], now: datetime
) -> dict[int, tuple[float | None, float | None]]:
    """Return, by task, how long its runs mostly take, and what nine of ten stay under."""
    subjects = {one.task_id: Subject(one.task_id, one.schedule.engine) for one in found}
    known = estimates.of(connection, actor.team_id, subjects.values(), now)
    return {task_id: (one.typical_seconds, one.p90_seconds) for task_id, one in known.items()}


# --- what runs often


def _planned(found: Iterable[Coming], until: datetime, zone: tzinfo) -> Iterator[tuple[Any, datetime, str, int]]:
    """Yield what is to come as (coming, wall time, state, count); of what goes on beyond the runs that were computed,
    about how many there are in each hour.
    """
    for one in found:
        for run in one.runs:
            yield one, run.at.astimezone(zone), "skipped" if run.is_left_out else "planned", 1
        if one.has_more:
            yield from ((one, at.astimezone(zone), "planned", count) for at, count in _beyond(one, until))


def _planned_after(ahead: Iterable[Item], zone: tzinfo) -> Iterator[tuple[Any, datetime, str, int]]:
    return ((item, item.at.astimezone(zone), item.state, 1) for item in ahead if item.after)


def _beyond(one: Coming, until: datetime) -> Iterator[tuple[datetime, int]]:
    last = one.runs[-1].at
    pace = (last - one.runs[0].at) / max(len(one.runs) - 1, 1)
    at, an_hour = last + pace, _HOUR / max(pace, timedelta(seconds=1))
    while at < until:
        following = at.replace(minute=0, second=0, microsecond=0) + _HOUR
        yield at, round(an_hour * ((following - at) / _HOUR))
        at = following


def _frequent(by_day: Iterable[Any], planned: Iterable[tuple[Any, datetime, str, int]]) -> dict[int, Frequent]:
    """Return, by task, those that run too often to be told one by one."""
    tasks: dict[int, Frequent] = {}
    for row in by_day:
        task = tasks.setdefault(row.task_id, Frequent(row.slug, row.name))
        task.by_day.setdefault(date.fromisoformat(row.at), Counter())[row.state] += row.count
    for one, local, state, count in planned:
        of = one if isinstance(one, Item) else one.schedule
        task = tasks.get(one.task_id) or tasks.setdefault(one.task_id, Frequent(of.slug, of.name))
        task.words = task.words or _words(one)
        task.by_day.setdefault(local.date(), Counter())[state] += count
    return {task_id: task for task_id, task in tasks.items() if task.a_day > MOST_A_DAY}


def _words(one: Coming | Item) -> str:
    if isinstance(one, Item):
        return f"after {one.after}"
    try:
        said = triggers.describe(trigger_of(one.schedule))
    except TriggerError:
        return ""
    return f"{said[:1].lower()}{said[1:]}"


# --- hours


def _hours(by_hour: Iterable[Any], planned: Iterable[tuple[Any, datetime, str, int]]) -> dict[tuple[date, int], int]:
    hours: Counter[tuple[date, int]] = Counter()
    for row in by_hour:
        hours[date.fromisoformat(row.at[:10]), int(row.at[11:])] += row.count
    for _, local, state, count in planned:
        if state == "planned":
            hours[local.date(), local.hour] += count
    return dict(hours)


def _slots(connection: sa.Connection, now: datetime) -> int:
    alive = (Worker.stopped_at.is_(None), Worker.seen_at > now - ALIVE)
    slots = connection.execute(sa.select(sa.func.sum(Worker.io_slots + Worker.code_slots)).where(*alive)).scalar()
    return int(slots or 0)


# --- what keeps runs from running


def _blackouts(
    connection: sa.Connection, actor: Actor, found: Iterable[Coming], since: datetime, until: datetime
) -> list[Span]:
    """Return the spans of calendars by which nothing runs: blackouts, and those that a schedule keeps away from."""
    kept_from = {
        one["calendar"] for row in found for one in row.schedule.calendars if one["use"] in _KEEPS_FROM
    }  # fmt: skip
    there = sa.select(Calendar.__table__).where(Calendar.team_id == actor.team_id, Calendar.deleted_at.is_(None))
    spans: set[Span] = set()
    for row in connection.execute(there.where(Calendar.kind != "hours")):
        if row.kind != "blackout" and row.id not in kept_from:
            continue
        try:
            found_in = calendars.between(uses.read(row), since, until)
        except CalendarError:  # its page says what is wrong
            continue
        spans.update(Span(span.begin, span.end, span.what or row.name) for span in found_in)
    return sorted(spans)


# --- counted by the database


def _counted(
    connection: sa.Connection, actor: Actor, between: tuple[datetime, datetime], zone: tzinfo
) -> tuple[list[Any], list[Any]]:
    """Return the runs of each task counted by state and day, and all of them by hour, both of the viewer's clock."""
    by_day: list[Any] = []
    by_hour: list[Any] = []
    for since, until in _stretches(*between, zone):
        offset = since.astimezone(zone).utcoffset() or timedelta()
        at = sa.bindparam("since", type_=Run.planned_at.type), sa.bindparam("until", type_=Run.planned_at.type)
        these = (Run.team_id == actor.team_id, Run.planned_at >= at[0], Run.planned_at < at[1], _IS_SETTLED, _IS_TOLD)
        count = sa.func.sum(Run.folded_count).label("count")
        day, hour = (_shown(connection, offset, form) for form in _FORMS[connection.dialect.name])
        task = (Run.task_id, Task.slug, Task.name, Run.state, day)
        tasks = sa.select(*task, count).join(Task, Task.id == Run.task_id).where(*these).group_by(*task)
        values = {"since": since, "until": until}
        by_day += connection.execute(tasks, values).all()
        by_hour += connection.execute(sa.select(hour, count).where(*these).group_by(hour), values).all()
    return by_day, by_hour


def _stretches(since: datetime, until: datetime, zone: tzinfo) -> list[tuple[datetime, datetime]]:
    """Return the parts of a time between the changes of the clock."""
    changes = localtime.changes(zone, since, until) if isinstance(zone, ZoneInfo) else ()
    return list(pairwise([since, *(change.at for change in changes if since < change.at < until), until]))


def _shown(connection: sa.Connection, offset: timedelta, form: str) -> Any:
    """Return what the clock showed at a planned time: `2026-11-24`, or with the hour `2026-11-24 09`."""
    seconds = int(offset.total_seconds())
    if connection.dialect.name == "sqlite":
        shown = sa.func.strftime(form, Run.planned_at, sa.literal_column(f"'{seconds:+} seconds'"))
    else:
        local = sa.func.timezone("UTC", Run.planned_at) + sa.literal_column(f"interval '{seconds} seconds'")
        shown = sa.func.to_char(local, sa.literal_column(f"'{form}'"))
    return sa.type_coerce(shown, sa.String).label("at")


_LINKS = (
    sa.select(TaskLink.task_id, TaskLink.upstream_id, Task.slug, Task.name, Task.engine)
    .join(Task, Task.id == TaskLink.task_id)
    .where(
        TaskLink.team_id == sa.bindparam("team"), TaskLink.on != "failure", Task.deleted_at.is_(None),
        Task.paused_at.is_(None), sa.not_(Task.awaits),
    )
    .order_by(TaskLink.task_id, TaskLink.upstream_id)
)  # fmt: skip
_FORMS = {"sqlite": ("%Y-%m-%d", "%Y-%m-%d %H"), "postgresql": ("YYYY-MM-DD", "YYYY-MM-DD HH24")}

_IS_SETTLED = sa.not_(
    sa.or_(
        sa.and_(Run.state == "waiting", Run.reason == "time"),
        sa.and_(Run.state == "skipped", Run.reason == "person"),
    )
)
"""Not what is told among the coming: a run that waits for its time, or that was skipped ahead."""

_IS_TOLD = sa.and_(IS_REAL, sa.not_(sa.and_(Run.state == "cancelled", Run.reason == "schedule_changed")))
"""Not what a change of the schedule has dropped: nothing was to run then."""

_RUNS = (
    sa.select(
        Run.number, Run.state, Run.sentence, Run.planned_at, Run.started_at, Run.ended_at, Run.folded_count,
        Run.cost_micros, Run.task_id, Task.slug, Task.name,
    )
    .join(Task, Task.id == Run.task_id)
    .where(_IS_TOLD)
    .order_by(Run.planned_at.desc(), Run.id.desc())
)  # fmt: skip
