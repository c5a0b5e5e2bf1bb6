"""Whether Carillon is a success: adoption, performance and business of the whole installation."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import Forbidden
from app.domain.analytics import histogram, periods, success
from app.domain.analytics.success import MONTHS, WEEKS, Measure
from app.infra.database import UtcDateTime, db
from app.models.budgets import Budget, PlanRequest
from app.models.feeds import CalendarFeed
from app.models.instance import Audit, Fact, Worker
from app.models.library import TemplateUse
from app.models.people import Person
from app.models.planning import Suggestion
from app.models.rollups import OF_DAY, ProblemReport, Rollup, Satisfaction
from app.models.runs import Alert
from app.models.tasks import Schedule, Task, TaskLink
from app.models.teams import ApiToken, Calendar, Membership, Pool, Secret, Team
from app.models.threads import Thread
from app.services import counting
from app.services.insights.reading import DID_ITS_WORK

_MONTH = timedelta(days=30)
_QUARTER = timedelta(days=90)
_NOTES = 10
_OWN = ("clock", "workers", "redis", "queue", "database")
"""Kinds of alerts that say that Carillon itself was away."""

_ONLY_OWNERS = "Only owners of the first team, and their tokens for that team, see how Carillon does."


def check(person_id: int, only_in: int | None = None) -> None:
    """Raise Forbidden for who does not look after the installation; `only_in` is the team of a program's token."""
    if not db.session.scalar(sa.select(Membership.administers(person_id, only_in))):
        raise Forbidden("own", _ONLY_OWNERS)


def measures(person_id: int, only_in: int | None = None) -> list[Measure]:
    """Return all measures, those of one area together. Raises Forbidden."""
    check(person_id, only_in)
    now = utc_now()
    return [measure(now) for measure in _MEASURES]


# --- adoption


def _created(now: datetime) -> Measure:
    times = db.session.scalars(sa.select(Task.created_at).where(Task.created_at > now - WEEKS * timedelta(days=7)))
    return success.created(times, now)


def _retention(now: datetime) -> Measure:
    months = _months(now)
    joined = {row.id: _month(row.created_at) for row in db.session.execute(sa.select(Person.id, Person.created_at))}
    starts = [datetime(one.year, one.month, 1, tzinfo=UTC) for one in months]
    place = sa.case(*[(Audit.at >= at, number) for number, at in reversed(list(enumerate(starts)))])
    query = sa.select(Audit.person_id, place).where(Audit.at >= starts[0], Audit.person_id.is_not(None)).distinct()
    active: dict[int, set[date]] = {}
    for person_id, number in db.session.execute(query):
        active.setdefault(person_id, set()).add(months[number])
    return success.retention(joined, active, months)


def _months(now: datetime) -> list[date]:
    found = [now.date().replace(day=1)]
    while len(found) < MONTHS:
        found.insert(0, (found[0] - timedelta(days=1)).replace(day=1))
    return found


def _month(at: datetime) -> date:
    return at.date().replace(day=1)


def _features(_now: datetime) -> Measure:
    used = {name: _used(team, *where) for name, (team, where) in _FEATURES.items()}
    teams = db.session.scalar(sa.select(sa.func.count()).select_from(Team)) or 0
    return success.features(used, teams)


def _used(team: Any, *where: Any) -> tuple[int, int]:
    query = sa.select(sa.func.count(sa.distinct(team)), sa.func.count()).where(*where)
    teams, count = db.session.execute(query).one()
    return teams, count


_THERE = Task.deleted_at.is_(None)
_FEATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "Tasks": (Task.team_id, (_THERE,)),
    "Schedules": (Schedule.team_id, (Schedule.state == "active",)),
    "Agents": (Task.team_id, (_THERE, Task.engine == "agent")),
    "Tasks of several steps": (Task.team_id, (_THERE, Task.engine == "steps")),
    "Tasks after others": (TaskLink.team_id, ()),
    "Jobs that run elsewhere": (Task.team_id, (_THERE, Task.engine == "ping")),
    "Templates": (TemplateUse.team_id, ()),
    "Threads": (Thread.team_id, ()),
    "Tasks of threads": (Task.team_id, (_THERE, Task.thread_id.is_not(None))),
    "Secrets": (Secret.team_id, ()),
    "Calendars": (Calendar.team_id, (Calendar.deleted_at.is_(None),)),
    "Calendar feeds": (CalendarFeed.team_id, ()),
    "Pools": (Pool.team_id, ()),
    "Budgets": (Budget.team_id, (~Budget.is_plan,)),
    "Applied suggestions": (Suggestion.team_id, (Suggestion.state == "applied",)),
    "API keys": (ApiToken.team_id, (ApiToken.revoked_at.is_(None),)),
}


