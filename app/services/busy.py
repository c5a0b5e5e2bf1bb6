"""When people are busy: calendars of their own, of which only the times are kept. `spans` is a helper of services."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog

from app.core.clock import utc_now
from app.core.errors import CarillonError, Invalid, NotFound, Unavailable
from app.domain import calendars
from app.domain.access import Actor
from app.domain.calendars import CalendarError, Span, ics
from app.infra import database, fetch, queues, redis
from app.infra.addresses import Failure, read_target
from app.infra.database import db
from app.infra.vault import Vault
from app.models.feeds import BusyCalendar
from app.models.people import Person
from app.models.teams import Team
from app.services.unit import unit

log = structlog.get_logger()

_BACK, _AHEAD = timedelta(days=31), timedelta(days=730)
_MOST_SPANS = 5_000
_MOST_OF_ONE = 10
_LONGEST_NAME, _LONGEST_URL, _LONGEST_PROBLEM = 60, 500, 300
_BROKEN = "Something broke on our side, and the log of the worker says what. What was fetched before stays."


def spans(person_ids: Collection[int], since: datetime, until: datetime) -> dict[int, list[Span]]:
    """Return when people are busy between two instants (UTC), ascending and apart; who never is does not stand there.

    Nothing says what with: whoever plans with others learns no more than that.
    """
    low, high = since.timestamp(), until.timestamp()
    query = sa.select(BusyCalendar.person_id, BusyCalendar.spans).where(BusyCalendar.person_id.in_(person_ids))
    found: dict[int, list[Sequence[float]]] = defaultdict(list)
    for person_id, kept in db.session.execute(query):
        found[person_id] += [span for span in kept if span[0] < high and span[1] > low]
    return {
        person_id: [Span(datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)) for begin, end in merged]
        for person_id, kept in found.items()
        if (merged := _apart(kept))
    }


def listing(person_id: int) -> Sequence[BusyCalendar]:
    """Return a person's own calendars, by name."""
    query = sa.select(BusyCalendar).where(BusyCalendar.person_id == person_id)
    return db.session.scalars(query.order_by(sa.func.lower(BusyCalendar.name), BusyCalendar.id)).all()


