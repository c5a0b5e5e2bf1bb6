"""Calendars elsewhere (CalDAV): a worker puts there what a feed would show, and takes away what it shows no more."""

import hashlib
import time
from collections.abc import Sized
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import Invalid, NotFound, Unavailable
from app.domain.access import Actor
from app.exporters import ics
from app.exporters.ics import Entry
from app.infra import queues, redis
from app.infra.addresses import Failure, read_target
from app.infra.caldav import Collection, Refused
from app.infra.database import db
from app.infra.vault import Vault
from app.models.feeds import CalendarPush, PushedEvent
from app.models.people import Person
from app.models.teams import Team
from app.services.feeds import entries
from app.services.feeds.book import Reach
from app.services.unit import unit

SCOPES = ("mine", "all")
MOST_REFUSALS = 3
"""So often in a row user and password may be refused before the calendar is left alone."""

_PAST, _AHEAD = timedelta(days=14), timedelta(days=60)
_MOST_CHANGES = 500
"""So many files are put or taken away in one go; the others follow with the next."""

_PATIENCE_SECONDS = 60.0
"""So long a calendar has its turn: a slow server must not keep those of others waiting."""

_LOOKS_AGAIN = timedelta(hours=1)
_LONGEST = {"server": 500, "username": 200, "password": 200}
_LONGEST_PROBLEM = 300
_MARK = "carillon-"


@dataclass(frozen=True)
class _Target:
    """A calendar to push to, read out of its row."""

    id: int
    collection: Collection
    reach: Reach
    kept: dict[str, tuple[str, str]]
    looks: bool


def find(person_id: int) -> CalendarPush | None:
    """Return the calendar that a person's runs are put into, None without one."""
    return db.session.scalar(sa.select(CalendarPush).where(CalendarPush.person_id == person_id))


def save(actor: Actor, vault: Vault, url: str, username: str, password: str, scope: str) -> None:
    """Put the person's runs into a calendar from now on; an empty password is the one of before, for the same user and
    server alone. Raises Invalid.

    `actor` is the person in their own space. What lies in the calendar of before stays there.
    """
    given = {"server": url.strip(), "username": username.strip(), "password": password}
    before = find(actor.person_id)
    _check(given, scope, has_password=before is not None and _is_same_place(before, given))
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id)
        row = before or CalendarPush(person_id=actor.person_id, team_id=team.id, created_at=work.now)
        if before and before.url != given["server"]:
            work.session.execute(sa.delete(PushedEvent).where(PushedEvent.push_id == row.id))
        row.url, row.username, row.scope = given["server"], given["username"], scope
        if password:
            aad = CalendarPush.aad_of(team.id, actor.person_id)
            row.sealed = vault.seal(team.data_key, password.encode(), aad)
        row.problem, row.refusals, row.paused_at, row.pushed_at = "", 0, None, None
        work.session.add(row)
        work.session.flush()
        work.audit("calendar_push_saved", read_target(row.url).host)
    _ask(row.id)


def remove(actor: Actor) -> None:
    """Put nothing there any more; what was put stays. Raises NotFound."""
    with unit(actor) as work:
        row = find(actor.person_id)
        if row is None:
            raise NotFound
        work.session.delete(row)
        work.audit("calendar_push_removed", read_target(row.url).host)


def push_now(actor: Actor) -> None:
    """Let a worker look at once, also where it had given up. Raises NotFound, Unavailable."""
    with unit(actor) as work:
        row = find(actor.person_id)
        if row is None:
            raise NotFound
        row.refusals, row.paused_at, row.pushed_at = 0, None, None
        work.session.flush()
    _ask(row.id, must=True)


# --- by a worker


def push(vault: Vault, url: str, push_id: int = 0) -> dict[str, int]:
    """Bring one calendar, or all that are not paused, up to date; `url` is Carillon's address.

    Returns how many are, and how many could not be. The server is asked only where something has changed since, and
    once an hour for what is there.
    """
    query = sa.select(CalendarPush.id).where(CalendarPush.paused_at.is_(None))
    ids = db.session.scalars(query.where(CalendarPush.id == push_id) if push_id else query).all()
    done = [_push(vault, url, one) for one in ids]
    return {"pushed": done.count(True), "failed": done.count(False)}


def _push(vault: Vault, url: str, push_id: int) -> bool:
    now = utc_now()
    target = _target(vault, url, push_id, now)
    if target is None:
        return True
    wanted = {_name(entry): entry for entry in entries.of(target.reach, now, _PAST, _AHEAD)}
    db.session.rollback()  # no transaction is open while others are waited for
    failure: Failure | None = None
    changes: dict[str, tuple[str, str] | None] = {}
    try:
        _bring(target, wanted, changes)
    except Failure as caught:
        failure = caught
    _keep(push_id, changes, failure, looked_at=now if target.looks else None)
    if failure is None and len(changes) >= _MOST_CHANGES:
        _ask(push_id)
    return failure is None


