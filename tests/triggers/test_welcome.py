"""Welcome: the first consent, or the first we hear of somebody, and never twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from automation.app import App
from automation.clock import TurnableClock
from automation.consents import ConsentLine, note
from automation.models import Customer, Store
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

HOUR = timedelta(hours=1)


def welcoming(app: App, **settings: Any) -> Store:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "welcome", **settings)
    return store


def say(app: App, who: Customer, status: Any, ago: timedelta, source: str = "form", topic: str = "marketing") -> None:
    line = ConsentLine(
        store_id=who.store_id, customer_id=who.id, status=status, source=source, at=NOW - ago, topic=topic
    )
    with app.db.write() as session:
        note(session, [line], NOW)


def joined(app: App, store: Store, name: str) -> Customer:
    with app.db.write() as session:
        return make.customer(session, store, name, consent=False)


def test_the_first_consent_is_welcomed_once(app: App, clock: TurnableClock) -> None:
    store = welcoming(app, after_minutes=10)
    ada, ben, cleo = (joined(app, store, name) for name in ("Ada", "Ben", "Cleo"))
    say(app, ada, "granted", timedelta(minutes=9))
    say(app, ben, "pending", HOUR)
    say(app, cleo, "granted", HOUR, topic="tips")
    assert sweep(app) == []
    clock.turn(timedelta(minutes=1))
    assert sweep(app) == [("Ada", "welcome")]
    say(app, ben, "granted", timedelta())
    clock.turn(HOUR)
    assert sweep(app) == [("Ada", "welcome"), ("Ben", "welcome")]


def test_who_comes_back_is_not_new(app: App) -> None:
    store = welcoming(app)
    ada = joined(app, store, "Ada")
    say(app, ada, "granted", timedelta(days=50))
    say(app, ada, "withdrawn", timedelta(days=20), "unsubscribe")
    say(app, ada, "granted", HOUR)
    assert sweep(app) == []


def test_who_withdrew_meanwhile_is_not_welcomed(app: App) -> None:
    store = welcoming(app)
    ada = joined(app, store, "Ada")
    say(app, ada, "granted", 2 * HOUR)
    say(app, ada, "withdrawn", HOUR, "unsubscribe")
    assert sweep(app) == []


def test_imports_welcome_nobody_unless_asked(app: App) -> None:
    store = welcoming(app)
    ada = joined(app, store, "Ada")
    say(app, ada, "granted", HOUR, "import")
    assert sweep(app) == []
    with app.db.write() as session:
        campaign(app, session, store, "welcome", imported=True)
    assert sweep(app) == [("Ada", "welcome")]


def test_whoever_becomes_known_can_be_greeted_without_a_subscription(app: App) -> None:
    store = welcoming(app, when="known")
    with app.db.write() as session:
        make.customer(session, store, "Ada", consent=False, created_at=NOW - HOUR)
        make.customer(session, store, "Ben", created_at=NOW - timedelta(days=5))
    assert sweep(app) == [("Ada", "welcome")]


def test_who_came_with_a_file_is_not_greeted_unless_that_is_asked_for(app: App) -> None:
    store = welcoming(app, when="known")
    with app.db.write() as session:
        campaign(app, session, make.store(session), "welcome", when="known", imported=True)
        for name, imported_at in (("Ada", None), ("Ben", NOW)):
            make.customer(session, store, name, created_at=NOW - HOUR, imported_at=imported_at)
    assert sweep(app) == [("Ada", "welcome")]


def test_what_a_purchase_implies_is_no_subscription_and_takes_none_away(app: App) -> None:
    store = welcoming(app)
    ada = joined(app, store, "Ada")
    bought = ConsentLine(
        store_id=store.id,
        customer_id=ada.id,
        status="granted",
        source="purchase",
        basis="implied",
        at=NOW - 2 * HOUR,
        expires_at=NOW + 900 * HOUR,
    )
    with app.db.write() as session:
        note(session, [bought], NOW)
    assert sweep(app) == []
    say(app, ada, "granted", HOUR)
    assert sweep(app) == [("Ada", "welcome")]
