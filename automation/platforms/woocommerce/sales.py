"""What WooCommerce says of orders; one that nobody has paid for yet is a checkout."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime

from automation.changes import CartChanged, Change, Line, OrderChanged, OrderDeleted, OrderRefunded, Person
from automation.payload import Part
from automation.platform import News
from automation.platforms.woocommerce.people import consents, fields, person_of, profile, source_of

_UNPAID = frozenset({"pending", "checkout-draft", "failed"})
"""States of an order that nobody has placed yet: a checkout."""
_GONE = frozenset({"cancelled", "trash"})


def _lines(parts: Sequence[Part], currency: str, *, with_tax: bool) -> list[Line]:
    found = []
    for part in parts:
        quantity = max(part.quantity("quantity") or 0, 0)
        whole, paid = (_worth(part, name, currency, with_tax=with_tax) for name in ("subtotal", "total"))
        variation = part.id("variation_id")
        found.append(
            Line(
                product_external_id=part.id("product_id") or "",
                variant_external_id="" if variation in (None, "0") else variation or "",
                title=html.unescape(part.text("name", 500) or ""),
                sku=part.text("sku", 128) or "",
                quantity=quantity,
                price=round(whole / quantity) if quantity else 0,
                discount=max(whole - paid, 0),
            )
        )
    return found


def _worth(part: Part, name: str, currency: str, *, with_tax: bool) -> int:
    tax = part.amount(f"{name}_tax", currency) or 0
    return (part.amount(name, currency) or 0) + (tax if with_tax else 0)


def _checkout(news: News, person: Person | None) -> CartChanged:
    body = news.body
    currency = body.currency("currency", news.settings.currency)
    placed_at = body.moment("date_created_gmt")
    return CartChanged(
        external_id=_cart_id(news),
        checkout_id=news.id("id"),
        checkout_at=placed_at,
        person=person,
        currency=currency,
        total=body.amount("total", currency),
        lines=_lines(body.parts("line_items") or (), currency, with_tax=bool(body.flag("prices_include_tax"))),
        recovery_url=body.url("payment_url"),
        source=source_of(fields(body, "_wc_order_attribution_")),
        created_at=placed_at,
        updated_at=news.moment("date_modified_gmt", "date_created_gmt"),
    )


def _cart_id(news: News) -> str:
    return news.body.text("order_key", 128) or f"order-{news.id('id')}"


def order(news: News) -> list[Change]:
    """An order with its customer and refunds; one that is not placed yet is a checkout."""
    body, external_id = news.body, news.id("id")
    state = (body.text("status") or "").removeprefix("wc-")
    person = person_of(body)
    whose: list[Change] = []
    if person:
        whose = [profile(news, body, person, of_order=True), *consents(news, body, person)]
    if state in _UNPAID:
        return [*whose, _checkout(news, person)]
    if state in _GONE and body.moment("date_paid_gmt") is None:
        # The shop cancels what nobody paid for: to the customer that is a checkout that was left, not an order.
        return [*whose, OrderDeleted(external_id=external_id)]
    currency = body.currency("currency", news.settings.currency)
    total = body.amount("total", currency)
    if total is None:
        raise body.missing("total")
    seen_at = news.moment("date_modified_gmt", "date_created_gmt")
    lines = body.parts("line_items")
    with_tax = bool(body.flag("prices_include_tax"))
    found = OrderChanged(
        external_id=external_id,
        number=body.text("number", 64) or external_id,
        person=person,
        cart_external_id=_cart_id(news),
        currency=currency,
        subtotal=sum(_worth(part, "subtotal", currency, with_tax=with_tax) for part in lines or ()),
        discount=body.amount("discount_total", currency) or 0,
        shipping=body.amount("shipping_total", currency) or 0,
        tax=body.amount("total_tax", currency) or 0,
        total=total,
        codes=[code for part in body.parts("coupon_lines") or () if (code := part.text("code"))],
        lines=None if lines is None else _lines(lines, currency, with_tax=with_tax),
        source=source_of(fields(body, "_wc_order_attribution_")),
        placed_at=body.moment("date_created_gmt") or seen_at,
        paid_at=body.moment("date_paid_gmt"),
        fulfilled_at=body.moment("date_completed_gmt"),
        delivered_at=seen_at if state == "delivered" else None,
        cancelled_at=seen_at if state in _GONE else None,
        updated_at=seen_at,
    )
    return [*whose, found, *_refunds(body, currency, external_id, seen_at)]


def _refunds(body: Part, currency: str, order_id: str, at: datetime) -> list[Change]:
    refunds: list[Change] = []
    for part in body.parts("refunds") or ():
        external_id, amount = part.id("id"), part.amount("total", currency)
        if external_id is None:
            raise part.missing("id")
        if amount:
            refunds.append(
                OrderRefunded(external_id=external_id, order_external_id=order_id, amount=abs(amount), at=at)
            )
    return refunds
