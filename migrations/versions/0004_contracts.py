"""Variables, contracts and rehearsals of tasks and runs, and named values of teams."""

import sqlalchemy as sa
from alembic import op

from app.infra.database import Json, Key, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("thread_id", Key, nullable=True))
    op.add_column("runs", sa.Column("inputs", Json, nullable=False, server_default="{}"))
    op.add_column("runs", sa.Column("typed", Json, nullable=False, server_default="{}"))
    op.add_column("runs", sa.Column("checks", Json, nullable=False, server_default="[]"))
    op.add_column("runs", sa.Column("rehearses_at", UtcDateTime(), nullable=True))
    _create_team_values()


def _create_team_values() -> None:
    op.create_table(
        "team_values",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("changed_by_id", Key, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["changed_by_id"], ["people.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("team_id", "name"),
    )
