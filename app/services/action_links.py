"""Links in messages that act: looked at they show a page, pressed there they act once. A helper of services, like unit.

A link is bound to its person, its purpose and what was so when the message was written. What it does is done by the
services it is about; here is who may, whether it still makes sense, and that it happens once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.core.identifiers import digest, new_token
from app.domain import alert_rules, failures
from app.domain.access import Action, Actor, Role, can
from app.infra.database import db
from app.models.people import Person
from app.models.runs import IS_ACTIVE, IS_REAL, Alert, Delivery, Run
from app.models.tasks import Task
from app.models.teams import Membership, Team
from app.models.telling import ActionLink, Incident, IncidentTask
from app.services.unit import Work, batch, unit

Purpose = Literal["approve", "reject", "retry", "acknowledge", "snooze", "pause", "unsubscribe", "confirm"]

LASTS = timedelta(hours=24)
UNSUBSCRIBE_LASTS = timedelta(days=30)
CONFIRM_LASTS = timedelta(days=7)


@dataclass(frozen=True)
class Act:
    """What a link of one purpose does: its words on a button, the right it takes, whether it asks for a sign-in."""

    label: str
    right: Action | None
    needs_sign_in: bool = False


ACTS: Mapping[Purpose, Act] = {
    "approve": Act("Run it again", "run", needs_sign_in=True),
    "reject": Act("End it", "run", needs_sign_in=True),
    "retry": Act("Run it again", "run"),
    "acknowledge": Act("Acknowledge", "run"),
    "snooze": Act("Mute until tomorrow 8:00", "run"),
    "pause": Act("Pause the task", "edit"),
    "unsubscribe": Act("Stop e-mail about this", None),
    "confirm": Act("Yes, send it here", None),
}

_WENT_WRONG = frozenset({"failed", "timed_out", "unmet"})
_WORKED = frozenset({"succeeded", "degraded"})


@dataclass(frozen=True)
class Offer:
    """A link as a message shows it. That of the purpose `unsubscribe` is also its List-Unsubscribe header."""

    purpose: Purpose
    label: str
    url: str


@dataclass(frozen=True)
class Link:
    """A link that somebody holds, with what it is about as it is now; `url` parts are slugs and numbers.

    That of the purpose `confirm` belongs to who reads it: its person is 0. `moot` says in one sentence why there is
    nothing to do any more; empty while there is.
    """

    id: int
    purpose: Purpose
    act: Act
    person_id: int
    person: str
    timezone: str
    team_id: int
    team: str
    team_slug: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    is_fresh: bool
    needs_sign_in: bool
    sentence: str
    task: str = ""
    task_slug: str = ""
    run: int | None = None
    run_sentence: str = ""
    alert_id: int | None = None
    incident_id: int | None = None
    moot: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The e-mail address that a link of the purpose `confirm` is about."""
        return str(self.seen.get("address", ""))

    @property
    def asked_by(self) -> str:
        """Who typed that address, as the letter said it."""
        return str(self.seen.get("by") or self.team)

    @property
    def can_stop(self) -> bool:
        """Whether it has confirmed an address: from then on it is there to take that back."""
        return bool(self.address and self.used_at)


# --- made when a message is written


def for_delivery(work: Work, person_id: int, alert_id: int, home: str, *, is_end: bool = False) -> list[Offer]:
    """Return links to what a person may do about an alert now, the most telling first; `home` is our address.

    Each call makes new ones: a link is kept as a hash alone. Of an alert that is over, or in a message that says so,
    only `unsubscribe` is left.
    """
    row = work.connection.execute(_ABOUT, {"alert": alert_id, "person": person_id}).first()
    if row is None:
        return []
    offers = []
    for purpose in _purposes(row, is_end=is_end):
        act = ACTS[purpose]
        if act.right is None or can(row.role, act.right):
            offers.append(Offer(purpose, act.label, f"{home.rstrip('/')}/a/{_make(work, purpose, person_id, row)}"))
    return offers


def of_delivery(delivery_id: int, home: str) -> list[Offer]:
    """Return the links of an e-mail to a person; other messages have none, and one that tells of an end has one."""
    with batch() as work:
        row = work.connection.execute(_READER, {"delivery": delivery_id}).first()
        if row is None or row.person_id is None or not row.channel.startswith("email:"):
            return []
        return for_delivery(work, row.person_id, row.alert_id, home, is_end=row.is_recovery)


def _purposes(row: Any, *, is_end: bool) -> list[Purpose]:
    found: list[Purpose] = []
    is_over = row.closed_at is not None if row.incident_id else row.ended_at is not None
    if not is_over and not is_end:
        if row.run_state == "waiting" and row.run_reason == "approval":
            found += ["approve", "reject"]
        elif row.run_state in _WENT_WRONG and row.slug and row.engine != "ping":
            found.append("retry")
        if row.team_of_alert is not None:
            if row.acknowledged_at is None:
                found.append("acknowledge")
            if row.incident_id:
                found.append("snooze")
        if row.slug and row.paused_at is None:
            found.append("pause")
    return [*found, "unsubscribe"]


