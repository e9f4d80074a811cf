"""A connected shop for the tests of intake, and changes with sensible defaults."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select

from automation.app import App
from automation.changes import CartChanged, Change, Line, OrderChanged, Person
from automation.intake import Receipt, record
from automation.models import Connection, Record
from tests import make
from tests.conftest import NOW

R = TypeVar("R", bound=Record)
ADA = Person(external_id="7", email="ada@example.com")
GUEST = Person(email="ada@example.com")


class Shop:
    """A shop that tells us things."""

    def __init__(self, app: App) -> None:
        self.app = app
        with app.db.write() as session:
            self.store = make.store(session)
            self.connection: Connection = make.connection(
                app, session, self.store, "platform", "shopify", secret="shh", currency="EUR"
            )

    def tell(self, *changes: Change, now: datetime = NOW) -> Receipt:
        """Record changes in one transaction."""
        return self.tell_all(changes, now)

    def tell_all(self, changes: Sequence[Change], now: datetime = NOW) -> Receipt:
        with self.app.db.write() as session:
            return record(session, self.connection, changes, now)

    def rows(self, model: type[R], **where: Any) -> list[R]:
        """All rows of a table, in the order they were made."""
        with self.app.db.read() as session:
            keys = list(model.__table__.primary_key.columns)  # type: ignore[attr-defined]  # a table has one
            found = list(session.scalars(select(model).filter_by(**where).order_by(*keys)))
            session.expunge_all()
            return found

    def one(self, model: type[R], **where: Any) -> R:
        """The only row."""
        (row,) = self.rows(model, **where)
        return row


def ago(minutes: float) -> datetime:
    """So many minutes before the tests' present."""
    return NOW - timedelta(minutes=minutes)


def line(product: str = "p1", quantity: int = 1, price: int = 1000, **values: Any) -> Line:
    return Line(product_external_id=product, title=f"Teacup {product}", quantity=quantity, price=price, **values)


def cart(token: str = "c1", minutes: float = 30, *lines: Line, **values: Any) -> CartChanged:
    """A cart of one teacup, left so many minutes ago."""
    return CartChanged(external_id=token, lines=list(lines or (line(),)), updated_at=ago(minutes), **values)


def order(external_id: str = "o1", minutes: float = 20, **values: Any) -> OrderChanged:
    """An order of one teacup, placed so many minutes ago."""
    defaults: dict[str, Any] = {
        "currency": "EUR",
        "total": 1000,
        "lines": [line()],
        "placed_at": ago(20),
        "updated_at": ago(minutes),
    }
    return OrderChanged(external_id=external_id, **{**defaults, **values})
