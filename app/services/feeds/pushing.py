"""Calendars elsewhere (CalDAV): a worker puts there what a feed would show, and takes away what it shows no more."""

import hashlib
import time
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from app.core.clock import utc_now
from app.core.errors import CarillonError, Unavailable
from app.exporters import ics
from app.exporters.ics import Entry
from app.infra import caldav, database
from app.infra.addresses import Failure
from app.infra.caldav import Collection, Refused
from app.infra.database import db
from app.infra.oauth import Ended
from app.infra.vault import Vault
from app.models.feeds import CalendarPush, PushedEvent
from app.models.people import Person
from app.models.teams import Team
from app.services import alerting
from app.services.feeds import accounts, entries, google
from app.services.feeds.accounts import ALERT
from app.services.feeds.book import Reach
from app.services.unit import SessionWork, unit
from app.settings import Settings

log = structlog.get_logger()

MOST_REFUSALS = 3
"""So often in a row user and password may be refused before the calendar is left alone."""

_PAST, _AHEAD = timedelta(days=14), timedelta(days=60)
_MOST_CHANGES = 500
"""So many files are put or taken away in one go; the others follow with the next."""

_MOST_PROBLEMS = 5
"""With more files than these not taken, the turn is over."""

_PATIENCE_SECONDS = 60.0
"""So long a calendar has its turn: a slow server must not keep those of others waiting."""

_LOOKS_AGAIN = timedelta(hours=1)
_LONGEST_PROBLEM = 300
_MARK = "carillon-"
_NO_GOOGLE = "Calendars at Google are turned off on this installation. Ask an administrator, or write to another one."
_BROKEN = "Something broke on our side, and the log of the worker says what. It is tried again."


@dataclass(frozen=True)
class _Target:
    """A calendar to push to, read out of its row."""

    id: int
    collection: Collection
    reach: Reach
    kept: dict[str, tuple[str, str]]
    looks: bool
    is_google: bool


def push(vault: Vault, settings: Settings, push_id: int = 0) -> dict[str, int]:
    """Bring one calendar, or all that are not paused, up to date, each for itself.

    Returns how many are, and how many could not be. The server is asked only where something has changed since, and
    once an hour for what is there.
    """
    query = sa.select(CalendarPush.id).where(CalendarPush.paused_at.is_(None), CalendarPush.url != "")
    ids = db.session.scalars(query.where(CalendarPush.id == push_id) if push_id else query).all()
    done = [_push_alone(vault, settings, one) for one in ids]
    return {"pushed": done.count(True), "failed": done.count(False)}


def _push_alone(vault: Vault, settings: Settings, push_id: int) -> bool:
    """Bring a calendar up to date; what nobody foresaw is told once, and the others have their turn."""
    try:
        return _push(vault, settings, push_id)
    except database.Away:
        raise
    except Exception as error:
        db.session.rollback()
        sentence = error.message if isinstance(error, CarillonError) else _BROKEN
        if _keep(push_id, {}, Failure("protocol", sentence), looked_at=None):
            log.exception("calendar_not_pushed", push=push_id)
        return False


def _push(vault: Vault, settings: Settings, push_id: int) -> bool:
    now = utc_now()
    target = _target(vault, settings, push_id, now)
    if target is None:
        return True
    wanted = {_name(entry): entry for entry in entries.of(target.reach, now, _PAST, _AHEAD)}
    if target.is_google:
        wanted = _for_google(wanted)
    db.session.rollback()  # no transaction is open while others are waited for
    failure: Failure | None = None
    changes: dict[str, tuple[str, str] | None] = {}
    try:
        _bring(target, wanted, changes)
    except Failure as caught:
        failure = caught
    _keep(push_id, changes, failure, looked_at=now if target.looks else None)
    if failure is None and len(changes) >= _MOST_CHANGES:
        accounts.ask(push_id)
    return failure is None


def _for_google(wanted: dict[str, Entry]) -> dict[str, Entry]:
    """Return events as Google keeps them: it names files by their UIDs, and has none that are called off."""
    return {
        name: replace(entry, uid=name.removesuffix(".ics")) for name, entry in wanted.items() if not entry.is_cancelled
    }


