"""What people do about an incident: say that they see to it, keep it quiet for a while, note what helps."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.core.errors import Conflict, Invalid, NotFound
from app.domain import mutes
from app.domain.access import Actor
from app.models.runs import Alert, Delivery
from app.models.telling import Incident
from app.services.unit import Work, unit

LONGEST = 500


def acknowledge(actor: Actor, incident_id: int) -> None:
    """Say that somebody sees to it: others see who, and nobody is told more of it but its end.

    Whoever was first stays the one who has. Raises NotFound, and Conflict for one that is over.
    """
    with unit(actor) as work:
        row = _open(work, actor, incident_id)
        if row.acknowledged_at is None:
            _change(work, row, "incident_acknowledged", acknowledged_at=work.now, acknowledged_by_id=actor.person_id)
            work.tell("incident_acknowledged", row.team_id, None, incident=row.id)


def reopen(actor: Actor, incident_id: int) -> None:
    """Take it back that somebody sees to it, or that nobody is told. Raises NotFound, Conflict."""
    with unit(actor) as work:
        row = _open(work, actor, incident_id)
        if row.acknowledged_at or row.muted_until:
            nobody = {"acknowledged_at": None, "acknowledged_by_id": None, "muted_until": None}
            _change(work, row, "incident_reopened", **nobody)
            work.tell("incident_reopened", row.team_id, None, incident=row.id)
            work.connection.execute(sa.update(Alert).where(Alert.incident_id == row.id).values(is_new=True))


def mute(actor: Actor, incident_id: int, until: datetime | None) -> None:
    """Tell nobody of it until then (aware); whoever was told before is then told again, if it is not over.

    Raises NotFound, Invalid, and Conflict for one that is over.
    """
    with unit(actor) as work:
        row = _open(work, actor, incident_id)
        if until is None:
            raise Invalid({"until": "Choose until when nobody is told."})
        if until <= work.now:
            raise Invalid({"until": "This is over already. Choose a later time."})
        if until > work.now + mutes.LONGEST:
            raise Invalid({"until": "This is more than a year ahead. Choose an earlier time."})
        _change(work, row, "incident_muted", muted_until=until)
        work.tell("incident_muted", row.team_id, None, incident=row.id)
        _remind(work, row.id, until)


def note(actor: Actor, incident_id: int, text: str, fix_url: str) -> None:
    """Keep what people know about it: a sentence and where the fix is; also of one that is over.

    Raises NotFound, Invalid.
    """
    with unit(actor) as work:
        row = _own(work, actor, incident_id)
        wrong = {name: f"Write at most {LONGEST} letters." for name, value in (("note", text), ("fix_url", fix_url))
                 if len(value) > LONGEST}  # fmt: skip
        if fix_url and not wrong and not _is_address(fix_url):
            wrong["fix_url"] = "Write an address that begins with https://, or leave it empty."
        if wrong:
            raise Invalid(wrong)
        _change(work, row, "incident_noted", note=text, fix_url=fix_url)
        work.tell("incident_noted", row.team_id, None, incident=row.id)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname) and text.isprintable() and " " not in text


def _own(work: Work, actor: Actor, incident_id: int) -> Any:
    mine = (Incident.id == incident_id, Incident.team_id == actor.team_id)
    row = work.connection.execute(_INCIDENT.where(*mine).with_for_update()).first()
    if row is None:
        raise NotFound
    return row


def _open(work: Work, actor: Actor, incident_id: int) -> Any:
    row = _own(work, actor, incident_id)
    if row.closed_at:
        raise Conflict(f"This is over: {row.recovery or 'its tasks fail otherwise now.'}")
    return row


def _change(work: Work, row: Any, action: str, **values: Any) -> None:
    work.connection.execute(sa.update(Incident).where(Incident.id == row.id).values(**values))
    work.audit(action, row.cause, incident=row.id)


def _remind(work: Work, incident_id: int, until: datetime) -> None:
    """Put a message for then on the way to whoever was told; it is dropped when it is over or somebody sees to it."""
    told = (
        sa.select(sa.func.max(Delivery.alert_id).label("alert_id"), Delivery.channel, Delivery.person_id)
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(Alert.incident_id == incident_id, Delivery.is_recovery.is_(False), Delivery.part != "escalated")
        .group_by(Delivery.channel, Delivery.person_id)
    )
    rows = [
        {
            "alert_id": row.alert_id, "is_recovery": False, "channel": row.channel, "part": "again",
            "person_id": row.person_id, "why": "it was muted until now", "state": "waiting", "tries": 0,
            "next_try_at": until, "problem": "", "answer": "", "at": work.now,
        }
        for row in work.connection.execute(told)
    ]  # fmt: skip
    if rows:
        work.connection.execute(_AGAIN[work.connection.dialect.name], rows)


_INCIDENT = sa.select(
    Incident.id, Incident.team_id, Incident.cause, Incident.closed_at, Incident.recovery, Incident.acknowledged_at,
    Incident.muted_until,
)  # fmt: skip


def _again(insert_into: Any) -> Any:
    adding = insert_into(Delivery)
    new = {name: adding.excluded[name] for name in ("state", "tries", "next_try_at", "problem")}
    return adding.on_conflict_do_update(index_elements=["alert_id", "is_recovery", "channel", "part"], set_=new)


_AGAIN: dict[str, Any] = {"sqlite": _again(sqlite.insert), "postgresql": _again(postgresql.insert)}
