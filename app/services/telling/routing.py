"""Alerts on their way to people: by the rules of their team and the wishes of each person, each told once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from app.domain import alert_rules
from app.domain.access import can
from app.domain.alert_rules import MANY, Happened, Rule, Telling
from app.infra import database
from app.models.instance import Fact
from app.models.runs import Alert, Delivery, Run
from app.models.tasks import Task
from app.models.teams import Team
from app.models.telling import Incident, IncidentTask, Notification
from app.services.telling.book import Book, Listener, book_of, group
from app.services.unit import Work, batch

log = structlog.get_logger()

FACT = "routed"

_MOST = 200
_AWAITED = timedelta(seconds=10)
"""So long an alert of failures waits for its incident, which is made in the same round unless a process is away."""

_OLDEST_UNTOLD = timedelta(hours=1)
"""An alert that was over so long ago, and was never told of, is told no more."""

_LOOKS_AFTER = frozenset({"admin", "owner"})
_OF_FAILURES = frozenset({"failing", "paused"})
"""Kinds that runs begin which failed: they have an incident."""

_AWAITS = _OF_FAILURES | {"breaker"}
"""Kinds that wait for the incident they may be part of, so that who hears of that hears of them by it."""

_STAYS_INSIDE = frozenset({"degraded", "late", "anomaly", "memory"})


@dataclass(frozen=True)
class Outside:
    """What this installation can tell by: `channels` are those of its settings; `has_mail`: people are written to."""

    channels: Sequence[str] = ()
    has_mail: bool = False


def route(outside: Outside) -> int:
    """Decide of each alert with something new who is told, and when; returns how many alerts were looked at.

    Everything is stored in one transaction, and one process does so at a time: nobody is told twice. A channel that is
    new to the installation hears of what is open.
    """
    with database.read() as connection:
        is_known = connection.execute(_KNOWN).scalar() == _fact(outside)
        now = database.now(connection)
        ids = connection.execute(_NEW_IDS, {"awaited": now - _AWAITED, "now": now}).scalars().all()
    if is_known and not ids:
        return 0  # without waiting for the right to write
    try:
        _round(outside, ids)
    except database.Away:
        raise
    except Exception:
        log.exception("not_routed_together", alerts=len(ids))
        _one_by_one(outside, ids)
    return len(ids)


def _round(outside: Outside, ids: Sequence[int]) -> None:
    with batch() as work:
        _hold(work, outside)
        # First they are seen as routed: who changes one from now on waits for the end of this transaction, and what
        # was changed before it is read below.
        taken = work.connection.execute(_TAKE, {"ids": ids}).scalars().all()
        alerts = work.connection.execute(_NEW, {"ids": taken}).all()
        book = book_of(work, alerts)
        for alert in alerts:
            _route(work, alert, book, outside)
            if alert.team_id is not None:
                work.ring(alert.team_id)


def _one_by_one(outside: Outside, ids: Sequence[int]) -> None:
    """Route each alert for itself; one that can't be read is left to the installation, whose tries are on record."""
    for ident in ids:
        try:
            _round(outside, [ident])
        except database.Away:
            raise
        except Exception:
            log.exception("not_routed", alert=ident)
            with batch() as work:
                for channel in outside.channels:
                    row = _delivery(work, ident, channel, work.now)
                    work.connection.execute(_ADD[work.connection.dialect.name], row)
                work.connection.execute(sa.update(Alert).where(Alert.id == ident).values(is_new=False))


def _hold(work: Work, outside: Outside) -> None:
    """Let nobody else route until the end of the transaction, and look again at what is open for a new channel."""
    value = _fact(outside)
    work.connection.execute(_BEGIN[work.connection.dialect.name], {"name": FACT, "value": {}, "at": work.now})
    known = work.connection.execute(_KNOWN.with_for_update()).scalar()
    work.connection.execute(sa.update(Fact).where(Fact.name == FACT).values(value=value, at=work.now))
    if known != value:
        work.connection.execute(sa.update(Alert).where(Alert.ended_at.is_(None)).values(is_new=True))


