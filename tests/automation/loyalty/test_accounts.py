from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from automation.app import App
from automation.changes import CustomerChanged, CustomersMerged
from automation.loyalty import ledger, referrals
from automation.models import Customer, LoyaltyAccount, PointsEntry, Referral
from automation.stages.settle import settle
from tests.automation.intake.shop import Shop, ago
from tests.automation.loyalty.test_ledger import balance, line
from tests.conftest import NOW


def test_merged_customers_have_one_account_with_the_points_of_both(app: App) -> None:
    shop = Shop(app)
    shop.tell(
        CustomerChanged(external_id="1", email="a@example.com", updated_at=ago(9)),
        CustomerChanged(external_id="2", email="b@example.com", updated_at=ago(9)),
    )
    with app.db.write() as session:
        kept, gone = session.scalars(select(Customer).order_by(Customer.id))
        ledger.add(session, [line(kept, 30, "a"), line(gone, 50, "b", expires_at=NOW + timedelta(days=9))], NOW)
        ledger.spend(session, [line(gone, -20, "c")], NOW)
        referrals.code_for(session, gone)
        referrals.invite(session, gone, "friend@example.com", NOW)
        ids = kept.id, gone.id
    shop.tell(CustomersMerged(kept_external_id="1", deleted_external_id="2"))
    settle(app, NOW, 10)
    with app.db.read() as session:
        assert balance(session, session.get_one(Customer, ids[0])) == 60
        assert session.get(LoyaltyAccount, ids[1]) is None
        assert set(session.scalars(select(PointsEntry.customer_id))) == {ids[0]}
        assert session.scalars(select(Referral.referrer_id)).one() == ids[0]
    settle(app, NOW + timedelta(days=9), 10)
    with app.db.read() as session:
        # What the gone one had left of what expires is gone; the rest is kept.
        assert balance(session, session.get_one(Customer, ids[0])) == 30
