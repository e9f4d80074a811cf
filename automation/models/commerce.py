"""What customers look at, leave, buy and owe."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text, true
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Money, Record, one_of


class Product(Record):
    """Something the store sells. Money is in the store's currency."""

    __tablename__ = "products"
    __table_args__ = (
        UniqueConstraint("store_id", "external_id"),
        one_of("state", "active", "draft", "archived", "deleted"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    external_id: Mapped[str] = mapped_column(String(128))
    title: Mapped[str] = mapped_column(String(500))
    description: Mapped[str] = mapped_column(Text, default="")
    url: Mapped[str] = mapped_column(String(2000), default="")
    image_url: Mapped[str] = mapped_column(String(2000), default="")
    category: Mapped[str] = mapped_column(String(200), default="")
    vendor: Mapped[str] = mapped_column(String(200), default="")
    tags: Mapped[list[str]] = mapped_column(Json, default=list)
    price: Mapped[Money]
    """The cheapest variant's."""
    compare_at: Mapped[int | None] = mapped_column(BigInt)
    cost: Mapped[int | None] = mapped_column(BigInt)
    stock: Mapped[int | None]
    """Over all variants; None means it is not counted."""
    state: Mapped[Code] = mapped_column(default="active")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    external_updated_at: Mapped[datetime | None]


class Variant(Record):
    """One size or colour of a product."""

    __tablename__ = "variants"
    __table_args__ = (UniqueConstraint("product_id", "external_id"), Index("ix_variants_external_id", "external_id"))

    id: Mapped[Id]
    product_id: Mapped[int] = mapped_column(BigInt, ForeignKey("products.id", ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(String(128))
    title: Mapped[str] = mapped_column(String(500), default="")
    sku: Mapped[str] = mapped_column(String(128), default="")
    image_url: Mapped[str] = mapped_column(String(2000), default="")
    price: Mapped[Money]
    compare_at: Mapped[int | None] = mapped_column(BigInt)
    stock: Mapped[int | None]


class Cart(Record):
    """A cart, and the checkout it may have become: one row for both, so that one reminder goes out for both."""

    __tablename__ = "carts"
    __table_args__ = (
        UniqueConstraint("store_id", "external_id"),
        CheckConstraint("item_count >= 0", name="item_count"),
        Index("ix_carts_store_id_last_activity_at", "store_id", "last_activity_at"),
        Index("ix_carts_customer_id", "customer_id"),
        Index("ix_carts_checkout_id", "store_id", "checkout_id"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("customers.id"))
    external_id: Mapped[str] = mapped_column(String(128))
    """The platform's cart token; a checkout without a cart has its own token here."""
    checkout_id: Mapped[str | None] = mapped_column(String(128))
    checkout_at: Mapped[datetime | None]
    """When the cart became a checkout: the stronger intent."""
    currency: Mapped[str] = mapped_column(String(3))
    total: Mapped[Money]
    item_count: Mapped[int]
    """Pieces in it; 0 means emptied."""
    recovery_url: Mapped[str] = mapped_column(String(2000), default="")
    source: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime]
    last_activity_at: Mapped[datetime]
    visit_at: Mapped[datetime | None]
    """When the present visit began, where there was one before; see `CartVisit`."""
    ordered_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    external_updated_at: Mapped[datetime | None]


class CartVisit(Record):
    """A cart as it was between two touches: written when it is touched again after a while, for looking back.

    The present state is the cart's own row, so a cart that was left once has none of these.
    """

    __tablename__ = "cart_visits"
    __table_args__ = (
        Index("ix_cart_visits_store_id_left_at", "store_id", "left_at"),
        Index("ix_cart_visits_cart_id", "cart_id"),
        Index("ix_cart_visits_customer_id", "customer_id"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    cart_id: Mapped[int] = mapped_column(BigInt, ForeignKey("carts.id", ondelete="CASCADE"))
    customer_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("customers.id"))
    began_at: Mapped[datetime | None]
    """When the visit before it ended; null for the first."""
    left_at: Mapped[datetime]
    """The last touch."""
    ended_at: Mapped[datetime]
    """When it was touched again: from then on it was another."""
    total: Mapped[Money]
    item_count: Mapped[int]
    deleted_at: Mapped[datetime | None]


class CartItem(Record):
    """A line of a cart."""

    __tablename__ = "cart_items"
    __table_args__ = (Index("ix_cart_items_product_id", "product_id"),)

    cart_id: Mapped[int] = mapped_column(BigInt, ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("products.id"))
    product_external_id: Mapped[str] = mapped_column(String(128), default="")
    variant_external_id: Mapped[str] = mapped_column(String(128), default="")
    title: Mapped[str] = mapped_column(String(500))
    sku: Mapped[str] = mapped_column(String(128), default="")
    quantity: Mapped[int]
    price: Mapped[Money]
    """Of one piece."""


class Order(Record):
    """A purchase. `total` is what was charged, `refunded` what went back since."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("store_id", "external_id"),
        Index("ix_orders_customer_id_placed_at", "customer_id", "placed_at"),
        Index("ix_orders_store_id_placed_at", "store_id", "placed_at"),
        Index(
            "ix_orders_store_id_delivered_at",
            "store_id",
            "delivered_at",
            postgresql_where=text("delivered_at IS NOT NULL"),
            sqlite_where=text("delivered_at IS NOT NULL"),
        ),
        Index(
            "ix_orders_store_id_fulfilled_at",
            "store_id",
            "fulfilled_at",
            postgresql_where=text("fulfilled_at IS NOT NULL"),
            sqlite_where=text("fulfilled_at IS NOT NULL"),
        ),
        Index("ix_orders_store_id_email_key", "store_id", "email_key", "placed_at"),
        Index("ix_orders_store_id_number", "store_id", "number"),
        Index("ix_orders_store_id_cart_id", "store_id", "cart_external_id"),
        Index("ix_orders_store_id_checkout_id", "store_id", "checkout_external_id"),
        Index("ix_orders_store_id_rhythm_days_placed_at", "store_id", "rhythm_days", "placed_at"),
        Index("ix_orders_unsettled", "id", postgresql_where=text("is_unsettled"), sqlite_where=text("is_unsettled")),
        Index("ix_orders_untraced", "id", postgresql_where=text("is_untraced"), sqlite_where=text("is_untraced")),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("customers.id"))
    external_id: Mapped[str] = mapped_column(String(128))
    number: Mapped[str] = mapped_column(String(64), default="")
    email_key: Mapped[str | None] = mapped_column(String(320))
    cart_external_id: Mapped[str | None] = mapped_column(String(128))
    checkout_external_id: Mapped[str | None] = mapped_column(String(128))
    currency: Mapped[str] = mapped_column(String(3))
    subtotal: Mapped[Money]
    discount: Mapped[Money]
    shipping: Mapped[Money]
    tax: Mapped[Money]
    total: Mapped[Money]
    refunded: Mapped[Money] = mapped_column(default=0)
    codes: Mapped[list[str]] = mapped_column(Json, default=list)
    """Discount codes used."""
    source: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    placed_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    fulfilled_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    external_updated_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    rhythm_days: Mapped[int] = mapped_column(default=0, server_default="0")
    """The customer's usual days between orders as of this one, 0 without any; the summarise stage fills it in."""
    is_unsettled: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Its codes, points and refunds have not been looked at since it last changed; the settle stage does."""
    is_untraced: Mapped[bool] = mapped_column(default=True, server_default=true())
    """What brought it has not been looked for since it, or what is known of its customer, changed; attribute does."""


class OrderItem(Record):
    """A line of an order."""

    __tablename__ = "order_items"
    __table_args__ = (Index("ix_order_items_product_id", "product_id"),)

    order_id: Mapped[int] = mapped_column(BigInt, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("products.id"))
    product_external_id: Mapped[str] = mapped_column(String(128), default="")
    variant_external_id: Mapped[str] = mapped_column(String(128), default="")
    title: Mapped[str] = mapped_column(String(500))
    sku: Mapped[str] = mapped_column(String(128), default="")
    quantity: Mapped[int]
    price: Mapped[Money]
    discount: Mapped[Money] = mapped_column(default=0)


class Event(Record):
    """Anything else that happened: any name, any properties."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("store_id", "external_id"),
        Index("ix_events_customer_id_name_at", "customer_id", "name", "at"),
        Index("ix_events_store_id_name_at", "store_id", "name", "at"),
        Index(
            "ix_events_product_id_name_at",
            "product_id",
            "name",
            "at",
            postgresql_where=text("product_id IS NOT NULL"),
            sqlite_where=text("product_id IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("customers.id"))
    name: Mapped[str] = mapped_column(String(128))
    """Dotted and in the past tense: product.viewed, review.left, support.contacted."""
    at: Mapped[datetime]
    product_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("products.id"))
    """Of ours, where the properties name one by the shop's `product_id` or `variant_id`."""
    properties: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    external_id: Mapped[str | None] = mapped_column(String(160))
    """The teller's id of it, with the connection's before it; told twice, kept once."""
    recorded_at: Mapped[datetime]


class DueItem(Record):
    """Something with a date to be reminded of: a payment, an appointment, a renewal, anything."""

    __tablename__ = "due_items"
    __table_args__ = (
        UniqueConstraint("store_id", "kind", "external_id"),
        Index("ix_due_items_store_id_kind_due_at", "store_id", "kind", "due_at"),
        Index("ix_due_items_customer_id", "customer_id"),
    )

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    customer_id: Mapped[int] = mapped_column(BigInt, ForeignKey("customers.id"))
    kind: Mapped[Code]
    external_id: Mapped[str] = mapped_column(String(128))
    title: Mapped[str] = mapped_column(String(500), default="")
    url: Mapped[str] = mapped_column(String(2000), default="")
    amount: Mapped[int | None] = mapped_column(BigInt)
    currency: Mapped[str | None] = mapped_column(String(3))
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    properties: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    external_updated_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
