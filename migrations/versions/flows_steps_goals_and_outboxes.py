"""Flows: rounds, waits for events, goals, arms, and what is told outside the mails."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "flows"
down_revision = "0001"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("enrolments") as batch:
        batch.add_column(sa.Column("round", sa.SmallInteger(), server_default="1", nullable=False))
        batch.add_column(sa.Column("jumps", _JSON, nullable=True))
        batch.add_column(sa.Column("arrived_at", _AT, nullable=True))
        batch.add_column(sa.Column("waits_for", sa.String(128), nullable=True))
        batch.add_column(sa.Column("goal_at", _AT, nullable=True))
        batch.drop_constraint(op.f("ck_enrolments_state"), type_="check")
        batch.create_check_constraint(
            op.f("ck_enrolments_state"), "state IN ('active', 'finished', 'exited', 'converted', 'held')"
        )
    op.create_index(
        "ix_enrolments_waits_for",
        "enrolments",
        ["customer_id", "waits_for"],
        postgresql_where=sa.text("waits_for IS NOT NULL"),
        sqlite_where=sa.text("waits_for IS NOT NULL"),
    )
    with op.batch_alter_table("messages") as batch:
        batch.add_column(sa.Column("round", sa.SmallInteger(), server_default="1", nullable=False))
        batch.drop_constraint(op.f("uq_messages_enrolment_id_step_id"), type_="unique")
        batch.create_unique_constraint(
            op.f("uq_messages_enrolment_id_step_id_round"), ["enrolment_id", "step_id", "round"]
        )
    op.create_table(
        "arm_picks",
        sa.Column("enrolment_id", _BIG, nullable=False),
        sa.Column("step_id", sa.String(64), nullable=False),
        sa.Column("campaign_id", _BIG, nullable=False),
        sa.Column("arm", sa.String(64), nullable=False),
        sa.Column("picked_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_arm_picks_enrolment_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_arm_picks_campaign_id")),
        sa.PrimaryKeyConstraint("enrolment_id", "step_id", name=op.f("pk_arm_picks")),
    )
    op.create_index("ix_arm_picks_campaign_id_step_id", "arm_picks", ["campaign_id", "step_id", "picked_at"])
    op.create_table(
        "trials",
        sa.Column("campaign_id", _BIG, nullable=False),
        sa.Column("step_id", sa.String(64), nullable=False),
        sa.Column("started_at", _AT, nullable=False),
        sa.Column("checked_at", _AT, nullable=False),
        sa.Column("decided_at", _AT, nullable=True),
        sa.Column("winner", sa.String(64), nullable=True),
        sa.Column("figures", _JSON, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_trials_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "step_id", name=op.f("pk_trials")),
    )
    op.create_table(
        "notices",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("campaign_id", _BIG, nullable=False),
        sa.Column("customer_id", _BIG, nullable=False),
        sa.Column("enrolment_id", _BIG, nullable=False),
        sa.Column("step_id", sa.String(64), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("admin_id", _BIG, nullable=True),
        sa.Column("text", sa.String(500), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("read_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_notices_store_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_notices_campaign_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_notices_customer_id")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_notices_enrolment_id")),
        sa.ForeignKeyConstraint(["admin_id"], ["admins.id"], name=op.f("fk_notices_admin_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("enrolment_id", "step_id", "round", name=op.f("uq_notices_enrolment_id_step_id_round")),
    )
    op.create_index("ix_notices_store_id_created_at", "notices", ["store_id", "created_at"])
    op.create_table(
        "outbound_webhooks",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(40), nullable=False),
        sa.Column("store_id", _BIG, nullable=False),
        sa.Column("campaign_id", _BIG, nullable=False),
        sa.Column("enrolment_id", _BIG, nullable=False),
        sa.Column("step_id", sa.String(64), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("due_at", _AT, nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempt_count", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("sent_at", _AT, nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')", name=op.f("ck_outbound_webhooks_state")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_outbound_webhooks_store_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_outbound_webhooks_campaign_id")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_outbound_webhooks_enrolment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound_webhooks")),
        sa.UniqueConstraint("public_id", name=op.f("uq_outbound_webhooks_public_id")),
        sa.UniqueConstraint(
            "enrolment_id", "step_id", "round", name=op.f("uq_outbound_webhooks_enrolment_id_step_id_round")
        ),
    )
    op.create_index(
        "ix_outbound_webhooks_due_at",
        "outbound_webhooks",
        ["due_at"],
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_index("ix_outbound_webhooks_store_id_created_at", "outbound_webhooks", ["store_id", "created_at"])


def downgrade() -> None:
    for table in ("outbound_webhooks", "notices", "trials", "arm_picks"):
        op.drop_table(table)
    # The older key knows one mail a step: what was sent again stays, without its place in the flow.
    op.execute("UPDATE messages SET enrolment_id = NULL, step_id = NULL WHERE round > 1")
    with op.batch_alter_table("messages") as batch:
        batch.drop_constraint(op.f("uq_messages_enrolment_id_step_id_round"), type_="unique")
        batch.create_unique_constraint(op.f("uq_messages_enrolment_id_step_id"), ["enrolment_id", "step_id"])
        batch.drop_column("round")
    op.drop_index("ix_enrolments_waits_for", "enrolments")
    op.execute("UPDATE enrolments SET state = 'finished' WHERE state = 'converted'")
    op.execute("UPDATE enrolments SET state = 'exited' WHERE state = 'held'")
    with op.batch_alter_table("enrolments") as batch:
        batch.drop_constraint(op.f("ck_enrolments_state"), type_="check")
        batch.create_check_constraint(op.f("ck_enrolments_state"), "state IN ('active', 'finished', 'exited')")
        for name in ("round", "jumps", "arrived_at", "waits_for", "goal_at"):
            batch.drop_column(name)
