"""Which messages are due, and to whom of many processes they belong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.channels import kinds
from app.domain import reporting
from app.domain.turns import Waiting
from app.infra import database
from app.models.runs import Alert, Delivery
from app.models.teams import Membership
from app.models.telling import Channel, Incident
from app.services.unit import Work, batch

MOST_TRIES = 5
SENT, FAILED = "alerts_sent", "alerts_failed"

_HELD = timedelta(minutes=3)
"""Whoever takes a message up has so long to send it; after that it is taken to have died, and another one tries."""

_MOST = 50


@dataclass(frozen=True)
class Due:
    """Messages for one channel that this process has taken up, in order: the id of each and which try this is."""

    channel: str
    rows: Sequence[tuple[int, int]]


def is_bundled(channel: str) -> bool:
    """Whether what is due at once goes as one message; the installation's own channels are told of each thing alone."""
    return ":" in channel


def waiting() -> list[Waiting]:
    """Return the channels for which something is due, the longest waiting first."""
    with database.read() as connection:
        due = connection.execute(_CHANNELS, {"now": database.now(connection)}).all()
        ids = [int(row.channel.partition(":")[2]) for row in due if row.channel.startswith("channel:")]
        query = sa.select(Channel.id, Channel.team_id, Channel.kind, Channel.shown).where(Channel.id.in_(ids))
        known = {f"channel:{row.id}": row for row in connection.execute(query)} if ids else {}
    return [_waiting(row, known.get(row.channel)) for row in due]


def _waiting(due: Any, channel: Any) -> Waiting:
    if channel is None:
        return Waiting(due.channel, due.team_id, due.channel.partition(":")[0])
    return Waiting(due.channel, channel.team_id, kinds.host(channel.kind, channel.shown))


def take(channel: str) -> Due | None:
    """Take up what is due for a channel, None when nothing is.

    An end is never told before its beginning, nor an escalation after somebody has reacted. A report is taken alone,
    after all that is short: its file may be large, and its server slow. Of many processes that ask at once each message
    goes to one.
    """
    asked = {"channel": channel, "most": _MOST}
    with database.read() as connection:
        rows = connection.execute(_DUE, asked | {"now": database.now(connection)}).all()
    while rows:
        short = [row for row in rows if row.kind != reporting.KIND] if is_bundled(channel) else []
        some = short or rows[:1]
        rows = rows[len(some) :]
        with batch() as work:
            if taken := _taken(work, channel, some):
                return Due(channel, taken)
    return None


def _taken(work: Work, channel: str, rows: Sequence[Any]) -> list[tuple[int, int]]:
    _drop(work, channel, [row.id for row in rows])
    taken: list[tuple[int, int]] = []
    for row in rows:
        claim = sa.update(Delivery).where(
            Delivery.id == row.id, Delivery.state == "waiting", Delivery.tries == row.tries,
            Delivery.next_try_at <= work.now, ~_waits(_EARLIER.id.not_in([id_ for id_, _ in taken])),
        )  # fmt: skip
        values = {"tries": Delivery.tries + 1, "next_try_at": work.now + _HELD}
        if work.connection.execute(claim.values(values)).rowcount:
            taken.append((row.id, row.tries + 1))
    return taken


def _drop(work: Work, channel: str, ids: Sequence[int]) -> None:
    """Leave out what nobody is to be told any more: escalations after a reaction, and who has left the team."""
    kind, _, ident = channel.partition(":")
    is_over = sa.or_(
        Alert.ended_at.is_not(None), Alert.acknowledged_at.is_not(None), Incident.closed_at.is_not(None),
        Incident.acknowledged_at.is_not(None), Incident.muted_until > work.now,
    )  # fmt: skip
    reacted = sa.and_(Delivery.part.in_(("escalated", "again")), is_over)
    why = sa.case((reacted, "Somebody had reacted by then."), else_="The reader does not belong to the team any more.")
    is_strange = _is_strange(kind, int(ident)) if ident.isdecimal() else sa.false()
    query = (
        sa.select(Delivery.id, why.label("why"))
        .join(Alert, Alert.id == Delivery.alert_id)
        .outerjoin(Incident, Incident.id == Alert.incident_id)
        .where(Delivery.id.in_(ids), Delivery.state == "waiting", sa.or_(reacted, is_strange))
    )
    for row in work.connection.execute(query).all():
        values = {"state": "dropped", "problem": row.why, "next_try_at": None}
        work.connection.execute(sa.update(Delivery).where(Delivery.id == row.id).values(values))


def _is_strange(kind: str, ident: int) -> sa.ColumnElement[bool]:
    """Whether an alert belongs to a team that its reader is not of."""
    person: Any = ident
    is_strange: sa.ColumnElement[bool] = Alert.team_id.is_not(None)
    if kind == "channel":
        person = sa.select(Channel.person_id).where(Channel.id == ident).scalar_subquery()
        is_strange = sa.and_(is_strange, ~sa.exists().where(Channel.id == ident, Channel.team_id == Alert.team_id))
    return sa.and_(is_strange, ~sa.exists().where(Membership.team_id == Alert.team_id, Membership.person_id == person))


def _waits(beginning: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether a row tells of an end whose `beginning` is still on its way."""
    return sa.exists().where(
        Delivery.is_recovery.is_(True), _EARLIER.alert_id == Delivery.alert_id, _EARLIER.channel == Delivery.channel,
        _EARLIER.is_recovery.is_(False), _EARLIER.state == "waiting", beginning,
    )  # fmt: skip


_EARLIER = aliased(Delivery)
_NOW: Any = sa.bindparam("now", type_=Delivery.at.type)
_CHANNELS = (
    sa.select(Delivery.channel, sa.func.min(Alert.team_id).label("team_id"))
    .join(Alert, Alert.id == Delivery.alert_id)
    .where(Delivery.state == "waiting", Delivery.next_try_at <= _NOW)
    .group_by(Delivery.channel)
    .order_by(sa.func.min(Delivery.next_try_at), sa.func.min(Delivery.id))
)
_DUE = (
    sa.select(Delivery.id, Delivery.tries, Alert.kind)
    .join(Alert, Alert.id == Delivery.alert_id)
    .where(Delivery.state == "waiting", Delivery.channel == sa.bindparam("channel"), Delivery.next_try_at <= _NOW)
    .where(~_waits(_EARLIER.next_try_at > _NOW))
    .order_by(Alert.kind == reporting.KIND, Delivery.id)
    .limit(sa.bindparam("most"))
)
