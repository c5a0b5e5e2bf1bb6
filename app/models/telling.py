"""Who is told of what: incidents, channels, alert rules, notifications, and links in messages that act."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.database import Base, Key


class Incident(Base):
    """Failures of one cause in a team, over runs and tasks; open once per `signature` (domain/failures)."""

    __tablename__ = "incidents"
    __table_args__ = (
        sa.Index(
            "incidents_open", "team_id", "signature", unique=True, sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
        sa.Index("incidents_of_team", "team_id", "id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    signature: Mapped[str] = mapped_column(sa.String(64))
    cause: Mapped[str] = mapped_column(sa.String(200))  # a short plain title
    target: Mapped[str] = mapped_column(sa.String(200), default="")  # the host, model, secret … that it is about
    sentence: Mapped[str] = mapped_column(sa.String(500))  # of the last failure
    failures: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime]
    last_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    recovery: Mapped[str] = mapped_column(sa.String(500), default="")
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    muted_until: Mapped[datetime | None]  # nobody is told of it before
    fix_url: Mapped[str] = mapped_column(sa.String(500), default="")
    note: Mapped[str] = mapped_column(sa.String(500), default="")


class IncidentTask(Base):
    """A task that an incident touches; it is over for it once a run of it has worked again."""

    __tablename__ = "incident_tasks"
    __table_args__ = (sa.Index("incident_tasks_of_task", "task_id"),)

    incident_id: Mapped[int] = mapped_column(sa.ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    run_id: Mapped[int | None] = mapped_column(sa.ForeignKey("runs.id", ondelete="SET NULL"))  # the last that failed
    over_at: Mapped[datetime | None]


class Channel(Base):
    """A way to reach a person, or (without `person_id`) a team; its address is sealed with the team's key.

    A person's e-mail address and devices are ways to reach them too, without a row here.
    """

    __tablename__ = "channels"
    __table_args__ = (sa.Index("channels_of_team", "team_id"), sa.Index("channels_of_person", "person_id"))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(sa.String(16))
    name: Mapped[str] = mapped_column(sa.String(60))
    sealed: Mapped[bytes]
    shown: Mapped[str] = mapped_column(sa.String(200))  # of the address what may be read
    fallback_id: Mapped[int | None] = mapped_column(sa.ForeignKey("channels.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(sa.String(8), default="new")  # new, ok, failing, off
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    changed_state_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    @staticmethod
    def aad_of(team_id: int, channel_id: int) -> str:
        """What binds a sealed address to its row."""
        return f"{team_id}|channels|{channel_id}|sealed"


class Recipient(Base):
    """An address that e-mail channels of a team write to. Until `confirmed_at` only a letter that asks goes there.

    That letter is due from `wanted_at` on, and went out last at `asked_at`, for the person who typed the address.
    """

    __tablename__ = "recipients"
    __table_args__ = (sa.UniqueConstraint("team_id", "address"), sa.Index("recipients_of_address", "address"))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(sa.String(320))  # in small letters
    confirmed_at: Mapped[datetime | None]
    asked_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    wanted_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    created_at: Mapped[datetime]


class Wish(Base):
    """What a person wants to hear about in all their teams, and how; what is not said there is as by default.

    `events` maps an event (domain/alert_rules) to the ways it is told by; `reach` is mine or all.
    """

    __tablename__ = "wishes"

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    events: Mapped[dict[str, Any]]
    reach: Mapped[str] = mapped_column(sa.String(8), default="mine")
    after: Mapped[int] = mapped_column(default=1)  # failures in a row
    quiet: Mapped[dict[str, Any]]
    digest_hour: Mapped[str] = mapped_column(sa.String(5), default="")  # 17:00, in the person's zone
    changed_at: Mapped[datetime]


class Mute(Base):
    """A task of which a person does not want to hear, for ever or until a time."""

    __tablename__ = "mutes"

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class AlertRule(Base):
    """When to tell whom what on which channel, as a team set it; the fields are those of domain/alert_rules.Rule."""

    __tablename__ = "alert_rules"
    __table_args__ = (sa.Index("alert_rules_of_team", "team_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(80))
    is_on: Mapped[bool] = mapped_column(default=True)
    definition: Mapped[dict[str, Any]]
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class Notification(Base):
    """What a person is told in the app: once per alert, and once per incident whatever many alerts it has."""

    __tablename__ = "notifications"
    __table_args__ = (
        sa.UniqueConstraint("person_id", "key"),
        sa.Index("notifications_of_person", "person_id", "changed_at", "id"),
        sa.Index(
            "notifications_unread", "person_id", sqlite_where=sa.text("read_at IS NULL"),
            postgresql_where=sa.text("read_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"))
    team_id: Mapped[int | None] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(sa.String(40))  # alert:12, incident:7
    event: Mapped[str] = mapped_column(sa.String(16))
    alert_id: Mapped[int | None] = mapped_column(sa.ForeignKey("alerts.id", ondelete="SET NULL"))
    incident_id: Mapped[int | None] = mapped_column(sa.ForeignKey("incidents.id", ondelete="CASCADE"))
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"))
    sentence: Mapped[str] = mapped_column(sa.String(500))
    is_over: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class ActionLink(Base):
    """A link in a message: looked at it shows a page, pressed there it acts once, for its person and the state seen.

    One that goes to an address of which nobody knows whose it is has no person.
    """

    __tablename__ = "action_links"
    __table_args__ = (sa.Index("action_links_old", "expires_at"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    purpose: Mapped[str] = mapped_column(sa.String(16))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"))
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"))
    run_id: Mapped[int | None] = mapped_column(sa.ForeignKey("runs.id", ondelete="CASCADE"))
    alert_id: Mapped[int | None] = mapped_column(sa.ForeignKey("alerts.id", ondelete="CASCADE"))
    seen: Mapped[dict[str, Any]]  # what it was about when the message was written
    needs_sign_in: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
