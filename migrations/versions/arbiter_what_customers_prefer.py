"""What customers prefer, when a verdict goes stale, and drafts by rank

Revision ID: arbiter
Revises: flows
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.models.record import UTCDateTime

revision = "arbiter"
down_revision = "flows"
branch_labels = None
depends_on = None

_DRAFT = "state = 'draft'"
_WAITING = "state IN ('draft', 'ready', 'retry')"


def upgrade() -> None:
    """Add the columns and the indexes."""
    with op.batch_alter_table("customers") as table:
        table.add_column(sa.Column("paused_until", UTCDateTime(), nullable=True))
        table.add_column(sa.Column("most_per_week", sa.Integer(), nullable=True))
        table.create_check_constraint(op.f("ck_customers_most_per_week"), "most_per_week > 0")
    op.add_column("messages", sa.Column("stale_at", UTCDateTime(), nullable=True))
    op.drop_index("ix_messages_draft", "messages")
    _index("ix_messages_draft", ["rank", "due_at"], _DRAFT)
    _index("ix_messages_waiting", ["customer_id"], _WAITING)
    # The message's own keys hold both; looking them up twice more was a third of what a line of the log cost.
    with op.batch_alter_table("decisions") as table:
        for column in ("customer_id", "campaign_id"):
            table.drop_constraint(op.f(f"fk_decisions_{column}"), type_="foreignkey")


def downgrade() -> None:
    """Take them away again."""
    with op.batch_alter_table("decisions") as table:
        for column, owner in (("customer_id", "customers"), ("campaign_id", "campaigns")):
            table.create_foreign_key(op.f(f"fk_decisions_{column}"), owner, [column], ["id"])
    op.drop_index("ix_messages_waiting", "messages")
    op.drop_index("ix_messages_draft", "messages")
    _index("ix_messages_draft", ["due_at"], _DRAFT)
    with op.batch_alter_table("messages") as table:
        table.drop_column("stale_at")
    with op.batch_alter_table("customers") as table:
        table.drop_constraint(op.f("ck_customers_most_per_week"), type_="check")
        table.drop_column("most_per_week")
        table.drop_column("paused_until")


def _index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "messages", columns, postgresql_where=where, sqlite_where=where)
