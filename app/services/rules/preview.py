"""What an alert rule would have sent of what happened lately, so that nobody has to wait for the next failure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.domain import alert_rules, reporting, stored_rules
from app.domain.access import Actor
from app.domain.alert_rules import MANY, Happened, Past
from app.infra import database
from app.infra.database import db
from app.models.runs import Alert, Run
from app.models.tasks import Task
from app.models.telling import IncidentTask
from app.services.rules.wanted import Wanted, checked, names_of, who

LOOKS_BACK = timedelta(days=30)
_MOST_PAST = 5000


@dataclass(frozen=True)
class Message:
    """What a rule would have sent: when, to whom in words, and of what."""

    at: datetime
    to: str
    sentences: Sequence[str]


@dataclass(frozen=True)
class Preview:
    """What a rule would have sent in the last 30 days, the newest first; `days` counts the messages of each day."""

    messages: Sequence[Message]
    days: Mapping[str, int]
    is_cut: bool  # there were more alerts than are looked at


def preview(actor: Actor, wanted: Wanted) -> Preview:
    """Return what a rule would have sent of the alerts of the last 30 days. Raises Invalid."""
    rule, names = stored_rules.rule(checked(actor, wanted)), names_of(who(actor))
    since = database.now(db.session.connection()) - LOOKS_BACK
    rows = db.session.execute(_PAST, {"team": actor.team_id, "since": since, "most": _MOST_PAST}).all()
    messages: dict[tuple[datetime, str], Message] = {}
    for sent in alert_rules.replayed(rule, [_past(row) for row in rows]):
        to = names.get(sent.channel, "")
        messages[sent.at, to] = Message(sent.at, to, sent.sentences)  # by page and by e-mail it is told as one
    found = sorted(messages.values(), key=lambda one: one.at, reverse=True)
    days = Counter(f"{one.at.astimezone(ZoneInfo(rule.pace.zone)):%Y-%m-%d}" for one in found)
    return Preview(found, dict(sorted(days.items(), reverse=True)), len(rows) == _MOST_PAST)


def _past(row: Any) -> Past:
    is_of_failures = row.kind in {"failing", "paused"}
    happened = Happened(
        alert_rules.event_of(row.kind, row.state or ""), row.task_id, frozenset(row.tags or ()),
        max(1, row.failures or 0) if is_of_failures else MANY,
    )  # fmt: skip
    group = f"incident:{row.incident_id}" if row.incident_id else f"alert:{row.id}"
    return Past(row.at, row.ended_at, row.sentence, group, happened)


_PAST = (
    sa.select(
        Alert.id, Alert.kind, Alert.sentence, Alert.at, Alert.ended_at, Alert.task_id, Alert.incident_id, Task.tags,
        Run.state, IncidentTask.failures,
    )
    .outerjoin(Task, Task.id == Alert.task_id)
    .outerjoin(Run, Run.id == Alert.run_id)
    .outerjoin(
        IncidentTask, sa.and_(IncidentTask.incident_id == Alert.incident_id, IncidentTask.task_id == Alert.task_id)
    )
    .where(Alert.kind != reporting.KIND)  # no rule decides on those
    .where(Alert.team_id == sa.bindparam("team"), Alert.at > sa.bindparam("since", type_=Alert.at.type))
    .order_by(Alert.at)
    .limit(sa.bindparam("most"))
)  # fmt: skip
