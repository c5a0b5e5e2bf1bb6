"""Imported threads and what was read out of them."""

import sqlalchemy as sa
from alembic import op

from app.infra.database import Json, Key, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('waiting', 'reading')")
_TO_ANALYSE = sa.text("analysis_state IN ('waiting', 'running')")


def upgrade() -> None:
    _create_imports()
    _create_threads()
    _create_findings()


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("person_id", Key, nullable=True),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("address", sa.String(length=2000), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("sentence", sa.String(length=500), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("broken_count", sa.Integer(), nullable=False),
        sa.Column("broken", Json, nullable=False),
        sa.Column("thread_id", Key, nullable=True),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("beat_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("imports_of_team", "imports", ["team_id", "id"])
    op.create_index("imports_open", "imports", ["id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("imports_by_digest", "imports", ["digest"])


def _create_threads() -> None:
    op.create_table(
        "threads",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("import_id", Key, nullable=True),
        sa.Column("owner_id", Key, nullable=True),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("begun_at", UtcDateTime(), nullable=True),
        sa.Column("last_at", UtcDateTime(), nullable=True),
        sa.Column("sorted_at", UtcDateTime(), nullable=False),
        sa.Column("excerpt", sa.String(length=300), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("body", sa.String(length=64), nullable=False),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("analysis_state", sa.String(length=8), nullable=False),
        sa.Column("analysis_stage", sa.String(length=24), nullable=False),
        sa.Column("analysis_problems", Json, nullable=False),
        sa.Column("analysis_at", UtcDateTime(), nullable=True),
        sa.Column("analysis_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("analysed_at", UtcDateTime(), nullable=True),
        sa.Column("analysis_cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("analysis_model", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("team_id", "format", "key"),
    )
    op.create_index("threads_of_team", "threads", ["team_id", "sorted_at", "id"])
    op.create_index("threads_by_body", "threads", ["body"])
    op.create_index("threads_to_analyse", "threads", ["id"], sqlite_where=_TO_ANALYSE, postgresql_where=_TO_ANALYSE)


def _create_findings() -> None:
    op.create_table(
        "findings",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("thread_id", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("evidence", Json, nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("changed", Json, nullable=True),
        sa.Column("seen", Json, nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("thread_id", "position"),
    )


def downgrade() -> None:
    raise RuntimeError("Threads may be imported by now; restore a backup to go back.")
