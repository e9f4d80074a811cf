from __future__ import annotations

from automation.app import App
from tests import make
from tests.automation.insights.reports import scored


def test_customers_stand_in_the_class_of_their_orders(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for name, orders, value in (("Ada", 1, 100), ("Bob", 4, 300), ("Cleo", 5, 500), ("Dora", 40, 900)):
            expected = {"expected_orders": orders / 2, "lifetime_value": value, "alive": 0.5}
            scored.customer(session, store, name, orders=orders, spent=1, **expected)
        scored.customer(session, store, "Eve")
    table = scored.table(app, store, "customer_value")
    assert [tuple(row) for row in table.rows] == [
        ("1", 1, 0.5, 100, 100, 0.5),
        ("4 to 5", 2, 2.25, 400, 800, 0.5),
        ("11 and more", 1, 20.0, 900, 900, 0.5),
    ]
