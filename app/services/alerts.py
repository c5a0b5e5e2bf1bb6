"""A team's alerts, open and past, who sees to them, and how the messages of each fare on their way."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from app.core.errors import Conflict, NotFound
from app.domain import reporting
from app.domain.access import Actor
from app.infra import database
from app.infra.database import db
from app.models.instance import Fact
from app.models.people import Person
from app.models.runs import Alert, Delivery, Run
from app.models.tasks import Task
from app.models.teams import Membership
from app.models.telling import Channel
from app.services.unit import unit

State = Literal["all", "open", "over"]

PAGE_ROWS = 50

_BEAT = "watchdog"
_SEE_ADMINISTRATOR = "Ask who looks after this Carillon why."
_WAYS = {"email": "E-mail", "push": "Push", "webhook": "Webhook"}
_ALIVE = timedelta(seconds=30)  # it beats every few seconds


@dataclass(frozen=True)
class Message:
    """One message of an alert by one channel: waiting for its next try, sent or failed, and why the last try failed.

    `way` is the channel in words, with whom it reaches.
    """

    channel: str
    way: str
    is_recovery: bool
    state: str
    tries: int
    problem: str
    next_try_at: datetime | None
    sent_at: datetime | None


@dataclass(frozen=True)
class Shown:
    """An alert; `task` and `run` are where it leads, if they are still there. Without `ended_at` it is open."""

    id: int
    kind: str
    sentence: str
    at: datetime
    ended_at: datetime | None
    recovery: str
    of_installation: bool
    task: str | None
    run: int | None
    incident: int | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    messages: Sequence[Message]


@dataclass(frozen=True)
class Page:
    """Alerts, the newest first, and whether there are older ones."""

    alerts: Sequence[Shown]
    has_older: bool


@dataclass(frozen=True)
class Teller:
    """The watchdog that tells of alerts: whether it was seen lately, and by which channels it tells."""

    is_alive: bool
    channels: Sequence[str]


def teller() -> Teller:
    """Return who tells of alerts, as its last beat says."""
    beat = db.session.execute(sa.select(Fact.value, Fact.at).where(Fact.name == _BEAT)).first()
    if beat is None:
        return Teller(is_alive=False, channels=())
    return Teller(database.now(db.session.connection()) - beat.at < _ALIVE, beat.value.get("channels", ()))


def listing(
    actor: Actor, state: State = "all", before: int | None = None, limit: int = PAGE_ROWS, *, alone: bool = False
) -> Page:
    """Return the newest alerts, or those before the one with id `before`; `alone`: those of no incident.

    Who looks after the installation sees its alerts, too.
    """
    query = _SHOWN.where(_scope(actor)).order_by(Alert.id.desc()).limit(limit + 1)
    if state != "all":
        query = query.where(Alert.ended_at.is_(None) if state == "open" else Alert.ended_at.is_not(None))
    if before:
        query = query.where(Alert.id < before)
    if alone:
        query = query.where(Alert.incident_id.is_(None))
    rows = db.session.execute(query).all()
    messages = _messages([row.id for row in rows[:limit]], has_whys=_administers(actor))
    return Page([_shown(row, messages[row.id]) for row in rows[:limit]], len(rows) > limit)


def of_incident(actor: Actor, incident_id: int) -> Sequence[Shown]:
    """Return the alerts of an incident of the team that people were told by, the oldest first."""
    has_messages = sa.exists().where(Delivery.alert_id == Alert.id)
    query = _SHOWN.where(Alert.team_id == actor.team_id, Alert.incident_id == incident_id, has_messages)
    rows = db.session.execute(query.order_by(Alert.id).limit(PAGE_ROWS)).all()
    messages = _messages([row.id for row in rows], has_whys=_administers(actor))
    return [_shown(row, messages[row.id]) for row in rows]


def letters(actor: Actor, run: Run) -> Sequence[Message]:
    """Return the letters that bring the report of a run of the team to its readers; `run` has its task."""
    if run.task.engine != reporting.ENGINE:
        return ()
    its = (Alert.team_id == actor.team_id, Alert.run_id == run.id, Alert.kind == reporting.KIND)
    found = db.session.scalars(sa.select(Alert.id).where(*its)).all()
    return [one for some in _messages(found, has_whys=_administers(actor)).values() for one in some]


def acknowledge(actor: Actor, alert_id: int) -> None:
    """Say that somebody sees to an alert: others see who, and nobody is told more of it but its end.

    Whoever was first stays the one who has. Raises NotFound, and Conflict for one that is over or of an incident.
    """
    scope = _scope(actor)
    with unit(actor) as work:
        query = sa.select(Alert.id, Alert.sentence, Alert.ended_at, Alert.incident_id, Alert.acknowledged_at)
        row = work.connection.execute(query.where(Alert.id == alert_id, scope)).first()
        if row is None:
            raise NotFound
        if row.ended_at:
            raise Conflict("This is over.")
        if row.incident_id:
            raise Conflict("This is part of an incident: acknowledge that.")
        if row.acknowledged_at is None:
            seen_to = {"acknowledged_at": work.now, "acknowledged_by_id": actor.person_id}
            work.connection.execute(sa.update(Alert).where(Alert.id == row.id).values(seen_to))
            work.audit("alert_acknowledged", row.sentence, alert=row.id)
            work.tell("alert_acknowledged", actor.team_id, None, alert=row.id)


def _scope(actor: Actor) -> sa.ColumnElement[bool]:
    own = sa.and_(Alert.team_id == actor.team_id, Alert.kind != reporting.KIND)
    return sa.or_(own, Alert.team_id.is_(None)) if _administers(actor) else own


def _administers(actor: Actor) -> bool:
    return bool(db.session.scalar(sa.select(Membership.administers(actor.person_id, actor.token_team_id))))


def _messages(alerts: Sequence[int], *, has_whys: bool) -> dict[int, list[Message]]:
    found: dict[int, list[Message]] = defaultdict(list)
    query = (
        sa.select(Delivery, Person.name.label("person"), Channel.name.label("name"), Channel.kind)
        .outerjoin(Channel, Delivery.channel == sa.literal("channel:") + sa.cast(Channel.id, sa.String))
        .outerjoin(Person, Person.id == sa.func.coalesce(Delivery.person_id, Channel.person_id))
        .where(Delivery.alert_id.in_(alerts))
        .order_by(Delivery.is_recovery, Delivery.id)
    )
    for row, person, name, kind in db.session.execute(query):
        next_try_at = row.next_try_at if row.state == "waiting" else None
        # Why it failed names servers and people of the installation.
        why = row.problem if has_whys or not row.problem else _SEE_ADMINISTRATOR
        found[row.alert_id].append(
            Message(
                row.channel, _way(row.channel, person, name, kind), row.is_recovery, row.state, row.tries, why,
                next_try_at, row.sent_at,
            )
        )  # fmt: skip
    return found


def _way(channel: str, person: str | None, name: str | None, kind: str | None) -> str:
    """Say by which channel; that of a person is named by its kind alone, for what it is called is theirs."""
    word = _WAYS.get(channel.partition(":")[0]) or (kind or "A channel that was deleted").capitalize()
    return f"{word} to {person}" if person else name or word


def _shown(row: Any, messages: Sequence[Message]) -> Shown:
    return Shown(
        row.id, row.kind, row.sentence, row.at, row.ended_at, row.recovery, row.team_id is None, row.slug, row.number,
        row.incident_id, row.acknowledged_at, row.by or "", messages,
    )  # fmt: skip


_SHOWN = (
    sa.select(
        Alert.id, Alert.kind, Alert.sentence, Alert.at, Alert.ended_at, Alert.recovery, Alert.team_id, Task.slug,
        Run.number, Alert.incident_id, Alert.acknowledged_at, Person.name.label("by"),
    )
    .outerjoin(Task, sa.and_(Task.id == Alert.task_id, Task.deleted_at.is_(None)))
    .outerjoin(Run, Run.id == Alert.run_id)
    .outerjoin(Person, Person.id == Alert.acknowledged_by_id)
)  # fmt: skip
