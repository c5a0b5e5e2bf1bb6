"""Runs with their attempts, steps, log and artifacts, and the events that tell their story."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.infra.database import Base, Key
from app.models.people import Person
from app.models.tasks import Task, TaskVersion

_ACTIVE = "state IN ('planned', 'waiting', 'queued', 'running', 'lost')"
IS_ACTIVE = sa.text(f"runs.{_ACTIVE}")
"""Beside a condition on the state: the small index of runs under way is used only where its very words are read."""


class Run(Base):
    """The record of one planned or requested execution, whatever became of it. Unique on (task_id, key)."""

    __tablename__ = "runs"
    __table_args__ = (
        sa.UniqueConstraint("task_id", "key"),
        sa.UniqueConstraint("team_id", "number"),
        sa.Index("runs_by_time", "team_id", "planned_at", "id"),
        sa.Index("runs_by_state", "team_id", "state", "planned_at", "id"),
        sa.Index("runs_by_task", "task_id", "planned_at", "id"),
        sa.Index("runs_active", "state", "task_id", sqlite_where=sa.text(_ACTIVE), postgresql_where=sa.text(_ACTIVE)),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    number: Mapped[int]
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"))
    version_id: Mapped[int] = mapped_column(sa.ForeignKey("task_versions.id"))
    schedule_id: Mapped[int | None] = mapped_column(sa.ForeignKey("schedules.id", ondelete="SET NULL"))
    key: Mapped[str] = mapped_column(sa.String(120))
    trigger: Mapped[str] = mapped_column(sa.String(12))  # schedule, person, api
    requested_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    planned_at: Mapped[datetime]
    planned_local: Mapped[str] = mapped_column(sa.String(32), default="")
    lane: Mapped[str] = mapped_column(sa.String(8))
    state: Mapped[str] = mapped_column(sa.String(12))
    reason: Mapped[str] = mapped_column(sa.String(32), default="")
    sentence: Mapped[str] = mapped_column(sa.String(500), default="")
    folded_count: Mapped[int] = mapped_column(default=1)
    folded_until: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(default=1)
    token: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    worker: Mapped[str] = mapped_column(sa.String(80), default="")
    not_before: Mapped[datetime | None]
    queued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    cost_micros: Mapped[int | None] = mapped_column(sa.BigInteger)  # millionths of a US dollar; none: no price known
    cost_cap_micros: Mapped[int | None] = mapped_column(sa.BigInteger)  # raised for this run; none: as the task says
    resumes_id: Mapped[int | None] = mapped_column(Key)  # the run whose last checkpoint this one goes on from
    stop_mode: Mapped[str] = mapped_column(sa.String(12), default="")  # now, after_step
    stop_reason: Mapped[str] = mapped_column(sa.String(12), default="")
    facts: Mapped[dict[str, Any]]

    task: Mapped[Task] = relationship(lazy="raise")
    version: Mapped[TaskVersion] = relationship(lazy="raise")
    requested_by: Mapped[Person | None] = relationship(lazy="raise")
    attempts: Mapped[list["Attempt"]] = relationship(lazy="raise", order_by="Attempt.number")
    artifacts: Mapped[list["Artifact"]] = relationship(lazy="raise", order_by="Artifact.name")


class Attempt(Base):
    """One try of a run, held by one worker under one fencing token."""

    __tablename__ = "attempts"
    __table_args__ = (sa.UniqueConstraint("run_id", "token"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("runs.id", ondelete="CASCADE"))
    number: Mapped[int]
    token: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(12))
    reason: Mapped[str] = mapped_column(sa.String(32), default="")
    sentence: Mapped[str] = mapped_column(sa.String(500), default="")
    worker: Mapped[str] = mapped_column(sa.String(80))
    isolation: Mapped[dict[str, Any]]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    steps: Mapped[list["Step"]] = relationship(lazy="raise", order_by="Step.position")


class Step(Base):
    """One part of an attempt."""

    __tablename__ = "steps"
    __table_args__ = (sa.UniqueConstraint("attempt_id", "position"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    attempt_id: Mapped[int] = mapped_column(sa.ForeignKey("attempts.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(60))
    state: Mapped[str] = mapped_column(sa.String(12))
    detail: Mapped[str] = mapped_column(sa.String(300), default="")
    facts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")  # of a turn: tokens_in, tokens_out, cost_micros
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Checkpoint(Base):
    """A point of a run to go on from: what the engine remembers, and the files of its workspace.

    `files` maps a path within the workspace to the digest of its content in the storage.
    """

    __tablename__ = "checkpoints"
    __table_args__ = (sa.UniqueConstraint("run_id", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("runs.id", ondelete="CASCADE"))
    number: Mapped[int]
    token: Mapped[int]
    after: Mapped[str] = mapped_column(sa.String(60))  # the step whose result it keeps
    state: Mapped[dict[str, Any]]
    files: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class LogChunk(Base):
    """Some lines of a run's log: `lines` is a list of [seconds since `at`, level, text].

    The first line of the chunk has number `first`; numbers run on over all attempts of a run.
    """

    __tablename__ = "log_chunks"

    run_id: Mapped[int] = mapped_column(sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int]
    size_bytes: Mapped[int]
    token: Mapped[int]
    at: Mapped[datetime]
    lines: Mapped[list[Any]]


class Artifact(Base):
    """A file a run made; its content lives in the storage under `digest`."""

    __tablename__ = "artifacts"
    __table_args__ = (sa.UniqueConstraint("run_id", "name"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("runs.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(200))
    media_type: Mapped[str] = mapped_column(sa.String(100))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    digest: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]


class Event(Base):
    """Something that happened: past tense, written with the change itself and never changed."""

    __tablename__ = "events"
    __table_args__ = (sa.Index("events_of_run", "run_id", "id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(Key)
    kind: Mapped[str] = mapped_column(sa.String(32))
    run_id: Mapped[int | None] = mapped_column(sa.ForeignKey("runs.id", ondelete="CASCADE"))
    token: Mapped[int] = mapped_column(default=0)
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]
