"""The second step of logging in

Revision ID: steps
Revises: settled
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from automation.models.record import UTCDateTime

revision = "steps"
down_revision = "settled"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add it."""
    op.add_column("admins", sa.Column("totp_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("admins", sa.Column("totp_on_at", UTCDateTime(), nullable=True))
    op.add_column("admins", sa.Column("totp_last_step", _BIG, server_default="0", nullable=False))
    op.add_column("admins", sa.Column("recovery_hashes", _JSON, nullable=True))


def downgrade() -> None:
    """Take it away."""
    for name in ("recovery_hashes", "totp_last_step", "totp_on_at", "totp_sealed"):
        op.drop_column("admins", name)
