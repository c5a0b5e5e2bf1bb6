"""Ways to reach people: opened for a message, known as working or failing, and which one is next when one fails."""

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.channels import kinds
from app.channels.base import Channel as Way
from app.channels.base import NotSent
from app.channels.email import Email
from app.domain import reporting
from app.infra import database
from app.infra.vault import WrongKey
from app.models.people import Person
from app.models.runs import Alert, Delivery
from app.models.teams import Membership, Team
from app.models.telling import Channel
from app.services import alerting, recipients
from app.services.unit import Work

if TYPE_CHECKING:
    from app.services.deliveries.sending import Sender

_LABELS = {"email": "E-mail", "push": "Push"}


def opened(name: str, sender: "Sender") -> Way:
    """Return the channel that `email:<person>`, `push:<person>` or `channel:<id>` names. Raises NotSent."""
    kind, _, ident = name.partition(":")
    if kind == "push" and sender.push:
        return sender.push(int(ident))
    if kind == "email":
        return _letters(int(ident), sender)
    with database.read() as connection:
        row = connection.execute(_CHANNEL, {"channel": int(ident)}).first() if kind == "channel" else None
    if row is None:
        raise NotSent("This channel was removed.", is_permanent=True)
    if sender.vault is None:
        raise NotSent("It can't be opened here: this process has no key file.")
    try:
        address = json.loads(sender.vault.unseal(row.data_key, row.sealed, Channel.aad_of(row.team_id, row.id)))
    except WrongKey as error:
        raise NotSent(error.message) from error
    if row.kind == "email":
        address = recipients.reachable(row.team_id, address)
    return kinds.opened(row.kind, address, sender.means)


def _letters(person_id: int, sender: "Sender") -> Way:
    if sender.means.mail is None:
        raise NotSent("No mail server is set.", is_permanent=True)
    with database.read() as connection:
        address = connection.execute(sa.select(Person.email).where(Person.id == person_id)).scalar()
    if not address:
        raise NotSent("There is nobody to write to any more.", is_permanent=True)
    return Email(sender.means.mail, [address], sender.means.home)


# --- how they fare


def note(work: Work, name: str, problem: str) -> None:
    """Note that a channel of a person or team took a message, or (with `problem`) that it did not."""
    kind, _, ident = name.partition(":")
    if kind == "channel":
        change = sa.update(Channel).where(Channel.id == int(ident))
        if problem:
            fails = change.where(Channel.state != "failing")
            work.connection.execute(fails.values(state="failing", changed_state_at=work.now))
            work.connection.execute(change.values(problem=problem))
        else:
            work.connection.execute(change.values(state="ok", problem="", changed_state_at=work.now))
    if not problem:
        alerting.end(work, _key(name), f"Messages reach {_whom(work, name)[1]} again.")


def report(work: Work, name: str, problem: str) -> None:
    """Tell, once, that messages do not get through by a channel: its person, or who looks after its team."""
    team_id, whom = _whom(work, name)
    if team_id is not None:
        alerting.begin(work, _key(name), "channel_failing", f"Messages don't reach {whom}: {problem}", team_id)


def _key(name: str) -> str:
    return f"channel_failing:{name}"


def _whom(work: Work, name: str) -> tuple[int | None, str]:
    """Return the team that has a channel, which may be a person's own space, and the channel in words."""
    kind, _, ident = name.partition(":")
    if kind == "channel":
        row = work.connection.execute(_CHANNEL, {"channel": int(ident)}).first()
        return (row.team_id, f"{kinds.label(row.kind)} “{row.name}”") if row else (None, "")
    found = work.connection.execute(_OWN_SPACE, {"person": int(ident)}).first()
    return (found.id, f"{found.email} by {_LABELS.get(kind, kind).lower()}") if found else (None, "")


# --- the next way


def fall_back(work: Work, name: str, delivery: int, own: Collection[str]) -> None:
    """Send a message that failed by the way that comes after its channel: its fallback, the person's e-mail, and at
    last the channels of the installation (`own`). Who was told of it by that way already is not told again; a report
    is for its reader alone.
    """
    query = sa.select(Delivery.__table__, Alert.kind).join(Alert, Alert.id == Delivery.alert_id)
    row = work.connection.execute(query.where(Delivery.id == delivery)).mappings().one()
    if row["kind"] == reporting.KIND:
        return
    why = _why(row["why"], name, work)[:120]
    seen, following = {name}, _after(work, name, own)
    while following:
        ways = [way for way in following.pop(0) if way not in seen]
        seen.update(ways)
        if any([_is_told(work, row, way, why) for way in ways]):  # noqa: C419 each of them, not the first alone
            return
        following += [after for way in ways for after in _after(work, way, own)]


def _is_told(work: Work, row: sa.RowMapping, way: str, why: str) -> bool:
    """Put a message on another way; False: it has failed by that one, too."""
    new = {
        **{part: row[part] for part in ("alert_id", "is_recovery", "part")}, "channel": way, "why": why,
        "person_id": int(way.partition(":")[2]) if way.startswith("email:") else None, "fallback_of_id": row["id"],
        "state": "waiting", "tries": 0, "next_try_at": work.now, "problem": "", "answer": "", "at": work.now,
    }  # fmt: skip
    if work.connection.execute(_ADD[work.connection.dialect.name], new).rowcount:
        return True
    is_it = [Delivery.__table__.c[part] == new[part] for part in ("alert_id", "is_recovery", "part", "channel")]
    return work.connection.execute(sa.select(Delivery.id).where(*is_it, Delivery.state != "failed")).first() is not None


def _after(work: Work, name: str, own: Collection[str]) -> list[list[str]]:
    """Return what comes after a channel, the first first: each is one way, or several that are told at once."""
    kind, _, ident = name.partition(":")
    if kind == "push":
        return [[f"email:{ident}"]]
    if kind != "channel":
        return [list(own)] if ident else []
    row = work.connection.execute(_CHANNEL, {"channel": int(ident)}).first()
    fallback = [[f"channel:{row.fallback_id}"]] if row and row.fallback_id else []
    return [*fallback, [f"email:{row.person_id}"] if row and row.person_id else list(own)]


def _why(why: str, name: str, work: Work) -> str:
    kind, _, ident = name.partition(":")
    row = work.connection.execute(_CHANNEL, {"channel": int(ident)}).first() if kind == "channel" else None
    label = kinds.label(row.kind) if row else _LABELS.get(kind, "another channel")
    return f"{why}, and {label} did not take it" if why else f"{label} did not take it"


_CHANNEL: Any = (
    sa.select(
        Channel.id, Channel.team_id, Channel.person_id, Channel.kind, Channel.name, Channel.sealed,
        Channel.fallback_id, Team.data_key,
    )
    .join(Team, Team.id == Channel.team_id)
    .where(Channel.id == sa.bindparam("channel"))
)  # fmt: skip
_OWN_SPACE = (
    sa.select(Team.id, Person.email)
    .join(Membership, Membership.team_id == Team.id)
    .join(Person, Person.id == Membership.person_id)
    .where(Person.id == sa.bindparam("person"), Team.is_personal)
    .limit(1)
)
_ADD: dict[str, Any] = {
    dialect: insert_into(Delivery).on_conflict_do_nothing(index_elements=["alert_id", "is_recovery", "channel", "part"])
    for dialect, insert_into in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
