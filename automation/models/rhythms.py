"""What the summarise stage works out of orders: how often customers buy, and how often products are bought again.

All of it can be thrown away and worked out again. The formulas stand in `automation.rhythms`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Money, Record


class CustomerRhythm(Record):
    """A customer's orders in one row. Cancelled orders and those refunded in full do not count."""

    __tablename__ = "customer_rhythms"
    __table_args__ = (
        Index("ix_customer_rhythms_store_id_next_expected_at", "store_id", "next_expected_at"),
        Index(
            "ix_customer_rhythms_stale",
            "customer_id",
            postgresql_where=text("is_stale"),
            sqlite_where=text("is_stale"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"), primary_key=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    order_count: Mapped[int] = mapped_column(default=0)
    spent: Mapped[Money] = mapped_column(default=0)
    """What was charged less what went back, in minor units of the orders' currency."""
    occasions: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Orders at least a day apart; what follows within a day belongs to the one before."""
    repeat_spent: Mapped[Money] = mapped_column(default=0, server_default=text("0"))
    """`spent` without the first occasion."""
    last_occasion_at: Mapped[datetime | None]
    """When the last one began."""
    first_order_at: Mapped[datetime | None]
    last_order_at: Mapped[datetime | None]
    median_days: Mapped[int | None]
    """Between two orders; one of `automation.rhythms.STEPS`. None with fewer than two orders."""
    next_expected_at: Mapped[datetime | None]
    """The last order and `median_days` later."""
    is_stale: Mapped[bool] = mapped_column(default=False)
    """True once orders of the customer changed; the summarise stage takes it from there."""
    summarised_at: Mapped[datetime | None]


class ProductRhythm(Record):
    """After how many days a product is usually bought again."""

    __tablename__ = "product_rhythms"
    __table_args__ = (
        Index(
            "ix_product_rhythms_stale",
            "summarised_at",
            postgresql_where=text("is_stale"),
            sqlite_where=text("is_stale"),
        ),
    )

    product_id: Mapped[int] = mapped_column(BigInt, ForeignKey("products.id"), primary_key=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_count: Mapped[int] = mapped_column(default=0)
    """Customers who bought it at least twice."""
    median_days: Mapped[int | None]
    """Between two purchases by one customer; None with too few such customers."""
    is_stale: Mapped[bool] = mapped_column(default=True)
    summarised_at: Mapped[datetime | None]


class Repurchase(Record):
    """When a customer is expected to buy a product again, as it was known after one purchase of it."""

    __tablename__ = "repurchases"
    __table_args__ = (
        UniqueConstraint("order_id", "product_id"),
        Index("ix_repurchases_store_id_expected_at", "store_id", "expected_at"),
        Index("ix_repurchases_customer_id", "customer_id"),
    )

    id: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    order_id: Mapped[int] = mapped_column(BigInt, ForeignKey("orders.id", ondelete="CASCADE"))
    product_id: Mapped[int] = mapped_column(BigInt, ForeignKey("products.id"))
    bought_at: Mapped[datetime]
    days: Mapped[int]
    is_own: Mapped[bool]
    """True when `days` is the customer's own median, False when it is the product's."""
    expected_at: Mapped[datetime]
    """`bought_at` and `days` later."""
