"""Feeds with what is known of their items, and what recommendations are computed from

Revision ID: feeds
Revises: giving
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from automation.models.record import UTCDateTime

revision = "feeds"
down_revision = "giving"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_STALE = sa.text("is_stale")


def upgrade() -> None:
    """Make the tables; the summarise stage fills those of the recommendations from the orders there are."""
    _feeds()
    _recommendations()


def _feeds() -> None:
    op.create_table(
        "feeds",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("every_minutes", sa.Integer(), nullable=False),
        sa.Column("etag", sa.String(length=500), nullable=False),
        sa.Column("last_modified", sa.String(length=100), nullable=False),
        sa.Column("is_primed", sa.Boolean(), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("fetched_at", UTCDateTime(), nullable=True),
        sa.Column("changed_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'paused', 'stopped')", name=op.f("ck_feeds_state")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_feeds_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feeds")),
        sa.UniqueConstraint("public_id", name=op.f("uq_feeds_public_id")),
        sa.UniqueConstraint("store_id", "code", name=op.f("uq_feeds_store_id_code")),
    )
    op.create_index("ix_feeds_state_due_at", "feeds", ["state", "due_at"])
    op.create_table(
        "feed_items",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("feed_id", _BIG, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("link_key", sa.String(length=64), nullable=True),
        sa.Column("twin_key", sa.String(length=64), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        sa.Column("published_at", UTCDateTime(), nullable=True),
        sa.Column("first_seen_at", UTCDateTime(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name=op.f("fk_feed_items_feed_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_items")),
        sa.UniqueConstraint("feed_id", "key", name=op.f("uq_feed_items_feed_id_key")),
    )
    for column in ("link_key", "twin_key", "seen_at"):
        op.create_index(f"ix_feed_items_feed_id_{column}", "feed_items", ["feed_id", column])


def _recommendations() -> None:
    op.create_table(
        "baskets",
        sa.Column("order_id", _BIG, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("products", _JSON, nullable=False),
        sa.Column("placed_at", UTCDateTime(), nullable=True),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_baskets_order_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_baskets_store_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_baskets")),
    )
    op.create_index("ix_baskets_stale", "baskets", ["order_id"], postgresql_where=_STALE, sqlite_where=_STALE)
    op.create_table(
        "product_pairs",
        sa.Column("product_id", _BIG, nullable=False),
        sa.Column("other_id", _BIG, nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_product_pairs_product_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["products.id"], name=op.f("fk_product_pairs_other_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "other_id", name=op.f("pk_product_pairs")),
    )
    op.create_table(
        "product_demand",
        sa.Column("product_id", _BIG, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("heat", sa.Float(), nullable=False),
        sa.Column("last_at", UTCDateTime(), nullable=True),
        sa.Column("partners", _JSON, nullable=False),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        sa.Column("refreshed_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_product_demand_product_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_product_demand_store_id")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_product_demand")),
    )
    op.create_index("ix_product_demand_store_id_heat", "product_demand", ["store_id", "heat"])
    op.create_index(
        "ix_product_demand_stale", "product_demand", ["refreshed_at"], postgresql_where=_STALE, sqlite_where=_STALE
    )


def downgrade() -> None:
    """Take them away again."""
    for table in ("product_demand", "product_pairs", "baskets", "feed_items", "feeds"):
        op.drop_table(table)
