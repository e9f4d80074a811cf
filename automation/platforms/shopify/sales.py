"""What Shopify says of carts, checkouts, orders, refunds and parcels."""

from __future__ import annotations

from datetime import datetime

from automation.changes import (
    CartChanged,
    CartDeleted,
    Change,
    Line,
    OrderChanged,
    OrderDelivered,
    OrderRefunded,
)
from automation.payload import Part
from automation.platforms.shopify.news import News, person_of, source_of, url_of, within
from automation.platforms.shopify.people import whoever

_PAID = ("paid", "partially_refunded", "refunded")


def _lines(parts: list[Part], currency: str, *prices: str) -> list[Line]:
    return [
        Line(
            product_external_id=part.id("product_id") or "",
            variant_external_id=part.id("variant_id") or "",
            title=next((t for name in ("title", "presentment_title", "name") if (t := part.text(name, 500))), ""),
            sku=part.text("sku", 128) or "",
            quantity=part.count("quantity") or 0,
            price=next((p for name in prices if (p := part.amount(name, currency)) is not None), 0),
            discount=(part.amount("total_discount", currency) or 0) if prices == ("price",) else 0,
        )
        for part in parts
    ]


def cart(news: News) -> list[Change]:
    """A cart: nobody knows whose, until a checkout or an order names its token."""
    body = news.body
    lines = body.parts("line_items")
    if lines is None:
        raise body.missing("line_items")
    currency = news.shop_currency(lines[0], "price_set") if lines else news.shop.currency
    return [
        CartChanged(
            external_id=news.id("token", "id"),
            currency=currency,
            lines=_lines(lines, currency, "discounted_price", "price"),
            created_at=body.instant("created_at"),
            updated_at=news.instant("updated_at", "created_at"),
        )
    ]


def checkout(news: News) -> list[Change]:
    """A checkout: the cart that it came from, and whose it is."""
    body = news.body
    lines = body.parts("line_items")
    if lines is None:
        raise body.missing("line_items")
    currency = news.currency(body)
    return [
        *whoever(news, body),
        CartChanged(
            external_id=news.id("cart_token", "token", "id"),
            checkout_id=news.id("id", "token"),
            checkout_at=body.instant("created_at"),
            person=person_of(body),
            currency=currency,
            lines=_lines(lines, currency, "price"),
            recovery_url=url_of(body, "abandoned_checkout_url"),
            source=source_of(body),
            created_at=body.instant("created_at"),
            updated_at=news.instant("updated_at", "created_at"),
            completed_at=body.instant("completed_at"),
        ),
    ]


def checkout_deleted(news: News) -> list[Change]:
    """A checkout is gone."""
    return [CartDeleted(external_id=news.body.id("token"), checkout_id=news.id("id", "token"), at=news.at)]


def order(news: News) -> list[Change]:
    """An order, its customer and its refunds."""
    body = news.body
    currency = news.currency(body)
    total = body.amount("total_price", currency)
    if total is None:
        raise body.missing("total_price")
    seen_at = news.instant("updated_at", "created_at")
    lines, cancelled_at = body.parts("line_items"), body.instant("cancelled_at")
    found = OrderChanged(
        external_id=news.id("id"),
        number=body.text("name", 64) or body.text("order_number", 64) or "",
        person=person_of(body),
        cart_external_id=body.id("cart_token") or body.id("checkout_token"),
        checkout_external_id=body.id("checkout_id") or body.id("checkout_token"),
        currency=currency,
        subtotal=body.amount("subtotal_price", currency) or 0,
        discount=body.amount("total_discounts", currency) or 0,
        shipping=_shipping(body, currency),
        tax=body.amount("total_tax", currency) or 0,
        total=total,
        codes=[code for part in body.parts("discount_codes") or () if (code := part.text("code"))],
        lines=None if lines is None else _lines(lines, currency, "price"),
        source=source_of(body),
        placed_at=body.instant("processed_at") or news.instant("created_at"),
        paid_at=seen_at if body.text("financial_status") in _PAID else None,
        fulfilled_at=seen_at if body.text("fulfillment_status") == "fulfilled" else None,
        delivered_at=_delivered_at(body.parts("fulfillments") or []),
        cancelled_at=cancelled_at,
        updated_at=body.instant("updated_at") or news.at,
    )
    refunds = [_refund(news, part, currency, found.external_id) for part in body.parts("refunds") or ()]
    return [*whoever(news, body), found, *(refund for refund in refunds if refund)]


def _shipping(body: Part, currency: str) -> int:
    told = within(body, "total_shipping_price_set", "shop_money")
    if told is not None:
        return told.amount("amount", currency) or 0
    return sum(part.amount("price", currency) or 0 for part in body.parts("shipping_lines") or ())


def _delivered_at(fulfillments: list[Part]) -> datetime | None:
    if not fulfillments or any(part.text("shipment_status") != "delivered" for part in fulfillments):
        return None
    return max((at for part in fulfillments if (at := part.instant("updated_at"))), default=None)


def _refund(news: News, part: Part, currency: str, order_id: str) -> OrderRefunded | None:
    """The money that moved; where none did (nothing had been paid), the worth of what was taken back."""
    external_id, moved = part.id("id"), part.parts("transactions")
    if external_id is None:
        raise part.missing("id")
    if moved:
        good = [t for t in moved if t.text("kind") == "refund" and t.text("status") in ("success", None)]
        amounts = [t.amount("amount", currency) for t in good]
    else:
        items = part.parts("refund_line_items") or []
        amounts = [item.amount(name, currency) for item in items for name in ("subtotal", "total_tax")]
    amount = sum(a for a in amounts if a is not None)
    if not amount:
        return None
    at = news.instant("processed_at", "created_at", of=part)
    return OrderRefunded(external_id=external_id, order_external_id=order_id, amount=amount, at=at)


def refund(news: News) -> list[Change]:
    """Money went back."""
    body = news.body
    first = next(iter(body.parts("transactions") or ()), None)
    items = body.parts("refund_line_items")
    currency = news.shop_currency(items[0], "subtotal_set") if items else news.currency(first or Part({}))
    found = _refund(news, body, currency, news.id("order_id"))
    return [found] if found else []


def fulfillment(news: News) -> list[Change]:
    """A parcel; what counts is that it arrived."""
    if news.body.text("shipment_status") != "delivered":
        return []
    return [OrderDelivered(order_external_id=news.id("order_id"), at=news.instant("updated_at", "created_at"))]


def fulfillment_event(news: News) -> list[Change]:
    """A carrier's message about a parcel."""
    if news.body.text("status") != "delivered":
        return []
    return [OrderDelivered(order_external_id=news.id("order_id"), at=news.instant("happened_at", "created_at"))]
