"""Until when what is due for everybody at once has gone out

Revision ID: settled
Revises: shell
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.models.record import UTCDateTime

revision = "settled"
down_revision = "shell"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.add_column("campaigns", sa.Column("swept_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("campaigns", "swept_at")
