"""What a person wants to hear about, by which way and when; and the tasks of which they want to hear nothing."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time

import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.domain import stored_rules
from app.domain.access import Actor
from app.domain.alert_rules import EVENTS, Quiet, Wishes
from app.infra import database
from app.infra.database import db
from app.models.people import Person
from app.models.tasks import Task
from app.models.teams import Membership, Team
from app.models.telling import Channel, Mute, Wish
from app.services.unit import SessionWork, unit

MOST_FAILURES = 100
USUAL = ("app", "email", "push")
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


@dataclass(frozen=True)
class Muted:
    """A task of which a person hears nothing, for ever or until a time."""

    task_id: int
    team: str
    task: str
    name: str
    until: datetime | None


@dataclass(frozen=True)
class Told:
    """What is wanted of the events: the ways of each, which wait for the digest, after how many failures, of whose."""

    ways: Mapping[str, Collection[str]]
    held: Collection[str]
    after: int = 1
    is_all: bool = False


@dataclass(frozen=True)
class Hours:
    """When nothing is sent, but of some events, and when the digest is; local times like 22:00, empty for none."""

    since: str = ""
    until: str = ""
    but: Collection[str] = ()
    digest_at: str = ""


def of(person_id: int) -> Wishes:
    """Return what a person wants, by default where they said nothing."""
    query = sa.select(Person.timezone, Wish).outerjoin(Wish, Wish.person_id == Person.id).where(Person.id == person_id)
    zone, row = db.session.execute(query).one()
    return stored_rules.wishes(row, zone)


def own_channels(person_id: int) -> Sequence[tuple[str, str]]:
    """Return the channels that the person has set up for themselves: (`channel:<id>`, name)."""
    query = sa.select(Channel.id, Channel.name).where(Channel.person_id == person_id).order_by(Channel.id)
    return [(f"channel:{ident}", name) for ident, name in db.session.execute(query)]


def save_events(person_id: int, told: Told) -> None:
    """Keep of which events a person hears, and how. Raises Invalid."""
    _refuse(_told_problems(person_id, told))
    with unit() as work:
        _tell(_row(work, person_id), told)


def save_hours(person_id: int, hours: Hours) -> None:
    """Keep when a person wants to hear nothing, and when their digest comes. Raises Invalid."""
    _refuse(_hours_problems(hours))
    with unit() as work:
        _keep(_row(work, person_id), hours)


def save(person_id: int, told: Told, hours: Hours) -> None:
    """Keep both at once. Raises Invalid."""
    _refuse(_told_problems(person_id, told) | _hours_problems(hours))
    with unit() as work:
        row = _row(work, person_id)
        _tell(row, told)
        _keep(row, hours)


def _told_problems(person_id: int, told: Told) -> dict[str, str]:
    known = {*USUAL, *(way for way, _ in own_channels(person_id))}
    wrong = {}
    if strange := [event for event in (*told.ways, *told.held) if event not in EVENTS]:
        wrong["events"] = f"There is no event called {strange[0][:40]}."
    elif strange := [way for ways in told.ways.values() for way in ways if way not in known]:
        wrong["events"] = f"There is no way to tell you called {strange[0][:40]}. Set it up first."
    if not 1 <= told.after <= MOST_FAILURES:
        wrong["after"] = f"Choose a number from 1 to {MOST_FAILURES}."
    return wrong


def _hours_problems(hours: Hours) -> dict[str, str]:
    wrong = {}
    for name, hour in (("since", hours.since), ("until", hours.until), ("digest_at", hours.digest_at)):
        if hour and not _HOUR.fullmatch(hour):
            wrong[name] = "Write a time like 22:00."
    if bool(hours.since) != bool(hours.until):
        wrong.setdefault("until" if hours.since else "since", "Quiet hours need a beginning and an end.")
    elif hours.since and hours.since == hours.until:
        wrong.setdefault("until", "Quiet hours end at another time than they begin.")
    if strange := [event for event in hours.but if event not in EVENTS]:
        wrong["but"] = f"There is no event called {strange[0][:40]}."
    return wrong


def _refuse(wrong: dict[str, str]) -> None:
    if wrong:
        raise Invalid(wrong)


def _tell(row: Wish, told: Told) -> None:
    ways = {event: sorted({*ways, *_always(event)}) for event, ways in told.ways.items()}
    row.events = {"ways": row.events.get("ways", {}) | ways, "held": sorted(set(told.held))}
    row.after, row.reach = told.after, "all" if told.is_all else "mine"


def _keep(row: Wish, hours: Hours) -> None:
    quiet = None
    if hours.since:
        quiet = Quiet(time.fromisoformat(hours.since), time.fromisoformat(hours.until), frozenset(hours.but))
    row.quiet, row.digest_hour = stored_rules.quiet(quiet), hours.digest_at


def stop(person_id: int, event: str) -> None:
    """Send a person no more e-mail of an event, as the link in each asks for. Raises NotFound."""
    if event not in EVENTS:
        raise NotFound
    with unit() as work:
        row = _row(work, person_id)
        kept = stored_rules.wishes(row, "UTC").ways_of(event) - {"email"}
        row.events = row.events | {"ways": row.events.get("ways", {}) | {event: sorted(kept)}}


def _always(event: str) -> Sequence[str]:
    """Return the ways by which an event is told in any case: what matters stands on their page."""
    return ("app",) if EVENTS[event].is_kept else ()


def _row(work: SessionWork, person_id: int) -> Wish:
    """Return the person's row, held by the transaction, a new one with the defaults if there is none."""
    work.session.get_one(Person, person_id, with_for_update=True)
    row = work.session.get(Wish, person_id, populate_existing=True)
    if row is None:
        digest = stored_rules.hour(stored_rules.DIGEST_AT)
        row = Wish(
            person_id=person_id, events={}, reach="mine", after=1, quiet={}, digest_hour=digest, changed_at=work.now
        )
        work.session.add(row)
    row.changed_at = work.now
    return row


