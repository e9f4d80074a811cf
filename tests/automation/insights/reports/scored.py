"""Customers with scores, written down as they are; and a report asked of them."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from automation.app import App
from automation.insights.periods import latest
from automation.insights.report import Asked, Table, report
from automation.models import CustomerRhythm, CustomerScore, Store
from tests import make
from tests.conftest import NOW


def customer(session: Session, store: Store, name: str, *, orders: int = 0, spent: int = 0, **scores: Any) -> None:
    """A customer with orders in their summary and these scores."""
    row = make.customer(session, store, name, country=name[:2])
    session.add(
        CustomerRhythm(customer_id=row.id, store_id=store.id, order_count=orders, occasions=orders, spent=spent)
    )
    session.add(CustomerScore(customer_id=row.id, store_id=store.id, scored_at=NOW, **scores))
    session.flush()


def table(app: App, store: Store, name: str) -> Table:
    """The table of a report."""
    with app.db.read() as session:
        asked = Asked(store.id, "EUR", latest(30, NOW, ZoneInfo("Europe/Berlin")), NOW)
        return report(name).table(session, asked)
