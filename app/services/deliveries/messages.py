"""What a message says: one thing in full, or several in a line each, as they stand at the moment of sending."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.channels.base import Message, News, Story
from app.domain import alert_rules, failures, reporting, wording
from app.infra.storage import Storage
from app.models.people import Person
from app.models.runs import Alert, Delivery, Run
from app.models.tasks import Task
from app.models.teams import Team
from app.models.telling import Channel, Incident, IncidentTask
from app.services.deliveries import enclosing, stories
from app.services.deliveries.taking import is_bundled

SEVERAL = 2

_FAILURES = frozenset({"failing", "paused"})


@dataclass(frozen=True)
class Told:
    """One row, or a beginning with its end, and what is said of it; `who` failed, where something did."""

    message: Message
    who: str


def read(connection: sa.Connection, channel: str, delivery: int, home: str, storage: Storage | None = None) -> Told:
    """Return what a row says; a report has its file out of `storage`. Raises what comes of a row that can't be read."""
    row = connection.execute(_ROW, {"delivery": delivery}).one()
    sentence = _recovery(row) if row.is_recovery else _sentence(connection, row)
    group = f"incident-{row.incident_id}" if row.incident_id else f"alert-{row.alert_id}"
    own = f"alert-{row.alert_id}" + ("-over" if row.is_recovery else "")
    over = row.closed_at or row.ended_at
    zone = row.zone or "UTC"
    message = Message(
        id=f"delivery-{delivery}" if is_bundled(channel) else own, kind=row.kind, sentence=sentence,
        team=row.team or "", url=home + _path(row), at=row.opened_at or row.at,
        recovered_at=over if row.is_recovery else None, thread=group, why=row.why, zone=zone,
        needs_you=not alert_rules.EVENTS[alert_rules.event_of(row.kind)].is_held,
    )  # fmt: skip
    if row.run_id and not row.is_recovery and row.kind in _FAILURES and row.touched < SEVERAL:
        message = replace(message, story=stories.of_run(connection, row.last_run_id or row.run_id, zone, sentence))
    if row.kind == "breaker" and row.task and not row.is_recovery:
        message = replace(message, story=Story(safe=f"{row.task} needs it. What waits goes on once it answers."))
    if row.kind == reporting.KIND and row.run_id:
        message = enclosing.of_run(connection, message, row.run_id, storage, home)
    return Told(message, _who(connection, row) if row.kind in _FAILURES else "")


def gathered(told: Sequence[Told]) -> Message:
    """Return the one message that says all of it: the newest failure first, what is over last."""
    together = _paired(told)
    if len(together) == 1:
        return together[0].message
    order = sorted(together, key=lambda one: one.message.at, reverse=True)
    order.sort(key=lambda one: (one.message.recovered_at is not None, not one.who))
    messages = [one.message for one in order]
    first = messages[0]
    teams = {one.team for one in messages}
    news = [
        News(one.sentence if len(teams) == 1 else f"{one.team or 'Carillon'}: {one.sentence}", one.url, one.at,
             one.recovered_at)
        for one in messages
    ]  # fmt: skip
    whys = list(dict.fromkeys(one.why for one in messages if one.why))
    return replace(
        first, sentence=_summary(messages), team=first.team if len(teams) == 1 else "", news=news,
        story=stories.NONE, offers=(), why=wording.listed(whys[:3]), recovered_at=None, thread="",
        id=f"{first.id}-{len(messages)}", needs_you=any(one.needs_you for one in messages),
    )  # fmt: skip


def _summary(messages: Sequence[Message]) -> str:
    over = sum(one.recovered_at is not None for one in messages)
    open_ = len(messages) - over
    ends = f"{over} {'is' if over == 1 else 'are'} over" if open_ else f"{over} things are over"
    begins = f"{open_} {'thing' if open_ == 1 else 'things'} "
    if any(one.needs_you for one in messages if not one.recovered_at):
        begins += "needs you" if open_ == 1 else "need you"
    else:
        begins += "to know"
    return ", ".join([*([begins] if open_ else []), *([ends] if over else [])])


# --- a beginning and its end


def _paired(told: Sequence[Told]) -> list[Told]:
    """Join each beginning with its end, where both are told at once."""
    found: dict[str, Told] = {}
    for one in told:
        before = found.get(one.message.thread)
        if before and one.message.recovered_at and not before.message.recovered_at:
            found[one.message.thread] = Told(_joined(before, one.message), one.who)
        else:
            found[one.message.thread if not before else f"{one.message.thread}:{one.message.id}"] = one
    return list(found.values())