def _fact(outside: Outside) -> dict[str, Any]:
    return {"channels": list(outside.channels), "has_mail": outside.has_mail}


def _route(work: Work, alert: Any, book: Book, outside: Outside) -> None:
    event, failures = alert_rules.event_of(alert.kind, alert.state or ""), _failures(alert)
    happened = Happened(event, alert.task_id, frozenset(alert.tags or ()), failures)
    members = {one.person_id for one in book.listeners[alert.team_id]}
    set_up = [_for(rule, alert.owner_id, members) for rule in book.rules[alert.team_id]]
    rules = [*set_up, *_wishes_of(alert, book)]
    told = book.told[group(alert)]
    if not _is_hushed(alert, work.now) and not _is_stale(alert, told, work.now):
        tellings = alert_rules.tellings(rules, happened, work.now)
        reached = [one for one in tellings if _is_there(one.channel, outside, book)]
        for telling in [*reached, *_by_the_house(alert, rules, happened, outside, book)]:
            _tell(work, alert, event, telling, told)
    if _is_over(alert):
        _tell_end(work, alert, alert_rules.ends(rules, happened, work.now), told)


def _failures(alert: Any) -> int:
    """Return how many failures in a row an alert stands for; of one that is over, those of its incident."""
    if alert.kind not in _OF_FAILURES:
        return MANY
    return max(1, alert.failures or alert.incident_failures or 0)


def _is_over(alert: Any) -> bool:
    """Whether its end is to be told: that of an incident is that of all its tasks."""
    is_of_incident = alert.incident_id and alert.kind != "paused"
    return alert.closed_at is not None if is_of_incident else alert.ended_at is not None


def _is_hushed(alert: Any, now: datetime) -> bool:
    """Whether somebody has seen to it, or does not want to hear of it for now."""
    is_seen_to = alert.acknowledged_at is not None or alert.incident_acknowledged_at is not None
    return is_seen_to or (alert.muted_until is not None and alert.muted_until > now)


def _is_stale(alert: Any, told: Mapping[str, Any], now: datetime) -> bool:
    return not told and alert.ended_at is not None and alert.ended_at < now - _OLDEST_UNTOLD


# --- who


def _wishes_of(alert: Any, book: Book) -> list[Rule]:
    """Return the rules of the people whom an alert concerns: who owns its task, or looks after the team."""
    listeners = book.listeners[alert.team_id]
    has_owner = any(one.person_id == alert.owner_id for one in listeners)
    found = []
    for one in listeners:
        why = _why(alert, one, has_owner=has_owner)
        if why and alert.task_id not in one.muted:
            found += alert_rules.of_wishes(one.wishes, one.person_id, why)
    return found


def _why(alert: Any, one: Listener, *, has_owner: bool) -> str:
    if alert.team_id is None:
        return "you look after this Carillon"
    if alert.kind == "approval" and can(one.role, "decide"):
        return "you may decide"
    if alert.task_id is not None and one.person_id == alert.owner_id:
        return "you own the task"
    if one.role in _LOOKS_AFTER and (alert.task_id is None or not has_owner) and alert.kind != "approval":
        return f"you look after {alert.team}"
    return f"you asked to hear of all tasks of {alert.team}" if one.wishes.is_all else ""


def _for(rule: Rule, owner_id: int | None, members: Collection[int]) -> Rule:
    """Return a team's rule with the owner of the task put in, and without those who have left the team."""

    def reached(channels: frozenset[str]) -> frozenset[str]:
        named = (way.replace(":owner", f":{owner_id}") for way in channels)
        return frozenset(way for way in named if way.startswith("channel:") or _person(way) in members)

    return replace(
        rule, channels=reached(rule.channels), ends=reached(rule.ends), escalates_to=reached(rule.escalates_to)
    )


