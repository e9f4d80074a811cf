"""What stages learn of a live version."""

from __future__ import annotations

from sqlalchemy import event

from automation import versions
from automation.app import App
from tests import make
from tests.triggers.sweeps import campaign


def test_the_zones_of_a_store_are_those_of_its_customers(app: App) -> None:
    with app.db.write() as session:
        store, other, empty = (make.store(session, name=name) for name in ("One", "Two", "Three"))
        for number, home in enumerate(["Asia/Tokyo", "Europe/Berlin", None, "Asia/Tokyo", "America/New_York", ""]):
            make.customer(session, store, f"A{number}", timezone=home)
        make.customer(session, other, "B", timezone="Africa/Cairo")
    with app.db.read() as session:
        found = versions.zones_of(session, {store.id, other.id, empty.id})
    assert found == {
        store.id: ("", "America/New_York", "Asia/Tokyo", "Europe/Berlin"),
        other.id: ("", "Africa/Cairo"),
        empty.id: ("",),
    }


def test_only_a_trigger_that_asks_is_told_the_zones(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.customer(session, store, timezone="Asia/Tokyo")
        campaign(app, session, store, "cart_abandoned")
    statements: list[str] = []
    event.listen(
        app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]) if a[2] != "BEGIN" else None
    )
    with app.db.read() as session:
        (cart,) = versions.of_live_campaigns(app, session)
    assert len(statements) == 1
    with app.db.write() as session:
        campaign(app, session, store, "date_anniversary")
        campaign(app, session, store, "due_item")
    statements.clear()
    with app.db.read() as session:
        zones = [version.zones for version in versions.of_live_campaigns(app, session)]
    assert cart.zones == ()
    assert zones == [(), ("", "Asia/Tokyo"), ("", "Asia/Tokyo")]
    assert len(statements) == 2
