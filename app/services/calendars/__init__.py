"""Calendars of exception: named days and hours that a team's schedules leave out, stay within or move to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.errors import Invalid, NotFound
from app.core.identifiers import slug as slug_of
from app.domain import calendars
from app.domain.access import Actor
from app.domain.calendars import CalendarError, Span
from app.domain.calendars.ics import decoded
from app.infra.database import db
from app.models.tasks import Schedule, Task
from app.models.teams import Calendar
from app.services import uses
from app.services.calendars import feeds, forms
from app.services.calendars.forms import LINES, SETTINGS, Given
from app.services.unit import unit

__all__ = [
    "LINES", "MOST_COMING", "SETTINGS", "Given", "Line", "User",
    "add", "change", "decoded", "delete", "find", "given_of", "lines", "preview", "refresh",
]  # fmt: skip

MOST_COMING = 100
_MOST_CALENDARS = 200
_RESERVED_SLUGS = frozenset({"new", "preview"})
"""Words of the address that stand where a calendar's slug stands."""


@dataclass(frozen=True)
class User:
    """A task whose schedules use a calendar."""

    name: str
    slug: str


@dataclass(frozen=True)
class Line:
    """A calendar as people see it: what it covers in words, which stretches are next, and which tasks use it.

    `problem` says why it is not applied, or why it could not be fetched again; `is_fetching` that its first content is
    on its way.
    """

    row: Calendar
    says: str
    coming: Sequence[Span]
    problem: str
    is_fetching: bool
    used_by: Sequence[User]


# --- reading


def lines(actor: Actor) -> list[Line]:
    """Return the team's calendars by name, each with its next stretch."""
    users = _users(actor.team_id)
    rows = db.session.scalars(_rows(actor.team_id).order_by(sa.func.lower(Calendar.name), Calendar.id))
    return [_line(row, users, 1) for row in rows]


def find(actor: Actor, slug: str, coming: int = 8, after: datetime | None = None) -> Line:
    """Return a calendar with its next stretches after an instant, by default now. Raises NotFound."""
    return _line(_own(db.session(), actor, slug), _users(actor.team_id), coming, after)


def preview(given: Given, count: int = 8, *, before: Calendar | None = None) -> list[Span]:
    """Return the next stretches of a calendar as typed, without keeping it. Raises Invalid.

    `before` is the one that is changed; its content counts when no new one was given.
    """
    values = forms.checked(given, utc_now(), content_before=_content_before(given, before))
    kept = calendars.Calendar(**values)
    return [] if given.kind == "ics" and not kept.content else calendars.coming(kept, utc_now(), count)


def given_of(row: Calendar) -> Given:
    """Return what was typed for a calendar."""
    return Given(row.name, row.kind, row.timezone, row.settings)


def _rows(team_id: int) -> sa.Select[Calendar]:
    return sa.select(Calendar).where(Calendar.team_id == team_id, Calendar.deleted_at.is_(None))


def _own(session: Session, actor: Actor, slug: str) -> Calendar:
    row: Calendar | None = session.scalar(_rows(actor.team_id).where(Calendar.slug == slug))
    if row is None:
        raise NotFound
    return row


def _line(row: Calendar, users: Mapping[int, Sequence[User]], count: int, after: datetime | None = None) -> Line:
    is_fetching = bool(row.settings.get("url")) and not row.content and not row.problem
    coming, problem = [], row.problem
    if row.content or not row.settings.get("url"):
        try:
            coming = calendars.coming(uses.read(row), after or utc_now(), count)
        except CalendarError as error:
            problem = error.sentence
    return Line(row, forms.says(row.kind, row.settings), coming, problem, is_fetching, users.get(row.id, ()))


def _users(team_id: int) -> dict[int, list[User]]:
    """Return the tasks by the calendars that their schedules use."""
    users: dict[int, dict[User, None]] = {}
    for task, slug, used in db.session.execute(
        sa.select(Task.name, Task.slug, Schedule.calendars)
        .join(Task, Task.id == Schedule.task_id)
        .where(*_in_use(team_id), Task.deleted_at.is_(None))
        .order_by(Task.name)
    ):
        for one in used:
            users.setdefault(int(one["calendar"]), {})[User(task, slug)] = None
    return {calendar: list(tasks) for calendar, tasks in users.items()}


