"""The runs of some tasks as events of a calendar: what was, and what is planned, a frequent task as one event a day."""

from collections import ChainMap, Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.domain import occurrences
from app.exporters.ics import Entry
from app.infra.database import db
from app.models.runs import IS_REAL, Event, Run
from app.models.tasks import Schedule, Task, plan_of
from app.models.teams import Membership, Team
from app.services import coming, estimates, uses
from app.services.coming import Coming
from app.services.estimates import Subject
from app.services.feeds.book import MOST_A_DAY, STEP, Book, Reach

PAST, AHEAD = timedelta(days=30), timedelta(days=60)

_MOST_OF_ONE = MOST_A_DAY * AHEAD.days
_MOST_PASSED = MOST_A_DAY * PAST.days
"""So many runs of one schedule that are to come, and of one task that are over, are looked at one by one."""

_MOST_TOGETHER = 20_000
"""So many runs that are to come are computed, and so many that are over are read; with more, a calendar ends sooner."""

_UNDECIDED = timedelta(minutes=5)
"""What was planned so shortly ago may have no row yet."""

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def reach_of(person_id: int, scope: str, zone: str, url: str, team_id: int | None = None) -> Reach:
    """Return whose runs a calendar of a person shows at this moment: those of a team, or of all theirs.

    A team to which the person does not belong any more is none of them.
    """
    query = sa.select(Membership.team_id).where(Membership.person_id == person_id)
    ids = db.session.scalars(query if team_id is None else query.where(Membership.team_id == team_id)).all()
    return Reach(ids, person_id if scope == "mine" else None, zone, url)


def of(reach: Reach, now: datetime, past: timedelta = PAST, ahead: timedelta = AHEAD) -> list[Entry]:
    """Return the events of a calendar, from the beginning of a day to that of another, so that they change seldom."""
    if not reach.team_ids:
        return []
    zone = ZoneInfo(reach.zone)
    today = datetime.combine(now.astimezone(zone).date(), time(), zone).astimezone(UTC)
    connection = db.session.connection()
    tasks = {row.id: row for row in connection.execute(_tasks(reach))}
    rows = connection.execute(_passed(reach, today - past, now)).all()[::-1]
    found = coming.coming(
        connection, reach.team_ids, now - _UNDECIDED, today + ahead, now, most=_MOST_OF_ONE,
        together=_MOST_TOGETHER, task_ids=_ids(reach),
    )  # fmt: skip
    usual = _usual(connection, tasks.values(), today)  # of the day, so that it changes seldom
    book = Book(reach, now, tasks, usual, _told(connection, found))
    for one in found:
        if _is_frequent(one):
            book.put_days(one, _further(connection, one, zone, today + ahead))
        else:
            book.put_coming(one)
    for row in _read_whole(rows, zone):
        book.put_row(row)
    return book.entries()


def _is_frequent(one: Coming) -> bool:
    """Whether a schedule has too many runs to tell them one by one."""
    days = (one.runs[-1].at - one.runs[0].at) / _DAY
    return one.has_more and len(one.runs) > MOST_A_DAY * max(days, 1)


def _read_whole(rows: Sequence[Any], zone: ZoneInfo) -> Iterator[Any]:
    """Yield the runs but those of a day of which not all were read."""
    read = Counter(row.task_id for row in rows)
    cut: dict[int, date] = {}
    for row in rows:
        day = row.planned_at.astimezone(zone).date()
        if read[row.task_id] < _MOST_PASSED or cut.setdefault(row.task_id, day) != day:
            yield row


def _further(connection: sa.Connection, one: Coming, zone: ZoneInfo, until: datetime) -> Iterator[date]:
    """Yield the days after the last run that was computed on which more of them start.

    Of what calendars leave out one in each hour is tried.
    """
    plan = plan_of(one.schedule, uses.of(connection, one.schedule.team_id, one.schedule.calendars))
    at = one.runs[-1].at
    while at < until and (run := next(occurrences.between(plan, at, until), None)):
        if run.is_left_out:
            at = run.fire.at + _HOUR
        else:
            day = run.fire.at.astimezone(zone).date()
            yield day
            at = datetime.combine(day + _DAY, time(), zone).astimezone(UTC)


# --- what is read


def _own(reach: Reach) -> list[sa.ColumnElement[bool]]:
    own = [] if reach.owner_id is None else [Task.owner_id == reach.owner_id]
    return [Task.team_id.in_(reach.team_ids), Task.deleted_at.is_(None), *own]


def _ids(reach: Reach) -> sa.Select[int]:
    return sa.select(Task.id).where(*_own(reach))


def _tasks(reach: Reach) -> sa.Select[*tuple[Any, ...]]:
    team = Team.slug.label("team")
    estimated = (Task.team_id, Task.engine, Task.version_number)
    return sa.select(Task.id, Task.slug, Task.name, Task.changed_at, team, *estimated).join(Team).where(*_own(reach))


def _passed(reach: Reach, since: datetime, now: datetime) -> sa.Select[*tuple[Any, ...]]:
    """Return the query for the runs that were planned until now, of each task so many of the newest."""
    older = sa.select(Run.planned_at).where(Run.task_id == Task.id, Run.planned_at <= now)
    oldest = older.order_by(Run.planned_at.desc()).offset(_MOST_PASSED).limit(1).correlate(Task).scalar_subquery()
    return (
        sa.select(
            Run.id, Run.number, Run.task_id, Run.key, Run.state, Run.reason, Run.sentence, Run.planned_at,
            Run.started_at, Run.ended_at, Run.folded_count, Schedule.timezone,
        )
        .join(Task, Task.id == Run.task_id)
        .outerjoin(Schedule, Schedule.id == Run.schedule_id)
        .where(
            *_own(reach), IS_REAL, Run.backfill_id.is_(None), Run.reason != "calendar", Run.planned_at >= since,
            Run.planned_at <= now,
            Run.planned_at > sa.func.coalesce(oldest, since - STEP, type_=Run.planned_at.type),
        )
        .order_by(Run.planned_at.desc())
        .limit(_MOST_TOGETHER)
    )  # fmt: skip


def _told(connection: sa.Connection, found: Iterable[Coming]) -> dict[tuple[int, int], datetime]:
    """Return when the planned runs that have a row already last changed, by task and number."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for one in found:
        numbers[one.task_id] += [run.number for run in one.runs if run.number is not None]
    wanted = [(task_id, number) for task_id, of_task in numbers.items() for number in of_task]
    if not wanted:
        return {}
    query = (
        sa.select(Run.task_id, Run.number, sa.func.max(Event.at))
        .join(Event, Event.run_id == Run.id)
        .where(Run.task_id.in_(numbers), Run.number.in_([number for _, number in wanted]))
        .group_by(Run.task_id, Run.number)
    )
    return {(task_id, number): at for task_id, number, at in connection.execute(query)}


def _usual(connection: sa.Connection, tasks: Iterable[Any], at: datetime) -> dict[int, timedelta]:
    """Return how long a run that starts at `at` is expected to take, by task, as far as anything is known."""
    of_team: dict[int, list[Subject]] = defaultdict(list)
    for task in tasks:
        of_team[task.team_id].append(Subject(task.id, task.engine, task.version_number))
    found = ChainMap(*(estimates.of(connection, team_id, these, at) for team_id, these in of_team.items()))
    return {
        task_id: timedelta(seconds=estimate.typical_seconds)
        for task_id, estimate in found.items()
        if estimate.typical_seconds is not None
    }
