"""Offers and their codes; what the loyalty programme rests on; a points ledger that cannot be rewritten."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "loyalty"
down_revision = "arbiter"
branch_labels = None
depends_on = None

FROZEN = "id, store_id, kind, points, reason, at, expires_at, order_id, key, admin_id"
KEEP_POINTS = {
    "sqlite": (
        f"CREATE TRIGGER points_entries_keep BEFORE UPDATE OF {FROZEN} ON points_entries "
        "BEGIN SELECT RAISE(ABORT, 'the points ledger is append-only'); END",
        "CREATE TRIGGER points_entries_stay BEFORE DELETE ON points_entries "
        "BEGIN SELECT RAISE(ABORT, 'the points ledger is append-only'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION points_entries_are_kept() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the points ledger is append-only'; END $$",
        f"CREATE TRIGGER points_entries_keep BEFORE UPDATE OF {FROZEN} ON points_entries "
        "FOR EACH ROW EXECUTE FUNCTION points_entries_are_kept()",
        "CREATE TRIGGER points_entries_stay BEFORE DELETE ON points_entries "
        "FOR EACH ROW EXECUTE FUNCTION points_entries_are_kept()",
    ),
}
FREE_POINTS = {
    "sqlite": ("DROP TRIGGER points_entries_keep", "DROP TRIGGER points_entries_stay"),
    "postgresql": (
        "DROP TRIGGER points_entries_keep ON points_entries",
        "DROP TRIGGER points_entries_stay ON points_entries",
        "DROP FUNCTION points_entries_are_kept",
    ),
}


def upgrade() -> None:
    op.create_table('loyalty_accounts',
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('store_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('balance', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('tier', sa.String(length=64), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('spend', sa.BigInteger(), nullable=False),
    sa.Column('fell_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('referral_code', sa.String(length=16), nullable=True),
    sa.ForeignKeyConstraint(['customer_id'], ['customers.id'], name=op.f('fk_loyalty_accounts_customer_id')),
    sa.ForeignKeyConstraint(['store_id'], ['stores.id'], name=op.f('fk_loyalty_accounts_store_id')),
    sa.PrimaryKeyConstraint('customer_id', name=op.f('pk_loyalty_accounts')),
    sa.UniqueConstraint('referral_code', name=op.f('uq_loyalty_accounts_referral_code'))
    )
    with op.batch_alter_table('loyalty_accounts', schema=None) as batch_op:
        batch_op.create_index('ix_loyalty_accounts_due_at', ['due_at'], unique=False, postgresql_where=sa.text('due_at IS NOT NULL'), sqlite_where=sa.text('due_at IS NOT NULL'))
        batch_op.create_index('ix_loyalty_accounts_store_id_rank', ['store_id', 'rank'], unique=False)

    op.create_table('offers',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('public_id', sa.String(length=32), nullable=False),
    sa.Column('store_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('label', sa.String(length=200), nullable=False),
    sa.Column('kind', sa.String(length=64), nullable=False),
    sa.Column('value', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('minimum', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('valid_days', sa.Integer(), nullable=True),
    sa.Column('supply', sa.String(length=64), nullable=False),
    sa.Column('shared_code', sa.String(length=64), nullable=False),
    sa.Column('prefix', sa.String(length=16), nullable=False),
    sa.Column('keep_ahead', sa.Integer(), nullable=False),
    sa.Column('low_stock', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('guard', sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), 'postgresql'), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('look_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('low_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('trouble', sa.String(length=500), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('percent', 'amount', 'shipping')", name=op.f('ck_offers_kind')),
    sa.CheckConstraint("supply IN ('shared', 'pool', 'shop')", name=op.f('ck_offers_supply')),
    sa.ForeignKeyConstraint(['connection_id'], ['connections.id'], name=op.f('fk_offers_connection_id')),
    sa.ForeignKeyConstraint(['store_id'], ['stores.id'], name=op.f('fk_offers_store_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_offers')),
    sa.UniqueConstraint('public_id', name=op.f('uq_offers_public_id')),
    sa.UniqueConstraint('store_id', 'name', name=op.f('uq_offers_store_id_name'))
    )
    with op.batch_alter_table('offers', schema=None) as batch_op:
        batch_op.create_index('ix_offers_look_at', ['look_at'], unique=False, postgresql_where=sa.text('is_active'), sqlite_where=sa.text('is_active'))

    op.create_table('referrals',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('store_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('referrer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('friend_key', sa.String(length=320), nullable=False),
    sa.Column('friend_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('state', sa.String(length=64), nullable=False),
    sa.Column('signals', sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), 'postgresql'), nullable=False),
    sa.Column('ip', sa.String(length=64), nullable=False),
    sa.Column('agent', sa.String(length=500), nullable=False),
    sa.Column('order_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.CheckConstraint("state IN ('pending', 'approved', 'suspected', 'rejected')", name=op.f('ck_referrals_state')),
    sa.ForeignKeyConstraint(['decided_by'], ['admins.id'], name=op.f('fk_referrals_decided_by')),
    sa.ForeignKeyConstraint(['friend_id'], ['customers.id'], name=op.f('fk_referrals_friend_id')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_referrals_order_id')),
    sa.ForeignKeyConstraint(['referrer_id'], ['customers.id'], name=op.f('fk_referrals_referrer_id')),
    sa.ForeignKeyConstraint(['store_id'], ['stores.id'], name=op.f('fk_referrals_store_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_referrals')),
    sa.UniqueConstraint('store_id', 'friend_key', name=op.f('uq_referrals_store_id_friend_key'))
    )
    with op.batch_alter_table('referrals', schema=None) as batch_op:
        batch_op.create_index('ix_referrals_due_at', ['due_at'], unique=False, postgresql_where=sa.text('due_at IS NOT NULL'), sqlite_where=sa.text('due_at IS NOT NULL'))
        batch_op.create_index('ix_referrals_referrer_id', ['referrer_id', 'created_at'], unique=False)

    op.create_table('rewards',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('public_id', sa.String(length=32), nullable=False),
    sa.Column('store_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('points', sa.Integer(), nullable=False),
    sa.Column('offer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('note', sa.String(length=500), nullable=False),
    sa.Column('least_rank', sa.Integer(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('points > 0', name=op.f('ck_rewards_points')),
    sa.ForeignKeyConstraint(['offer_id'], ['offers.id'], name=op.f('fk_rewards_offer_id')),
    sa.ForeignKeyConstraint(['store_id'], ['stores.id'], name=op.f('fk_rewards_store_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rewards')),
    sa.UniqueConstraint('public_id', name=op.f('uq_rewards_public_id')),
    sa.UniqueConstraint('store_id', 'name', name=op.f('uq_rewards_store_id_name'))
    )
    op.create_table('offer_refusals',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('store_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('offer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('enrolment_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('holder', sa.String(length=100), nullable=False),
    sa.Column('reason', sa.String(length=64), nullable=False),
    sa.Column('facts', sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), 'postgresql'), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customers.id'], name=op.f('fk_offer_refusals_customer_id')),
    sa.ForeignKeyConstraint(['enrolment_id'], ['enrolments.id'], name=op.f('fk_offer_refusals_enrolment_id')),
    sa.ForeignKeyConstraint(['offer_id'], ['offers.id'], name=op.f('fk_offer_refusals_offer_id')),
    sa.ForeignKeyConstraint(['store_id'], ['stores.id'], name=op.f('fk_offer_refusals_store_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_offer_refusals'))
    )
    with op.batch_alter_table('offer_refusals', schema=None) as batch_op:
        batch_op.create_index('ix_offer_refusals_customer_id', ['customer_id', 'at'], unique=False)
        batch_op.create_index('ix_offer_refusals_offer_id', ['offer_id', 'at'], unique=False)

    op.create_table('offer_codes',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('store_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('offer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('code_key', sa.String(length=64), nullable=False),
    sa.Column('is_shared', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(length=64), nullable=False),
    sa.Column('holder', sa.String(length=100), nullable=True),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('enrolment_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('look_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('redeemed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('order_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('redeemed_by', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('message_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('making', 'free', 'reserved', 'given', 'redeemed', 'expired', 'void')", name=op.f('ck_offer_codes_state')),
    sa.ForeignKeyConstraint(['customer_id'], ['customers.id'], name=op.f('fk_offer_codes_customer_id')),
    sa.ForeignKeyConstraint(['enrolment_id'], ['enrolments.id'], name=op.f('fk_offer_codes_enrolment_id')),
    sa.ForeignKeyConstraint(['message_id'], ['messages.id'], name=op.f('fk_offer_codes_message_id')),
    sa.ForeignKeyConstraint(['offer_id'], ['offers.id'], name=op.f('fk_offer_codes_offer_id')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_offer_codes_order_id')),
    sa.ForeignKeyConstraint(['redeemed_by'], ['customers.id'], name=op.f('fk_offer_codes_redeemed_by')),
    sa.ForeignKeyConstraint(['store_id'], ['stores.id'], name=op.f('fk_offer_codes_store_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_offer_codes'))
    )
    with op.batch_alter_table('offer_codes', schema=None) as batch_op:
        batch_op.create_index('ix_offer_codes_code_key', ['store_id', 'code_key'], unique=False)
        batch_op.create_index('ix_offer_codes_customer_id', ['customer_id', 'issued_at'], unique=False)
        batch_op.create_index('ix_offer_codes_enrolment_id', ['enrolment_id'], unique=False, postgresql_where=sa.text('enrolment_id IS NOT NULL'), sqlite_where=sa.text('enrolment_id IS NOT NULL'))
        batch_op.create_index('ix_offer_codes_free', ['offer_id', 'id'], unique=False, postgresql_where=sa.text("state = 'free'"), sqlite_where=sa.text("state = 'free'"))
        batch_op.create_index('ix_offer_codes_look_at', ['look_at'], unique=False, postgresql_where=sa.text("state IN ('reserved', 'given')"), sqlite_where=sa.text("state IN ('reserved', 'given')"))
        batch_op.create_index('ix_offer_codes_making', ['offer_id', 'id'], unique=False, postgresql_where=sa.text("state = 'making'"), sqlite_where=sa.text("state = 'making'"))
        batch_op.create_index('uq_offer_codes_code', ['store_id', 'code_key'], unique=True, postgresql_where=sa.text('NOT is_shared'), sqlite_where=sa.text('NOT is_shared'))
        batch_op.create_index('uq_offer_codes_holder', ['offer_id', 'holder'], unique=True, postgresql_where=sa.text('holder IS NOT NULL'), sqlite_where=sa.text('holder IS NOT NULL'))

    op.create_table('redemptions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('store_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('reward_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('entry_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['code_id'], ['offer_codes.id'], name=op.f('fk_redemptions_code_id')),
    sa.ForeignKeyConstraint(['customer_id'], ['customers.id'], name=op.f('fk_redemptions_customer_id')),
    sa.ForeignKeyConstraint(['entry_id'], ['points_entries.id'], name=op.f('fk_redemptions_entry_id')),
    sa.ForeignKeyConstraint(['reward_id'], ['rewards.id'], name=op.f('fk_redemptions_reward_id')),
    sa.ForeignKeyConstraint(['store_id'], ['stores.id'], name=op.f('fk_redemptions_store_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_redemptions')),
    sa.UniqueConstraint('store_id', 'key', name=op.f('uq_redemptions_store_id_key'))
    )
    with op.batch_alter_table('redemptions', schema=None) as batch_op:
        batch_op.create_index('ix_redemptions_customer_id', ['customer_id', 'at'], unique=False)

    with op.batch_alter_table('orders', schema=None) as batch_op:
        batch_op.add_column(sa.Column('is_unsettled', sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.create_index('ix_orders_unsettled', ['id'], unique=False, postgresql_where=sa.text('is_unsettled'), sqlite_where=sa.text('is_unsettled'))

    with op.batch_alter_table('points_entries', schema=None) as batch_op:
        batch_op.add_column(sa.Column('key', sa.String(length=160), nullable=True))
        batch_op.add_column(sa.Column('admin_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True))
        batch_op.create_index('ix_points_entries_order_id', ['order_id'], unique=False, postgresql_where=sa.text('order_id IS NOT NULL'), sqlite_where=sa.text('order_id IS NOT NULL'))
        batch_op.create_index('uq_points_entries_key', ['store_id', 'key'], unique=True, postgresql_where=sa.text('key IS NOT NULL'), sqlite_where=sa.text('key IS NOT NULL'))

    with op.batch_alter_table('stores', schema=None) as batch_op:
        batch_op.add_column(sa.Column('loyalty', sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), 'postgresql'), server_default=sa.text("'{}'"), nullable=False))

    # Orders of before have no codes of ours, and no programme that they could give points in.
    op.execute("UPDATE orders SET is_unsettled = false")
    for statement in KEEP_POINTS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    for statement in FREE_POINTS[op.get_bind().dialect.name]:
        op.execute(statement)
    with op.batch_alter_table('stores', schema=None) as batch_op:
        batch_op.drop_column('loyalty')

    with op.batch_alter_table('points_entries', schema=None) as batch_op:
        batch_op.drop_index('uq_points_entries_key', postgresql_where=sa.text('key IS NOT NULL'), sqlite_where=sa.text('key IS NOT NULL'))
        batch_op.drop_index('ix_points_entries_order_id', postgresql_where=sa.text('order_id IS NOT NULL'), sqlite_where=sa.text('order_id IS NOT NULL'))
        batch_op.drop_column('admin_id')
        batch_op.drop_column('key')

    with op.batch_alter_table('orders', schema=None) as batch_op:
        batch_op.drop_index('ix_orders_unsettled', postgresql_where=sa.text('is_unsettled'), sqlite_where=sa.text('is_unsettled'))
        batch_op.drop_column('is_unsettled')

    with op.batch_alter_table('redemptions', schema=None) as batch_op:
        batch_op.drop_index('ix_redemptions_customer_id')

    op.drop_table('redemptions')
    with op.batch_alter_table('offer_codes', schema=None) as batch_op:
        batch_op.drop_index('uq_offer_codes_holder', postgresql_where=sa.text('holder IS NOT NULL'), sqlite_where=sa.text('holder IS NOT NULL'))
        batch_op.drop_index('uq_offer_codes_code', postgresql_where=sa.text('NOT is_shared'), sqlite_where=sa.text('NOT is_shared'))
        batch_op.drop_index('ix_offer_codes_making', postgresql_where=sa.text("state = 'making'"), sqlite_where=sa.text("state = 'making'"))
        batch_op.drop_index('ix_offer_codes_look_at', postgresql_where=sa.text("state IN ('reserved', 'given')"), sqlite_where=sa.text("state IN ('reserved', 'given')"))
        batch_op.drop_index('ix_offer_codes_free', postgresql_where=sa.text("state = 'free'"), sqlite_where=sa.text("state = 'free'"))
        batch_op.drop_index('ix_offer_codes_enrolment_id', postgresql_where=sa.text('enrolment_id IS NOT NULL'), sqlite_where=sa.text('enrolment_id IS NOT NULL'))
        batch_op.drop_index('ix_offer_codes_customer_id')
        batch_op.drop_index('ix_offer_codes_code_key')

    op.drop_table('offer_codes')
    with op.batch_alter_table('offer_refusals', schema=None) as batch_op:
        batch_op.drop_index('ix_offer_refusals_offer_id')
        batch_op.drop_index('ix_offer_refusals_customer_id')

    op.drop_table('offer_refusals')
    op.drop_table('rewards')
    with op.batch_alter_table('referrals', schema=None) as batch_op:
        batch_op.drop_index('ix_referrals_referrer_id')
        batch_op.drop_index('ix_referrals_due_at', postgresql_where=sa.text('due_at IS NOT NULL'), sqlite_where=sa.text('due_at IS NOT NULL'))

    op.drop_table('referrals')
    with op.batch_alter_table('offers', schema=None) as batch_op:
        batch_op.drop_index('ix_offers_look_at', postgresql_where=sa.text('is_active'), sqlite_where=sa.text('is_active'))

    op.drop_table('offers')
    with op.batch_alter_table('loyalty_accounts', schema=None) as batch_op:
        batch_op.drop_index('ix_loyalty_accounts_store_id_rank')
        batch_op.drop_index('ix_loyalty_accounts_due_at', postgresql_where=sa.text('due_at IS NOT NULL'), sqlite_where=sa.text('due_at IS NOT NULL'))

    op.drop_table('loyalty_accounts')