def _joined(before: Told, over: Message) -> Message:
    assert over.recovered_at is not None
    began = before.message
    since, until = _clock(began.at, began.zone), _clock(over.recovered_at, began.zone)
    if before.who:
        sentence, more = f"{before.who} failed at {since}, fine again since {until}.", began.sentence
    else:
        sentence, more = f"{began.sentence.rstrip('.')}. Over since {until}.", over.sentence
    return replace(
        over, sentence=sentence, at=began.at, id=began.id, url=began.url, why=began.why, story=Story(safe=more)
    )


def _clock(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}" + (" UTC" if zone == "UTC" else "")


# --- one row


def _sentence(connection: sa.Connection, row: Any) -> str:
    """Return what an alert says; of failures whose cause is known who failed, how many tasks by now, and why."""
    if row.touched >= SEVERAL:
        return failures.headline(_first(connection, row), row.cause, tasks=row.touched)
    if row.incident_id and row.kind == "failing":
        return failures.headline(row.task, row.cause, times=row.failures)
    sentence: str = row.sentence
    return sentence


def _recovery(row: Any) -> str:
    of_all = row.incident_recovery or ""
    if of_all and row.touched >= SEVERAL:
        return f"Over: {row.cause.rstrip('.')}. {of_all}"
    sentence: str = row.recovery or of_all
    return sentence


def _who(connection: sa.Connection, row: Any) -> str:
    """Return the task that failed, or of an incident the first one, and how many more there are."""
    if row.touched < SEVERAL:
        return row.task or "A task"
    return failures.who(_first(connection, row), row.touched)


def _first(connection: sa.Connection, row: Any) -> str:
    first: str = connection.execute(_FIRST, {"incident": row.incident_id}).scalar_one()
    return first


def _path(row: Any) -> str:
    if not row.team_slug:
        return "/system"
    if row.kind == "channel_failing":
        return f"/t/{row.team_slug}/settings/channels"
    if row.incident_id and row.touched >= SEVERAL:
        return f"/t/{row.team_slug}/incidents/{row.incident_id}"
    if row.run_number:
        return f"/t/{row.team_slug}/runs/{row.run_number}"
    if row.task_slug:
        return f"/t/{row.team_slug}/tasks/{row.task_slug}"
    return f"/t/{row.team_slug}/alerts"


_TOUCHED = (
    sa.select(sa.func.count())
    .where(IncidentTask.incident_id == Alert.incident_id, sa.or_(IncidentTask.over_at.is_(None), Delivery.is_recovery))
    .correlate(Alert, Delivery)
    .scalar_subquery()
)
_LAST_RUN = (
    sa.select(IncidentTask.run_id)
    .where(IncidentTask.incident_id == Alert.incident_id, IncidentTask.task_id == Alert.task_id)
    .correlate(Alert)
    .scalar_subquery()
)
_ROW = (
    sa.select(
        Delivery.is_recovery, Delivery.why, Delivery.channel, Alert.id.label("alert_id"), Alert.kind, Alert.sentence,
        Alert.recovery, Alert.at, Alert.ended_at, Alert.incident_id, Alert.run_id, Incident.cause, Incident.opened_at,
        Incident.closed_at, Incident.recovery.label("incident_recovery"), Team.name.label("team"),
        Team.slug.label("team_slug"), Task.slug.label("task_slug"), Task.name.label("task"), Task.failures,
        Run.number.label("run_number"), Person.timezone.label("zone"),
        _TOUCHED.label("touched"), _LAST_RUN.label("last_run_id"),
    )
    .join(Alert, Alert.id == Delivery.alert_id)
    .outerjoin(Incident, Incident.id == Alert.incident_id)
    .outerjoin(Team, Team.id == Alert.team_id)
    .outerjoin(Run, Run.id == sa.func.coalesce(_LAST_RUN, Alert.run_id))
    .outerjoin(Task, Task.id == sa.func.coalesce(Alert.task_id, Run.task_id))
    .outerjoin(Channel, sa.literal("channel:") + sa.cast(Channel.id, sa.String) == Delivery.channel)
    .outerjoin(Person, Person.id == sa.func.coalesce(Delivery.person_id, Channel.person_id))
    .where(Delivery.id == sa.bindparam("delivery"))
)  # fmt: skip
_FIRST = (
    sa.select(Task.name)
    .join(IncidentTask, IncidentTask.task_id == Task.id)
    .where(IncidentTask.incident_id == sa.bindparam("incident"))
    .order_by(IncidentTask.first_at, IncidentTask.task_id)
    .limit(1)
)
