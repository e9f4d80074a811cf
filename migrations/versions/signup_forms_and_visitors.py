"""Sign-up forms, who filled them in, and a storefront's visitors

Revision ID: signup
Revises: people
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from automation.models.record import UTCDateTime

revision = "signup"
down_revision = "people"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add them."""
    op.add_column("stores", sa.Column("storefront", _JSON, server_default=sa.text("'{}'"), nullable=False))
    _forms()
    _people()


def _forms() -> None:
    op.create_table(
        "forms",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("version_id", _BIG, nullable=True),
        sa.Column("held_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('draft', 'live', 'archived')", name=op.f("ck_forms_state")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_forms_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forms")),
        sa.UniqueConstraint("public_id", name=op.f("uq_forms_public_id")),
    )
    op.create_index("ix_forms_store_id", "forms", ["store_id"])
    op.create_table(
        "form_versions",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("form_id", _BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("definition", _JSON, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("created_by", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["form_id"], ["forms.id"], name=op.f("fk_form_versions_form_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_versions")),
        sa.UniqueConstraint("form_id", "number", name=op.f("uq_form_versions_form_id_number")),
    )
    op.create_table(
        "form_days",
        sa.Column("form_id", _BIG, nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["form_id"], ["forms.id"], name=op.f("fk_form_days_form_id")),
        sa.PrimaryKeyConstraint("form_id", "on_date", name=op.f("pk_form_days")),
    )


def _people() -> None:
    op.create_table(
        "sign_ups",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("form_id", _BIG, nullable=False),
        sa.Column("version_id", _BIG, nullable=False),
        sa.Column("customer_id", _BIG, nullable=False),
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("topics", _JSON, nullable=False),
        sa.Column("answers", _JSON, nullable=False),
        sa.Column("ip", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(500), nullable=False),
        sa.Column("page", sa.String(500), nullable=False),
        sa.Column("visitor", sa.String(64), nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("mails", sa.SmallInteger(), nullable=False),
        sa.Column("mailed_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("confirmed_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'confirmed')", name=op.f("ck_sign_ups_state")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_sign_ups_store_id")),
        sa.ForeignKeyConstraint(["form_id"], ["forms.id"], name=op.f("fk_sign_ups_form_id")),
        sa.ForeignKeyConstraint(["version_id"], ["form_versions.id"], name=op.f("fk_sign_ups_version_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_sign_ups_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ups")),
    )
    for columns in (
        ["form_id", "created_at"],
        ["customer_id", "created_at"],
        ["store_id", "created_at"],
        ["store_id", "ip", "created_at"],
        ["store_id", "domain", "created_at"],
    ):
        op.create_index(f"ix_sign_ups_{'_'.join(columns)}", "sign_ups", columns)
    op.create_table(
        "visitors",
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("customer_id", _BIG, nullable=False),
        sa.Column("known_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_visitors_store_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_visitors_customer_id")),
        sa.PrimaryKeyConstraint("store_id", "name", name=op.f("pk_visitors")),
    )
    op.create_index("ix_visitors_customer_id", "visitors", ["customer_id"])


def downgrade() -> None:
    """Take them away again."""
    for table in ("visitors", "sign_ups", "form_days", "form_versions", "forms"):
        op.drop_table(table)
    op.drop_column("stores", "storefront")
