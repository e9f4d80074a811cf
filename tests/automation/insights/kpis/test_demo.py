"""On the demo's past, which is always there, every key figure equals pandas over the plain rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.demo import shop
from automation.insights.kpis.dimensions import DIMENSIONS
from automation.insights.periods import latest
from automation.insights.report import Asked, report
from automation.insights.touches.channels import CHANNELS, DEVICES
from automation.models import (
    Cart,
    Consent,
    Conversion,
    Customer,
    Message,
    Order,
    OrderItem,
    OrderTouch,
    Product,
    Segment,
    Store,
)
from automation.rules import language
from automation.stages.attribute import attribute
from automation.upsert import table_of
from tests import make
from tests.automation.insights.kpis import oracle
from tests.conftest import NOW
from tests.webapp.statements import counted

HOME = "DE"
PERIOD = latest(90, NOW, ZoneInfo("Europe/Berlin"))


@pytest.fixture
def store(app: App) -> Store:
    """The demo shop with some mails that were clicked, carts and people who left."""
    shop.load(app, NOW, lambda *_: None, customers=70)
    with app.db.write() as session:
        store = session.scalars(select(Store)).one()
        people = session.scalars(select(Customer).order_by(Customer.id)).all()
        for n, person in enumerate(people):
            for order in session.scalars(select(Order).where(Order.customer_id == person.id).limit(2)):
                at = order.placed_at - timedelta(days=n % 7)
                seen = at if n % 2 else None
                mail = make.message(session, person, accepted_at=at, state="delivered", clicked_at=seen, opened_at=at)
                if seen:
                    make.hit(session, mail, "click", at, link=1 + n % 3)
                order.source = {
                    "referrer": ["https://www.google.com/", "https://t.co/x", ""][n % 3],
                    "device": "mobile",
                }
            if n % 9 == 0:
                make.agree(session, person, "withdrawn", NOW - timedelta(days=n % 100))
        for order in session.scalars(select(Order).order_by(Order.id).limit(9)):
            order.refunded = order.total // 3
        for n, product in enumerate(session.scalars(select(Product).order_by(Product.id))):
            product.cost = product.price // 2 if n % 5 else None
        rule = language.read({"field": "country", "is": "in", "value": [HOME]})
        dates = {"created_at": NOW, "updated_at": NOW}
        session.add(Segment(store_id=store.id, name="Neighbours", rule=language.dump(rule), **dates))
    while attribute(app, NOW, 1000):
        pass
    return store


def _frame(session: Session, model: Any) -> pd.DataFrame:
    rows = session.execute(select(table_of(model))).mappings().all()
    return pd.DataFrame([dict(row) for row in rows], columns=list(table_of(model).c.keys()))


def _frames(session: Session) -> oracle.Frames:
    orders, touches, people = (_frame(session, model) for model in (Order, OrderTouch, Customer))
    orders["is_cancelled"] = orders.cancelled_at.notna()
    countries = people.set_index("id").country
    orders = orders.merge(touches[["order_id", "channel", "device", "country"]], left_on="id", right_on="order_id")
    orders["country"] = orders.country.where(orders.country.notna(), orders.customer_id.map(countries)).fillna("")
    items = _frame(session, OrderItem)
    items["cost"] = items.product_id.map(_frame(session, Product).set_index("id").cost).astype(float)
    carts = _frame(session, Cart)
    carts["pieces"], carts["at"] = carts.item_count, carts.last_activity_at
    carts["is_ordered"] = carts.ordered_at.notna()
    mails = _frame(session, Message)
    mails["is_clicked"] = mails.clicked_at.notna()
    consents = _frame(session, Consent)
    for frame in (carts, mails, consents):
        frame["country"] = frame.customer_id.map(countries).fillna("")
    for frame, column in ((carts, "at"), (mails, "accepted_at"), (consents, "at"), (orders, "placed_at")):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return oracle.Frames(orders, items, carts, mails, _frame(session, Conversion), consents)


def test_every_figure_equals_the_frames(app: App, store: Store) -> None:
    with app.db.read() as session:
        frames = _frames(session)
        with counted(app) as statements:
            tables = {
                by: report("kpis").table(
                    session, Asked(store.id, store.currency, PERIOD, NOW, "previous", None, {"by": by})
                )
                for by in DIMENSIONS
            }
        # Two of them count, one looks for other currencies, one reads segments.
        assert len(statements) <= 4 * len(tables)
    keys = [column.key for column in tables["store"].columns]
    for row, period in zip(tables["store"].rows, (PERIOD, PERIOD.before()), strict=True):
        expected = oracle.figures(frames, period.since, period.until, store.currency)
        assert dict(zip(keys[2:], row[2:], strict=True)) == expected
        assert expected["orders"]
    for by, words in (("channel", CHANNELS), ("device", DEVICES), ("country", {"": "Not known"})):
        rows = {row[0]: row for row in tables[by].rows[::2]}
        values = [value for value in frames.orders[by].unique() if words.get(value, value) in rows]
        assert values
        for value in values:
            expected = oracle.figures(frames, PERIOD.since, PERIOD.until, store.currency, by, value)
            told = dict(zip(keys, rows[words.get(value, value)], strict=True))
            of_orders = [*keys[2:11], "repeat", "lifetime", "second_days", "mail_orders", "mail_net"]
            of_mails = ["carts", "cart_value", "conversion", "mails", "recipients", "per_mail", "joined", "growth"]
            for key in of_orders + (of_mails if by == "country" else []):
                assert told[key] == expected[key], (by, value, key)
    neighbours = tables["segment"].rows[0]
    alike = oracle.figures(frames, PERIOD.since, PERIOD.until, store.currency, "country", HOME)
    assert neighbours[0] == "Neighbours"
    assert dict(zip(keys[2:], neighbours[2:], strict=True)) == alike
    total = tables["store"].rows[0]
    for by in ("campaign", "message", "link"):
        for key in ("mail_orders", "mail_net"):
            index = keys.index(key)
            assert sum(int(str(row[index])) for row in tables[by].rows[::2]) == total[index], by