def add(actor: Actor, vault: Vault, name: str, url: str = "", content: str = "") -> BusyCalendar:
    """Keep when the person is busy by an address, fetched by a worker now and every hour, or by the text of a file.

    `actor` is the person in their own space. Kept are the times of a month back and two years ahead. Raises Invalid.
    """
    name, url = name.strip(), ics.address(url)
    host = _checked(actor, name, url, content)
    now = utc_now()
    kept = [] if url else _of_file(actor.person_id, content, now)
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id)
        aad = BusyCalendar.aad_of(team.id, actor.person_id)
        row = BusyCalendar(
            person_id=actor.person_id, team_id=team.id, name=name or host or "Calendar", host=host,
            sealed=vault.seal(team.data_key, url.encode(), aad), spans=kept, created_at=work.now,
            refreshed_at=None if url else work.now,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        work.audit("busy_calendar_added", row.name)
    if url:
        _ask(row.id)
    return row


def remove(actor: Actor, calendar_id: int) -> None:
    """Forget one of the person's calendars. Raises NotFound."""
    with unit(actor) as work:
        row = _own(actor, calendar_id)
        work.session.delete(row)
        work.audit("busy_calendar_removed", row.name)


def fetch_again(actor: Actor, calendar_id: int) -> None:
    """Let a worker fetch one of the person's calendars now. Raises NotFound, Invalid, Unavailable."""
    row = _own(actor, calendar_id)
    if not row.host:
        raise Invalid({"": f"{row.name} was read from a file. Add the file again instead."})
    _ask(row.id, must=True)


def refresh(vault: Vault, calendar_id: int = 0) -> dict[str, int]:
    """Fetch one calendar, or all that have an address, each for itself; return how many were fetched, how many not."""
    query = (
        sa.select(BusyCalendar, Team.data_key, Person.timezone)
        .join(Team, Team.id == BusyCalendar.team_id)
        .join(Person, Person.id == BusyCalendar.person_id)
        .where(BusyCalendar.host != "")
    )
    if calendar_id:
        query = query.where(BusyCalendar.id == calendar_id)
    found = [
        (_Address(row.id, row.sealed, data_key, BusyCalendar.aad_of(row.team_id, row.person_id), zone), row.problem)
        for row, data_key, zone in db.session.execute(query)
    ]
    db.session.rollback()  # no transaction is open while others are waited for
    problems = [_refresh(vault, *one) for one in found]
    return {"fetched": problems.count(""), "failed": len(problems) - problems.count("")}


@dataclass(frozen=True)
class _Address:
    """The sealed address of a calendar, and the time zone of its person."""

    calendar_id: int
    sealed: bytes
    data_key: bytes
    aad: str
    zone: str


def _refresh(vault: Vault, address: _Address, before: str) -> str:
    """Fetch a calendar; return what went wrong. What nobody foresaw is told once, and the others have their turn."""
    now = utc_now()
    kept, problem = None, ""
    try:
        url = vault.unseal(address.data_key, address.sealed, address.aad)
        content = ics.decoded(fetch.document(url, "text/calendar", ics.LARGEST_BYTES))
        kept = _times(content, address.zone, now)
    except CalendarError as error:
        problem = error.sentence
    except CarillonError as error:
        problem = error.message
    except database.Away:
        raise
    except Exception:
        problem = _BROKEN
        if before != _BROKEN:
            log.exception("busy_calendar_not_read", calendar=address.calendar_id)
    values = {"problem": problem[:_LONGEST_PROBLEM]} | ({} if kept is None else {"spans": kept, "refreshed_at": now})
    with unit() as work:
        work.session.execute(sa.update(BusyCalendar).where(BusyCalendar.id == address.calendar_id).values(values))
    return problem


def _of_file(person_id: int, content: str, now: datetime) -> list[list[int]]:
    try:
        return _times(content, db.session.get_one(Person, person_id).timezone, now)
    except CalendarError as error:
        raise Invalid({"content": error.sentence}) from None


def _times(content: str, zone: str, now: datetime) -> list[list[int]]:
    """Return the times of a file at which its person is busy, from a month ago on. Raises CalendarError."""
    calendar = calendars.Calendar("", "ics", zone, {"only_busy": True}, content)
    found = calendars.between(calendar, now - _BACK, now + _AHEAD)
    return _apart([int(span.begin.timestamp()), int(span.end.timestamp())] for span in found)[:_MOST_SPANS]


def _apart(kept: Iterable[Sequence[float]]) -> list[list[int]]:
    """Return spans without those that overlap or meet: they become one."""
    apart: list[list[int]] = []
    for begin, end in sorted(tuple(span) for span in kept):
        if apart and begin <= apart[-1][1]:
            apart[-1][1] = max(apart[-1][1], int(end))
        else:
            apart.append([int(begin), int(end)])
    return apart


def _checked(actor: Actor, name: str, url: str, content: str) -> str:
    """Return the host of the address, "" without one. Raises Invalid."""
    wrong, host = {}, ""
    if len(name) > _LONGEST_NAME:
        wrong["name"] = f"A name has at most {_LONGEST_NAME} letters."
    if bool(url) == bool(content):
        wrong["url"] = "Give the address of your calendar, or choose a file of it."
    elif url:
        try:
            host = read_target(url).host
        except Failure as failure:
            wrong["url"] = failure.message
        if len(url) > _LONGEST_URL:
            wrong["url"] = f"An address has at most {_LONGEST_URL} letters."
    if not wrong and len(listing(actor.person_id)) >= _MOST_OF_ONE:
        wrong[""] = f"You have {_MOST_OF_ONE} calendars here already. Remove one first."
    if wrong:
        raise Invalid(wrong)
    return host


def _own(actor: Actor, calendar_id: int) -> BusyCalendar:
    row = db.session.get(BusyCalendar, calendar_id)
    if row is None or row.person_id != actor.person_id:
        raise NotFound
    return row


def _ask(calendar_id: int, *, must: bool = False) -> None:
    """Let a worker fetch a calendar; without Redis it is fetched within the hour, or Unavailable when it `must` be."""
    try:
        queues.call(queues.BUSY, calendar_id)
    except (*redis.Away, OSError):
        if must:
            raise Unavailable("The queue does not answer, so nothing was fetched. Try again.") from None