def _in_use(team_id: int) -> Iterable[sa.ColumnElement[bool]]:
    return Schedule.team_id == team_id, Schedule.state != "over", sa.cast(Schedule.calendars, sa.Text) != "[]"


# --- changing


def add(actor: Actor, given: Given) -> Calendar:
    """Make a calendar; one with an address is fetched by a worker. Raises Invalid."""
    names = _names(actor)
    values = forms.checked(given, utc_now(), names)
    if len(names) >= _MOST_CALENDARS:
        raise Invalid({"": f"A team has at most {_MOST_CALENDARS} calendars. Delete one that is not used."})
    with unit(actor) as work:
        slug = _free_slug(work.session, actor, values["name"])
        times = {"created_at": work.now, "changed_at": work.now}
        row = Calendar(team_id=actor.team_id, slug=slug, **times, **values)
        work.session.add(row)
        work.session.flush()
        work.audit("calendar_added", row.name, calendar=row.id, kind=row.kind)
        work.tell("calendar_created", actor.team_id, None, calendar=row.id)
        calendar_id, is_fed = row.id, bool(values["settings"].get("url"))
    if is_fed:
        feeds.ask(calendar_id)
    return row


def change(actor: Actor, slug: str, given: Given) -> Calendar:
    """Change a calendar; schedules that use it are planned anew at once. Its kind stays. Raises NotFound, Invalid."""
    before = _own(db.session(), actor, slug)
    if given.kind != before.kind:
        raise Invalid({"kind": "A calendar keeps its kind. Make another one instead."})
    others = _names(actor) - {before.name}
    values = forms.checked(given, utc_now(), others, content_before=_content_before(given, before))
    with unit(actor) as work:
        row = _own(work.session, actor, slug)
        old_url = row.settings.get("url")
        if any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            row.problem = ""
            feeds.renew(work, row)
            work.audit("calendar_changed", row.name, calendar=row.id, version=row.version)
        calendar_id, url = row.id, row.settings.get("url")
    if url and url != old_url:
        feeds.ask(calendar_id)
    return row


def delete(actor: Actor, slug: str) -> None:
    """Delete a calendar that no schedule uses. Raises NotFound, Invalid with the tasks that use it."""
    with unit(actor) as work:
        row = _own(work.session, actor, slug)
        if users := _users(actor.team_id).get(row.id):
            raise Invalid({"": forms.used(row.name, [user.name for user in users])})
        row.deleted_at = row.changed_at = work.now
        row.content = ""
        work.audit("calendar_deleted", row.name, calendar=row.id)
        work.tell("calendar_deleted", actor.team_id, None, calendar=row.id)


def refresh(actor: Actor, slug: str) -> None:
    """Let a worker fetch an imported calendar now. Raises NotFound, Invalid, Unavailable."""
    row = _own(db.session(), actor, slug)
    if not row.settings.get("url"):
        raise Invalid({"": f"{row.name} has no address to fetch it from. Import the file again instead."})
    feeds.ask(row.id, must=True)


def _content_before(given: Given, row: Calendar | None) -> str:
    """Return the content that stays: of another address, or without one where there was one, nothing does."""
    if row is None or given.kind != "ics" or row.kind != "ics":
        return ""
    return row.content if forms.url_of(given.settings) == forms.url_of(row.settings) else ""


def _names(actor: Actor) -> set[str]:
    return set(db.session.scalars(_rows(actor.team_id).with_only_columns(Calendar.name)))


def _free_slug(session: Session, actor: Actor, name: str) -> str:
    taken = _RESERVED_SLUGS | set(session.scalars(sa.select(Calendar.slug).where(Calendar.team_id == actor.team_id)))
    base = slug_of(name, "calendar")
    return next(one for one in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))) if one not in taken)
