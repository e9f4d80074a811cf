from typing import Any

from automation.app import App
from automation.models import Customer, CustomerTier
from tests import make
from tests.automation.rendering.named import message, value
from tests.conftest import NOW


def test_the_number_is_the_one_that_was_reached_not_the_one_it_is_a_multiple_of(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        order = make.order(session, store, ada, NOW)
        origin = make.about(session, ada, "nth_order", order.id, key="10", number=5, is_repeated=True)
        row = message(session, ada, "milestone", **origin)
    assert value(app, row, "milestone")["orders"] == 10


def test_amounts_points_and_tiers_say_what_was_reached(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, eve = make.customer(session, store), make.customer(session, store, "Eve")
        tier = CustomerTier(store_id=store.id, customer_id=ada.id, tier="Gold", rank=2, since=NOW)
        session.add(tier)
        session.flush()
        order = make.order(session, store, ada, NOW)
        started: list[tuple[Customer, str, int, dict[str, Any]]] = [
            (ada, "total_spent", order.id, {"amount": 50_000}),
            (ada, "points_reached", 1, {"points": 500}),
            (ada, "tier_reached", tier.id, {}),
            (eve, "tier_reached", tier.id, {}),
        ]
        rows = [
            message(session, who, "milestone", **make.about(session, who, kind, subject, **settings))
            for who, kind, subject, settings in started
        ]
    spent, points, gold, none = (value(app, row, "milestone") for row in rows)
    assert (spent["amount"], points["points"], gold["tier"], none["tier"]) == (50_000, 500, "Gold", "")
