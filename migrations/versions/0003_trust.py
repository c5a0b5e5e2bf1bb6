"""Calendars, pools, backfills, priorities and fairness; breakers, alerts, heartbeats and counters; the sealed audit."""

import sqlalchemy as sa
from alembic import op

from app.infra.database import Json, Key, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_QUEUED = sa.text("state = 'queued'")
_HELD = sa.text("reason = 'capacity' AND state IN ('waiting', 'queued')")
_TIMED = sa.text("state = 'waiting' AND not_before IS NOT NULL")
_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    _widen_tasks_and_schedules()
    _widen_runs()
    _widen_audit()
    _create_calendars()
    _create_pools()
    _create_backfills()
    _create_breakers()
    _create_alerts()
    _create_heartbeats()
    _create_counters()
    op.create_index("artifacts_by_digest", "artifacts", ["digest"])


def _widen_tasks_and_schedules() -> None:
    op.add_column("teams", sa.Column("max_running", sa.Integer(), nullable=True))
    op.add_column("tasks", sa.Column("resume_at", UtcDateTime(), nullable=True))
    op.add_column("tasks", sa.Column("resume_how", sa.String(length=8), nullable=False, server_default="skip"))
    op.add_column("tasks", sa.Column("paused_for", sa.String(length=16), nullable=False, server_default=""))
    op.add_column("tasks", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("crashes", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("retries_since", UtcDateTime(), nullable=True))
    op.add_column("tasks", sa.Column("lane", sa.String(length=8), nullable=False, server_default=""))
    op.add_column("tasks", sa.Column("retries", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "tasks_to_resume", "tasks", ["resume_at"], sqlite_where=sa.text("resume_at IS NOT NULL"),
        postgresql_where=sa.text("resume_at IS NOT NULL"),
    )  # fmt: skip
    op.add_column("schedules", sa.Column("calendars", Json, nullable=False, server_default="[]"))
    op.add_column("schedules", sa.Column("paused_until", UtcDateTime(), nullable=True))


def _widen_runs() -> None:
    op.add_column("runs", sa.Column("priority", sa.SmallInteger(), nullable=False, server_default="1"))
    op.add_column("runs", sa.Column("rank_at", UtcDateTime(), nullable=True))
    op.add_column("runs", sa.Column("pool", sa.String(length=60), nullable=False, server_default=""))
    op.add_column("runs", sa.Column("max_running", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("backfill_id", Key, nullable=True))
    op.add_column("runs", sa.Column("notes", Json, nullable=False, server_default="[]"))
    op.add_column("runs", sa.Column("resumes_after", sa.String(length=60), nullable=False, server_default=""))
    op.add_column("attempts", sa.Column("error_class", sa.String(length=16), nullable=False, server_default=""))
    op.create_index(
        "runs_queued", "runs", ["lane", "team_id", "rank_at", "id"], sqlite_where=_QUEUED, postgresql_where=_QUEUED
    )
    op.create_index(
        "runs_held", "runs",
        ["team_id", "pool", "task_id", "max_running", "backfill_id", "state", "rank_at", "id"],
        sqlite_where=_HELD, postgresql_where=_HELD,
    )  # fmt: skip
    op.execute("UPDATE runs SET rank_at = queued_at WHERE state = 'queued'")
    op.create_index("runs_timed", "runs", ["not_before"], sqlite_where=_TIMED, postgresql_where=_TIMED)
    op.create_index(
        "runs_resumed", "runs", ["resumes_id"], sqlite_where=sa.text("resumes_id IS NOT NULL"),
        postgresql_where=sa.text("resumes_id IS NOT NULL"),
    )  # fmt: skip
    op.create_index(
        "runs_of_backfill", "runs", ["backfill_id", "state"], sqlite_where=sa.text("backfill_id IS NOT NULL"),
        postgresql_where=sa.text("backfill_id IS NOT NULL"),
    )  # fmt: skip


def _widen_audit() -> None:
    op.add_column("audit", sa.Column("number", sa.BigInteger(), nullable=True))
    op.add_column("audit", sa.Column("seal", sa.String(length=64), nullable=True))
    op.create_index("audit_by_number", "audit", ["number"], unique=True)


def _create_calendars() -> None:
    op.create_table(
        "calendars",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("refreshed_at", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("team_id", "slug"),
    )


def _create_pools() -> None:
    op.create_table(
        "pools",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("team_id", "name"),
    )


def _create_backfills() -> None:
    op.create_table(
        "backfills",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("task_id", Key, nullable=False),
        sa.Column("version_id", Key, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("quoted_micros", sa.BigInteger(), nullable=True),
        sa.Column("requested_by_id", Key, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["requested_by_id"], ["people.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["version_id"], ["task_versions.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("backfills_of_task", "backfills", ["task_id", "id"])


def _create_breakers() -> None:
    op.create_table(
        "breakers",
        sa.Column("team_id", Key, nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("open_until", UtcDateTime(), nullable=True),
        sa.Column("probe_run_id", Key, nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id", "target"),
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("sentence", sa.String(length=500), nullable=False),
        sa.Column("run_id", Key, nullable=True),
        sa.Column("task_id", Key, nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("recovery", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("alerts_open", "alerts", ["key"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("alerts_of_team", "alerts", ["team_id", "id"])
    op.create_index("alerts_of_run", "alerts", ["run_id"])
    op.create_index("alerts_ended", "alerts", ["ended_at"])
    op.create_table(
        "deliveries",
        sa.Column("id", Key, nullable=False),
        sa.Column("alert_id", Key, nullable=False),
        sa.Column("is_recovery", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("alert_id", "is_recovery", "channel"),
    )
    op.create_index("deliveries_due", "deliveries", ["state", "next_try_at"])


def _create_heartbeats() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("task_id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("last_ping_at", UtcDateTime(), nullable=True),
        sa.Column("last_kind", sa.String(length=8), nullable=False),
        sa.Column("running_run_id", Key, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id"),
        sa.UniqueConstraint("token"),
    )


def _create_counters() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    raise RuntimeError("Runs may stand in pools and backfills by now; restore a backup to go back.")
