"""Channels of a person or a team: set up, tested, and taken away. What they lead to is sealed and never shown again."""

import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.channels import kinds
from app.channels.base import Channel as Way
from app.channels.base import Message, NotSent
from app.channels.email import Email
from app.channels.kinds import Means
from app.core.clock import utc_now
from app.core.errors import Invalid, NotFound, Unavailable
from app.domain.access import Actor
from app.infra.database import db
from app.infra.vault import Vault
from app.models.instance import Audit, Fact
from app.models.people import Person
from app.models.runs import Delivery
from app.models.teams import Team
from app.models.telling import Channel
from app.services import alerting, recipients
from app.services.recipients import State
from app.services.unit import SessionWork, unit

MOST = 30
"""Channels of one person, and of one team."""

TEST_SECONDS = 10.0
MOST_TESTS, TESTS_WITHIN = 5, timedelta(minutes=10)
"""Tests of the channels of one team within a while: what is sent goes to others."""

LONGEST_NAME = 60

_AT_ONCE = threading.BoundedSemaphore(2)
"""Tests under way in this process: each holds one of its threads while the other side takes its time."""

_TEST = "This is a test: messages reach you here."
_BEAT = "watchdog"


@dataclass(frozen=True)
class Line:
    """A channel as people see it. `address` is what may be read of where it leads, `waiting` how many messages wait."""

    id: int
    kind: str
    name: str
    address: str
    fallback_id: int | None
    state: str
    problem: str
    changed_state_at: datetime | None
    created_at: datetime
    waiting: int
    recipients: Sequence[State] = ()


@dataclass(frozen=True)
class Letters:
    """How a person's e-mail fares: when a message was sent last, or why the last one was not."""

    address: str
    has_server: bool
    sent_at: datetime | None
    problem: str
    waiting: int


@dataclass(frozen=True)
class Tested:
    """What became of a test message, in the words of the other side."""

    is_sent: bool
    said: str


@dataclass(frozen=True)
class Wanted:
    """A channel to set up or to change. Secret fields that are left empty stay as they are."""

    kind: str
    name: str
    address: Mapping[str, str]
    fallback_id: int | None = None


def lines(actor: Actor) -> list[Line]:
    """Return the channels of the team, by name; those of a person belong to the person's own space."""
    query = sa.select(Channel).where(Channel.team_id == actor.team_id).order_by(Channel.name, Channel.id)
    rows = db.session.scalars(query.execution_options(populate_existing=True)).all()
    waiting = _waiting([f"channel:{row.id}" for row in rows])
    return [_line(row, waiting.get(f"channel:{row.id}", 0)) for row in rows]


def find(actor: Actor, channel_id: int) -> Line:
    """Return one of them. Raises NotFound."""
    row = _row(actor, channel_id)
    return _line(row, _waiting([f"channel:{row.id}"]).get(f"channel:{row.id}", 0))


def letters(person_id: int, means: Means) -> Letters:
    """Return how a person's e-mail fares."""
    name = f"email:{person_id}"
    address = db.session.scalars(sa.select(Person.email).where(Person.id == person_id)).one()
    query = sa.select(Delivery.state, Delivery.sent_at, Delivery.problem).where(
        Delivery.channel == name, Delivery.tries > 0, Delivery.state != "dropped"
    )
    row = db.session.execute(query.order_by(Delivery.id.desc()).limit(1)).first()
    is_sent = row is None or row.state == "sent"
    return Letters(
        address, means.mail is not None, row.sent_at if row else None, "" if is_sent or not row else row.problem,
        _waiting([name]).get(name, 0),
    )  # fmt: skip


def can_be_opened() -> bool:
    """Whether the watchdog has the key file, without which it can't open the channels of people and teams."""
    beat = db.session.scalar(sa.select(Fact.value).where(Fact.name == _BEAT))
    return beat is None or bool(beat.get("has_key", True))


