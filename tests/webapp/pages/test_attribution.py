"""Key figures, attribution and deliverability as pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from automation.app import App
from automation.models import Conversion, Customer, CustomerTouch, MessageEvent, Order, Store
from automation.stages.attribute import attribute
from tests import make
from tests.conftest import NOW
from tests.webapp.statements import counted
from tests.webapp.visitors import Visitor

DAY = timedelta(days=1)
DEEP = 12
"""Statements that a page may cost."""


def drain(app: App) -> None:
    while attribute(app, NOW, 100):
        pass


@pytest.fixture
def order_id(app: App, store: Store) -> int:
    """Ada clicked in a mail, and bought two days later; a scanner had followed the links, too."""
    with app.db.write() as session:
        ada = make.customer(session, store, email_key="ada@googlemail.com", created_at=NOW - 3 * DAY)
        mail = make.message(session, ada, state="delivered", accepted_at=NOW - 3 * DAY, delivered_at=NOW - 3 * DAY)
        make.hit(session, mail, "click", NOW - 2 * DAY, link=2)
        make.hit(session, mail, "click", NOW - DAY, link=1, agent="curl/8", is_machine=True, machine_reason="agent")
        source = {"utm": {"source": "facebook", "medium": "cpc"}}
        made = make.order(session, store, ada, NOW - DAY / 2, "o1", number="1042", total=123456, source=source).id
    drain(app)
    return made


def test_the_overview_shows_the_boards_beside_other_periods_for_a_dozen_statements(
    app: App, owner: Visitor, order_id: int
) -> None:
    assert order_id
    owner.get("/insight/")
    with counted(app) as statements:
        page = owner.get("/insight/?period=7d")
    assert page.status_code == 200
    assert "€1,234.56" in page.text
    assert "Year ago" in page.text
    assert "Paid social" in page.text
    assert "two orders or more by the period" in page.text
    assert len(statements) <= DEEP
    assert owner.get("/insight/?period=never").status_code == 422


def test_the_overview_of_an_empty_store_says_what_to_do(owner: Visitor) -> None:
    assert "Nothing to count yet" in owner.get("/insight/").text
    assert "No order counts for a mail" in owner.get("/attribution/").text
    assert "No mail was sent" in owner.get("/deliverability/").text


def test_an_order_is_explained_and_a_verdict_can_be_turned_and_turned_back(
    app: App, owner: Visitor, order_id: int
) -> None:
    assert "1042" in owner.get("/attribution/").text
    page = owner.get(f"/attribution/orders/{order_id}").text
    assert "That was the last click within 5 days" in page
    assert "its name is that of a program" in page
    with app.db.read() as session:
        scanner, person = (
            session.scalars(select(MessageEvent.id).where(MessageEvent.link == link)).one() for link in (1, 2)
        )
    for ruling, winner in (("person", scanner), ("", person)):
        answer = owner.post(f"/attribution/hits/{scanner}/rule", {"ruling": ruling, "order_id": str(order_id)})
        assert answer.status_code == 303
        drain(app)
        with app.db.read() as session:
            assert session.get_one(Conversion, order_id).event_id == winner
    assert owner.get("/attribution/orders/999").status_code == 404
    assert owner.post("/attribution/hits/999/rule", {"ruling": "person"}).status_code == 404


def test_other_rules_are_stored_and_bad_ones_are_shown_again_with_what_was_typed(
    app: App, owner: Visitor, order_id: int
) -> None:
    answer = owner.post("/attribution/", {"days": "91"})
    assert answer.status_code == 422
    assert 'value="91"' in answer.text
    assert owner.post("/attribution/", {"days": "1"}).status_code == 303
    assert "All orders are looked at again by the new rules" in owner.get("/attribution/progress").text
    drain(app)
    assert "All orders are looked at again by the new rules" not in owner.get("/attribution/").text
    with app.db.read() as session:
        assert session.get(Conversion, order_id) is None


def test_each_mailbox_provider_has_its_figures(owner: Visitor, order_id: int) -> None:
    assert order_id
    assert "Gmail" in owner.get("/deliverability/").text
    rows = owner.get("/reports/deliverability.csv").text.splitlines()
    assert rows[1].startswith("Gmail,1,1,1.0,0,0.0,")
    assert "Paid social,1,1,1.0,0,0.0,1," in owner.get("/reports/channels.csv").text
    assert owner.get("/attribution/channels.csv").text.startswith("channel,medium,site")


def test_a_customer_shows_how_they_came(app: App, owner: Visitor, order_id: int) -> None:
    with app.db.read() as session:
        customer = session.scalars(
            select(Customer.public_id).join(Order, Order.customer_id == Customer.id).where(Order.id == order_id)
        ).one()
        assert session.scalars(select(CustomerTouch)).one().first_channel == "paid_social"
    assert "How they came" in owner.get(f"/customers/{customer}").text
