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

_HELD = "reason = 'capacity' AND state IN ('waiting', 'queued')"
IS_HELD = sa.text(f"runs.{_HELD.replace('AND ', 'AND runs.')}")
"""Of runs that wait for a slot of a limit, and of those that were given one and are on their way to a worker."""

_TIMED = "state = 'waiting' AND not_before IS NOT NULL"
IS_TIMED = sa.text(f"runs.{_TIMED.replace('AND ', 'AND runs.')}")
"""Of runs that wait for a time."""


class Run(Base):
    """The record of one planned or requested execution, whatever became of it. Unique on (task_id, key)."""

    __tablename__ = "runs"
    __table_args__ = (
        sa.UniqueConstraint("task_id", "key"),
        sa.UniqueConstraint("team_id", "number"),
        sa.Index("runs_by_time", "team_id", "planned_at", "id"),
        sa.Index("runs_by_state", "team_id", "state", "planned_at", "id"),
        sa.Index("runs_by_task", "task_id", "planned_at", "id"),
        sa.Index(
            "runs_queued", "lane", "team_id", "rank_at", "id", sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        ),
        sa.Index(
            "runs_held", "team_id", "pool", "task_id", "max_running", "backfill_id", "state", "rank_at", "id",
            sqlite_where=sa.text(_HELD), postgresql_where=sa.text(_HELD),
        ),
        sa.Index(
            "runs_resumed", "resumes_id", sqlite_where=sa.text("resumes_id IS NOT NULL"),
            postgresql_where=sa.text("resumes_id IS NOT NULL"),
        ),
        sa.Index(
            "runs_of_backfill", "backfill_id", "state", sqlite_where=sa.text("backfill_id IS NOT NULL"),
            postgresql_where=sa.text("backfill_id IS NOT NULL"),
        ),
        sa.Index("runs_timed", "not_before", sqlite_where=sa.text(_TIMED), postgresql_where=sa.text(_TIMED)),
        sa.Index("runs_active", "state", "task_id", sqlite_where=sa.text(_ACTIVE), postgresql_where=sa.text(_ACTIVE)),
        sa.Index(
            "runs_that_cost", "team_id", "started_at", sqlite_where=sa.text("cost_micros IS NOT NULL"),
            postgresql_where=sa.text("cost_micros IS NOT NULL"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    number: Mapped[int]
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"))
    version_id: Mapped[int] = mapped_column(sa.ForeignKey("task_versions.id"))
    schedule_id: Mapped[int | None] = mapped_column(sa.ForeignKey("schedules.id", ondelete="SET NULL"))
    key: Mapped[str] = mapped_column(sa.String(120).with_variant(sa.String(120, collation="C"), "postgresql"))
    trigger: Mapped[str] = mapped_column(sa.String(12))  # schedule, person, api, backfill, ping, upstream, webhook
    requested_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    planned_at: Mapped[datetime]
    planned_local: Mapped[str] = mapped_column(sa.String(32), default="")
    lane: Mapped[str] = mapped_column(sa.String(8))
    priority: Mapped[int] = mapped_column(sa.SmallInteger, default=1)  # 0 high, 1 normal, 2 low
    rank_at: Mapped[datetime | None]  # its place in the queue: when it was queued, and later for a lower priority
    pool: Mapped[str] = mapped_column(sa.String(60), default="")
    max_running: Mapped[int] = mapped_column(default=0)  # runs of its task at once; 0: no limit of its own
    backfill_id: Mapped[int | None] = mapped_column(Key)
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
    reserved_micros: Mapped[int | None] = mapped_column(sa.BigInteger)  # while it goes: what it may yet cost
    resumes_id: Mapped[int | None] = mapped_column(Key)  # the run whose last checkpoint this one goes on from
    resumes_after: Mapped[str] = mapped_column(sa.String(60), default="")  # or the one after this step of it
    notes: Mapped[list[Any]] = mapped_column(default=list)  # sentences: what moved its planned time, and why
    typed: Mapped[dict[str, Any]] = mapped_column(default=dict)  # values of variables that were typed for this run
    inputs: Mapped[dict[str, Any]] = mapped_column(default=dict)  # its variables with their values, never a secret
    upstreams: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the runs it came after: ids by ids of their tasks
    checks: Mapped[list[Any]] = mapped_column(default=list)  # of its contract: words, state, evidence, is_optional
    hook_id: Mapped[int | None] = mapped_column(Key)  # its values, or what it came after, came from outside by this one
    rehearses_at: Mapped[datetime | None]  # the time that it rehearses, with nothing sent; none: it is no rehearsal
    stop_mode: Mapped[str] = mapped_column(sa.String(12), default="")  # now, after_step
    stop_reason: Mapped[str] = mapped_column(sa.String(12), default="")
    facts: Mapped[dict[str, Any]]

    task: Mapped[Task] = relationship(lazy="raise")
    version: Mapped[TaskVersion] = relationship(lazy="raise")
    requested_by: Mapped[Person | None] = relationship(lazy="raise")
    attempts: Mapped[list["Attempt"]] = relationship(lazy="raise", order_by="Attempt.number")
    artifacts: Mapped[list["Artifact"]] = relationship(lazy="raise", order_by="Artifact.name")


IS_REAL = Run.rehearses_at.is_(None)
"""No rehearsal: a run that counts for how its task does."""

MEETS = sa.and_(
    IS_ACTIVE,
    Run.state != "planned",
    sa.not_(sa.and_(Run.state == "waiting", Run.reason == "time")),
    Run.backfill_id.is_(None),
    IS_REAL,
)
"""A run that the next one of its task meets: none that waits for its time, of a backfill, or that is a rehearsal."""


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
    error_class: Mapped[str] = mapped_column(sa.String(16), server_default="")  # of a failed one (domain/retries)
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
    __table_args__ = (sa.UniqueConstraint("run_id", "name"), sa.Index("artifacts_by_digest", "digest"))

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


class Backfill(Base):
    """Runs for planned times of the past, asked for together: each with its logical date, a few of them at once."""

    __tablename__ = "backfills"
    __table_args__ = (sa.Index("backfills_of_task", "task_id", "id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"))
    version_id: Mapped[int] = mapped_column(sa.ForeignKey("task_versions.id"))
    since: Mapped[datetime]
    until: Mapped[datetime]
    runs: Mapped[int]
    concurrency: Mapped[int]
    quoted_micros: Mapped[int | None] = mapped_column(sa.BigInteger)
    requested_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]

    requested_by: Mapped[Person | None] = relationship(lazy="raise")


class Alert(Base):
    """Something a person should know at once: told when it begins, and again when it is over; open once per `key`."""

    __tablename__ = "alerts"
    __table_args__ = (
        sa.Index(
            "alerts_open",
            "key",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("alerts_of_team", "team_id", "id"),
        sa.Index("alerts_of_run", "run_id"),
        sa.Index("alerts_ended", "ended_at"),
        sa.Index("alerts_of_incident", "incident_id"),
        sa.Index("alerts_to_route", "id", sqlite_where=sa.text("is_new"), postgresql_where=sa.text("is_new")),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int | None] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))  # none: the installation
    kind: Mapped[str] = mapped_column(sa.String(32))
    key: Mapped[str] = mapped_column(sa.String(120))
    sentence: Mapped[str] = mapped_column(sa.String(500))
    run_id: Mapped[int | None] = mapped_column(sa.ForeignKey("runs.id", ondelete="SET NULL"))
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    recovery: Mapped[str] = mapped_column(sa.String(500), default="")
    incident_id: Mapped[int | None] = mapped_column(sa.ForeignKey("incidents.id", ondelete="SET NULL"))
    is_new: Mapped[bool] = mapped_column(default=True)  # there is something about it that was not routed yet
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))


class Delivery(Base):
    """One message of an alert on its way by one channel: waiting, sent or failed.

    `channel` is email or webhook (those of the installation), `email:<person>`, `push:<person>` or `channel:<id>`.
    `part` is empty, or says which of several messages of the alert it is (`run:<id>`, `again`, `escalated`).
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.UniqueConstraint("alert_id", "is_recovery", "channel", "part"),
        sa.Index("deliveries_due", "state", "next_try_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    alert_id: Mapped[int] = mapped_column(sa.ForeignKey("alerts.id", ondelete="CASCADE"))
    is_recovery: Mapped[bool] = mapped_column(default=False)
    channel: Mapped[str] = mapped_column(sa.String(32))
    part: Mapped[str] = mapped_column(sa.String(24), default="")
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"))
    why: Mapped[str] = mapped_column(sa.String(120), default="")  # they are told: "you own the task"
    fallback_of_id: Mapped[int | None] = mapped_column(sa.ForeignKey("deliveries.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(sa.String(10), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    answer: Mapped[str] = mapped_column(sa.String(300), default="")
    at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
