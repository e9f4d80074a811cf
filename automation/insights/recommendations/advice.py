"""What a program is told to show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.errors import Unknown
from automation.insights.recommendations.choosing import Ask, Choice, Reason, choose
from automation.lookup import customer_row
from automation.models import Connection, Product, Store

MOST = 50
_MOST_PRODUCTS = 50


class Advised(BaseModel):
    """A product to show. Money is in minor units of the store's currency."""

    model_config = ConfigDict(frozen=True)

    product: str
    """The shop's id."""
    title: str
    url: str
    image_url: str
    price: int
    compare_at: int | None
    reason: Reason
    """Why: goes together with the product, for you (the customer), same category, trending, or new in the store."""


class Advice(BaseModel):
    """Products to show, the best first."""

    model_config = ConfigDict(frozen=True)

    currency: str
    items: list[Advised]


def advise(
    session: Session, connection: Connection, customer: str, products: Sequence[str], count: int, now: datetime
) -> Advice:
    """What to show a customer (by the shop's id or by address; "" for nobody in particular) beside some products.

    Raises Unknown for a customer or a product that is not there.
    """
    row = customer_row(session, connection, customer) if customer else None
    if customer and row is None:
        raise Unknown("There is no such customer.")
    wanted = list(dict.fromkeys(products))[:_MOST_PRODUCTS]
    stored = select(Product.id).where(Product.store_id == connection.store_id, Product.external_id.in_(wanted))
    about = session.scalars(stored).all() if all(name.isprintable() for name in wanted) else []
    if len(about) < len(wanted):
        raise Unknown("There is no such product.")
    ask = Ask(connection.store_id, row.id if row else None, tuple(about))
    found = choose(session, [ask], now)[0].picks(count)
    currency = session.get_one(Store, connection.store_id).currency
    return Advice(currency=currency, items=[_advised(choice) for choice in found])


def _advised(choice: Choice) -> Advised:
    row = choice.row
    return Advised(
        product=row.external_id,
        title=row.title,
        url=row.url,
        image_url=row.image_url,
        price=row.price,
        compare_at=row.compare_at,
        reason=choice.reason,
    )
