from __future__ import annotations

from datetime import timedelta

from automation.app import App
from automation.offers.following import invalid_offers
from automation.offers.holding import Claim, reserve
from automation.reliance import Relying
from tests import make
from tests.automation.offers.test_holding import offer
from tests.automation.rendering.named import message, value
from tests.conftest import NOW


def test_the_code_of_the_run_is_shown_until_it_expires_and_then_told_as_invalid(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        origin = make.about(session, ada, "date_anniversary", ada.id)
        ten = offer(app, session, store, supply="shared", shared_code="SPRING", valid_days=3, minimum=5000)
        holder = f"enrolment:{origin['enrolment_id']}"
        reserve(session, ten, store.id, [Claim(holder, ada.id, origin["enrolment_id"])], NOW)
        written = message(session, ada, "offer", **origin)
        seen = Relying(written.id, ada.id, store.id, None, written.enrolment_id, None)
        assert invalid_offers(session, [seen], NOW) == {}
        assert invalid_offers(session, [seen], NOW + timedelta(days=5)) == {written.id: "its code is still good"}
    assert value(app, written, "offer") == {
        "code": "SPRING",
        "label": "10 % off",
        "kind": "percent",
        "value": 10,
        "minimum": 5000,
        "currency": "EUR",
        "expires_on": "2026-03-13",
    }


def test_a_mail_without_an_offer_has_an_empty_code(app: App) -> None:
    with app.db.write() as session:
        written = message(session, make.customer(session, make.store(session)), "offer")
    assert value(app, written, "offer")["code"] == ""
