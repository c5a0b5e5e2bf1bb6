"""When somebody last opened a task, one of its runs, or what a run made."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from app.infra.database import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("seen_at", UtcDateTime(), nullable=True))
    tasks = sa.table("tasks", sa.column("seen_at", UtcDateTime()))
    op.execute(tasks.update().values(seen_at=datetime.now(UTC)))  # until now nobody looked whether it was opened


def downgrade() -> None:
    op.drop_column("tasks", "seen_at")
