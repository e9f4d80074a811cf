"""What customers are worth, and personas

Revision ID: personas
Revises: figures
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from automation.models.record import UTCDateTime

revision = "personas"
down_revision = "figures"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add them, and have everybody's orders summed up anew."""
    op.add_column("customer_rhythms", sa.Column("occasions", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column(
        "customer_rhythms", sa.Column("repeat_spent", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("customer_rhythms", sa.Column("last_occasion_at", UTCDateTime(), nullable=True))
    op.execute("UPDATE customer_rhythms SET is_stale = true WHERE order_count > 0")
    _scores()
    _models()
    _personas()


def _scores() -> None:
    op.create_table(
        "customer_scores",
        sa.Column("customer_id", _BIG, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("recency", sa.Integer(), nullable=True),
        sa.Column("frequency", sa.Integer(), nullable=True),
        sa.Column("monetary", sa.Integer(), nullable=True),
        sa.Column("rfm_group", sa.String(64), nullable=True),
        sa.Column("expected_orders", sa.Float(), nullable=True),
        sa.Column("lifetime_value", sa.BigInteger(), nullable=True),
        sa.Column("alive", sa.Float(), nullable=True),
        sa.Column("next_order_at", UTCDateTime(), nullable=True),
        sa.Column("lead_score", sa.Integer(), nullable=False),
        sa.Column("model_id", _BIG, nullable=True),
        sa.Column("scored_at", UTCDateTime(), nullable=True),
        sa.Column("due_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_scores_customer_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_customer_scores_store_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer_scores")),
    )
    op.create_index("ix_customer_scores_due_at", "customer_scores", ["due_at"])
    op.create_index("ix_customer_scores_store_id_rfm_group", "customer_scores", ["store_id", "rfm_group"])
    op.create_index("ix_customer_scores_store_id_next_order_at", "customer_scores", ["store_id", "next_order_at"])


def _models() -> None:
    op.create_table(
        "value_models",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("fitted_at", UTCDateTime(), nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("buyers", sa.Integer(), nullable=False),
        sa.Column("repeaters", sa.Integer(), nullable=False),
        sa.Column("sampled", sa.Integer(), nullable=False),
        sa.Column("first_order_at", UTCDateTime(), nullable=True),
        sa.Column("figures", _JSON, nullable=False),
        sa.CheckConstraint("method IN ('bg_nbd', 'cohorts')", name=op.f("ck_value_models_method")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_value_models_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_value_models")),
    )
    op.create_index("ix_value_models_store_id_fitted_at", "value_models", ["store_id", "fitted_at"])
    op.create_table(
        "value_settings",
        sa.Column("store_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("thresholds", _JSON, nullable=False),
        sa.Column("lead_lines", _JSON, nullable=True),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_value_settings_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_value_settings")),
    )


def _personas() -> None:
    op.create_table(
        "personas",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("segment_id", _BIG, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("colour", sa.String(64), nullable=False),
        sa.Column("story", sa.Text(), nullable=False),
        sa.Column("goals", sa.Text(), nullable=False),
        sa.Column("frustrations", sa.Text(), nullable=False),
        sa.Column("portrait", _JSON, nullable=False),
        sa.Column("portrayed_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["segment_id"], ["segments.id"], name=op.f("fk_personas_segment_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_personas_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_personas")),
        sa.UniqueConstraint("public_id", name=op.f("uq_personas_public_id")),
        sa.UniqueConstraint("store_id", "segment_id", name=op.f("uq_personas_store_id_segment_id")),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("personas")
    op.drop_table("value_settings")
    op.drop_index("ix_value_models_store_id_fitted_at", "value_models")
    op.drop_table("value_models")
    op.drop_index("ix_customer_scores_store_id_next_order_at", "customer_scores")
    op.drop_index("ix_customer_scores_store_id_rfm_group", "customer_scores")
    op.drop_index("ix_customer_scores_due_at", "customer_scores")
    op.drop_table("customer_scores")
    for name in ("last_occasion_at", "repeat_spent", "occasions"):
        op.drop_column("customer_rhythms", name)