def create(actor: Actor, vault: Vault, wanted: Wanted) -> int:
    """Set a channel up; returns its id. Raises Invalid."""
    address, shown = _read(actor, wanted, {})
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id, with_for_update=True)
        count = work.session.scalar(sa.select(sa.func.count()).where(Channel.team_id == actor.team_id))
        if (count or 0) >= MOST:
            raise Invalid({"": f"There are at most {MOST} channels. Remove one first."})
        row = Channel(
            team_id=team.id, person_id=actor.person_id if team.is_personal else None, kind=wanted.kind,
            name=_named(wanted), sealed=b"", shown=shown, fallback_id=_fallback(work, actor, wanted, None),
            created_at=work.now, changed_at=work.now,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        _seal(row, team, vault, address)
        _ask(work, row, address)
        work.audit("channel_created", row.name, channel=row.id, kind=row.kind, address=shown)
    return row.id


def change(actor: Actor, vault: Vault, channel_id: int, wanted: Wanted) -> None:
    """Change where a channel leads or what it is called; its kind stays. Raises NotFound, Invalid, WrongKey."""
    before = _row(actor, channel_id)
    known = _unsealed(before, vault)
    wanted = Wanted(before.kind, wanted.name, wanted.address, wanted.fallback_id)
    address, shown = _read(actor, wanted, known)
    with unit(actor) as work:
        row = _row(actor, channel_id)
        team = work.session.get_one(Team, row.team_id)
        row.name, row.shown, row.changed_at = _named(wanted), shown, work.now
        row.fallback_id = _fallback(work, actor, wanted, channel_id)
        if address != known:
            _seal(row, team, vault, address)
            row.state, row.problem = "new", ""
            _ask(work, row, address)
        _try_soon(work, row.id)
        work.audit("channel_changed", row.name, channel=row.id, address=shown)


def ask_again(actor: Actor, vault: Vault, channel_id: int) -> None:
    """Let those addresses of a channel be asked once more that have not confirmed. Raises NotFound, WrongKey."""
    row = _row(actor, channel_id)
    address = _unsealed(row, vault)
    with unit(actor) as work:
        _ask(work, row, address)
        work.audit("channel_asked", row.name, channel=channel_id)


def _ask(work: SessionWork, row: Channel, address: Mapping[str, str]) -> None:
    if row.kind == "email":
        assert work.actor
        recipients.ask(work, row.team_id, work.actor.person_id, kinds.recipients(address))


def delete(actor: Actor, channel_id: int) -> None:
    """Take a channel away. What waits for it goes the way that comes after it. Raises NotFound."""
    with unit(actor) as work:
        row = _row(actor, channel_id)
        way = f"channel:{row.fallback_id}" if row.fallback_id else f"email:{row.person_id}" if row.person_id else ""
        alerting.end(work, _alert_key(row.id), f"The channel {row.name} was removed.")
        if way:
            _hand_over(work, row.id, way, row.person_id)
        work.audit("channel_removed", row.name, channel=row.id)
        work.session.delete(row)


def test(actor: Actor, vault: Vault, channel_id: int, means: Means) -> Tested:
    """Send a test message now, and return what the other side answered, within TEST_SECONDS.

    Raises NotFound, WrongKey, and Unavailable while too many are tested.
    """
    row = _row(actor, channel_id)
    name, address = row.name, _unsealed(row, vault)
    team = db.session.get_one(Team, row.team_id)
    message = _message(means, "" if team.is_personal else team.name)
    if _is_tested_enough(actor):
        return Tested(is_sent=False, said=_ENOUGH)
    try:
        if row.kind == "email":
            address = dict(recipients.reachable(row.team_id, address))
        way = kinds.opened(row.kind, address, means)
    except NotSent as refusal:
        return Tested(is_sent=False, said=refusal.message)
    tested = _try(way, message)
    with unit(actor) as work:
        found = work.session.get(Channel, channel_id)
        if found:
            _note(work, found, tested)
        work.audit("channel_tested", name, channel=channel_id, sent=tested.is_sent)
    return tested


def test_letters(person_id: int, means: Means) -> Tested:
    """Send a person a test by e-mail now, and return what the server answered. Raises Unavailable."""
    if means.mail is None:
        return Tested(is_sent=False, said="No mail server is set. An administrator can set CARILLON_SMTP_URL.")
    address = db.session.scalars(sa.select(Person.email).where(Person.id == person_id)).one()
    return _try(Email(means.mail, [address], means.home), _message(means, ""))


# --- testing

_ENOUGH = f"{MOST_TESTS} tests within {TESTS_WITHIN.seconds // 60} minutes are the most. Try again later."


def _is_tested_enough(actor: Actor) -> bool:
    tested = (Audit.team_id == actor.team_id, Audit.action == "channel_tested", Audit.at > utc_now() - TESTS_WITHIN)
    last = sa.select(Audit.id).where(*tested).limit(MOST_TESTS)
    return len(db.session.execute(last).all()) >= MOST_TESTS


def _message(means: Means, team: str) -> Message:
    now = utc_now()
    return Message(f"test-{now:%Y%m%dT%H%M%S%f}", "test", _TEST, team, f"{means.home}/me/channels", now)


def _try(way: Way, message: Message) -> Tested:
    """Send on a thread that nobody waits for longer than a person does. No transaction is open meanwhile."""
    db.session.rollback()
    if not _AT_ONCE.acquire(blocking=False):
        raise Unavailable("Other tests are under way. Try again in a moment.")
    answer: Future[Tested] = Future()

    def work() -> None:
        try:
            answer.set_result(Tested(is_sent=True, said=way.send(message)))
        except NotSent as refusal:
            answer.set_result(Tested(is_sent=False, said=refusal.message))
        except Exception as error:  # noqa: BLE001 it is shown to who asked
            answer.set_result(Tested(is_sent=False, said=f"It can't be sent: {type(error).__name__}."))
        finally:
            _AT_ONCE.release()

    threading.Thread(target=work, name="channel-test", daemon=True).start()
    try:
        return answer.result(TEST_SECONDS)
    except TimeoutError:
        return Tested(is_sent=False, said=f"There was no answer within {TEST_SECONDS:g} s.")


def _note(work: SessionWork, row: Channel, tested: Tested) -> None:
    if tested.is_sent or row.state != "failing":
        row.changed_state_at = work.now
    row.state = "ok" if tested.is_sent else "failing"
    row.problem = "" if tested.is_sent else tested.said[:300]
    if tested.is_sent:
        alerting.end(work, _alert_key(row.id), f"Messages reach {kinds.label(row.kind)} “{row.name}” again.")
        _try_soon(work, row.id)


# --- what was typed


def _read(actor: Actor, wanted: Wanted, known: Mapping[str, str]) -> tuple[Mapping[str, str], str]:
    wrong: dict[str, str] = {}
    if len(wanted.name.strip()) > LONGEST_NAME:
        wrong["name"] = f"A name has at most {LONGEST_NAME} letters."
    kind = kinds.KINDS.get(wanted.kind)
    if kind and not kind.is_personal and db.session.get_one(Team, actor.team_id).is_personal:
        wrong["kind"] = "Your own e-mail is a way to reach you already."
    secret = {field.name for field in kind.fields if field.is_secret} if kind else set()
    kept = {name: known[name] for name in secret if known.get(name) and not wanted.address.get(name, "").strip()}
    try:
        address, shown = kinds.read(wanted.kind, {**known, **wanted.address, **kept})
    except Invalid as error:
        raise Invalid(wrong | error.fields) from None
    if wrong:
        raise Invalid(wrong)
    if kept and known.get("server") != address.get("server"):
        raise Invalid(dict.fromkeys(sorted(kept), "Type it again: it was given to the server of before."))
    return address, shown


def _named(wanted: Wanted) -> str:
    return wanted.name.strip() or kinds.label(wanted.kind)


def _fallback(work: SessionWork, actor: Actor, wanted: Wanted, channel_id: int | None) -> int | None:
    if wanted.fallback_id is None:
        return None
    is_it = sa.and_(Channel.id == wanted.fallback_id, Channel.team_id == actor.team_id)
    if wanted.fallback_id == channel_id or not work.session.scalar(sa.select(Channel.id).where(is_it)):
        raise Invalid({"fallback_id": "Choose another channel."})
    return wanted.fallback_id


def _seal(row: Channel, team: Team, vault: Vault, address: Mapping[str, str]) -> None:
    text = json.dumps(dict(address)).encode()
    row.sealed = vault.seal(team.data_key, text, Channel.aad_of(team.id, row.id))


def _unsealed(row: Channel, vault: Vault) -> dict[str, str]:
    team = db.session.get_one(Team, row.team_id)
    found: dict[str, str] = json.loads(vault.unseal(team.data_key, row.sealed, Channel.aad_of(team.id, row.id)))
    return found


def readable(actor: Actor, vault: Vault, channel_id: int) -> dict[str, str]:
    """Return what a form shows of a channel's address: all fields but the secret ones. Raises NotFound, WrongKey."""
    row = _row(actor, channel_id)
    address = _unsealed(row, vault)
    fields = kinds.KINDS[row.kind].fields if row.kind in kinds.KINDS else ()
    return {field.name: address.get(field.name, "") for field in fields if not field.is_secret}


# --- rows


def _row(actor: Actor, channel_id: int) -> Channel:
    row = db.session.scalar(sa.select(Channel).where(Channel.id == channel_id, Channel.team_id == actor.team_id))
    if row is None:
        raise NotFound
    return row


def _line(row: Channel, waiting: int) -> Line:
    return Line(
        row.id, row.kind, row.name, row.shown, row.fallback_id, row.state, row.problem, row.changed_state_at,
        row.created_at, waiting, _recipients(row),
    )  # fmt: skip


def _recipients(row: Channel) -> Sequence[State]:
    if row.kind != "email":
        return ()
    read = [one for one in kinds.recipients({"addresses": row.shown}) if one != "…"]  # which stands for those cut off
    return recipients.states(db.session.connection(), row.team_id, read)


def _waiting(names: Sequence[str]) -> dict[str, int]:
    """Count the messages of channels that are on their way: tried once in vain, or due by now."""
    is_late = sa.or_(Delivery.tries > 0, Delivery.next_try_at < utc_now())
    query = sa.select(Delivery.channel, sa.func.count()).where(
        Delivery.state == "waiting", Delivery.channel.in_(names), is_late
    )
    return dict(db.session.execute(query.group_by(Delivery.channel)).all())


def _alert_key(channel_id: int) -> str:
    return f"channel_failing:channel:{channel_id}"


def _try_soon(work: SessionWork, channel_id: int) -> None:
    """Let what was tried in vain be tried again now."""
    is_it = (Delivery.channel == f"channel:{channel_id}", Delivery.state == "waiting", Delivery.tries > 0)
    work.connection.execute(sa.update(Delivery).where(*is_it).values(next_try_at=work.now))


def _hand_over(work: SessionWork, channel_id: int, way: str, person_id: int | None) -> None:
    """Let what waits go another way, where nobody was told by it already."""
    other = sa.alias(Delivery.__table__)
    waits = (Delivery.channel == f"channel:{channel_id}", Delivery.state == "waiting")
    is_told = sa.exists().where(
        other.c.alert_id == Delivery.alert_id, other.c.is_recovery == Delivery.is_recovery,
        other.c.part == Delivery.part, other.c.channel == way,
    )  # fmt: skip
    values: dict[str, Any] = {"channel": way, "person_id": person_id, "tries": 0}
    work.connection.execute(sa.update(Delivery).where(*waits, ~is_told).values(values))
    gone = {"state": "dropped", "problem": "Its channel was removed.", "next_try_at": None}
    work.connection.execute(sa.update(Delivery).where(*waits).values(gone))
