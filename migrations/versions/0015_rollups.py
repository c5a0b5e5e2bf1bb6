"""Runs added up by time, what they spare, problems that people report, and what they say when they are asked."""

import sqlalchemy as sa
from alembic import op

from app.infra.database import Json, Key, UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rollups",
        sa.Column("team_id", Key, nullable=False),
        sa.Column("grain", sa.String(length=4), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("task_id", Key, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=60), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("priced", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("took", Json, nullable=False),
        sa.Column("late", Json, nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id", "grain", "at", "task_id", "state", "reason", "model"),
        sqlite_with_rowid=False,  # a stretch of time lies together, as it is read
    )
    op.create_table(
        "problem_reports",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("run_id", Key, nullable=True),
        sa.Column("person_id", Key, nullable=True),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("problem_reports_by_time", "problem_reports", ["at"])
    op.create_index("problem_reports_of_run", "problem_reports", ["run_id"])
    op.create_table(
        "satisfaction",
        sa.Column("id", Key, nullable=False),
        sa.Column("person_id", Key, nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("satisfaction_of_person", "satisfaction", ["person_id", "asked_at"])
    op.add_column("tasks", sa.Column("minutes_saved", sa.Double(), nullable=True))
    op.add_column("teams", sa.Column("hourly_micros", sa.BigInteger(), nullable=True))
