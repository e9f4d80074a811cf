from __future__ import annotations

from datetime import timedelta

from automation.app import App
from automation.models import Suppression
from tests import make
from tests.conftest import NOW
from tests.webapp.statements import counted
from webapp.queries import customers


def test_a_search_finds_the_beginnings_of_names_and_addresses(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.customer(session, store, "Ada", last_name="Lovelace")
        make.customer(session, store, "Adele", last_name="Stone", created_at=NOW)
        make.customer(session, store, "Ben", last_name="Adams", created_at=NOW - timedelta(days=1))
        make.customer(session, store, "Cleo", email="zoe@example.com", email_key="zoe@example.com")
        make.customer(session, make.store(session, name="Other"), "Ada")
    with app.db.read() as session:

        def found(text: str) -> list[str]:
            return [row.name for row in customers.search(session, store.id, text, None).rows]

        assert found("ad") == ["Adele Stone", "Ben Adams", "Ada Lovelace"]
        assert found("ada LOVE") == ["Ada Lovelace"]
        assert found("zoe@") == ["Cleo"]
        assert found("%") == []
        assert found("da") == []
        assert len(found("  ")) == 4


def test_a_line_tells_consent_suppression_and_what_they_spent(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, "Ada")
        make.customer(session, store, "Ben", consent=False, created_at=NOW - timedelta(days=200))
        make.order(session, store, ada, NOW, "o1", refunded=590)
        make.order(session, store, ada, NOW, "o2", cancelled_at=NOW)
        make.order(session, store, ada, NOW, "o3", currency="USD")
        session.add(Suppression(store_id=store.id, email_key="ada@example.com", reason="complaint", at=NOW))
    with app.db.read() as session, counted(app) as statements:
        ada_row, ben_row = customers.search(session, store.id, "", None).rows
    assert (ada_row.consent, ada_row.is_suppressed, ada_row.orders, ada_row.spent) == ("granted", True, 1, 2000)
    assert (ben_row.consent, ben_row.is_suppressed, ben_row.orders, ben_row.spent) == ("none", False, 0, 0)
    assert len(statements) == 2


def test_pages_of_customers_follow_one_another_without_gaps(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for number in range(customers.PAGE + 3):
            make.customer(session, store, f"C{number}", consent=False)
    with app.db.read() as session:
        first = customers.search(session, store.id, "", None)
        second = customers.search(session, store.id, "", first.next)
    assert len(first.rows) == customers.PAGE
    assert [row.name for row in second.rows] == ["C2", "C1", "C0"]
    assert second.next is None


def test_one_customer_is_told_with_consents_figures_and_suppression(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, "Ada", city="Graz", country="AT", birthday_month=12, birthday_day=10)
        make.agree(session, ada, "withdrawn", NOW - timedelta(days=2))
        make.order(session, store, ada, NOW - timedelta(days=3))
        make.cart(session, store, ada, NOW)
        make.cart(session, store, ada, NOW, "c2", ordered_at=NOW)
    with app.db.read() as session, counted(app) as statements:
        found = customers.one(session, store.id, ada.public_id)
    assert found is not None
    assert (found.place, found.birthday, found.timezone, found.is_zone_known) == (
        "Graz, AT",
        "10 December",
        "Europe/Berlin",
        False,
    )
    assert (found.orders, found.spent, found.last_order_at) == (1, 2590, NOW - timedelta(days=3))
    assert (found.carts, found.open_carts, found.suppression) == (2, 1, "")
    assert [(t.topic, t.status, [h.status for h in t.history]) for t in found.consents] == [
        ("marketing", "withdrawn", ["withdrawn", "granted"])
    ]
    assert len(statements) == 4


def test_a_customer_of_another_store_is_not_there(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, make.store(session, name="Other"), "Ada")
    with app.db.read() as session:
        assert customers.one(session, store.id, ada.public_id) is None
