from __future__ import annotations

from datetime import timedelta

from automation.app import App
from automation.loyalty import ledger
from tests import make
from tests.automation.loyalty.test_ledger import line
from tests.automation.rendering.named import message, value
from tests.conftest import NOW


def test_a_mail_tells_the_balance_the_next_expiry_and_the_tier_ahead(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session, loyalty={"is_on": True, "tiers": [{"name": "Gold", "spend": 50000}]})
        ada = make.customer(session, store)
        ledger.add(session, [line(ada, 120, "a", expires_at=NOW + timedelta(days=10))], NOW)
        written = message(session, ada, "points")
    assert value(app, written, "points") == {
        "balance": 120,
        "expires_on": "2026-03-20",
        "tier": "",
        "next_tier": "Gold",
        "to_next_tier": 50000,
    }
