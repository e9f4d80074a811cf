"""Former addresses, limits of a month, and sign-ups that nobody confirmed

Revision ID: leftovers
Revises: signup
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.models.record import UTCDateTime

revision = "leftovers"
down_revision = "signup"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PENDING = "state = 'pending'"


def upgrade() -> None:
    """Add them."""
    with op.batch_alter_table("customers") as table:
        table.add_column(sa.Column("most_per_month", sa.Integer(), nullable=True))
        table.create_check_constraint(op.f("ck_customers_most_per_month"), "most_per_month > 0")
    op.create_table(
        "former_addresses",
        sa.Column("customer_id", _BIG, nullable=False),
        sa.Column("email_key", sa.String(320), nullable=False),
        sa.Column("left_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_former_addresses_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", "email_key", name=op.f("pk_former_addresses")),
    )
    op.add_column("form_days", sa.Column("unconfirmed", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_index(
        "ix_loyalty_accounts_store_id_balance", "loyalty_accounts", ["store_id", "balance", "customer_id"]
    )
    where = sa.text(_PENDING)
    op.create_index("ix_sign_ups_pending", "sign_ups", ["created_at"], postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_sign_ups_pending", "sign_ups")
    op.drop_index("ix_loyalty_accounts_store_id_balance", "loyalty_accounts")
    op.drop_column("form_days", "unconfirmed")
    op.drop_table("former_addresses")
    with op.batch_alter_table("customers") as table:
        table.drop_constraint(op.f("ck_customers_most_per_month"), type_="check")
        table.drop_column("most_per_month")