def _make(work: Work, purpose: Purpose, person_id: int, row: Any) -> str:
    token = new_token()
    seen = {"attempt": row.attempt, "event": alert_rules.event_of(row.kind)}
    values = {
        "token_hash": digest(token), "purpose": purpose, "person_id": person_id, "team_id": row.team_id,
        "task_id": row.task_id, "run_id": row.run_id, "alert_id": row.id, "seen": seen,
        "needs_sign_in": ACTS[purpose].needs_sign_in, "created_at": work.now,
        "expires_at": work.now + (UNSUBSCRIBE_LASTS if purpose == "unsubscribe" else LASTS),
    }  # fmt: skip
    work.connection.execute(sa.insert(ActionLink).values(values))
    return token


def to_confirm(work: Work, by: str, team_id: int, address: str, home: str) -> str:
    """Return a link by which the owner of an e-mail address lets a team send there what it wants to.

    It goes to that address alone, which may be that of nobody here; `by` says who typed it.
    """
    token = new_token()
    values = {
        "token_hash": digest(token), "purpose": "confirm", "team_id": team_id,
        "seen": {"address": address, "by": by}, "created_at": work.now, "expires_at": work.now + CONFIRM_LASTS,
    }  # fmt: skip
    work.connection.execute(sa.insert(ActionLink).values(values))
    return f"{home.rstrip('/')}/a/{token}"


# --- looked at


def find(token: str, now: datetime) -> Link | None:
    """Return a link with what it is about, None for an unknown one; nothing changes, however often."""
    row = db.session.execute(_LINK, {"hash": digest(token)}).first()
    if row is None:
        return None
    is_fresh = row.used_at is None and row.expires_at > now
    return Link(
        row.id, row.purpose, ACTS[row.purpose], row.person_id or 0, row.person or "", row.timezone or "UTC",
        row.team_id, row.team, row.team_slug, row.created_at, row.expires_at, row.used_at, is_fresh, row.needs_sign_in,
        _said(row), row.task or "", "" if row.deleted_at else row.slug or "", row.number, row.run_sentence or "",
        row.alert_id, row.incident_id, _moot(row) if is_fresh else "", row.seen,
    )  # fmt: skip


def _said(row: Any) -> str:
    # As the message said it that the link came with.
    if row.kind == "failing" and row.task and row.cause:
        return failures.headline(row.task, row.cause)
    return row.sentence or ""


def _moot(row: Any) -> str:
    return _MOOT[row.purpose](row) if row.purpose in _MOOT else ""


def _decided(row: Any) -> str:
    is_open = row.state == "waiting" and row.reason == "approval" and row.attempt == row.seen.get("attempt")
    return "" if is_open else f"Run #{row.number} was decided meanwhile."


def _ran_again(row: Any) -> str:
    if row.deleted_at:
        return f"{row.task} was deleted."
    later = (Run.task_id == row.task_id, Run.id > row.run_id, IS_REAL)
    is_going = sa.and_(IS_ACTIVE, sa.not_(sa.and_(Run.state == "waiting", Run.reason == "time")))
    query = sa.select(Run.number, Run.state).where(*later, sa.or_(is_going, Run.state.in_(_WORKED)))
    newer = db.session.execute(query.order_by(Run.id.desc()).limit(1)).first()
    if newer is None:
        return ""
    how = "and worked" if newer.state in _WORKED else "and has not ended yet"
    return f"It was run again meanwhile, as #{newer.number}, {how}."


def _over(row: Any) -> str:
    if row.incident_id:
        is_over, recovery = row.closed_at is not None, row.incident_recovery
    else:
        is_over, recovery = row.ended_at is not None, row.recovery
    return f"It is over. {recovery}".strip() if is_over else ""


def _seen_to(row: Any) -> str:
    if over := _over(row):
        return over
    return f"{row.by or 'Somebody'} has acknowledged it already." if row.acknowledged_at else ""


def _paused(row: Any) -> str:
    if row.deleted_at:
        return f"{row.task} was deleted."
    return f"{row.task} is paused already." if row.paused_at else ""


_MOOT: Mapping[str, Callable[[Any], str]] = {
    "approve": _decided, "reject": _decided, "retry": _ran_again, "acknowledge": _seen_to, "snooze": _over,
    "pause": _paused,
}  # fmt: skip


# --- pressed


