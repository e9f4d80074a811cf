from datetime import UTC, datetime

from automation.app import App
from tests import make
from tests.automation.rendering.named import message, value


def test_an_order_is_shown_with_its_lines_as_the_products_are_now(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, timezone="America/New_York")
        cup = make.product(session, store, "p1")
        order = make.order(
            session,
            store,
            ada,
            datetime(2026, 3, 2, 2, 0, tzinfo=UTC),
            products=(cup, make.product(session, store, "p2")),
            number="#1042",
            shipping=390,
            total=2980,
            source={"status_url": "https://wren.example.com/orders/1"},
        )
        cup.title = "Renamed teacup"
        row = message(session, ada, "order", **make.about(session, ada, "order_delivered", order.id))
    found = value(app, row, "order")
    assert found["number"] == "#1042"
    assert found["placed_on"] == "2026-03-01", "it was still yesterday where she lives"
    assert [item["title"] for item in found["items"]] == ["Renamed teacup", "Teacup p2"]
    assert (found["count"], found["shipping"], found["total"], found["currency"]) == (2, 390, 2980, "EUR")
    assert found["status_url"] == "https://wren.example.com/orders/1"


def test_nobody_is_shown_anothers_order(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, eve = make.customer(session, store), make.customer(session, store, "Eve")
        order = make.order(session, store, ada, datetime(2026, 3, 2, tzinfo=UTC))
        row = message(session, eve, "order", **make.about(session, eve, "order_delivered", order.id))
    assert value(app, row, "order")["number"] == ""
    assert value(app, row, "order")["total"] == 0


def test_an_id_of_another_kind_of_row_is_not_taken_for_an_orders(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        order = make.order(session, store, ada, datetime(2026, 3, 2, tzinfo=UTC))
        row = message(session, ada, "order", **make.about(session, ada, "cart_abandoned", order.id))
    assert value(app, row, "order")["total"] == 0


def test_an_address_that_leads_nowhere_is_left_out(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        source = {"status_url": "javascript:alert(1)"}
        order = make.order(session, store, ada, datetime(2026, 3, 2, tzinfo=UTC), source=source)
        row = message(session, ada, "order", **make.about(session, ada, "order_placed", order.id))
    assert value(app, row, "order")["status_url"] == ""
