"""Blocks that are kept for other mails, and mails that are put away

Revision ID: editor
Revises: experiments
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.models.record import UTCDateTime

revision = "editor"
down_revision = "experiments"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add them."""
    op.add_column("templates", sa.Column("archived_at", UTCDateTime(), nullable=True))
    op.create_table(
        "saved_blocks",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("mjml", sa.Text(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("created_by", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_saved_blocks_store_id")),
        sa.ForeignKeyConstraint(["created_by"], ["admins.id"], name=op.f("fk_saved_blocks_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_blocks")),
        sa.UniqueConstraint("public_id", name=op.f("uq_saved_blocks_public_id")),
        sa.UniqueConstraint("store_id", "name", name=op.f("uq_saved_blocks_store_id_name")),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("saved_blocks")
    op.drop_column("templates", "archived_at")
