from datetime import timedelta

from automation.app import App
from tests import make
from tests.automation.rendering.named import message, value
from tests.conftest import NOW


def test_what_was_looked_at_last_comes_first_and_once(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, eve = make.customer(session, store), make.customer(session, store, "Eve")
        wares = [make.product(session, store, f"p{i}") for i in range(7)]
        wares[5].stock = 0
        for days, number in ((20, 6), (5, 0), (4, 1), (3, 2), (2, 3), (2, 5), (1, 4), (0, 1)):
            make.event(session, store, ada, "product.viewed", NOW - timedelta(days=days), product=wares[number])
        make.event(session, store, eve, "product.viewed", NOW, product=wares[6])
        row = message(session, ada, "viewed")
    titles = [product["title"] for product in value(app, row, "viewed")]
    assert titles == ["Teacup p1", "Teacup p4", "Teacup p3", "Teacup p2"]
