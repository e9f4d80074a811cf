"""The journey map: stages, who stood where, touchpoints, notes on feedback, links to share

Revision ID: journey
Revises: personas
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from automation.models.record import UTCDateTime

revision = "journey"
down_revision = "personas"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = "'mail', 'site', 'form', 'order', 'support', 'review', 'social', 'offline', 'own'"


def upgrade() -> None:
    """Add them."""
    _stages()
    _stays()
    _touchpoints()
    _told()


def _stages() -> None:
    op.create_table(
        "journey_stages",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("rule", _JSON, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("archived_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_journey_stages_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journey_stages")),
        sa.UniqueConstraint("store_id", "code", name=op.f("uq_journey_stages_store_id_code")),
    )


def _stays() -> None:
    op.create_table(
        "journey_stays",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("customer_id", _BIG, nullable=False),
        sa.Column("stage_id", _BIG, nullable=False),
        sa.Column("from_stage_id", _BIG, nullable=True),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("entered_at", UTCDateTime(), nullable=False),
        sa.Column("left_at", UTCDateTime(), nullable=True),
        sa.Column("seconds", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_journey_stays_store_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_journey_stays_customer_id")),
        sa.ForeignKeyConstraint(["stage_id"], ["journey_stages.id"], name=op.f("fk_journey_stays_stage_id")),
        sa.ForeignKeyConstraint(["from_stage_id"], ["journey_stages.id"], name=op.f("fk_journey_stays_from_stage_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journey_stays")),
    )
    op.create_index(
        "uq_journey_stays_present",
        "journey_stays",
        ["customer_id"],
        unique=True,
        postgresql_where=sa.text("left_at IS NULL"),
        sqlite_where=sa.text("left_at IS NULL"),
    )
    op.create_index("ix_journey_stays_customer_id_entered_at", "journey_stays", ["customer_id", "entered_at"])
    op.create_index("ix_journey_stays_store_id_entered_at", "journey_stays", ["store_id", "entered_at"])
    op.create_index("ix_journey_stays_store_id_left_at", "journey_stays", ["store_id", "left_at"])


def _touchpoints() -> None:
    op.create_table(
        "touchpoints",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("stage_id", _BIG, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("event", sa.String(128), nullable=False),
        sa.Column("importance", sa.SmallInteger(), nullable=False),
        sa.Column("feeling", sa.SmallInteger(), nullable=False),
        sa.Column("owner", sa.String(120), nullable=False),
        sa.Column("pains", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.Column("archived_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name=op.f("ck_touchpoints_kind")),
        sa.CheckConstraint("feeling BETWEEN -2 AND 2", name=op.f("ck_touchpoints_feeling")),
        sa.CheckConstraint("importance BETWEEN 1 AND 3", name=op.f("ck_touchpoints_importance")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_touchpoints_store_id")),
        sa.ForeignKeyConstraint(["stage_id"], ["journey_stages.id"], name=op.f("fk_touchpoints_stage_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touchpoints")),
    )
    op.create_index("ix_touchpoints_store_id_stage_id", "touchpoints", ["store_id", "stage_id"])


def _told() -> None:
    op.create_table(
        "feedback_notes",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("touchpoint_id", _BIG, nullable=True),
        sa.Column("said", sa.String(500), nullable=False),
        sa.Column("did", sa.String(500), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_feedback_notes_store_id")),
        sa.ForeignKeyConstraint(["touchpoint_id"], ["touchpoints.id"], name=op.f("fk_feedback_notes_touchpoint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_notes")),
    )
    op.create_index("ix_feedback_notes_store_id_at", "feedback_notes", ["store_id", "at"])
    op.create_table(
        "journey_shares",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_journey_shares_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journey_shares")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_journey_shares_token_hash")),
    )
    op.create_index("ix_journey_shares_store_id", "journey_shares", ["store_id"])


def downgrade() -> None:
    """Take them away."""
    for table in ("journey_shares", "feedback_notes", "touchpoints", "journey_stays", "journey_stages"):
        op.drop_table(table)
