"""Webhooks: what is told to other programs as it happens; and hooks, by which other programs start a task."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.infra.database import Base, Key
from app.models.tasks import Task

_WAITING = sa.text("state = 'waiting'")


class Webhook(Base):
    """An address that is told of events of its team; `after_event_id` is the last one that was looked at for it.

    `failures` counts deliveries that failed in a row until now; while `rests_until` is ahead nothing is sent.
    """

    __tablename__ = "webhooks"
    __table_args__ = (sa.UniqueConstraint("team_id", "name"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(60))
    url: Mapped[str] = mapped_column(sa.String(2000))
    events: Mapped[list[Any]]
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"))  # none: of any task
    condition: Mapped[str] = mapped_column(sa.String(500), default="")
    sealed: Mapped[bytes]
    sealed_before: Mapped[bytes | None]
    before_until: Mapped[datetime | None]
    after_event_id: Mapped[int] = mapped_column(Key)
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    rests_until: Mapped[datetime | None]
    off_at: Mapped[datetime | None]
    off_because: Mapped[str] = mapped_column(sa.String(300), default="")
    delivered_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    task: Mapped[Task | None] = relationship(lazy="raise")

    @staticmethod
    def aad_of(team_id: int, webhook_id: int) -> str:
        """What binds a sealed secret to its row."""
        return f"{team_id}|webhooks|{webhook_id}|sealed|1"


class WebhookDelivery(Base):
    """One event on its way to one webhook: waiting, sent or failed. `body` and `message_id` are those of every try.

    `attempts` is [{"at", "status", "problem", "answer", "seconds"}, …]; `since` is when the tries began, anew by a
    replay. A test has no event.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        sa.UniqueConstraint("webhook_id", "event_id"),
        sa.Index(
            "webhook_deliveries_due", "webhook_id", "next_try_at", sqlite_where=_WAITING, postgresql_where=_WAITING
        ),
        sa.Index("webhook_deliveries_of", "webhook_id", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    webhook_id: Mapped[int] = mapped_column(sa.ForeignKey("webhooks.id", ondelete="CASCADE"))
    event_id: Mapped[int | None] = mapped_column(Key)
    message_id: Mapped[str] = mapped_column(sa.String(40), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(32))
    body: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[str] = mapped_column(sa.String(10), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None]
    since: Mapped[datetime]
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    attempts: Mapped[list[Any]] = mapped_column(default=list)


class Hook(Base):
    """A secret address that starts a task, with what a call has to prove and what of it becomes which variable.

    `mapping` is {variable: path in the payload}; `tools` are those that an agent keeps though values come from outside.
    """

    __tablename__ = "hooks"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(sa.String(60))
    scheme: Mapped[str] = mapped_column(sa.String(12))  # address, token, github, stripe, slack, standard
    header: Mapped[str] = mapped_column(sa.String(60), default="")  # of the scheme token
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    hash_before: Mapped[str | None] = mapped_column(sa.String(64), unique=True)
    sealed: Mapped[bytes | None]
    sealed_before: Mapped[bytes | None]
    before_until: Mapped[datetime | None]
    condition: Mapped[str] = mapped_column(sa.String(500), default="")
    mapping: Mapped[dict[str, Any]] = mapped_column(default=dict)
    tools: Mapped[list[Any]] = mapped_column(default=list)
    calls_a_minute: Mapped[int] = mapped_column(default=60)
    off_at: Mapped[datetime | None]
    called_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    task: Mapped[Task] = relationship(lazy="raise")

    @staticmethod
    def aad_of(team_id: int, hook_id: int) -> str:
        """What binds a sealed secret to its row."""
        return f"{team_id}|hooks|{hook_id}|sealed|1"


class HookCall(Base):
    """A call of a hook: accepted, repeated, filtered or refused, and why. `payload` is JSON, redacted.

    Without a `key` it stands for as many refused calls of one reason as `times` says, the first of them `at`.
    """

    __tablename__ = "hook_calls"
    __table_args__ = (
        sa.Index("hook_calls_of", "hook_id", "id"),
        sa.Index("hook_calls_by_key", "hook_id", "key"),
        sa.Index(
            "hook_calls_of_run", "run_id", sqlite_where=sa.text("run_id IS NOT NULL"),
            postgresql_where=sa.text("run_id IS NOT NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    hook_id: Mapped[int] = mapped_column(sa.ForeignKey("hooks.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    verdict: Mapped[str] = mapped_column(sa.String(10))
    sentence: Mapped[str] = mapped_column(sa.String(500), default="")
    key: Mapped[str] = mapped_column(sa.String(64), default="")
    run_id: Mapped[int | None] = mapped_column(sa.ForeignKey("runs.id", ondelete="SET NULL"))
    event: Mapped[str] = mapped_column(sa.String(80), default="")
    size_bytes: Mapped[int]
    payload: Mapped[str] = mapped_column(sa.Text, default="")
    is_cut: Mapped[bool] = mapped_column(default=False)
    times: Mapped[int] = mapped_column(default=1)