def actor_of(link: Link) -> Actor | None:
    """Return as whom a link acts, with the role of today; None when its person may not do that any more.

    To confirm an address takes no right in the team: its owner may belong to none, and acts as nobody of here.
    """
    if link.purpose == "confirm":
        return Actor(link.person_id, link.team_id, "viewer")
    mine = (Membership.person_id == link.person_id, Membership.team_id == link.team_id)
    role = cast("Role | None", db.session.execute(sa.select(Membership.role).where(*mine)).scalar())
    if role is None or (link.act.right and not can(role, link.act.right)):
        return None
    return Actor(link.person_id, link.team_id, role)


def take(link: Link, actor: Actor) -> bool:
    """Use a link up; of many who press at once one hears True. The audit says that its person acted by a link,
    or of one without a person that somebody did.
    """
    with unit(actor) as work:
        is_unused = (ActionLink.id == link.id, ActionLink.used_at.is_(None), ActionLink.expires_at > work.now)
        taken = work.connection.execute(sa.update(ActionLink).where(*is_unused).values(used_at=work.now)).rowcount
        if taken:
            about = link.address or (f"#{link.run} {link.task}" if link.run else link.task or link.sentence)
            work.audit("link_used", about, purpose=link.purpose, alert=link.alert_id)
        return bool(taken)


def give_back(link: Link) -> None:
    """Let a link that was taken be used again: what it asks for was refused, and nothing was done."""
    with unit() as work:
        work.connection.execute(sa.update(ActionLink).where(ActionLink.id == link.id).values(used_at=None))


_READER = sa.select(Delivery.alert_id, Delivery.channel, Delivery.is_recovery, Delivery.person_id).where(
    Delivery.id == sa.bindparam("delivery")
)
_FIRST_TEAM = (
    sa.select(sa.func.min(Membership.team_id)).where(Membership.person_id == sa.bindparam("person")).scalar_subquery()
)
_THE_RUN = sa.func.coalesce(IncidentTask.run_id, Alert.run_id)  # the last that failed
_ACKNOWLEDGED_AT = sa.case(
    (Alert.incident_id.is_not(None), Incident.acknowledged_at), else_=Alert.acknowledged_at
).label("acknowledged_at")
_ABOUT = (
    sa.select(
        Alert.id, Alert.kind, Alert.ended_at, Alert.incident_id, Alert.team_id.label("team_of_alert"),
        sa.func.coalesce(Alert.team_id, _FIRST_TEAM).label("team_id"), Incident.closed_at, _ACKNOWLEDGED_AT,
        Task.id.label("task_id"), Task.slug, Task.engine, Task.paused_at, Run.id.label("run_id"), Run.attempt,
        Run.state.label("run_state"), Run.reason.label("run_reason"), Membership.role,
    )
    .join(
        Membership,
        sa.and_(
            Membership.person_id == sa.bindparam("person"),
            Membership.team_id == sa.func.coalesce(Alert.team_id, _FIRST_TEAM),
        ),
    )
    .outerjoin(Incident, Incident.id == Alert.incident_id)
    .outerjoin(
        IncidentTask, sa.and_(IncidentTask.incident_id == Alert.incident_id, IncidentTask.task_id == Alert.task_id)
    )
    .outerjoin(Run, Run.id == _THE_RUN)
    .outerjoin(Task, sa.and_(Task.id == sa.func.coalesce(Alert.task_id, Run.task_id), Task.deleted_at.is_(None)))
    .where(Alert.id == sa.bindparam("alert"))
)  # fmt: skip
_BY = aliased(Person)
_LINK = (
    sa.select(
        ActionLink.id, ActionLink.purpose, ActionLink.person_id, ActionLink.team_id, ActionLink.created_at,
        ActionLink.expires_at, ActionLink.used_at, ActionLink.needs_sign_in, ActionLink.seen, ActionLink.run_id,
        ActionLink.task_id, ActionLink.alert_id, Person.name.label("person"), Person.timezone,
        Team.name.label("team"), Team.slug.label("team_slug"), Task.name.label("task"), Task.slug, Task.deleted_at,
        Task.paused_at, Run.number, Run.state, Run.reason, Run.attempt, Run.sentence.label("run_sentence"), Alert.kind,
        Alert.sentence, Alert.ended_at, Alert.recovery, Alert.incident_id, Incident.cause, Incident.closed_at,
        Incident.recovery.label("incident_recovery"), _ACKNOWLEDGED_AT, _BY.name.label("by"),
    )
    .outerjoin(Person, Person.id == ActionLink.person_id)
    .join(Team, Team.id == ActionLink.team_id)
    .outerjoin(Task, Task.id == ActionLink.task_id)
    .outerjoin(Run, Run.id == ActionLink.run_id)
    .outerjoin(Alert, Alert.id == ActionLink.alert_id)
    .outerjoin(Incident, Incident.id == Alert.incident_id)
    .outerjoin(_BY, _BY.id == sa.func.coalesce(Incident.acknowledged_by_id, Alert.acknowledged_by_id))
    .where(ActionLink.token_hash == sa.bindparam("hash"))
)  # fmt: skip
