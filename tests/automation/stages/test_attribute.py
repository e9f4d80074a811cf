"""Orders count for the mail that was clicked last before them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Conversion, Message, MessageEvent
from automation.stages.attribute import attribute
from tests import make
from tests.conftest import NOW

DAY = timedelta(days=1)


def click(session: Session, message: Message, at: datetime, *, is_machine: bool = False) -> None:
    session.add(
        MessageEvent(
            message_id=message.id,
            type="click",
            at=at,
            external_id=f"{message.id}:{at}:{is_machine}",
            is_machine=is_machine,
            recorded_at=at,
        )
    )
    session.flush()


def conversions(app: App) -> list[tuple[int, int]]:
    with app.db.read() as session:
        found = session.scalars(select(Conversion).order_by(Conversion.order_id))
        return [(c.order_id, c.message_id) for c in found]


def test_the_last_click_within_five_days_gets_the_order(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        first, second = make.message(session, ada), make.message(session, ada)
        click(session, first, NOW - 3 * DAY)
        click(session, second, NOW - 2 * DAY)
        click(session, first, NOW + DAY)
        order = make.order(session, store, ada, NOW)
    assert attribute(app, NOW, 100) == 1
    assert conversions(app) == [(order.id, second.id)]


def test_a_click_six_days_ago_a_scanner_or_another_customer_gets_nothing(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, ben = make.customer(session, store), make.customer(session, store, "Ben")
        click(session, make.message(session, ada), NOW - 6 * DAY)
        click(session, make.message(session, ada), NOW - DAY, is_machine=True)
        click(session, make.message(session, ben), NOW - DAY)
        make.order(session, store, ada, NOW)
        make.order(session, store, None, NOW, "o2")
    assert attribute(app, NOW, 100) == 2
    assert conversions(app) == []


def test_orders_are_looked_at_once_and_in_batches(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        click(session, make.message(session, ada), NOW - DAY)
        for i in range(5):
            make.order(session, store, ada, NOW, f"o{i}")
    assert [attribute(app, NOW, 2) for _ in range(3)] == [2, 2, 1]
    assert len(conversions(app)) == 5
