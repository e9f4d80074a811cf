"""What BigCommerce says of carts and orders."""

from __future__ import annotations

from automation.changes import CartChanged, Change, ConsentChanged, Line, OrderChanged, OrderRefunded
from automation.payload import Part
from automation.platform import News
from automation.platforms.bigcommerce.people import address_profile, person_of

_INCOMPLETE = 0
"""A state of an order that was never placed; the cart it is of is told by itself."""
_PAID = frozenset({2, 3, 4, 8, 9, 10, 11, 13, 14})
_SHIPPED = frozenset({2, 10})
_RECEIVED = 10
"""Completed: shipped or picked up, and the receipt confirmed."""
_CANCELLED = frozenset({5, 6})
"""Cancelled and declined."""
REFUNDED = frozenset({4, 14})
"""Refunded, wholly or in part. https://developer.bigcommerce.com/docs/rest-management/orders/order-status"""
_GOODS = ("physical_items", "digital_items", "custom_items")


def cart(news: News) -> list[Change]:
    """A cart, whose it is, and the way back to it."""
    body = news.body
    currency = (body.part("currency") or Part({})).currency("code", news.settings.currency)
    items = body.part("line_items") or Part({})
    lines = [_cart_line(part, currency) for name in _GOODS for part in items.parts(name) or ()]
    urls = body.part("redirect_urls") or Part({})
    return [
        CartChanged(
            external_id=news.id("id"),
            person=person_of(body, body.text("email", 320)),
            currency=currency,
            total=body.amount("cart_amount", currency),
            lines=lines,
            recovery_url=urls.url("cart_url"),
            created_at=body.moment("created_time"),
            updated_at=news.moment("updated_time", "created_time"),
        )
    ]


def _cart_line(part: Part, currency: str) -> Line:
    prices = [part.amount(name, currency) for name in ("sale_price", "list_price")]
    return Line(
        product_external_id=part.id("product_id") or "",
        variant_external_id=part.id("variant_id") or "",
        title=part.text("name", 500) or "",
        sku=part.text("sku", 128) or "",
        quantity=part.quantity("quantity") or 0,
        price=next((price for price in prices if price is not None), 0),
    )


def order(news: News) -> list[Change]:
    """An order with its customer, lines, codes and refunds."""
    body, external_id = news.body, news.id("id")
    state = body.count("status_id")
    address = body.part("billing_address") or Part({})
    person = person_of(body, address.text("email", 320))
    seen_at = news.moment("date_modified", "date_created")
    placed_at = body.moment("date_created") or seen_at
    if state == _INCOMPLETE:
        return []
    whose: list[Change] = [address_profile(news, address, person, seen_at)] if person else []
    if person and body.yes("is_email_opt_in"):
        whose.append(ConsentChanged(person=person, status="granted", at=placed_at, detail="BigCommerce: checkout"))
    currency = body.currency("currency_code", news.settings.currency)
    total = body.amount("total_inc_tax", currency)
    if total is None:
        raise body.missing("total_inc_tax")
    lines = body.parts("order_products")
    coupon, manual = (body.amount(name, currency) or 0 for name in ("coupon_discount", "discount_amount"))
    is_gone = state in _CANCELLED or body.yes("is_deleted") is True
    found = OrderChanged(
        external_id=external_id,
        number=external_id[:64],
        person=person,
        cart_external_id=body.id("cart_id"),
        currency=currency,
        subtotal=body.amount("subtotal_inc_tax", currency) or 0,
        discount=coupon + manual,
        shipping=body.amount("shipping_cost_inc_tax", currency) or 0,
        tax=body.amount("total_tax", currency) or 0,
        total=total,
        codes=[code for part in body.parts("order_coupons") or () if (code := part.text("code"))],
        lines=None if lines is None else [_order_line(part, currency) for part in lines],
        source={"channel": channel} if (channel := body.text("order_source")) else None,
        placed_at=placed_at,
        paid_at=seen_at if state in _PAID else None,
        fulfilled_at=(body.moment("date_shipped") or seen_at) if state in _SHIPPED else None,
        delivered_at=seen_at if state == _RECEIVED else None,
        cancelled_at=seen_at if is_gone else None,
        updated_at=seen_at,
    )
    refunds = [_refund(part, currency, external_id, news) for part in body.parts("order_refunds") or ()]
    return [*whose, found, *(refund for refund in refunds if refund)]


def _order_line(part: Part, currency: str) -> Line:
    variant = part.id("variant_id")
    discounts = [d.amount("amount", currency) or 0 for d in part.parts("applied_discounts") or ()]
    return Line(
        product_external_id=part.id("product_id") or "",
        variant_external_id="" if variant in (None, "0") else variant or "",
        title=part.text("name", 500) or "",
        sku=part.text("sku", 128) or "",
        quantity=part.quantity("quantity") or 0,
        price=part.amount("price_inc_tax", currency) or part.amount("base_price", currency) or 0,
        discount=sum(discounts),
    )


def _refund(part: Part, currency: str, order_id: str, news: News) -> OrderRefunded | None:
    external_id, amount = part.id("id"), part.amount("total_amount", currency)
    at = part.moment("created") or news.moment("date_modified", "date_created")
    if external_id is None:
        raise part.missing("id")
    return OrderRefunded(external_id=external_id, order_external_id=order_id, amount=amount, at=at) if amount else None
