from __future__ import annotations

from automation.app import App
from automation.insights.report import report
from tests import make
from tests.automation.insights.reports import scored


def test_each_field_of_the_map_counts_its_customers_and_their_money(app: App) -> None:
    with app.db.write() as session:
        store, other = make.store(session), make.store(session, name="Other")
        best = {"recency": 5, "frequency": 5, "monetary": 5, "rfm_group": "champions"}
        scored.customer(session, store, "Ada", orders=9, spent=9_000, lifetime_value=500, **best)
        scored.customer(session, store, "Bob", orders=8, spent=1_000, lifetime_value=700, **best)
        scored.customer(session, store, "Cleo", lead_score=3)
        scored.customer(session, other, "Dora", orders=1, spent=5, **best)
    table = scored.table(app, store, "rfm_map")
    found = {(row[0], row[1]): row[2:] for row in table.rows}
    assert len(found) == 25
    assert found[5, 5] == ("Champions", 2, 10_000, 1_200)
    assert found[1, 1] == ("Lost", 0, 0, None)
    chart = report("rfm_map").chart(table)
    assert chart is not None
    assert [4, 4, 2, "Champions"] in chart["cells"]


def test_without_buyers_there_is_no_map(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        scored.customer(session, store, "Ada")
    assert scored.table(app, store, "rfm_map").rows == []
