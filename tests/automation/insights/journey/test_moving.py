"""Where customers stand on the journey, and how they came there."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from automation.app import App
from automation.insights.journey import moving, ready
from automation.models import Customer, JourneyStage, JourneyStay, Store
from tests import make
from tests.conftest import NOW


def _laid(app: App, now: datetime = NOW) -> int:
    with app.db.write() as session:
        store = make.store(session)
        ready.begin(session, store, now)
        return store.id


def _settle(app: App, now: datetime) -> None:
    while moving.refresh(app, now, 100):
        pass


def _path(app: App, customer_id: int) -> list[tuple[str, int, bool]]:
    """Stages of a customer in order: (code, step, whether they left it)."""
    with app.db.read() as session:
        rows = session.execute(
            select(JourneyStage.code, JourneyStay.step, JourneyStay.left_at)
            .join(JourneyStage, JourneyStage.id == JourneyStay.stage_id)
            .where(JourneyStay.customer_id == customer_id)
            .order_by(JourneyStay.entered_at, JourneyStay.id)
        )
        return [(code, step, left_at is not None) for code, step, left_at in rows]


def _somebody(app: App, store_id: int, now: datetime = NOW) -> int:
    with app.db.write() as session:
        return make.customer(session, session.get_one(Store, store_id), created_at=now).id


def test_an_order_and_time_move_a_customer_onward_and_back_and_each_stay_is_kept(app: App) -> None:
    store_id = _laid(app)
    _settle(app, NOW)
    ada = _somebody(app, store_id)
    _settle(app, NOW)
    assert _path(app, ada) == [("awareness", 0, False)]
    bought = NOW + timedelta(hours=1)
    with app.db.write() as session:
        make.order(session, session.get_one(Store, store_id), session.get_one(Customer, ada), bought, "o1")
    _settle(app, bought)
    assert _path(app, ada)[1:] == [("acquisition", 1, False)]
    _settle(app, bought + timedelta(days=15))
    assert _path(app, ada)[2:] == [("service", 1, False)]
    _settle(app, bought + timedelta(days=400))
    assert _path(app, ada)[2:] == [("service", 1, True), ("awareness", -1, False)]
    with app.db.read() as session:
        lasted = session.scalars(select(JourneyStay.seconds).order_by(JourneyStay.id)).all()
    assert lasted == [3600, 15 * 86400, 385 * 86400, None]


def test_looking_again_changes_nothing(app: App) -> None:
    store_id = _laid(app)
    ada = _somebody(app, store_id)
    _settle(app, NOW)
    before = _path(app, ada)
    with app.db.write() as session:
        assert moving.place(session, store_id, [ada], NOW) == 0
    assert moving.refresh(app, NOW, 100) == 0
    assert _path(app, ada) == before


def test_who_was_known_before_the_map_began_gets_the_history_that_their_orders_tell(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, created_at=NOW - timedelta(days=200))
        make.order(session, store, ada, NOW - timedelta(days=150), "o1")
        make.order(session, store, ada, NOW - timedelta(days=20), "o2")
        ready.begin(session, store, NOW)
        ada_id = ada.id
    _settle(app, NOW)
    assert _path(app, ada_id) == [
        ("awareness", 0, True),
        ("acquisition", 1, True),
        ("service", 1, True),
        ("loyalty", 1, False),
    ]


def test_a_round_looks_at_everybody_once_a_day_in_small_steps(app: App) -> None:
    store_id = _laid(app)
    people = [_somebody(app, store_id)]
    with app.db.write() as session:
        store = session.get_one(Store, store_id)
        people += [make.customer(session, store, f"Bob {n}", created_at=NOW).id for n in range(4)]
    for _ in range(3):
        moving.refresh(app, NOW, 2)
    assert [_path(app, person) for person in people] == [[("awareness", 0, False)]] * 5


def test_a_store_without_a_map_costs_nothing_and_keeps_nothing(app: App) -> None:
    with app.db.write() as session:
        make.customer(session, make.store(session))
    assert moving.refresh(app, NOW, 100) == 0
    with app.db.read() as session:
        assert session.scalars(select(JourneyStay)).all() == []


def test_the_ready_map_is_laid_out_once(app: App) -> None:
    store_id = _laid(app)
    with app.db.write() as session:
        assert not ready.begin(session, session.get_one(Store, store_id), NOW)
        assert [s.code for s in moving.stages_of(session, store_id)] == [s[0] for s in ready.STAGES]
