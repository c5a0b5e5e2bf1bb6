"""A team's alerts, open and past, and how the message of each fares on its way."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from app.domain.access import Actor
from app.infra import database
from app.infra.database import db
from app.models.instance import Fact
from app.models.runs import Alert, Delivery, Run
from app.models.tasks import Task
from app.models.teams import Membership

State = Literal["all", "open", "over"]

PAGE_ROWS = 50

_BEAT = "watchdog"
_SEE_ADMINISTRATOR = "Ask who looks after this Carillon why."
_ALIVE = timedelta(seconds=30)  # it beats every few seconds


@dataclass(frozen=True)
class Message:
    """One message of an alert by one channel: waiting for its next try, sent or failed, and why the last try failed."""

    channel: str
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


def listing(actor: Actor, state: State = "all", before: int | None = None, limit: int = PAGE_ROWS) -> Page:
    """Return the newest alerts, or those before the one with id `before`.

    Who looks after the installation sees its alerts, too.
    """
    query = _SHOWN.where(_scope(actor)).order_by(Alert.id.desc()).limit(limit + 1)
    if state != "all":
        query = query.where(Alert.ended_at.is_(None) if state == "open" else Alert.ended_at.is_not(None))
    if before:
        query = query.where(Alert.id < before)
    rows = db.session.execute(query).all()
    messages = _messages([row.id for row in rows[:limit]], has_whys=_administers(actor))
    return Page([_shown(row, messages[row.id]) for row in rows[:limit]], len(rows) > limit)


def _scope(actor: Actor) -> sa.ColumnElement[bool]:
    own = Alert.team_id == actor.team_id
    return sa.or_(own, Alert.team_id.is_(None)) if _administers(actor) else own


def _administers(actor: Actor) -> bool:
    return bool(db.session.scalar(sa.select(Membership.administers(actor.person_id, actor.token_team_id))))


def _messages(alerts: Sequence[int], *, has_whys: bool) -> dict[int, list[Message]]:
    found: dict[int, list[Message]] = defaultdict(list)
    query = sa.select(Delivery).where(Delivery.alert_id.in_(alerts)).order_by(Delivery.is_recovery, Delivery.id)
    for row in db.session.scalars(query):
        next_try_at = row.next_try_at if row.state == "waiting" else None
        # Why it failed names servers and people of the installation.
        why = row.problem if has_whys or not row.problem else _SEE_ADMINISTRATOR
        found[row.alert_id].append(
            Message(row.channel, row.is_recovery, row.state, row.tries, why, next_try_at, row.sent_at)
        )
    return found


def _shown(row: Any, messages: Sequence[Message]) -> Shown:
    return Shown(
        row.id, row.kind, row.sentence, row.at, row.ended_at, row.recovery, row.team_id is None, row.slug, row.number,
        messages,
    )  # fmt: skip


_SHOWN = (
    sa.select(
        Alert.id, Alert.kind, Alert.sentence, Alert.at, Alert.ended_at, Alert.recovery, Alert.team_id, Task.slug,
        Run.number,
    )
    .outerjoin(Task, sa.and_(Task.id == Alert.task_id, Task.deleted_at.is_(None)))
    .outerjoin(Run, Run.id == Alert.run_id)
)  # fmt: skip
