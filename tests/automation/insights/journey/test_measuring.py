"""What is measured of the journey."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from automation.app import App
from automation.insights.journey import moving, ready
from automation.insights.periods import latest
from automation.insights.report import Asked, Table, report
from automation.models import Customer, Segment, Store
from automation.rules import language
from tests import make
from tests.conftest import NOW

BOUGHT = NOW + timedelta(days=2)
LATER = NOW + timedelta(days=20)


@pytest.fixture
def lived(app: App) -> int:
    """Ada views, buys and stays; Bob, a German, only signs up. The store's id."""
    with app.db.write() as session:
        store = make.store(session)
        ready.begin(session, store, NOW)
        ada, bob = (
            make.customer(session, store, name, country=country, created_at=NOW).id
            for name, country in (("Ada", "PT"), ("Bob", "DE"))
        )
        store_id = store.id
        moving.place(session, store_id, [ada, bob], NOW)
    with app.db.write() as session:
        store = session.get_one(Store, store_id)
        make.event(session, store, session.get_one(Customer, ada), "product.viewed", NOW + timedelta(days=1))
        make.event(session, store, session.get_one(Customer, bob), "support.contacted", NOW + timedelta(days=1))
        moving.place(session, store_id, [ada, bob], NOW + timedelta(days=1))
        make.order(session, store, session.get_one(Customer, ada), BOUGHT, "o1")
        moving.place(session, store_id, [ada, bob], BOUGHT)
        moving.place(session, store_id, [ada, bob], LATER)
    return store_id


def _table(app: App, store_id: int, name: str, **more: object) -> Table:
    asked = Asked(store_id, "EUR", latest(30, LATER, ZoneInfo("UTC")), LATER, **more)  # type: ignore[arg-type]
    with app.db.read() as session:
        return report(name).table(session, asked)


def test_stages_tell_who_stands_there_who_went_on_and_how_long_they_stayed(app: App, lived: int) -> None:
    rows = {row[0]: list(row[1:8]) for row in _table(app, lived, "journey_stages").rows}
    assert rows["Awareness"] == [1, 2, 1, 0, 0.5, 0.0, 1.0]
    assert rows["Consideration"] == [0, 1, 1, 0, 1.0, 0.0, 1.0]
    assert rows["Acquisition"] == [0, 1, 1, 0, 1.0, 0.0, 18.0]
    assert rows["Service"] == [1, 1, 0, 0, 0.0, 0.0, None]
    assert rows["Loyalty"] == [0, 0, 0, 0, None, None, None]


def test_a_period_is_compared_with_the_one_before(app: App, lived: int) -> None:
    asked = Asked(lived, "EUR", latest(1, LATER, ZoneInfo("UTC")), LATER, against="previous")
    with app.db.read() as session:
        table = report("journey_stages").table(session, asked)
    # The day before, she still stood where she had bought.
    assert dict(zip(table.column("stage"), table.column("customers_before"), strict=True))["Acquisition"] == 1
    assert dict(zip(table.column("stage"), table.column("customers"), strict=True))["Acquisition"] == 0


def test_moves_are_counted_from_stage_to_stage_and_drawn_as_a_sankey(app: App, lived: int) -> None:
    table = _table(app, lived, "journey_movement")
    assert sorted(map(tuple, table.rows)) == [
        ("Acquisition", "Service", "onward", 1, 1),
        ("Awareness", "Consideration", "onward", 1, 1),
        ("Consideration", "Acquisition", "onward", 1, 1),
    ]
    chart = report("journey_movement").chart(table)
    assert chart is not None
    assert len(chart["links"]) == 3


def test_touchpoints_count_what_happened_there_and_who_went_onward_afterwards(app: App, lived: int) -> None:
    table = _table(app, lived, "touchpoints")
    rows = {row[1]: list(row[5:]) for row in table.rows}
    assert rows["Product pages"] == [1, 1, 1.0, 0.0]
    assert rows["Support"] == [1, 1, 0.0, 0.0]
    assert rows["Checkout"] == [1, 1, 1.0, 0.0]
    assert rows["Reviews"] == [0, 0, None, None]


def test_only_a_segments_members_count_where_one_is_chosen(app: App, lived: int) -> None:
    rule = language.dump(language.read({"field": "country", "is": "in", "value": ["DE"]}))
    germans = Segment(store_id=lived, name="Germany", rule=rule)
    assert _table(app, lived, "journey_movement", segment=germans).rows == []
    rows = {row[1]: row[5] for row in _table(app, lived, "touchpoints", segment=germans).rows}
    assert (rows["Support"], rows["Product pages"]) == (1, 0)
