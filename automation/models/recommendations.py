"""What recommendations are computed from, kept up to date order by order.

All of it can be thrown away and worked out again. The formulas stand in `automation.insights.recommendations`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Json, Record


class Basket(Record):
    """What of an order is counted in the tables below: the memory by which a change is counted once."""

    __tablename__ = "baskets"
    __table_args__ = (
        Index("ix_baskets_stale", "order_id", postgresql_where=text("is_stale"), sqlite_where=text("is_stale")),
    )

    order_id: Mapped[int] = mapped_column(BigInt, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    products: Mapped[list[Any]] = mapped_column(Json, default=list)
    """Ids in order; empty for an order that does not count."""
    placed_at: Mapped[datetime | None]
    """As it was counted."""
    is_stale: Mapped[bool] = mapped_column(default=True)


class ProductPair(Record):
    """In how many orders two products stand together; each pair has a row for either direction."""

    __tablename__ = "product_pairs"

    product_id: Mapped[int] = mapped_column(BigInt, ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    other_id: Mapped[int] = mapped_column(BigInt, ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    orders: Mapped[int]


class ProductDemand(Record):
    """How often a product is ordered, and what goes with it."""

    __tablename__ = "product_demand"
    __table_args__ = (
        Index("ix_product_demand_store_id_heat", "store_id", "heat"),
        Index(
            "ix_product_demand_stale", "refreshed_at", postgresql_where=text("is_stale"), sqlite_where=text("is_stale")
        ),
    )

    product_id: Mapped[int] = mapped_column(BigInt, ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    orders: Mapped[int] = mapped_column(default=0)
    """With it, ever."""
    heat: Mapped[float] = mapped_column(Float, default=0.0)
    """The sum of the weights of its orders; only ratios mean something."""
    last_at: Mapped[datetime | None]
    """When it was last ordered."""
    partners: Mapped[list[Any]] = mapped_column(Json, default=list)
    """[[product id, orders with both, cosine], …], what goes with it best first."""
    is_stale: Mapped[bool] = mapped_column(default=True)
    """True once its pairs changed."""
    refreshed_at: Mapped[datetime | None]
