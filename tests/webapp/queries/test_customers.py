from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

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
    assert len(statements) == 2


def test_a_customer_of_another_store_is_not_there(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, make.store(session, name="Other"), "Ada")
    with app.db.read() as session:
        assert customers.one(session, store.id, ada.public_id) is None


def test_a_word_is_sought_by_the_index_of_each_place(app: App) -> None:
    is_postgresql = app.db.engine.dialect.name == "postgresql"
    with app.db.write() as session:
        store = make.store(session)
        for number in range(300):
            make.customer(session, store, f"C{number}", last_name=f"L{number}", consent=False)
        session.flush()
        session.execute(text("ANALYZE customers"))
        looks = customers.looks(store.id, ["wren"], limit=10)
        asked = str(looks.compile(app.db.engine, compile_kwargs={"literal_binds": True})).replace("%%", "%")
        plan = session.execute(text(("EXPLAIN " if is_postgresql else "EXPLAIN QUERY PLAN ") + asked)).all()
    shown = " ".join(str(row) for row in plan)
    for name in ("ix_customers_first_name", "ix_customers_last_name"):
        assert name in shown
    assert ("ix_customers_email_key" if is_postgresql else "sqlite_autoindex_customers") in shown
    assert "SCAN customers" not in shown


def test_capital_letters_with_accents_are_found_by_small_ones(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.customer(session, store, "Änne", email="a@example.com", email_key="a@example.com")
    with app.db.read() as session:
        assert [row.name for row in customers.search(session, store.id, "änn", None).rows] == ["Änne"]


def test_a_word_that_fits_very_many_is_found_from_the_newest_down(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for number in range(6):
            make.customer(session, store, f"Ann{number}", consent=False, created_at=NOW - timedelta(days=number))
    with app.db.read() as session:
        assert customers.ids_by_word(session, store.id, ["ann"], limit=6) is None
        assert len(customers.ids_by_word(session, store.id, ["ann"], limit=7) or []) == 6
