"""What experiments and alerts keep

Revision ID: experiments
Revises: leftovers
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from automation.models.record import UTCDateTime

revision = "experiments"
down_revision = "leftovers"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add it."""
    op.add_column("trials", sa.Column("is_proven", sa.Boolean(), server_default=sa.false(), nullable=False))
    _measurements()
    _alerts()


def _measurements() -> None:
    op.create_table(
        "measurements",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("key", sa.String(160), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("campaign_id", _BIG, nullable=True),
        sa.Column("step_id", sa.String(64), nullable=True),
        sa.Column("settings", _JSON, nullable=False),
        sa.Column("figures", _JSON, nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("measured_at", UTCDateTime(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint("kind IN ('holdout', 'ab_test')", name=op.f("ck_measurements_kind")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_measurements_store_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_measurements_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurements")),
        sa.UniqueConstraint("store_id", "key", name=op.f("uq_measurements_store_id_key")),
    )
    open_ones = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_measurements_due", "measurements", ["due_at"], postgresql_where=open_ones, sqlite_where=open_ones
    )


def _alerts() -> None:
    op.create_table(
        "series_days",
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("series", sa.String(120), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("of", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_series_days_store_id")),
        sa.PrimaryKeyConstraint("store_id", "series", "on", name=op.f("pk_series_days")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("series", sa.String(120), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("text", sa.String(500), nullable=False),
        sa.Column("place", sa.String(200), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("dismissed_at", UTCDateTime(), nullable=True),
        sa.Column("dismissed_by", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_alerts_store_id")),
        sa.ForeignKeyConstraint(["dismissed_by"], ["admins.id"], name=op.f("fk_alerts_dismissed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("store_id", "series", "on", name=op.f("uq_alerts_store_id_series_on")),
    )
    waiting = sa.text("dismissed_at IS NULL")
    op.create_index("ix_alerts_open", "alerts", ["store_id", "id"], postgresql_where=waiting, sqlite_where=waiting)
    op.create_table(
        "alert_mutes",
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("series", sa.String(120), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("until_at", UTCDateTime(), nullable=True),
        sa.Column("muted_by", _BIG, nullable=True),
        sa.Column("muted_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_alert_mutes_store_id")),
        sa.ForeignKeyConstraint(["muted_by"], ["admins.id"], name=op.f("fk_alert_mutes_muted_by")),
        sa.PrimaryKeyConstraint("store_id", "series", name=op.f("pk_alert_mutes")),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("alert_mutes")
    op.drop_table("alerts")
    op.drop_table("series_days")
    op.drop_table("measurements")
    with op.batch_alter_table("trials") as batch:
        batch.drop_column("is_proven")
