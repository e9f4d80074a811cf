"""What customers think, in a number and in words

Revision ID: giving
Revises: gaps
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.models.record import UTCDateTime

revision = "giving"
down_revision = "gaps"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STAGES = "'awareness', 'consideration', 'acquisition', 'service', 'loyalty'"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "ratings",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("customer_id", _BIG, nullable=False),
        sa.Column("message_id", _BIG, nullable=False),
        sa.Column("campaign_id", _BIG, nullable=True),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("commented_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint("score BETWEEN 0 AND 10", name=op.f("ck_ratings_score")),
        sa.CheckConstraint(f"stage IN ({_STAGES})", name=op.f("ck_ratings_stage")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_ratings_store_id_stores")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_ratings_customer_id_customers")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_ratings_message_id_messages")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_ratings_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ratings")),
        sa.UniqueConstraint("message_id", name=op.f("uq_ratings_message_id")),
    )
    op.create_index("ix_ratings_store_id_at", "ratings", ["store_id", "at"])
    op.create_index("ix_ratings_customer_id_at", "ratings", ["customer_id", "at"])
    op.create_index("ix_ratings_campaign_id_at", "ratings", ["campaign_id", "at"])


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("ratings")
