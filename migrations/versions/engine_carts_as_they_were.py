"""Carts as they were before they were touched again, and who wants notices by mail

Revision ID: engine
Revises: pacing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.models.record import UTCDateTime

revision = "engine"
down_revision = "pacing"
branch_labels = None
depends_on = None

_ACTIVE = sa.text("state = 'active'")
_OPEN = sa.text("read_at IS NULL")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table, and to each cart when its present visit began."""
    op.add_column("carts", sa.Column("visit_at", UTCDateTime(), nullable=True))
    op.create_table(
        "cart_visits",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("cart_id", _BIG, nullable=False),
        sa.Column("customer_id", _BIG, nullable=True),
        sa.Column("began_at", UTCDateTime(), nullable=True),
        sa.Column("left_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("deleted_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_cart_visits_store_id")),
        sa.ForeignKeyConstraint(
            ["cart_id"], ["carts.id"], name=op.f("fk_cart_visits_cart_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_cart_visits_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cart_visits")),
    )
    op.create_index("ix_cart_visits_store_id_left_at", "cart_visits", ["store_id", "left_at"])
    op.create_index("ix_cart_visits_cart_id", "cart_visits", ["cart_id"])
    op.create_index("ix_cart_visits_customer_id", "cart_visits", ["customer_id"])


    op.create_index("ix_notices_open", "notices", ["store_id", "id"], postgresql_where=_OPEN, sqlite_where=_OPEN)
    op.add_column("admins", sa.Column("wants_mails", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("admins", sa.Column("wants_mails_since", UTCDateTime(), nullable=True))
    op.drop_index("ix_enrolments_due_at", "enrolments")
    op.create_index(
        "ix_enrolments_due_at", "enrolments", ["campaign_id", "due_at"], postgresql_where=_ACTIVE, sqlite_where=_ACTIVE
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_enrolments_due_at", "enrolments")
    op.create_index("ix_enrolments_due_at", "enrolments", ["due_at"], postgresql_where=_ACTIVE, sqlite_where=_ACTIVE)
    op.drop_index("ix_notices_open", "notices")
    with op.batch_alter_table("admins") as table:
        table.drop_column("wants_mails_since")
        table.drop_column("wants_mails")
    op.drop_table("cart_visits")
    with op.batch_alter_table("carts") as table:
        table.drop_column("visit_at")
