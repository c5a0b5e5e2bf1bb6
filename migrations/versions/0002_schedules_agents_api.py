"""Start and end of schedules, several to a task; models, checkpoints and what runs cost; tokens of programs."""

import sqlalchemy as sa
from alembic import op

from app.infra.database import Json, Key, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UNLIMITED = {"starts_at": None, "ends_at": None, "starts": "", "ends": "", "count": ""}
_versions = sa.table("task_versions", sa.column("id", Key), sa.column("definition", Json))


def upgrade() -> None:
    op.add_column("schedules", sa.Column("starts_at", UtcDateTime(), nullable=True))
    op.add_column("schedules", sa.Column("ends_at", UtcDateTime(), nullable=True))
    op.add_column("runs", sa.Column("cost_micros", sa.BigInteger(), nullable=True))
    op.add_column("runs", sa.Column("cost_cap_micros", sa.BigInteger(), nullable=True))
    op.add_column("runs", sa.Column("resumes_id", Key, nullable=True))
    op.add_column("steps", sa.Column("facts", Json, nullable=False, server_default="{}"))
    _create_checkpoints()
    _create_models()
    _create_tokens()
    _create_clocks()
    _create_blobs()
    _list_schedules()


def _create_checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("run_id", Key, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("after", sa.String(length=60), nullable=False),
        sa.Column("state", Json, nullable=False),
        sa.Column("files", Json, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "number"),
    )


def _create_models() -> None:
    op.create_table(
        "models",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("base_url", sa.String(length=300), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("price_in_micros", sa.BigInteger(), nullable=True),
        sa.Column("price_out_micros", sa.BigInteger(), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("tested_at", UtcDateTime(), nullable=True),
        sa.Column("test", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("team_id", "name"),
    )


def _create_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("person_id", Key, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_api_tokens_team_id", "api_tokens", ["team_id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("team_id", Key, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("response", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id", "key"),
    )


def _create_clocks() -> None:
    op.create_table(
        "clocks",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("host", sa.String(length=120), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_blobs() -> None:
    op.create_table(
        "blobs",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.Column("kept_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "blob_pieces",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", "number"),
    )


def _list_schedules() -> None:
    """Turn the one schedule of each definition into a list of at most one."""
    connection = op.get_bind()
    for row in connection.execute(sa.select(_versions.c.id, _versions.c.definition)).all():
        content = dict(row.definition)
        if "schedules" not in content:
            rule = content.pop("schedule", None)
            content["schedules"] = [rule | _UNLIMITED] if rule else []
            connection.execute(sa.update(_versions).where(_versions.c.id == row.id).values(definition=content))


def downgrade() -> None:
    raise RuntimeError("Tasks may have several schedules by now; restore a backup to go back.")
