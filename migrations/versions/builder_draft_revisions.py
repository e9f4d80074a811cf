"""Drafts as they were, for undo and redo

Revision ID: builder
Revises: journey
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from automation.models.record import UTCDateTime

revision = "builder"
down_revision = "journey"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "draft_revisions",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("campaign_id", _BIG, nullable=False),
        sa.Column("is_undone", sa.Boolean(), nullable=False),
        sa.Column("definition", _JSON, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_draft_revisions_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft_revisions")),
    )
    op.create_index("ix_draft_revisions_campaign_id", "draft_revisions", ["campaign_id", "is_undone", "id"])


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_draft_revisions_campaign_id", "draft_revisions")
    op.drop_table("draft_revisions")
