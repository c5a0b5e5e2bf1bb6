"""Addresses that e-mail channels of teams write to: until its owner has confirmed, one gets only a letter that asks.

A helper of services, like unit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.channels import kinds
from app.channels.base import Message, NotSent, Story
from app.channels.email import Email
from app.channels.kinds import Means
from app.domain.access import Actor
from app.domain.wording import listed
from app.infra import database
from app.models.people import Person
from app.models.runs import Delivery
from app.models.teams import Membership, Team
from app.models.telling import ActionLink, Channel, Recipient
from app.services import action_links
from app.services.action_links import Link
from app.services.unit import Work, batch

EVERY = timedelta(days=1)
"""So often at most an address is asked, whichever teams want to write to it."""

MOST = 20
"""Letters that one team has sent to ask, within that time."""

_KEPT = timedelta(days=3650)
"""So long the link that has confirmed an address stops its messages."""

_TRIES, _WAIT, _HELD = 5, timedelta(minutes=10), timedelta(minutes=3)


@dataclass(frozen=True)
class State:
    """How it is with an address: confirmed, or asked (when, None: not yet), or why the letter did not get there."""

    address: str
    is_confirmed: bool
    asked_at: datetime | None = None
    problem: str = ""


def states(connection: sa.Connection, team_id: int, addresses: Sequence[str]) -> list[State]:
    """Return how it is with addresses of a team, in their order.

    Those of its members confirm like all others: that an account has an address does not prove whose it is.
    """
    known = _known(connection, team_id, addresses)
    return [_state(one, known.get(one.lower())) for one in addresses]


def _known(connection: sa.Connection, team_id: int, addresses: Sequence[str]) -> dict[str, Any]:
    names = [one.lower() for one in addresses]
    query = sa.select(Recipient.__table__).where(Recipient.team_id == team_id, Recipient.address.in_(names))
    return {row.address: row for row in connection.execute(query)}


def _state(address: str, row: Any) -> State:
    if row is None:
        return State(address, is_confirmed=False)
    return State(address, row.confirmed_at is not None, row.asked_at, row.problem)


def reachable(team_id: int, address: Mapping[str, str]) -> Mapping[str, str]:
    """Return where an e-mail channel leads with those alone who have confirmed. Raises NotSent while nobody has.

    Who was never asked is asked from now on: of a long list that is older than the question not all could be read.
    """
    names = kinds.recipients(address)
    with database.read() as connection:
        known = _known(connection, team_id, names)
    if new := [one for one in names if one.lower() not in known]:
        with batch() as work:
            ask(work, team_id, None, new)
    found = [_state(one, known.get(one.lower())) for one in names]
    confirmed = [one.address for one in found if one.is_confirmed]
    if not confirmed:
        some = [one.address for one in found]
        raise NotSent(f"It waits until {listed(some)} {'has' if len(some) == 1 else 'have'} confirmed.")
    return {**address, "addresses": ", ".join(confirmed)}


def ask(work: Work, team_id: int, person_id: int | None, addresses: Iterable[str]) -> None:
    """Let the owners of addresses be asked who have not confirmed, the watchdog sends it; each at most once a day."""
    for one in states(work.connection, team_id, list(addresses)):
        if one.is_confirmed:
            continue
        row = {"team_id": team_id, "address": one.address.lower(), "created_at": work.now}
        wanted = {"wanted_at": work.now, "tries": 0, "problem": "", "asked_by_id": person_id}
        work.connection.execute(_ASK[work.connection.dialect.name], row | wanted)


# --- the letter


def send_next(means: Means) -> bool:
    """Send the next letter that asks; whether there was one to send. Raises what the database raises."""
    with database.read() as connection:
        if _due(connection, database.now(connection)) is None:
            return False
    with batch() as work:
        row = _due(work.connection, work.now)
        if row is None:
            return False
        claim = sa.update(Recipient).where(Recipient.id == row.id, Recipient.wanted_at == row.wanted_at)
        if not work.connection.execute(claim.values(wanted_at=work.now + _HELD, tries=row.tries + 1)).rowcount:
            return True  # another process has it
        by = f"{row.name} ({row.email})" if row.name else row.team  # who has left speaks for the team no more
        url = action_links.to_confirm(work, by, row.team_id, row.address, means.home)
    problem = _sent(row, by, url, work.now, means)
    with batch() as work:
        _note(work, row, problem)
    return True


def _due(connection: sa.Connection, now: datetime) -> Any:
    return connection.execute(_DUE, {"now": now, "since": now - EVERY, "most": MOST}).first()


def _sent(row: Any, by: str, url: str, now: datetime, means: Means) -> NotSent | None:
    if means.mail is None:
        return NotSent("No mail server is set.", is_permanent=True)
    if not kinds.is_mail(row.address):
        return NotSent("This is no e-mail address.", is_permanent=True)
    story = Story(
        safe=f"{by} typed this address. Nothing else is sent to it until you confirm.",
        next_step="If you don't know what this is, do nothing. The same link stops the messages later.",
    )
    sentence = f"{row.team} wants to send its alerts to {row.address}."
    message = Message(f"recipient-{row.id}-{row.tries}", "confirm", sentence, row.team, url, now, story=story)
    try:
        Email(means.mail, [row.address], means.home).send(message)
    except NotSent as refusal:
        return refusal
    except Exception as error:  # noqa: BLE001 whatever it is, to try for ever helps nobody
        return NotSent(f"It can't be sent: {type(error).__name__}.", is_permanent=True)
    return None


def _note(work: Work, row: Any, refusal: NotSent | None) -> None:
    values: dict[str, Any]
    if refusal is None:
        values = {"wanted_at": None, "asked_at": work.now, "problem": ""}
    else:
        is_over = refusal.is_permanent or row.tries + 1 >= _TRIES
        again = None if is_over else work.now + _WAIT * (row.tries + 1)
        values = {"wanted_at": again, "problem": refusal.message[:300]}
    work.connection.execute(sa.update(Recipient).where(Recipient.id == row.id).values(values))
    work.ring(row.team_id)


# --- the answer


def confirm(link: Link) -> None:
    """Note that the owner of an address wants what a team sends there; what waits for it goes out now."""
    with batch() as work:
        is_it = (Recipient.team_id == link.team_id, Recipient.address == link.address)
        values = {"confirmed_at": work.now, "wanted_at": None, "problem": ""}
        work.connection.execute(sa.update(Recipient).where(*is_it).values(values))
        kept = sa.update(ActionLink).where(ActionLink.id == link.id)
        work.connection.execute(kept.values(expires_at=work.now + _KEPT))
        mail = (Channel.team_id == link.team_id, Channel.kind == "email")
        fails = sa.update(Channel).where(*mail, Channel.state == "failing")
        work.connection.execute(fails.values(state="new", problem=""))
        names = sa.select(sa.literal("channel:") + sa.cast(Channel.id, sa.String)).where(*mail)
        waits = (Delivery.state == "waiting", Delivery.tries > 0, Delivery.channel.in_(names))
        work.connection.execute(sa.update(Delivery).where(*waits).values(next_try_at=work.now))
        work.ring(link.team_id)


def withdraw(link: Link) -> None:
    """Take back what a link has confirmed: nothing more goes to its address, unless its owner confirms anew."""
    with batch(Actor(0, link.team_id, "viewer")) as work:
        is_it = (Recipient.team_id == link.team_id, Recipient.address == link.address)
        values = {"confirmed_at": None, "wanted_at": None}
        work.connection.execute(sa.update(Recipient).where(*is_it).values(values))
        work.audit("link_used", link.address, purpose="stop")
        work.ring(link.team_id)


_ASK: dict[str, Any] = {}
for _dialect, _insert_into in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert)):
    _new = _insert_into(Recipient)
    _again = {name: _new.excluded[name] for name in ("wanted_at", "tries", "problem", "asked_by_id")}
    _ASK[_dialect] = _new.on_conflict_do_update(index_elements=["team_id", "address"], set_=_again)
_OTHER = sa.alias(Recipient.__table__)
_SINCE: Any = sa.bindparam("since", type_=Recipient.created_at.type)
_NOW: Any = sa.bindparam("now", type_=Recipient.created_at.type)
_ASKED = (
    sa.select(sa.func.count())
    .select_from(_OTHER)
    .where(_OTHER.c.team_id == Recipient.team_id, _OTHER.c.asked_at > _SINCE)
    .scalar_subquery()
)
_DUE = (
    sa.select(
        Recipient.id, Recipient.team_id, Recipient.address, Recipient.wanted_at, Recipient.tries,
        Team.name.label("team"), Person.name, Person.email,
    )
    .join(Team, Team.id == Recipient.team_id)
    .outerjoin(
        Membership, sa.and_(Membership.team_id == Recipient.team_id, Membership.person_id == Recipient.asked_by_id)
    )
    .outerjoin(Person, Person.id == Membership.person_id)
    .where(Recipient.confirmed_at.is_(None), Recipient.wanted_at <= _NOW, sa.bindparam("most") > _ASKED)
    .where(Recipient.tries < _TRIES)  # a process may have died over it
    .where(~sa.exists().where(_OTHER.c.address == Recipient.address, _OTHER.c.asked_at > _SINCE))
    .order_by(Recipient.wanted_at, Recipient.id)
    .limit(1)
)  # fmt: skip