def _satisfaction(now: datetime) -> Measure:
    rows = db.session.execute(
        sa.select(Satisfaction.asked_at, Satisfaction.score, Satisfaction.note)
        .where(Satisfaction.asked_at > now - 2 * _QUARTER)
        .order_by(Satisfaction.asked_at.desc())
    ).all()
    scores = [row.score for row in rows if row.score is not None]
    notes = [(row.asked_at.date(), row.score, row.note) for row in rows if row.note]
    return success.satisfaction(scores, len(rows), notes[:_NOTES])


# --- performance


def _runs(now: datetime) -> Measure:
    rows = db.session.execute(_days(now - 2 * _MONTH, now, Rollup.state, Rollup.at, Rollup.runs, Rollup.took))
    present, before, took = Counter[str](), Counter[str](), dict[str, int]()
    for state, at, runs, more in rows:
        (present if at >= now - _MONTH else before)[state] += runs
        if at >= now - _MONTH and state in DID_ITS_WORK:
            histogram.add(took, more)
    return success.success(present, before, took)


def _days(since: datetime, until: datetime, *columns: Any) -> sa.Select[Any]:
    teams = sa.select(Team.id)  # with which the rows of each lie together
    is_in = (Rollup.team_id.in_(teams), Rollup.grain == OF_DAY, Rollup.at >= periods.day(since), Rollup.at < until)
    return sa.select(*columns).where(*is_in)


def _uptime(now: datetime) -> Measure:
    since = now - _MONTH
    own = (Alert.team_id.is_(None), Alert.kind.in_(_OWN), sa.or_(Alert.ended_at.is_(None), Alert.ended_at > since))
    rows = db.session.execute(sa.select(Alert.kind, Alert.at, Alert.ended_at).where(*own)).all()
    return success.uptime([(row.kind, row.at, row.ended_at) for row in rows], since, now)


def _reliability(_now: datetime) -> Measure:
    kept = db.session.scalar(sa.select(Fact.value).where(Fact.name == "verify"))
    broken = None if kept is None else int(kept.get("count", 0))
    return success.reliability(counting.counted(), broken)


def _utilisation(now: datetime) -> Measure:
    since = now - _MONTH
    busy = db.session.scalar(_days(since, now, sa.func.sum(Rollup.seconds))) or 0.0
    query = sa.select(
        Worker.io_slots, Worker.code_slots, Worker.started_at,
        sa.func.coalesce(Worker.stopped_at, Worker.seen_at, type_=UtcDateTime),
    )  # fmt: skip
    slots = 0.0
    for io, code, started_at, ended_at in db.session.execute(query.where(Worker.seen_at > since)):
        slots += (io + code) * max(0.0, (min(ended_at, now) - max(started_at, since)).total_seconds())
    return success.utilisation(busy, slots)


# --- business


def _value(now: datetime) -> Measure:
    worked = sa.case(
        (Rollup.state.in_(DID_ITS_WORK), Rollup.runs * sa.func.coalesce(Task.minutes_saved, 0.0)), else_=0.0
    )
    query = _days(now - _MONTH, now, Rollup.team_id, sa.func.sum(worked), sa.func.sum(Rollup.cost_micros))
    rows = db.session.execute(query.outerjoin(Task, Task.id == Rollup.task_id).group_by(Rollup.team_id)).all()
    teams = {row.id: row for row in db.session.execute(sa.select(Team.id, Team.name, Team.hourly_micros))}
    return success.value(
        [(teams[team].name, minutes / 60, teams[team].hourly_micros, int(cost)) for team, minutes, cost in rows]
    )


def _plans(now: datetime) -> Measure:
    query = (
        sa.select(PlanRequest.state, sa.func.count()).where(PlanRequest.at > now - _QUARTER).group_by(PlanRequest.state)
    )
    changes = sa.select(sa.func.count()).select_from(Audit).where(Audit.action == "plan_set", Audit.at > now - _QUARTER)
    requests = {row[0]: row[1] for row in db.session.execute(query)}
    return success.plans(requests, db.session.scalar(changes) or 0)


def _problems(now: datetime) -> Measure:
    since = now - WEEKS * timedelta(days=7)
    times = db.session.scalars(sa.select(ProblemReport.at).where(ProblemReport.at > since)).all()
    is_open = sa.select(sa.func.count()).select_from(ProblemReport).where(ProblemReport.settled_at.is_(None))
    return success.problems(times, db.session.scalar(is_open) or 0, now)


_MEASURES: tuple[Callable[[datetime], Measure], ...] = (
    _created, _retention, _features, _satisfaction, _runs, _uptime, _reliability, _utilisation, _value, _plans,
    _problems,
)  # fmt: skip
