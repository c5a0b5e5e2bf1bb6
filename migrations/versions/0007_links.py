"""Which tasks run after which, and which runs a run came after."""

import sqlalchemy as sa
from alembic import op

from app.infra.database import Json, Key, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "task_links",
        sa.Column("task_id", Key, nullable=False),
        sa.Column("upstream_id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("on", sa.String(length=8), nullable=False),
        sa.Column("round_id", Key, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["upstream_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "upstream_id"),
    )
    op.create_index("task_links_by_upstream", "task_links", ["upstream_id"])
    op.create_index("task_links_of_team", "task_links", ["team_id"])
    op.add_column("tasks", sa.Column("awaits", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("runs", sa.Column("upstreams", Json, nullable=False, server_default="{}"))
