"""Consent and privacy: rules, requests, and one customer's access and erasure."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from flask import Flask
from sqlalchemy import select

from automation.app import App
from automation.changes import PrivacyRequested
from automation.intake import record
from automation.models import AuditEntry, Customer, PrivacyRequest, Store
from tests import make
from tests.conftest import NOW
from tests.webapp.visitors import Visitor, logged_in

RULES = {
    "topics": "marketing: News and offers\ntea: Tea: Once a month",
    "tracking": "aggregate",
    "is_implied": "on",
    "purchase_months": "12",
    "inquiry_months": "6",
}


def test_rules_are_stored_as_far_as_they_differ(app: App, owner: Visitor) -> None:
    assert "marketing: News and offers" in owner.get("/privacy/").text
    assert owner.post("/privacy/rules", RULES).status_code == 303
    with app.db.read() as session:
        kept = session.scalars(select(Store.consent)).one()
    assert set(kept) == {"topics", "tracking", "is_implied", "purchase_months", "erases_at_once"}
    assert [topic["key"] for topic in kept["topics"]] == ["marketing", "tea"]
    assert "tea: Tea: Once a month" in owner.get("/privacy/").text
    for wrong in ({"topics": "No Key"}, {"topics": ""}, {"purchase_months": "99"}):
        answer = owner.post("/privacy/rules", {**RULES, **wrong})
        assert answer.status_code == 422
    with app.db.read() as session:
        assert session.scalars(select(Store.consent)).one() == kept


def test_a_customers_data_is_downloaded_and_then_erased(site: Flask, app: App, owner: Visitor, store: Any) -> None:
    with app.db.write() as session:
        ada = make.customer(session, store, notes="likes tea")
    page = owner.get(f"/customers/{ada.public_id}").text
    assert f"/privacy/customers/{ada.public_id}/erase" in page
    packed = owner.get(f"/privacy/customers/{ada.public_id}/access.zip")
    with zipfile.ZipFile(io.BytesIO(packed.data)) as archive:
        assert b"likes tea" in archive.read("customers.json")
    viewer = logged_in(site, app, "viewer")
    assert "Erase" not in viewer.get(f"/customers/{ada.public_id}").text
    assert viewer.post(f"/privacy/customers/{ada.public_id}/erase", {}).status_code == 403
    assert owner.post(f"/privacy/customers/{ada.public_id}/erase", {}).status_code == 303
    with app.db.read() as session:
        assert session.scalars(select(Customer.email)).one() is None
        actions = session.scalars(select(AuditEntry.action)).all()
    assert {"customer.accessed", "customer.erased"} <= set(actions)
    assert owner.get(f"/customers/{ada.public_id}").status_code == 200


def test_requests_are_answered_by_hand(app: App, owner: Visitor, store: Any) -> None:
    with app.db.write() as session:
        ada = make.customer(session, store)
        shop = make.connection(app, session, store, "platform", "shopify", secret="shh", currency="EUR")
        person = {"email": ada.email}
        told = [PrivacyRequested.model_validate({"kind": kind, "person": person}) for kind in ("access", "erasure")]
        record(session, shop, [*told, PrivacyRequested(kind="store_erasure")], NOW)
        ids = dict(session.execute(select(PrivacyRequest.kind, PrivacyRequest.id)).all())
    page = owner.get("/privacy/").text
    assert page.count("To be answered") == 3
    assert owner.post(f"/privacy/requests/{ids['access']}/done", {}).status_code == 303
    assert owner.post(f"/privacy/requests/{ids['erasure']}/erase", {}).status_code == 303
    assert owner.post(f"/privacy/requests/{ids['store_erasure']}/erase", {}).status_code == 303
    assert "Nothing is open" in owner.get("/privacy/").text
    assert owner.post("/privacy/requests/999/done", {}).status_code == 404
    with app.db.read() as session:
        assert session.get_one(Customer, ada.id).erased_at is not None