def _bring(target: _Target, wanted: dict[str, Entry], changes: dict[str, tuple[str, str] | None]) -> None:
    """Put and take away what differs, at most so many, and note each in `changes`: its digest and ETag, None: gone.

    Raises Failure, Refused, Ended; where only single files were not taken, when all others have had their turn.
    """
    problems: list[Failure] = []
    until = time.monotonic() + _PATIENCE_SECONDS
    there = target.collection.listing() if target.looks else {name: etag for name, (_, etag) in target.kept.items()}
    for name, entry in wanted.items():
        content = ics.alone(entry)
        digest = hashlib.sha256(content).hexdigest()
        known, etag = target.kept.get(name, ("", ""))
        is_there = name in there and (not etag or etag == there[name])
        if (digest != known or not is_there) and _has_room(changes, until):
            with _spared(problems):
                changes[name] = (digest, target.collection.put(name, content))
    for name in there:
        if name.startswith(_MARK) and name not in wanted and _has_room(changes, until):
            with _spared(problems):
                target.collection.remove(name)
                changes[name] = None
    if problems:
        raise problems[0]


@contextmanager
def _spared(problems: list[Failure]) -> Iterator[None]:
    """Let a file that the server does not take hold up no other; when it takes too many not, it is something else."""
    try:
        yield
    except (Refused, Ended):
        raise
    except Failure as failure:
        problems.append(failure)
        if failure.reason != "protocol" or len(problems) > _MOST_PROBLEMS:
            raise


def _has_room(changes: Sized, until: float) -> bool:
    return len(changes) < _MOST_CHANGES and time.monotonic() < until


def _keep(
    push_id: int, changes: dict[str, tuple[str, str] | None], failure: Failure | None, looked_at: datetime | None
) -> bool:
    """Keep what was put there and what went wrong; whether that is something else than before."""
    with unit() as work:
        row = work.session.get(CalendarPush, push_id, with_for_update=True)
        if row is None:
            return False
        _note(work, push_id, changes)
        problem = failure.message[:_LONGEST_PROBLEM] if failure else ""
        is_news, row.problem = problem != row.problem, problem
        row.refusals = row.refusals + 1 if isinstance(failure, Refused | Ended) else 0
        if isinstance(failure, Ended) or row.refusals >= MOST_REFUSALS:
            row.paused_at = work.now
            sentence = f"Your runs are put into your calendar no more. {problem} See My calendars."
            alerting.begin(work, f"{ALERT}:{push_id}", ALERT, sentence, row.team_id)
        if failure is None:
            row.pushed_at = looked_at or row.pushed_at
            alerting.end(work, f"{ALERT}:{push_id}", "Your runs are put into your calendar again.")
        return is_news


def _note(work: SessionWork, push_id: int, changes: dict[str, tuple[str, str] | None]) -> None:
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


def _target(vault: Vault, settings: Settings, push_id: int, now: datetime) -> _Target | None:
    found = db.session.execute(
        sa.select(CalendarPush, Team.data_key, Person.timezone)
        .join(Team, Team.id == CalendarPush.team_id)
        .join(Person, Person.id == CalendarPush.person_id)
        .where(CalendarPush.id == push_id)
    ).first()
    if found is None:
        return None
    row, data_key, zone = found
    kept: Any = db.session.execute(
        sa.select(PushedEvent.name, PushedEvent.digest, PushedEvent.etag).where(PushedEvent.push_id == push_id)
    )
    return _Target(
        push_id,
        _collection(settings, row, accounts.unsealed(vault, row, data_key)),
        entries.reach_of(row.person_id, row.scope, zone, settings.url),
        {name: (digest, etag) for name, digest, etag in kept},
        looks=row.pushed_at is None or row.pushed_at < now - _LOOKS_AGAIN or bool(row.problem),
        is_google=row.kind == google.KIND,
    )


def _collection(settings: Settings, row: CalendarPush, secret: str) -> Collection:
    if row.kind != google.KIND:
        return Collection(row.url, caldav.password(row.username, secret))
    provider = google.provider(settings)
    if provider is None:
        raise Unavailable(_NO_GOOGLE)
    return Collection(row.url, provider.bearer(secret), "the access that you gave to Carillon")


def _name(entry: Entry) -> str:
    return f"{_MARK}{hashlib.sha256(entry.uid.encode()).hexdigest()[:32]}.ics"