# --- tasks of which nothing is heard


def muted(person_id: int, team_id: int | None = None) -> list[Muted]:
    """Return the tasks that a person has muted, in one team or in all that they belong to, by name."""
    query = (
        sa.select(Mute.task_id, Team.slug.label("team"), Task.slug.label("task"), Task.name, Mute.until)
        .join(Task, Task.id == Mute.task_id)
        .join(Team, Team.id == Task.team_id)
        .join(Membership, sa.and_(Membership.team_id == Team.id, Membership.person_id == Mute.person_id))
        .where(Mute.person_id == person_id, Task.deleted_at.is_(None))
        .order_by(Task.name, Task.id)
    )
    query = query if team_id is None else query.where(Task.team_id == team_id)
    now = database.now(db.session.connection())
    return [Muted(*row) for row in db.session.execute(query) if row.until is None or row.until > now]


def mute(actor: Actor, slug: str, until: datetime | None = None) -> None:
    """Tell the person nothing of a task, for ever or until a time (aware). Raises NotFound."""
    with unit(actor) as work:
        task_id = _task(work, actor, slug)
        work.session.merge(Mute(person_id=actor.person_id, task_id=task_id, until=until, created_at=work.now))
        work.ring(actor.team_id)


def unmute(person_id: int, task_id: int) -> None:
    """Tell a person of a task again. Raises NotFound for one that they have not muted."""
    with unit() as work:
        gone = sa.delete(Mute).where(Mute.person_id == person_id, Mute.task_id == task_id)
        if not work.connection.execute(gone).rowcount:
            raise NotFound


def unmute_task(actor: Actor, slug: str) -> None:
    """Tell the person of a task again. Raises NotFound."""
    with unit(actor) as work:
        gone = sa.delete(Mute).where(Mute.person_id == actor.person_id, Mute.task_id == _task(work, actor, slug))
        work.connection.execute(gone)


def _task(work: SessionWork, actor: Actor, slug: str) -> int:
    of_team = (Task.team_id == actor.team_id, Task.slug == slug, Task.deleted_at.is_(None))
    found = work.session.scalar(sa.select(Task.id).where(*of_team))
    if found is None:
        raise NotFound
    return found
