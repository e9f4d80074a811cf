"""Rates, warm-ups and stand-ins of connections; and a newsletter's mails in the order of an index

Revision ID: pacing
Revises: feeds
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from automation.models.record import UTCDateTime

revision = "pacing"
down_revision = "feeds"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_READY = sa.text("state IN ('ready', 'retry')")


def _ready(*columns: str) -> None:
    op.drop_index("ix_messages_ready", table_name="messages")
    op.create_index("ix_messages_ready", "messages", columns, postgresql_where=_READY, sqlite_where=_READY)


def upgrade() -> None:
    """Add the columns and tables."""
    op.add_column("connections", sa.Column("pacing", _JSON, server_default=sa.text("'{}'"), nullable=False))
    op.add_column("connections", sa.Column("down_since", UTCDateTime(), nullable=True))
    op.add_column("connections", sa.Column("standing_in_since", UTCDateTime(), nullable=True))
    op.add_column("messages", sa.Column("warm_on", sa.Date(), nullable=True))
    _ready("store_id", "rank", "due_at", "id")
    op.create_table(
        "rate_states",
        sa.Column(
            "connection_id",
            _ID,
            sa.ForeignKey("connections.id", name="fk_rate_states_connection_id_connections"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("per_second", sa.Float(), nullable=False),
        sa.Column("told", sa.Float(), nullable=True),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("filled_at", UTCDateTime(), nullable=False),
        sa.Column("held_until", UTCDateTime(), nullable=True),
        sa.Column("lowered_at", UTCDateTime(), nullable=True),
        sa.Column("asked_at", UTCDateTime(), nullable=True),
        sa.Column("quota", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", name="pk_rate_states"),
    )
    op.create_table(
        "warm_days",
        sa.Column(
            "connection_id",
            _ID,
            sa.ForeignKey("connections.id", name="fk_warm_days_connection_id_connections"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("mailbox", sa.String(32), nullable=False),
        sa.Column("day_on", sa.Date(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "mailbox", "day_on", name="pk_warm_days"),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("warm_days")
    op.drop_table("rate_states")
    _ready("store_id", "rank", "due_at")
    with op.batch_alter_table("messages") as table:
        table.drop_column("warm_on")
    with op.batch_alter_table("connections") as table:
        for name in ("standing_in_since", "down_since", "pacing"):
            table.drop_column(name)