def _person(channel: str) -> int | None:
    """Return whose channel it is, None if it is nobody's."""
    kind, _, ident = channel.partition(":")
    return int(ident) if kind in {"app", "email", "push"} and ident.isdecimal() else None


def _by_the_house(
    alert: Any, rules: Sequence[Rule], happened: Happened, outside: Outside, book: Book
) -> list[Telling]:  # fmt: skip
    """Return the installation's own channels: for what concerns it, and for what nobody else would be told outside.

    Who is told only after more failures is somebody else; and of what people by default see in the app alone, nobody
    else needs to hear.
    """
    if alert.team_id is not None:
        at_last = alert_rules.tellings(rules, replace(happened, failures=MANY), alert.at)
        others = (one.channel for one in at_last if not one.is_escalation and not one.channel.startswith("app:"))
        is_heard = any(_is_there(channel, outside, book) for channel in others)
        if is_heard or happened.event in _STAYS_INSIDE:
            return []
    return [Telling(channel, alert.at, "") for channel in outside.channels]


def _is_there(channel: str, outside: Outside, book: Book) -> bool:
    """Whether there is such a way: mail takes a server, push a device."""
    kind = channel.partition(":")[0]
    return {"email": outside.has_mail, "push": _person(channel) in book.with_device}.get(kind, True)


# --- telling


def _tell(work: Work, alert: Any, event: str, telling: Telling, told: dict[str, Any]) -> None:
    kind, _, ident = telling.channel.partition(":")
    if kind == "app":
        _note(work, alert, event, int(ident))
        return
    part = "escalated" if telling.is_escalation else ""
    if telling.channel in told:
        if not (telling.is_each and alert.kind == "failing" and alert.last_run_id):
            return
        part = f"run:{alert.last_run_id}"
    due_at = max(telling.due_at, work.now + alert_rules.GATHERS if alert.incident_id else work.now)
    if not part and alert.kind == "failing":
        due_at = max(due_at, _calm_at(work, alert, telling.channel))
    row = _delivery(work, alert.id, telling.channel, due_at) | {"part": part, "why": telling.why[:120]}
    if work.connection.execute(_ADD[work.connection.dialect.name], row).rowcount:
        known = {"alert_id": alert.id, "is_heard": not telling.is_escalation, "waits_until": due_at}
        told.setdefault(telling.channel, known)


def _calm_at(work: Work, alert: Any, channel: str) -> datetime:
    """Return from when on a channel hears more of a task that fails and works by turns; before, it is gathered."""
    since = work.now - alert_rules.CALMS
    times = work.connection.execute(
        sa.select(Delivery.at)
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(
            Alert.task_id == alert.task_id, Alert.kind == "failing", Delivery.channel == channel,
            Delivery.is_recovery.is_(False), Delivery.part == "", Delivery.at > since,
        )
        .order_by(Delivery.at)
    ).scalars().all()  # fmt: skip
    return times[0] + alert_rules.CALMS if len(times) >= alert_rules.TURNS else work.now


def _tell_end(work: Work, alert: Any, ends: Mapping[str, datetime], told: Mapping[str, Any]) -> None:
    """Tell that it is over to those who were told that it began."""
    over = sa.update(Notification).where(Notification.key == group(alert), Notification.is_over.is_(False))
    work.connection.execute(over.values(is_over=True, changed_at=work.now))
    if not (alert.incident_recovery if alert.incident_id and alert.kind != "paused" else alert.recovery):
        return
    for channel, first in told.items():
        if first["is_heard"] and (channel in ends or ":" not in channel):  # the installation's own hear of each end
            # Never before its beginning, which may be held: then both go out as one message.
            due_at = max(ends.get(channel, work.now), work.now, first["waits_until"] or work.now)
            row = _delivery(work, first["alert_id"], channel, due_at)
            work.connection.execute(_ADD[work.connection.dialect.name], row | {"is_recovery": True})


