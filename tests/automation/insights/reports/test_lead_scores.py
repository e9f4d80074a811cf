from __future__ import annotations

from automation.app import App
from tests import make
from tests.automation.insights.reports import scored


def test_every_customer_is_in_one_class_and_buyers_are_told_apart(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for name, orders, points in (("Ada", 1, 0), ("Bob", 0, 9), ("Cleo", 2, 10), ("Dora", 0, 24), ("Eve", 1, 50)):
            scored.customer(session, store, name, orders=orders, lead_score=points)
    table = scored.table(app, store, "lead_scores")
    assert table.column("customers") == [1, 1, 2, 0, 1]
    assert table.column("buyers") == [1, 0, 1, 0, 1]
