"""What is done at connected shops, and webhooks that only name what they are about."""

import sqlalchemy as sa
from alembic import op

revision = "platforms"
down_revision = "loyalty"
branch_labels = None
depends_on = None

STATES = "'received', 'processed', 'ignored', 'failed'"
BARE = sa.text("state = 'bare'")


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "errands",
        sa.Column("id", big, autoincrement=True, nullable=False),
        sa.Column("connection_id", big, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("cursor", sa.String(length=2000), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('subscribe', 'back_fill', 'reconcile')", name=op.f("ck_errands_kind")),
        sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name=op.f("ck_errands_state")),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name=op.f("fk_errands_connection_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_errands")),
        sa.UniqueConstraint("connection_id", "kind", name=op.f("uq_errands_connection_id_kind")),
    )
    with op.batch_alter_table("errands") as batch:
        batch.create_index("ix_errands_state_due_at", ["state", "due_at"])

    with op.batch_alter_table("inbound_webhooks") as batch:
        batch.add_column(sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))
        batch.drop_constraint(op.f("ck_inbound_webhooks_state"), type_="check")
        batch.create_check_constraint(op.f("ck_inbound_webhooks_state"), f"state IN ('bare', {STATES})")
        batch.create_index("ix_inbound_webhooks_bare", ["id"], postgresql_where=BARE, sqlite_where=BARE)


def downgrade() -> None:
    # What is bare cannot be read without its object: an older version can only say that it failed.
    op.execute("UPDATE inbound_webhooks SET state = 'failed' WHERE state = 'bare'")
    with op.batch_alter_table("inbound_webhooks") as batch:
        batch.drop_index("ix_inbound_webhooks_bare", postgresql_where=BARE, sqlite_where=BARE)
        batch.drop_constraint(op.f("ck_inbound_webhooks_state"), type_="check")
        batch.create_check_constraint(op.f("ck_inbound_webhooks_state"), f"state IN ({STATES})")
        batch.drop_column("not_before")
    with op.batch_alter_table("errands") as batch:
        batch.drop_index("ix_errands_state_due_at")
    op.drop_table("errands")
