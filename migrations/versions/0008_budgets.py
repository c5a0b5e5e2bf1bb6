"""Budgets, plans and what was spent; prices by the hour and rates of models."""

import sqlalchemy as sa
from alembic import op

from app.infra.database import Json, Key, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COSTS = sa.text("cost_micros IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("task_id", Key, nullable=True),
        sa.Column("is_plan", sa.Boolean(), nullable=False),
        sa.Column("period", sa.String(length=5), nullable=False),
        sa.Column("limit_micros", sa.BigInteger(), nullable=True),
        sa.Column("limit_runs", sa.Integer(), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("budgets_by_team", "budgets", ["team_id"])
    of_team, of_task = sa.text("task_id IS NULL"), sa.text("task_id IS NOT NULL")
    op.create_index(
        "budgets_of_team", "budgets", ["team_id", "is_plan", "period"], unique=True, sqlite_where=of_team,
        postgresql_where=of_team,
    )  # fmt: skip
    op.create_index(
        "budgets_of_task", "budgets", ["team_id", "task_id", "period"], unique=True, sqlite_where=of_task,
        postgresql_where=of_task,
    )  # fmt: skip
    op.create_table(
        "budget_periods",
        sa.Column("budget_id", Key, nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("spent_micros", sa.BigInteger(), nullable=False),
        sa.Column("reserved_micros", sa.BigInteger(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("told", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("budget_id", "period"),
    )
    op.create_table(
        "plan_requests",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("person_id", Key, nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("answer", sa.String(length=500), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("answered_by_id", Key, nullable=True),
        sa.ForeignKeyConstraint(["answered_by_id"], ["people.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("plan_requests_of_team", "plan_requests", ["team_id", "id"])
    op.add_column("teams", sa.Column("plan_running", sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("reserved_micros", sa.BigInteger(), nullable=True))
    op.create_index("runs_that_cost", "runs", ["team_id", "started_at"], sqlite_where=_COSTS, postgresql_where=_COSTS)
    op.add_column("models", sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    op.add_column("models", sa.Column("tokens_per_minute", sa.Integer(), nullable=True))
    op.add_column("models", sa.Column("price_hours", Json, nullable=False, server_default="[]"))


def downgrade() -> None:
    raise RuntimeError("There may be budgets by now; restore a backup to go back.")
