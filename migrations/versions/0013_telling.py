"""Incidents, channels, alert rules, notifications and links that act."""

import sqlalchemy as sa
from alembic import op

from app.infra.database import Json, Key, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("signature", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=200), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("sentence", sa.String(length=500), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("recovery", sa.String(length=500), nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_by_id", Key, nullable=True),
        sa.Column("muted_until", UtcDateTime(), nullable=True),
        sa.Column("fix_url", sa.String(length=500), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["acknowledged_by_id"], ["people.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("incidents_of_team", "incidents", ["team_id", "id"])
    op.create_index(
        "incidents_open",
        "incidents",
        ["team_id", "signature"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "incident_tasks",
        sa.Column("incident_id", Key, nullable=False),
        sa.Column("task_id", Key, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("run_id", Key, nullable=True),
        sa.Column("over_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("incident_id", "task_id"),
    )
    op.create_index("incident_tasks_of_task", "incident_tasks", ["task_id"])
    op.create_table(
        "channels",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("person_id", Key, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("shown", sa.String(length=200), nullable=False),
        sa.Column("fallback_id", Key, nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("changed_state_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["fallback_id"], ["channels.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("channels_of_person", "channels", ["person_id"])
    op.create_index("channels_of_team", "channels", ["team_id"])
    op.create_table(
        "wishes",
        sa.Column("person_id", Key, nullable=False),
        sa.Column("events", Json, nullable=False),
        sa.Column("reach", sa.String(length=8), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("quiet", Json, nullable=False),
        sa.Column("digest_hour", sa.String(length=5), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_table(
        "mutes",
        sa.Column("person_id", Key, nullable=False),
        sa.Column("task_id", Key, nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", "task_id"),
    )
    op.create_table(
        "alert_rules",
        sa.Column("id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("definition", Json, nullable=False),
        sa.Column("created_by_id", Key, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["created_by_id"], ["people.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("alert_rules_of_team", "alert_rules", ["team_id"])
    op.create_table(
        "notifications",
        sa.Column("id", Key, nullable=False),
        sa.Column("person_id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=True),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("alert_id", Key, nullable=True),
        sa.Column("incident_id", Key, nullable=True),
        sa.Column("task_id", Key, nullable=True),
        sa.Column("sentence", sa.String(length=500), nullable=False),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("person_id", "key"),
    )
    op.create_index("notifications_of_person", "notifications", ["person_id", "changed_at", "id"])
    op.create_index(
        "notifications_unread",
        "notifications",
        ["person_id"],
        sqlite_where=sa.text("read_at IS NULL"),
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_table(
        "action_links",
        sa.Column("id", Key, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("person_id", Key, nullable=False),
        sa.Column("team_id", Key, nullable=False),
        sa.Column("task_id", Key, nullable=True),
        sa.Column("run_id", Key, nullable=True),
        sa.Column("alert_id", Key, nullable=True),
        sa.Column("seen", Json, nullable=False),
        sa.Column("needs_sign_in", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("action_links_old", "action_links", ["expires_at"])
    op.add_column("tasks", sa.Column("tags", Json, nullable=False, server_default="[]"))
    with op.batch_alter_table("alerts") as alerts:
        alerts.add_column(sa.Column("incident_id", Key, nullable=True))
        alerts.add_column(sa.Column("is_new", sa.Boolean(), nullable=False, server_default=sa.false()))
        alerts.add_column(sa.Column("acknowledged_at", UtcDateTime(), nullable=True))
        alerts.add_column(sa.Column("acknowledged_by_id", Key, nullable=True))
        alerts.create_foreign_key(
            "alerts_acknowledged_by_id_fkey", "people", ["acknowledged_by_id"], ["id"], ondelete="SET NULL"
        )
        alerts.create_foreign_key("alerts_incident_id_fkey", "incidents", ["incident_id"], ["id"], ondelete="SET NULL")
    op.create_index("alerts_of_incident", "alerts", ["incident_id"])
    op.create_index(
        "alerts_to_route", "alerts", ["id"], sqlite_where=sa.text("is_new"), postgresql_where=sa.text("is_new")
    )
    _change_deliveries()


def _change_deliveries() -> None:
    """Make the table anew: a constraint without a name can't be changed in place on every database."""
    op.rename_table("deliveries", "old_deliveries")
    op.drop_index("deliveries_due", "old_deliveries")
    op.create_table(
        "deliveries",
        sa.Column("id", Key, nullable=False),
        sa.Column("alert_id", Key, nullable=False),
        sa.Column("is_recovery", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("part", sa.String(length=24), nullable=False),
        sa.Column("person_id", Key, nullable=True),
        sa.Column("why", sa.String(length=120), nullable=False),
        sa.Column("fallback_of_id", Key, nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("answer", sa.String(length=300), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["fallback_of_id"], ["deliveries.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("alert_id", "is_recovery", "channel", "part"),
    )
    op.create_index("deliveries_due", "deliveries", ["state", "next_try_at"])
    op.execute(
        "INSERT INTO deliveries (alert_id, is_recovery, channel, part, why, state, tries, next_try_at, problem, answer,"
        " at, sent_at) SELECT alert_id, is_recovery, channel, '', '', state, tries, next_try_at, problem, '', at,"
        " sent_at FROM old_deliveries ORDER BY id"
    )
    op.drop_table("old_deliveries")