def _bring(target: _Target, wanted: dict[str, Entry], changes: dict[str, tuple[str, str] | None]) -> None:
    """Put and take away what differs, at most so many, and note each in `changes`: its digest and ETag, None: gone."""
    until = time.monotonic() + _PATIENCE_SECONDS
    there = target.collection.listing() if target.looks else {name: etag for name, (_, etag) in target.kept.items()}
    for name, entry in wanted.items():
        content = ics.alone(entry)
        digest = hashlib.sha256(content).hexdigest()
        known, etag = target.kept.get(name, ("", ""))
        is_there = name in there and (not etag or etag == there[name])
        if (digest != known or not is_there) and _has_room(changes, until):
            changes[name] = (digest, target.collection.put(name, content))
    for name in there:
        if name.startswith(_MARK) and name not in wanted and _has_room(changes, until):
            target.collection.remove(name)
            changes[name] = None


def _has_room(changes: Sized, until: float) -> bool:
    return len(changes) < _MOST_CHANGES and time.monotonic() < until


def _keep(
    push_id: int, changes: dict[str, tuple[str, str] | None], failure: Failure | None, looked_at: datetime | None
) -> None:
    with unit() as work:
        row = work.session.get(CalendarPush, push_id, with_for_update=True)
        if row is None:
            return
        if changes:
            gone = (PushedEvent.push_id == push_id, PushedEvent.name.in_(changes))
            work.session.execute(sa.delete(PushedEvent).where(*gone))
        put = [
            {"push_id": push_id, "name": name, "digest": one[0], "etag": one[1][:200]}
            for name, one in changes.items()
            if one
        ]
        if put:
            work.session.execute(sa.insert(PushedEvent), put)
        row.problem = failure.message[:_LONGEST_PROBLEM] if failure else ""
        row.refusals = row.refusals + 1 if isinstance(failure, Refused) else 0
        row.paused_at = work.now if row.refusals >= MOST_REFUSALS else None
        if failure is None and looked_at:
            row.pushed_at = looked_at


def _target(vault: Vault, url: str, push_id: int, now: datetime) -> _Target | None:
    found = db.session.execute(
        sa.select(CalendarPush, Team.data_key, Person.timezone)
        .join(Team, Team.id == CalendarPush.team_id)
        .join(Person, Person.id == CalendarPush.person_id)
        .where(CalendarPush.id == push_id)
    ).first()
    if found is None:
        return None
    row, data_key, zone = found
    password = vault.unseal(data_key, row.sealed, CalendarPush.aad_of(row.team_id, row.person_id))
    kept: Any = db.session.execute(
        sa.select(PushedEvent.name, PushedEvent.digest, PushedEvent.etag).where(PushedEvent.push_id == push_id)
    )
    return _Target(
        push_id,
        Collection(row.url, row.username, password),
        entries.reach_of(row.person_id, row.scope, zone, url),
        {name: (digest, etag) for name, digest, etag in kept},
        looks=row.pushed_at is None or row.pushed_at < now - _LOOKS_AGAIN or bool(row.problem),
    )


def _name(entry: Entry) -> str:
    return f"{_MARK}{hashlib.sha256(entry.uid.encode()).hexdigest()[:32]}.ics"


def _check(given: dict[str, str], scope: str, *, has_password: bool) -> None:
    wrong = {}
    try:
        read_target(given["server"])
    except Failure as failure:
        wrong["server"] = failure.message
    if not given["username"] or ":" in given["username"]:
        wrong["username"] = "Type the user name that the calendar server knows; it has no colon."
    if not given["password"] and not has_password:
        wrong["password"] = "Type the password, or better one made for this app alone."  # noqa: S105 a sentence
    for name, most in _LONGEST.items():
        if len(given[name]) > most:
            wrong[name] = f"This has at most {most} letters."
    if scope not in SCOPES:
        wrong["scope"] = "Choose your tasks or all tasks."
    if wrong:
        raise Invalid(wrong)


def _is_same_place(before: CalendarPush, given: dict[str, str]) -> bool:
    """Whether the password of before still goes to the server and user that it was typed for."""
    try:
        return (
            before.username == given["username"]
            and read_target(before.url).origin == read_target(given["server"]).origin
        )
    except Failure:
        return False


def _ask(push_id: int, *, must: bool = False) -> None:
    try:
        queues.call(queues.PUSH_CALENDARS, push_id)
    except (*redis.Away, OSError):
        if must:
            raise Unavailable("The queue does not answer, so nothing was put there. Try again.") from None