def _delivery(work: Work, alert_id: int, channel: str, due_at: datetime) -> dict[str, Any]:
    return {
        "alert_id": alert_id, "is_recovery": False, "channel": channel, "part": "", "person_id": _person(channel),
        "why": "",
        "state": "waiting", "tries": 0, "next_try_at": due_at, "problem": "", "answer": "", "at": work.now,
    }  # fmt: skip


def _note(work: Work, alert: Any, event: str, person_id: int) -> None:
    """Put it on the person's page: once, and with what was last said of it."""
    values = {
        "person_id": person_id, "team_id": alert.team_id, "key": group(alert), "event": event, "alert_id": alert.id,
        "incident_id": alert.incident_id, "task_id": alert.task_id, "sentence": alert.sentence, "is_over": False,
        "created_at": work.now, "changed_at": work.now,
    }  # fmt: skip
    work.connection.execute(_NOTE[work.connection.dialect.name], values)
    if alert.incident_id:  # what was said of the alert before its incident was known would never be over
        alone = (Notification.person_id == person_id, Notification.key == f"alert:{alert.id}")
        work.connection.execute(sa.delete(Notification).where(*alone))


def _time(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=Alert.at.type)


_KNOWN = sa.select(Fact.value).where(Fact.name == FACT)
_NEW = (
    sa.select(
        Alert.id, Alert.kind, Alert.sentence, Alert.team_id, Alert.task_id, Alert.run_id, Alert.at, Alert.ended_at,
        Alert.recovery, Alert.incident_id, Alert.acknowledged_at, Task.owner_id, Task.tags, Task.failures,
        Team.name.label("team"), Incident.closed_at, Incident.muted_until, Incident.recovery.label("incident_recovery"),
        Incident.acknowledged_at.label("incident_acknowledged_at"), IncidentTask.run_id.label("last_run_id"),
        IncidentTask.failures.label("incident_failures"), Run.state,
    )
    .outerjoin(Task, Task.id == Alert.task_id)
    .outerjoin(Team, Team.id == Alert.team_id)
    .outerjoin(Run, Run.id == Alert.run_id)
    .outerjoin(Incident, Incident.id == Alert.incident_id)
    .outerjoin(
        IncidentTask, sa.and_(IncidentTask.incident_id == Alert.incident_id, IncidentTask.task_id == Alert.task_id)
    )
    .where(Alert.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(Alert.id)
)  # fmt: skip
_TAKE = (
    sa.update(Alert)
    .where(Alert.is_new, Alert.id.in_(sa.bindparam("ids", expanding=True)))
    .values(is_new=False)
    .returning(Alert.id)
)
_NEW_IDS = (
    sa.select(Alert.id)
    .where(
        Alert.is_new,
        sa.or_(
            Alert.kind.not_in(sorted(_AWAITS)), Alert.incident_id.is_not(None),
            sa.not_(Alert.at.between(_time("awaited"), _time("now"))),
        ),
    )
    .order_by(Alert.id)
    .limit(_MOST)
)  # fmt: skip


def _noting(insert_into: Any) -> Any:
    adding = insert_into(Notification)
    new: dict[str, Any] = {name: adding.excluded[name] for name in ("sentence", "is_over", "changed_at")}
    new["read_at"] = sa.case((Notification.is_over, sa.null()), else_=Notification.read_at)  # it has begun again
    return adding.on_conflict_do_update(index_elements=["person_id", "key"], set_=new)


_NOTE: dict[str, Any] = {"sqlite": _noting(sqlite.insert), "postgresql": _noting(postgresql.insert)}
_BEGIN: dict[str, Any] = {
    dialect: insert_into(Fact).on_conflict_do_nothing(index_elements=["name"])
    for dialect, insert_into in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_ADD: dict[str, Any] = {
    dialect: insert_into(Delivery).on_conflict_do_nothing(index_elements=["alert_id", "is_recovery", "channel", "part"])
    for dialect, insert_into in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
