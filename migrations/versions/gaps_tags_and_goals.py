"""What flows said of tags, and when an enrolment goes on that is woken before

Revision ID: gaps
Revises: speed
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from automation.models.record import UTCDateTime

revision = "gaps"
down_revision = "speed"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Add the columns."""
    op.add_column("customers", sa.Column("own_tags", _JSON, nullable=True))
    op.add_column("enrolments", sa.Column("goes_on_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    """Take them away again; whoever was woken early goes on when it would have."""
    op.execute("UPDATE enrolments SET due_at = goes_on_at WHERE goes_on_at > due_at AND state = 'active'")
    with op.batch_alter_table("enrolments") as table:
        table.drop_column("goes_on_at")
    with op.batch_alter_table("customers") as table:
        table.drop_column("own_tags")
