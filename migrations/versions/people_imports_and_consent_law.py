"""Imports, erased people, implied consent, counted hits, and a store's rules of consent

Revision ID: people
Revises: engine
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from automation.models.record import UTCDateTime

revision = "people"
down_revision = "engine"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NEW = "store_id, customer_id, topic, status, source, basis, expires_at, wording, at, recorded_at"
_OLD = "store_id, customer_id, topic, status, source, wording, at, recorded_at"


def _where(condition: str) -> dict[str, sa.TextClause]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def _freeze(columns: str) -> None:
    """Let the ledger's trigger hold these columns, and those alone."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER IF EXISTS consents_keep")
        op.execute(
            f"CREATE TRIGGER consents_keep BEFORE UPDATE OF {columns} ON consents "
            "BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END"
        )
    else:
        op.execute("DROP TRIGGER IF EXISTS consents_keep ON consents")
        op.execute(
            f"CREATE TRIGGER consents_keep BEFORE UPDATE OF {columns} ON consents "
            "FOR EACH ROW EXECUTE FUNCTION consents_are_kept()"
        )


def upgrade() -> None:
    """Add them."""
    op.add_column("stores", sa.Column("consent", _JSON, server_default=sa.text("'{}'"), nullable=False))
    op.add_column("customers", sa.Column("imported_at", UTCDateTime(), nullable=True))
    # Spelt as a column constraint: SQLite would copy the whole ledger, triggers and all, to add one to the table.
    basis = sa.Column("basis", sa.String(64), server_default="express", nullable=False)
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "ALTER TABLE consents ADD COLUMN basis VARCHAR(64) DEFAULT 'express' NOT NULL "
            "CONSTRAINT ck_consents_basis CHECK (basis IN ('express', 'implied'))"
        )
    else:
        op.add_column("consents", basis)
        op.create_check_constraint(op.f("ck_consents_basis"), "consents", "basis IN ('express', 'implied')")
    op.add_column("consents", sa.Column("expires_at", UTCDateTime(), nullable=True))
    _freeze(_NEW)
    op.add_column("consent_states", sa.Column("expires_at", UTCDateTime(), nullable=True))
    op.create_index(
        "ix_consent_states_expires_at", "consent_states", ["expires_at"], **_where("expires_at IS NOT NULL")
    )
    op.create_index("ix_privacy_requests_open", "privacy_requests", ["id"], **_where("done_at IS NULL"))
    _imports()
    _privacy()


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("connection_id", _BIG, nullable=False),
        sa.Column("admin_id", _BIG, nullable=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("filename", sa.String(200), nullable=False),
        sa.Column("size", _BIG, nullable=False),
        sa.Column("shape", _JSON, nullable=False),
        sa.Column("mapping", _JSON, nullable=False),
        sa.Column("options", _JSON, nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("message", sa.String(500), nullable=False),
        sa.Column("rows_total", _BIG, nullable=True),
        sa.Column("rows_done", _BIG, nullable=False),
        sa.Column("rows_refused", _BIG, nullable=False),
        sa.Column("counts", _JSON, nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("began_at", UTCDateTime(), nullable=True),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'checking', 'checked', 'running', 'done', 'failed', 'cancelled')",
            name=op.f("ck_imports_state"),
        ),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_imports_store_id")),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name=op.f("fk_imports_connection_id")),
        sa.ForeignKeyConstraint(["admin_id"], ["admins.id"], name=op.f("fk_imports_admin_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        sa.UniqueConstraint("public_id", name=op.f("uq_imports_public_id")),
    )
    op.create_index("ix_imports_store_id_created_at", "imports", ["store_id", "created_at"])
    op.create_index("ix_imports_due", "imports", ["due_at"], **_where("state IN ('checking', 'running')"))
    op.create_table(
        "import_chunks",
        sa.Column("import_id", _BIG, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_chunks_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_chunks")),
    )
    op.create_table(
        "import_refusals",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("import_id", _BIG, nullable=False),
        sa.Column("line", _BIG, nullable=False),
        sa.Column("column", sa.String(200), nullable=False),
        sa.Column("value", sa.String(500), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("person", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_refusals_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_refusals")),
    )
    op.create_index("ix_import_refusals_import_id_line", "import_refusals", ["import_id", "line", "id"])
    op.create_index("ix_import_refusals_person", "import_refusals", ["person"])
    op.create_table(
        "import_mappings",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_import_mappings_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_mappings")),
        sa.UniqueConstraint("store_id", "kind", "name", name=op.f("uq_import_mappings_store_id_kind_name")),
    )


def _privacy() -> None:
    op.create_table(
        "erased_people",
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("suppression", sa.String(64), nullable=False),
        sa.Column("erased_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_erased_people_store_id")),
        sa.PrimaryKeyConstraint("store_id", "mark", name=op.f("pk_erased_people")),
    )
    op.create_table(
        "hit_counts",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("template_version_id", _BIG, nullable=False),
        sa.Column("campaign_id", _BIG, nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("machine_count", sa.Integer(), nullable=False),
        sa.Column("last_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_hit_counts_store_id")),
        sa.ForeignKeyConstraint(
            ["template_version_id"], ["template_versions.id"], name=op.f("fk_hit_counts_template_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hit_counts")),
        sa.UniqueConstraint(
            "template_version_id",
            "campaign_id",
            "type",
            "link",
            "on_date",
            name=op.f("uq_hit_counts_template_version_id_campaign_id_type_link_on_date"),
        ),
    )


def downgrade() -> None:
    """Take them away again. An implied consent would count as given for good: those end here."""
    for table in ("hit_counts", "erased_people", "import_mappings", "import_refusals", "import_chunks", "imports"):
        op.drop_table(table)
    op.execute("UPDATE consent_states SET status = 'withdrawn' WHERE expires_at IS NOT NULL AND status = 'granted'")
    op.drop_index("ix_privacy_requests_open", "privacy_requests")
    op.drop_index("ix_consent_states_expires_at", "consent_states")
    op.drop_column("consent_states", "expires_at")
    _freeze(_OLD)
    op.drop_column("consents", "expires_at")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_consents_basis"), "consents")
    op.drop_column("consents", "basis")
    op.drop_column("customers", "imported_at")
    op.drop_column("stores", "consent")
