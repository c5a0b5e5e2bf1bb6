"""What was learned of run times and costs, and how full the slots will be."""

import sqlalchemy as sa
from alembic import op

from app.infra.database import Json, Key, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forecasts",
        sa.Column("team_id", Key, nullable=False),
        sa.Column("state", Json, nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id"),
    )
    op.create_table(
        "loads",
        sa.Column("scope", sa.String(length=120), nullable=False),
        sa.Column("team_id", Key, nullable=True),
        sa.Column("state", Json, nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_table(
        "suggestions",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("task_id", Key, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("sentence", sa.String(length=500), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("change", Json, nullable=False),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by_id", Key, nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("before", Json, nullable=False),
        sa.Column("effect", sa.String(length=300), nullable=False),
        sa.Column("measured_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["decided_by_id"], ["people.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    is_open = sa.text("state = 'open'")
    op.create_index(
        "suggestions_open", "suggestions", ["task_id", "kind"], unique=True, sqlite_where=is_open,
        postgresql_where=is_open,
    )  # fmt: skip
    op.create_index("suggestions_of_team", "suggestions", ["team_id", "state"])
