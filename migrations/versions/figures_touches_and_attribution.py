"""How customers came, attribution that can be worked out again, and verdicts with their reasons

Revision ID: figures
Revises: editor
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.models.record import UTCDateTime

revision = "figures"
down_revision = "editor"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAYS = ("first", "last")


def upgrade() -> None:
    """Add them. Every order is looked at again, slice by slice, by the attribute stage."""
    op.add_column("orders", sa.Column("is_untraced", sa.Boolean(), server_default=sa.true(), nullable=False))
    where = sa.text("is_untraced")
    op.create_index("ix_orders_untraced", "orders", ["id"], postgresql_where=where, sqlite_where=where)
    op.add_column("conversions", sa.Column("event_id", _BIG, nullable=True))
    op.add_column("conversions", sa.Column("kind", sa.String(64), server_default="click", nullable=False))
    op.add_column("conversions", sa.Column("link", sa.Integer(), nullable=True))
    for name in ("machine_reason", "told", "ruling"):
        op.add_column("message_events", sa.Column(name, sa.String(64), server_default="", nullable=False))
    # What an older release saw of a machine is not kept elsewhere: its verdict is what came with the hit.
    op.execute("UPDATE message_events SET told = 'earlier', machine_reason = 'told' WHERE is_machine")
    where = sa.text("status = 'withdrawn'")
    op.create_index(
        "ix_consents_withdrawn", "consents", ["store_id", "topic", "at"], postgresql_where=where, sqlite_where=where
    )
    _touches()
    _attribution()
    op.execute("DELETE FROM cursors WHERE name = 'attribute'")


def _touches() -> None:
    op.create_table(
        "order_touches",
        sa.Column("order_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        *(sa.Column(name, sa.String(200), nullable=False) for name in ("source", "medium", "campaign", "referrer")),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("country", sa.String(2), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_touches_order_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_order_touches_store_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_order_touches")),
    )
    ways: list[sa.Column[object]] = []
    for way in _WAYS:
        ways.append(sa.Column(f"{way}_at", UTCDateTime(), nullable=True))
        ways.append(sa.Column(f"{way}_channel", sa.String(64), server_default="unknown", nullable=False))
        ways += [
            sa.Column(f"{way}_{name}", sa.String(200), server_default="", nullable=False)
            for name in ("source", "medium", "campaign", "referrer")
        ]
        ways.append(sa.Column(f"{way}_device", sa.String(64), server_default="", nullable=False))
    op.create_table(
        "customer_touches",
        sa.Column("customer_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("is_stale", sa.Boolean(), server_default=sa.true(), nullable=False),
        *ways,
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_touches_customer_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_customer_touches_store_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer_touches")),
    )
    where = sa.text("is_stale")
    op.create_index(
        "ix_customer_touches_stale", "customer_touches", ["customer_id"], postgresql_where=where, sqlite_where=where
    )
    # Those without an order would not be looked at by themselves.
    op.execute("INSERT INTO customer_touches (customer_id, store_id) SELECT id, store_id FROM customers")


def _attribution() -> None:
    op.create_table(
        "attributions",
        sa.Column("store_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("seconds", _BIG, nullable=False),
        sa.Column("opens", sa.Boolean(), nullable=False),
        sa.Column("wanted_seconds", _BIG, nullable=False),
        sa.Column("wanted_opens", sa.Boolean(), nullable=False),
        sa.Column("position", _BIG, nullable=True),
        sa.Column("last", _BIG, nullable=False),
        sa.Column("began_at", UTCDateTime(), nullable=True),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint("seconds >= 0 AND wanted_seconds >= 0", name=op.f("ck_attributions_seconds")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_attributions_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_attributions")),
    )
    op.create_table(
        "next_conversions",
        sa.Column("order_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("campaign_id", _BIG, nullable=True),
        sa.Column("message_id", _BIG, nullable=True),
        sa.Column("event_id", _BIG, nullable=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("link", sa.Integer(), nullable=True),
        sa.Column("clicked_at", UTCDateTime(), nullable=True),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_next_conversions_order_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_next_conversions_store_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_next_conversions")),
    )
    op.create_index(op.f("ix_next_conversions_store_id"), "next_conversions", ["store_id"])


def downgrade() -> None:
    """Take them away."""
    for table in ("next_conversions", "attributions", "customer_touches", "order_touches"):
        op.drop_table(table)
    op.drop_index("ix_consents_withdrawn", "consents")
    for name in ("ruling", "told", "machine_reason"):
        op.drop_column("message_events", name)
    for name in ("link", "kind", "event_id"):
        op.drop_column("conversions", name)
    op.drop_index("ix_orders_untraced", "orders")
    op.drop_column("orders", "is_untraced")
