"""Refused calls of hooks are counted; e-mail goes only to who has confirmed the address."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from app.infra.database import Key, UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_CUT_AT = 200


def upgrade() -> None:
    op.add_column("hook_calls", sa.Column("times", sa.Integer(), nullable=False, server_default="1"))
    recipients = op.create_table(
        "recipients",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("asked_by_id", Key, nullable=True),
        sa.Column("wanted_at", UtcDateTime(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["asked_by_id"], ["people.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("team_id", "address"),
    )
    op.create_index("recipients_of_address", "recipients", ["address"])
    _confirm_present(recipients)
    with op.batch_alter_table("action_links") as links:
        links.alter_column("person_id", existing_type=Key, nullable=True)


def _confirm_present(recipients: sa.Table) -> None:
    """Let the addresses that channels write to by now count as confirmed: nobody loses messages by an upgrade.

    What may be read of a longer list was cut at 200 letters, maybe in the middle of an address, which may then be
    that of somebody else: from there on they are asked.
    """
    connection = op.get_bind()
    channels = sa.table("channels", *map(sa.column, ("id", "team_id", "kind", "shown")))
    query = sa.select(channels.c.id, channels.c.team_id, channels.c.shown).where(channels.c.kind == "email")
    found: set[tuple[int, str]] = set()
    for row in connection.execute(query).all():
        whole = row.shown
        if len(whole) >= _CUT_AT:
            whole = whole.rpartition(", ")[0]
            is_it = channels.c.id == row.id
            connection.execute(sa.update(channels).where(is_it).values(shown=f"{whole} …".strip()))
        found |= {(row.team_id, one.lower()) for one in whole.split(", ") if one}
    now = datetime.now(UTC)
    values = {"confirmed_at": now, "created_at": now, "tries": 0, "problem": ""}
    rows = [{"team_id": team_id, "address": address, **values} for team_id, address in sorted(found)]
    if rows:
        op.bulk_insert(recipients, rows)


def downgrade() -> None:
    raise RuntimeError("Addresses may be confirmed by now; restore a backup to go back.")
