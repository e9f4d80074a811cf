from __future__ import annotations

from datetime import timedelta

from automation.app import App
from automation.models import CustomerScore
from tests import make
from tests.automation.rendering.named import message, value
from tests.conftest import NOW


def test_a_mail_can_ask_what_is_expected_of_its_recipient(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, bob = make.customer(session, store), make.customer(session, store, "Bob")
        session.add(
            CustomerScore(
                customer_id=ada.id,
                store_id=store.id,
                rfm_group="champions",
                expected_orders=2.5,
                lifetime_value=12_900,
                alive=0.9,
                next_order_at=NOW + timedelta(days=3, hours=12),
                lead_score=42,
            )
        )
        session.flush()
        to_ada, to_bob = message(session, ada, "scores"), message(session, bob, "scores")
    assert value(app, to_ada, "scores") == {
        "rfm_group": "champions",
        "expected_orders": 2.5,
        "lifetime_value": 12_900,
        "alive": 0.9,
        "next_order_on": "2026-03-14",
        "lead_score": 42,
    }
    assert value(app, to_bob, "scores")["rfm_group"] == ""
