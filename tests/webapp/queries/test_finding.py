"""Anything is found by a few letters: what has a name, customers, orders and codes, of this store alone."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Offer, OfferCode, Store
from tests import make
from tests.conftest import NOW
from tests.webapp.statements import counted
from webapp.queries import finding


def make_offer(session: Session, store: Store) -> Offer:
    offer = Offer(
        public_id="o",
        store_id=store.id,
        name="ten",
        label="",
        kind="percent",
        value=10,
        currency="EUR",
        supply="pool",
        look_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(offer)
    session.flush()
    return offer


def found(app: App, store_id: int, text: str) -> dict[str, list[tuple[str, str]]]:
    with app.db.read() as session:
        return {g.title: [(r.title, r.note) for r in g.rows] for g in finding.find(session, store_id, text)}


def test_what_begins_with_the_text_comes_before_what_contains_it(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for name in ("The welcome back", "Welcome, again", "Birthday"):
            make.campaign(app, session, store).name = name
        make.campaign(app, session, make.store(session, name="Other")).name = "Welcome elsewhere"
    assert found(app, store.id, "welcome") == {"Campaigns": [("Welcome, again", ""), ("The welcome back", "")]}
    assert found(app, store.id, "%") == {}
    assert found(app, store.id, "") == {}


def test_customers_orders_and_codes_lead_to_the_customer(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, "Ada", last_name="Wren")
        make.order(session, store, ada, NOW, "o1", number="#1042")
        offer = make_offer(session, store)
        session.add(
            OfferCode(
                store_id=store.id,
                offer_id=offer.id,
                code="Ten-7",
                code_key="TEN-7",
                customer_id=ada.id,
                state="given",
                created_at=NOW,
            )
        )
    assert found(app, store.id, "wre") == {"Customers": [("Ada Wren", "ada@example.com")]}
    assert found(app, store.id, "1042") == {"Orders and codes": [("Order #1042", "Ada Wren")]}
    assert found(app, store.id, "ten-7") == {"Orders and codes": [("Code Ten-7", "Ada Wren")]}


def test_however_much_there_is_it_takes_the_same_few_statements(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for number in range(12):
            make.customer(session, store, f"Ann{number}", created_at=NOW - timedelta(days=number), consent=False)
            make.campaign(app, session, store).name = f"Announcement {number}"
    with app.db.read() as session, counted(app) as statements:
        groups = finding.find(session, store.id, "ann")
    assert [(group.title, len(group.rows)) for group in groups] == [("Campaigns", 5), ("Customers", 5)]
    assert len(statements) <= 6
