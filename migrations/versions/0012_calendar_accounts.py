"""Calendars at Google that are written to, by OAuth; what the model costs that reads a thread."""

import sqlalchemy as sa
from alembic import op

from app.infra.database import Key, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calendar_pushes", sa.Column("kind", sa.String(length=8), nullable=False, server_default="caldav"))
    op.create_table(
        "model_readings",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("thread_id", Key, nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("reserved_micros", sa.BigInteger(), nullable=True),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("model_readings_by_team", "model_readings", ["team_id", "at"])


def downgrade() -> None:
    raise RuntimeError("Calendars may be written to by now; restore a backup to go back.")
