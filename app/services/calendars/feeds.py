"""Imported calendars with an address: fetched by a worker when they are made and every hour, kept when that fails."""

from dataclasses import dataclass

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import Unavailable
from app.domain import calendars
from app.domain.calendars import CalendarError
from app.domain.calendars.ics import LARGEST_BYTES, decoded
from app.infra import fetch, queues, redis
from app.infra.addresses import Failure
from app.infra.database import db
from app.models.tasks import Schedule
from app.models.teams import Calendar
from app.services.unit import SessionWork, unit

_LONGEST_PROBLEM = 300


@dataclass(frozen=True)
class _Feed:
    id: int
    url: str


def ask(calendar_id: int, *, must: bool = False) -> None:
    """Let a worker fetch a calendar; without Redis it is fetched within the hour, or Unavailable when it `must` be."""
    try:
        queues.call(queues.CALENDARS, calendar_id)
    except (*redis.Away, OSError):
        if must:
            raise Unavailable("The queue does not answer, so nothing was fetched. Try again.") from None


def refresh(calendar_id: int = 0) -> dict[str, int]:
    """Fetch one calendar, or all that have an address; return how many were fetched and how many failed."""
    query = sa.select(Calendar.id, Calendar.settings).where(Calendar.kind == "ics", Calendar.deleted_at.is_(None))
    if calendar_id:
        query = query.where(Calendar.id == calendar_id)
    found = [_Feed(id_, settings["url"]) for id_, settings in db.session.execute(query) if settings.get("url")]
    db.session.rollback()  # no transaction is open while others are waited for
    problems = [_refresh(feed) for feed in found]
    return {"fetched": problems.count(""), "failed": len(problems) - problems.count("")}


def _refresh(feed: _Feed) -> str:
    try:
        content, problem = decoded(fetch.document(feed.url, "text/calendar", LARGEST_BYTES)), ""
        _check(feed, content)
    except Failure as failure:
        content, problem = "", failure.message
    except CalendarError as error:
        content, problem = "", error.sentence
    with unit() as work:
        row = work.session.get(Calendar, feed.id)
        if row is None or row.deleted_at or row.settings.get("url") != feed.url:
            return problem  # changed meanwhile, and asked for anew
        row.problem = problem[:_LONGEST_PROBLEM]
        if not problem:
            row.refreshed_at = work.now
        if not problem and row.content != content:
            row.content = content
            renew(work, row)
            work.audit("calendar_refreshed", row.name, calendar=row.id, version=row.version)
        work.ring(row.team_id)
    return problem


def _check(feed: _Feed, content: str) -> None:
    calendar = calendars.Calendar("", "ics", "UTC", {"url": feed.url}, content)
    calendars.check(calendar)
    calendars.coming(calendar, utc_now(), 1)


def renew(work: SessionWork, row: Calendar) -> None:
    """Count a change of a calendar, and let the clock look again at the schedules that use it."""
    row.version += 1
    row.changed_at = work.now
    in_use = (Schedule.team_id == row.team_id, sa.cast(Schedule.calendars, sa.Text) != "[]")
    known = work.session.execute(sa.select(Schedule.id, Schedule.calendars).where(*in_use, Schedule.state == "active"))
    ids = [id_ for id_, used in known if row.id in {one["calendar"] for one in used}]
    if ids:
        is_later = (Schedule.id.in_(ids), Schedule.next_fire_at > work.now)
        work.session.execute(sa.update(Schedule).where(*is_later).values(next_fire_at=work.now))
        work.wake_clock()
    work.tell("calendar_changed", row.team_id, None, calendar=row.id, version=row.version)
