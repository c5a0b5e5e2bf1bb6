"""Tasks, their versions, their files and their schedules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.calendars import Calendar, Use
from app.domain.occurrences import Plan
from app.domain.policy import Policy
from app.domain.triggers import Trigger
from app.infra.database import Base, Key
from app.models.people import Person
from app.models.teams import Team


class Task(Base):
    """What should be done: a name and a row of versions."""

    __tablename__ = "tasks"
    __table_args__ = (
        sa.UniqueConstraint("team_id", "slug"),
        sa.Index(
            "tasks_to_resume",
            "resume_at",
            sqlite_where=sa.text("resume_at IS NOT NULL"),
            postgresql_where=sa.text("resume_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    slug: Mapped[str] = mapped_column(sa.String(80))
    name: Mapped[str] = mapped_column(sa.String(120))
    engine: Mapped[str] = mapped_column(sa.String(24))  # or `steps`, where it has several
    lane: Mapped[str] = mapped_column(sa.String(8), server_default="")  # of its runs; "": as its engine has it
    version_id: Mapped[int | None] = mapped_column(Key)
    version_number: Mapped[int] = mapped_column(default=0)
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    paused_at: Mapped[datetime | None]
    paused_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    pause_note: Mapped[str] = mapped_column(sa.String(300), default="")
    paused_for: Mapped[str] = mapped_column(sa.String(16), default="")  # by itself: failures, crashes, restore
    resume_at: Mapped[datetime | None]
    resume_how: Mapped[str] = mapped_column(sa.String(8), default="skip")  # skip or recover what was planned meanwhile
    failures: Mapped[int] = mapped_column(default=0)  # in a row, until now
    crashes: Mapped[int] = mapped_column(default=0)  # runs in a row that ended by a crash, until now
    retries_since: Mapped[datetime | None]  # when the hour began in which it has tried again `retries` times
    retries: Mapped[int] = mapped_column(server_default="0")
    thread_id: Mapped[int | None] = mapped_column(Key)  # the thread it was read out of
    tags: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    minutes_saved: Mapped[float | None]  # what one run spares a person, as its people say
    awaits: Mapped[bool] = mapped_column(server_default=sa.false())  # at its planned times it waits for other tasks
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]  # when it, a run of it or a result was last opened, to a day; none: never yet
    deleted_at: Mapped[datetime | None]

    team: Mapped[Team] = relationship(lazy="raise")
    owner: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=owner_id)
    paused_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=paused_by_id)
    schedules: Mapped[list["Schedule"]] = relationship(lazy="raise", back_populates="task", order_by="Schedule.id")

    @property
    def state(self) -> str:
        """`paused`, `broken` (a schedule can't be computed) or `active`; needs `schedules` loaded."""
        if self.paused_at:
            return "paused"
        return "broken" if any(schedule.state == "broken" for schedule in self.schedules) else "active"


class TaskVersion(Base):
    """One definition of a task, never changed once written; a run keeps the version it ran.

    `definition` holds `name`, `engine`, `settings`, `steps` (where `engine` says so), `limits`, `policy`,
    `min_isolation`, `files`, `schedules`, and where it has them `variables`, `contract`, `repair` and `after`.
    """

    __tablename__ = "task_versions"
    __table_args__ = (sa.UniqueConstraint("task_id", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"))
    number: Mapped[int]
    definition: Mapped[dict[str, Any]]
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]

    author: Mapped[Person | None] = relationship(lazy="raise")


class TaskLink(Base):
    """A task that runs after another, as its present version says; `on` is the end that is waited for."""

    __tablename__ = "task_links"
    __table_args__ = (
        sa.Index("task_links_by_upstream", "upstream_id"),
        sa.Index("task_links_of_team", "team_id"),
    )

    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    upstream_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    on: Mapped[str] = mapped_column(sa.String(8))  # success, failure, any
    round_id: Mapped[int | None] = mapped_column(Key)  # the run of its task in whose round an end of it counted last
    created_at: Mapped[datetime]


class TaskFile(Base):
    """A file given to a task; its content lives in the storage under `digest`."""

    __tablename__ = "task_files"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    digest: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]


class Schedule(Base):
    """When a task runs: a rule that yields planned times. `next_fire_at` is its only forward state."""

    __tablename__ = "schedules"
    __table_args__ = (
        sa.Index(
            "schedules_due",
            "next_fire_at",
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        ),
        sa.Index("schedules_of_team", "team_id", "state", "next_fire_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(12))
    expression: Mapped[str] = mapped_column(sa.String(500))
    timezone: Mapped[str] = mapped_column(sa.String(64))
    gap: Mapped[str] = mapped_column(sa.String(8), default="next")
    fold: Mapped[str] = mapped_column(sa.String(8), default="first")
    anchor_at: Mapped[datetime | None]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    text: Mapped[str] = mapped_column(sa.String(300), default="")  # as the person typed it
    policy: Mapped[dict[str, Any]]
    calendars: Mapped[list[Any]] = mapped_column(default=list)  # [{"calendar": id, "use": …}, …] (domain/calendars)
    state: Mapped[str] = mapped_column(sa.String(8), default="active")  # active, paused, broken, over
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    next_fire_at: Mapped[datetime | None]
    decided_until: Mapped[datetime]  # every planned time up to here has its row
    paused_until: Mapped[datetime | None]  # what was planned up to here and has no row was not missed: it was paused
    created_at: Mapped[datetime]  # since when this rule holds

    task: Mapped[Task] = relationship(lazy="raise", back_populates="schedules")

    @property
    def trigger(self) -> Trigger:
        """The rule as the domain knows it."""
        return trigger_of(self)

    @property
    def rules(self) -> Policy:
        """Misfire and overlap as the domain knows them."""
        return Policy.of(self.policy)


class Heartbeat(Base):
    """The address that a job which runs elsewhere calls: what it said last, and the run that it has begun."""

    __tablename__ = "heartbeats"

    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    token: Mapped[str] = mapped_column(sa.String(40), unique=True)
    last_ping_at: Mapped[datetime | None]
    last_kind: Mapped[str] = mapped_column(sa.String(8), default="")
    running_run_id: Mapped[int | None] = mapped_column(Key)
    created_at: Mapped[datetime]


RULE = (
    Schedule.kind, Schedule.expression, Schedule.timezone, Schedule.gap, Schedule.fold, Schedule.anchor_at,
    Schedule.starts_at, Schedule.ends_at,
)  # fmt: skip
"""The columns that `trigger_of` reads."""

PLAN = (*RULE, Schedule.id, Schedule.policy, Schedule.calendars)
"""The columns that `plan_of` reads."""


def trigger_of(row: Any) -> Trigger:
    """Return the rule of a schedule, or of a row with the columns of RULE."""
    return Trigger(row.kind, row.expression, row.timezone, row.gap, row.fold, row.anchor_at, row.starts_at, row.ends_at)


def plan_of(row: Any, uses: Sequence[tuple[Use, Calendar]] = ()) -> Plan:
    """Return all that says when a schedule, or a row with the columns of PLAN, runs; `uses` are its calendars."""
    policy = row.policy
    return Plan(
        trigger_of(row), tuple(uses), policy.get("spread_seconds", 0.0), policy.get("jitter_seconds", 0.0), row.id or 0
    )
