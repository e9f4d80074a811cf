from __future__ import annotations

from automation.app import App
from tests import make
from tests.automation.insights.reports import scored


def test_groups_come_best_first_with_their_shares_and_means(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        scored.customer(session, store, "Ada", orders=1, spent=1_000, rfm_group="lost", alive=0.25, lifetime_value=100)
        scored.customer(session, store, "Bob", orders=9, spent=2_000, rfm_group="champions", alive=0.5)
        scored.customer(session, store, "Cleo", orders=9, spent=1_000, rfm_group="champions", alive=1.0)
        scored.customer(session, store, "Dora")
    table = scored.table(app, store, "rfm_groups")
    assert table.column("group") == ["Champions", "Lost"]
    assert table.column("customers") == [2, 1]
    assert table.column("share") == [2 / 3, 1 / 3]
    assert table.column("share_spent") == [0.75, 0.25]
    assert table.column("alive") == [0.75, 0.25]
    assert table.column("lifetime_value") == [None, 100]
