from __future__ import annotations

from datetime import timedelta

from automation.changes import ConsentChanged, Person, PrivacyRequested, Uninstalled
from automation.models import Connection, Consent, ConsentState, Customer, PrivacyRequest
from tests.automation.intake.shop import ADA, Shop, ago, order
from tests.conftest import NOW


def test_consent_makes_a_line_and_a_standing(shop: Shop) -> None:
    shop.tell(ConsentChanged(person=ADA, status="granted", at=ago(5), wording="Yes"))
    line = shop.one(Consent)
    assert (line.source, line.wording, line.at) == ("platform", "Yes", ago(5))
    assert shop.one(ConsentState).status == "granted"


def test_a_shop_cannot_revive_somebody_who_unsubscribed(shop: Shop) -> None:
    shop.tell(ConsentChanged(person=ADA, status="withdrawn", at=ago(5), source="unsubscribe"))
    shop.tell(ConsentChanged(person=ADA, status="granted", at=ago(1)))
    assert shop.one(ConsentState).status == "withdrawn"


def test_consent_of_nobody_is_not_kept(shop: Shop) -> None:
    assert shop.tell(ConsentChanged(person=Person(email="?"), status="granted", at=ago(5))).unmatched == 1
    assert shop.rows(Consent) == []


def test_a_request_by_law_is_due_in_thirty_days_and_makes_nobody(shop: Shop) -> None:
    shop.tell(order(person=ADA))
    shop.tell(
        PrivacyRequested(kind="erasure", person=ADA, detail={"orders_to_redact": [1]}),
        PrivacyRequested(kind="access", person=Person(external_id="99", email="eve@example.com")),
        PrivacyRequested(kind="store_erasure"),
    )
    erasure, access, everything = shop.rows(PrivacyRequest)
    assert (erasure.customer_id, erasure.due_at) == (shop.one(Customer).id, NOW + timedelta(days=30))
    assert (access.customer_id, access.external_id, access.detail) == (None, "99", {"email": "eve@example.com"})
    assert everything.kind == "store_erasure"


def test_a_shop_that_removed_us_is_paused_and_says_why(shop: Shop) -> None:
    shop.tell(Uninstalled())
    row = shop.one(Connection)
    assert row.state == "paused"
    assert "removed" in row.state_reason
