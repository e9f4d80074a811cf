from automation.app import App
from tests import make
from tests.automation.rendering.named import message, value
from tests.conftest import NOW


def test_what_happened_comes_with_its_properties(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, eve = make.customer(session, store), make.customer(session, store, "Eve")
        review = make.event(session, store, ada, "review.left", NOW, stars=2, text="Chipped")
        mine, hers = (
            message(session, who, "event", **make.about(session, who, "event_happened", review.id))
            for who in (ada, eve)
        )
    assert value(app, mine, "event") == {
        "name": "review.left",
        "on": "2026-03-10",
        "properties": {"stars": 2, "text": "Chipped"},
    }
    assert value(app, hers, "event")["properties"] == {}
