"""What the search for customers and orders asks

Revision ID: shell
Revises: builder
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "shell"
down_revision = "builder"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    first, last = sa.func.lower(sa.column("first_name")), sa.func.lower(sa.column("last_name"))
    op.create_index(
        "ix_customers_first_name",
        "customers",
        ["store_id", first.label("first")],
        postgresql_ops={"first": "text_pattern_ops"},
    )
    op.create_index(
        "ix_customers_last_name",
        "customers",
        ["store_id", last.label("last")],
        postgresql_ops={"last": "text_pattern_ops"},
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "ix_customers_email_key",
            "customers",
            ["store_id", "email_key"],
            postgresql_ops={"email_key": "text_pattern_ops"},
        )
    op.create_index("ix_orders_store_id_number", "orders", ["store_id", "number"])


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_orders_store_id_number", "orders")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_customers_email_key", "customers")
    op.drop_index("ix_customers_last_name", "customers")
    op.drop_index("ix_customers_first_name", "customers")
