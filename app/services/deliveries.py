"""Alerts on their way to people: each channel is told once of the beginning and once of the end, with patience."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from app.channels.base import Channel, Message, NotSent
from app.infra import database
from app.models.runs import Alert, Delivery, Run
from app.models.tasks import Task
from app.models.teams import Team
from app.services import counting
from app.services.unit import Work, batch

MOST_TRIES = 5
SENT, FAILED = "alerts_sent", "alerts_failed"

_FIRST_WAIT = timedelta(minutes=1)
_HELD = timedelta(minutes=3)
"""Whoever takes a message up has so long to send it; after that it is taken to have died, and another one tries."""

_OLDEST_UNTOLD = timedelta(hours=1)
"""An alert that was over so long ago, and was never told of, is told no more."""

_OLDEST_RECOVERY = timedelta(days=1)
_BATCH = 50
_LONGEST = 300


@dataclass(frozen=True)
class Due:
    """A message that this process has taken up."""

    id: int
    tries: int


def prepare(channels: Iterable[str]) -> int:
    """Make the rows that are lacking for these channels; set aside those of channels that are no longer set.

    Returns how many rows are new. Two processes that do so at once make each row once.
    """
    names = list(channels)
    with database.read() as connection:
        now = database.now(connection)
        lacking = [row for name in names for row in _lacking(connection, name, now)]
        is_strange = sa.and_(Delivery.state == "waiting", Delivery.channel.not_in(names))
        has_strange = connection.execute(sa.select(Delivery.id).where(is_strange).limit(1)).first()
    if not lacking and not has_strange:
        return 0
    with batch() as work:
        if has_strange:
            why = "This channel is not set any more."
            work.connection.execute(
                sa.update(Delivery).where(is_strange).values(state="failed", problem=why, next_try_at=None)
            )
        return _insert(work, lacking)


def _lacking(connection: sa.Connection, channel: str, now: datetime) -> list[dict[str, Any]]:
    began = sa.exists().where(
        Delivery.alert_id == Alert.id, Delivery.channel == channel, Delivery.is_recovery.is_(False)
    )
    over = sa.exists().where(Delivery.alert_id == Alert.id, Delivery.channel == channel, Delivery.is_recovery.is_(True))
    is_fresh = sa.or_(Alert.ended_at.is_(None), Alert.ended_at > now - _OLDEST_UNTOLD)
    beginnings = sa.select(Alert.id).where(is_fresh, ~began)
    endings = sa.select(Alert.id).where(Alert.ended_at > now - _OLDEST_RECOVERY, Alert.recovery != "", began, ~over)
    return [
        {"alert_id": alert_id, "channel": channel, "is_recovery": is_recovery}
        for query, is_recovery in ((beginnings, False), (endings, True))
        for alert_id in connection.execute(query.order_by(Alert.id).limit(_BATCH)).scalars()
    ]


def _insert(work: Work, rows: list[dict[str, Any]]) -> int:
    new = {"state": "waiting", "tries": 0, "next_try_at": work.now, "problem": "", "at": work.now}
    adding = _ADD[work.connection.dialect.name]
    return sum(work.connection.execute(adding, row | new).rowcount for row in rows)


def take(channel: str) -> Due | None:
    """Take up the next message of a channel, None when none is due.

    An end is never told before its beginning. Of many processes that ask at once each message goes to one.
    """
    earlier = aliased(Delivery)
    waits_for_beginning = sa.exists().where(
        Delivery.is_recovery.is_(True), earlier.alert_id == Delivery.alert_id, earlier.channel == Delivery.channel,
        earlier.is_recovery.is_(False), earlier.state == "waiting",
    )  # fmt: skip
    is_waiting = sa.and_(Delivery.state == "waiting", Delivery.channel == channel)
    with database.read() as connection:
        now = database.now(connection)
        query = sa.select(Delivery.id, Delivery.tries).where(is_waiting, Delivery.next_try_at <= now)
        rows = connection.execute(query.where(~waits_for_beginning).order_by(Delivery.id).limit(_BATCH)).all()
    for row in rows:
        with batch() as work:
            claim = sa.update(Delivery).where(
                Delivery.id == row.id, is_waiting, Delivery.tries == row.tries, Delivery.next_try_at <= work.now
            )
            values = {"tries": Delivery.tries + 1, "next_try_at": work.now + _HELD}
            if work.connection.execute(claim.values(values)).rowcount:
                return Due(row.id, row.tries + 1)
    return None


def carry_out(due: Due, channel: Channel, home: str) -> bool:
    """Send one message and note what became of it; whether it was sent. `home` is the address of the pages.

    Raises what the database raises while it is away.
    """
    try:
        answer, problem = channel.send(_message(due, home)), ""
    except database.Away:
        raise
    except NotSent as refusal:
        answer, problem = "", refusal.message
    except Exception as error:  # noqa: BLE001 whatever one message does, the others are sent
        answer, problem = "", f"It can't be sent: {type(error).__name__}: {error}"
    with batch() as work:
        _note(work, due, answer, problem)
    return not problem


def _note(work: Work, due: Due, answer: str, problem: str) -> None:
    has_failed = bool(problem) and due.tries >= MOST_TRIES
    if not problem:
        values: dict[str, Any] = {"state": "sent", "sent_at": work.now, "next_try_at": None, "problem": ""}
        if "refused:" in answer:
            values["problem"] = answer[:_LONGEST]
    elif has_failed:
        values = {"state": "failed", "next_try_at": None, "problem": problem[:_LONGEST]}
    else:
        wait = _FIRST_WAIT * 2 ** (due.tries - 1)
        values = {"next_try_at": work.now + wait, "problem": problem[:_LONGEST]}
    is_ours = (Delivery.id == due.id, Delivery.state == "waiting", Delivery.tries == due.tries)
    changed = work.connection.execute(sa.update(Delivery).where(*is_ours).values(values)).rowcount
    if changed and (not problem or has_failed):
        counting.count(work, FAILED if problem else SENT)


def tell_later(sentence: str, since: datetime, recovery: str, told: Iterable[str]) -> None:
    """Put on record that the database was away, once it is back: `told` are the channels that heard of it then."""
    with batch() as work:
        values = {
            "key": f"database:{since.isoformat()}", "kind": "database", "sentence": sentence, "team_id": None,
            "at": since, "ended_at": work.now, "recovery": recovery,
        }  # fmt: skip
        alert_id = work.connection.execute(sa.insert(Alert).values(values).returning(Alert.id)).scalar_one()
        for channel in told:
            row = {"alert_id": alert_id, "is_recovery": False, "channel": channel, "state": "sent", "tries": 1}
            work.connection.execute(sa.insert(Delivery).values(row | {"problem": "", "at": since, "sent_at": since}))
            counting.count(work, SENT)


_ADD: dict[str, Any] = {
    dialect: insert_into(Delivery).on_conflict_do_nothing(index_elements=["alert_id", "is_recovery", "channel"])
    for dialect, insert_into in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


# --- the message


def _message(due: Due, home: str) -> Message:
    with database.read() as connection:
        row = connection.execute(_MESSAGE, {"delivery": due.id}).one()
    ident = f"alert-{row.alert_id}" + ("-over" if row.is_recovery else "")
    return Message(
        id=ident,
        kind=row.kind,
        sentence=row.recovery if row.is_recovery else row.sentence,
        team=row.team or "",
        url=home + _path(row),
        at=row.at,
        recovered_at=row.ended_at if row.is_recovery else None,
    )


def _path(row: Any) -> str:
    if not row.team_slug:
        return "/system"
    if row.run_number:
        return f"/t/{row.team_slug}/runs/{row.run_number}"
    if row.task_slug:
        return f"/t/{row.team_slug}/tasks/{row.task_slug}"
    return f"/t/{row.team_slug}/alerts"


_MESSAGE = (
    sa.select(
        Delivery.is_recovery, Alert.id.label("alert_id"), Alert.kind, Alert.sentence, Alert.recovery, Alert.at,
        Alert.ended_at, Team.name.label("team"), Team.slug.label("team_slug"), Task.slug.label("task_slug"),
        Run.number.label("run_number"),
    )
    .join(Alert, Alert.id == Delivery.alert_id)
    .outerjoin(Team, Team.id == Alert.team_id)
    .outerjoin(Task, Task.id == Alert.task_id)
    .outerjoin(Run, Run.id == Alert.run_id)
    .where(Delivery.id == sa.bindparam("delivery"))
)  # fmt: skip
