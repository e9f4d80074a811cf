"""What the models of Magento say: customers, subscribers, quotes, orders and products."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from automation.changes import (
    CartChanged,
    Change,
    ConsentChanged,
    CustomerChanged,
    Line,
    OrderChanged,
    OrderDeleted,
    Person,
    ProductChanged,
)
from automation.payload import Part, birthday, readable
from automation.platform import News

_UNPAID = "pending_payment"
_PAID = frozenset({"processing", "complete", "closed"})
_SUBSCRIBER: dict[str, Literal["granted", "withdrawn", "pending"]] = {
    "1": "granted",
    "2": "pending",
    "3": "withdrawn",
    "4": "pending",
}
"""Their state of a newsletter's subscriber → ours."""


def of(body: Part, *names: str) -> Part:
    """The object itself, where an event wraps it in its own name."""
    return next((found for name in names if isinstance(body.data.get(name), dict) and (found := body.part(name))), body)


def id_of(part: Part, *names: str) -> str:
    found = next((text for name in names if (text := part.id(name))), None)
    if found is None:
        raise part.missing(*names)
    return found


def customer(news: News) -> list[Change]:
    """A customer; a newsletter that they take was agreed to at the earliest when they registered."""
    body = of(news.body, "customer", "customer_data_object")
    places = body.parts("addresses") if isinstance(body.data.get("addresses"), list) else None
    place = next(iter(places or ()), Part({}))
    month, day, year = birthday(body.text("dob"))
    found = CustomerChanged(
        external_id=id_of(body, "id", "entity_id"),
        email=body.text("email", 320),
        first_name=body.text("firstname"),
        last_name=body.text("lastname"),
        phone=place.text("telephone", 64),
        country=place.country("country_id"),
        region=_region(place),
        city=place.text("city"),
        postcode=place.text("postcode", 32),
        birthday_month=month,
        birthday_day=day,
        birthday_year=year,
        created_at=body.moment("created_at"),
        updated_at=body.moment("updated_at") or news.at,
    )
    more = body.part("extension_attributes") if isinstance(body.data.get("extension_attributes"), dict) else None
    if more is None or more.yes("is_subscribed") is not True or found.created_at is None:
        return [found]
    person = Person(external_id=found.external_id, email=found.email)
    return [found, ConsentChanged(person=person, status="granted", at=found.created_at, detail="Magento: newsletter")]


def _region(place: Part) -> str | None:
    region = place.data.get("region")
    if isinstance(region, dict):
        named = Part(region, place.where("region"))
        return named.text("region_code", 64) or named.text("region", 64)
    return place.text("region_code", 64) or place.text("region", 64)


def subscriber(news: News) -> list[Change]:
    """The newsletter's own record of somebody."""
    body = of(news.body, "subscriber")
    status = _SUBSCRIBER.get(body.text("subscriber_status") or "")
    email, customer_id = body.text("subscriber_email", 320), body.id("customer_id")
    if status is None or not (email or customer_id):
        return []
    person = Person(external_id=None if customer_id == "0" else customer_id, email=email)
    at = body.moment("change_status_at") or news.at
    if at is None:
        raise body.missing("change_status_at")
    return [ConsentChanged(person=person, status=status, at=at, detail="Magento: newsletter")]


def _lines(parts: Sequence[Part], currency: str, quantity: str) -> list[Line]:
    """What was bought; the simple products inside a configurable one stand for nothing by themselves."""
    return [
        Line(
            product_external_id=part.id("product_id") or "",
            title=part.text("name", 500) or "",
            sku=part.text("sku", 128) or "",
            quantity=max(part.quantity(quantity) or 0, 0),
            price=part.amount("price_incl_tax", currency) or part.amount("price", currency) or 0,
            discount=abs(part.amount("discount_amount", currency) or 0),
        )
        for part in parts
        if part.id("parent_item_id") is None
    ]


def quote(news: News) -> list[Change]:
    """A cart; one that is no longer active has become an order, which tells of itself."""
    body = of(news.body, "quote")
    if body.yes("is_active") is False:
        return []
    whose = body.part("customer") if isinstance(body.data.get("customer"), dict) else None
    external_id = body.id("customer_id") or (whose and whose.id("id")) or None
    email = body.text("customer_email", 320) or (whose and whose.text("email", 320)) or None
    person = Person(external_id=None if external_id == "0" else external_id, email=email)
    money = body.part("currency") or body
    currency = money.currency("quote_currency_code", news.settings.currency)
    parts = body.parts("items")
    if parts is None and (body.quantity("items_count") or 0) > 0:
        return []  # the event of a cart's address leaves the items out
    at = body.moment("updated_at") or body.moment("created_at") or news.at
    if at is None:
        raise body.missing("updated_at")
    shop_url = getattr(news.settings, "shop_url", "")
    return [
        CartChanged(
            external_id=id_of(body, "id", "entity_id"),
            person=person if person.external_id or person.email else None,
            currency=currency,
            total=body.amount("grand_total", currency),
            lines=_lines(parts or [], currency, "qty"),
            recovery_url=f"{shop_url}/checkout/cart/" if shop_url else None,
            created_at=body.moment("created_at"),
            updated_at=at,
        )
    ]


def order(news: News) -> list[Change]:
    """An order with its customer."""
    body = of(news.body, "order")
    external_id = id_of(body, "entity_id", "id")
    currency = body.currency("order_currency_code", news.settings.currency)
    state = body.text("state")
    customer_id, email = body.id("customer_id"), body.text("customer_email", 320)
    person = Person(external_id=None if customer_id == "0" else customer_id, email=email)
    seen_at = body.moment("updated_at") or body.moment("created_at") or news.at
    if seen_at is None:
        raise body.missing("updated_at", "created_at")
    whose = [_buyer(body, person, seen_at)] if person.external_id or person.email else []
    paid = body.amount("total_paid", currency) or 0
    if state == _UNPAID:
        return [*whose]
    if state == "canceled" and not paid:
        return [*whose, OrderDeleted(external_id=external_id)]
    total = body.amount("grand_total", currency)
    if total is None:
        raise body.missing("grand_total")
    code, parts = body.text("coupon_code"), body.parts("items")
    found = OrderChanged(
        external_id=external_id,
        number=body.text("increment_id", 64) or external_id[:64],
        person=person if whose else None,
        cart_external_id=body.id("quote_id"),
        currency=currency,
        subtotal=body.amount("subtotal_incl_tax", currency) or body.amount("subtotal", currency) or 0,
        discount=abs(body.amount("discount_amount", currency) or 0),
        shipping=body.amount("shipping_incl_tax", currency) or body.amount("shipping_amount", currency) or 0,
        tax=body.amount("tax_amount", currency) or 0,
        total=total,
        refunded=body.amount("total_refunded", currency),
        codes=[code] if code else [],
        lines=None if parts is None else _lines(parts, currency, "qty_ordered"),
        placed_at=body.moment("created_at") or seen_at,
        paid_at=seen_at if state in _PAID or (paid and paid >= total) else None,
        fulfilled_at=seen_at if state == "complete" else None,
        cancelled_at=seen_at if state == "canceled" else None,
        updated_at=seen_at,
    )
    return [*whose, found]


def _buyer(body: Part, person: Person, at: datetime) -> Change:
    addresses = body.parts("addresses") if isinstance(body.data.get("addresses"), list) else None
    billing = body.part("billing_address") if isinstance(body.data.get("billing_address"), dict) else None
    place = billing or next(iter(addresses or ()), Part({}))
    return CustomerChanged(
        external_id=person.external_id,
        email=person.email,
        first_name=body.text("customer_firstname") or place.text("firstname"),
        last_name=body.text("customer_lastname") or place.text("lastname"),
        phone=place.text("telephone", 64),
        country=place.country("country_id"),
        region=_region(place),
        city=place.text("city"),
        postcode=place.text("postcode", 32),
        updated_at=at,
    )


def product(news: News) -> list[Change]:
    """A product; the REST API writes half of it as a list of custom attributes."""
    body = of(news.body, "product")
    custom = {p.text("attribute_code"): p for p in body.parts("custom_attributes") or ()}

    def text(name: str, limit: int = 2000) -> str | None:
        part = custom.get(name)
        return body.text(name, limit) or (part.text("value", limit) if part else None)

    currency, root = news.settings.currency, getattr(news.settings, "shop_url", "")
    usual = body.amount("price", currency)
    special = Part({"special_price": text("special_price")}).amount("special_price", currency)
    is_lower = special is not None and usual is not None and special < usual
    image, key = text("image") or text("small_image"), text("url_key")
    return [
        ProductChanged(
            external_id=id_of(body, "id", "entity_id"),
            title=body.text("name", 500) or "",
            description=readable(text("short_description", 50_000) or text("description", 50_000)),
            url=f"{root}/{key}.html" if root and key else None,
            image_url=f"{root}/media/catalog/product{image}" if root and image and image.startswith("/") else None,
            price=special if is_lower else usual,
            compare_at=usual if is_lower else None,
            stock=_stock(body),
            state="active" if body.text("status") in ("1", None) else "draft",
            created_at=body.moment("created_at"),
            updated_at=body.moment("updated_at") or news.at,
        )
    ]


def _stock(body: Part) -> int | None:
    """Pieces, where they are counted; a configurable product has none of its own."""
    if body.text("type_id") not in ("simple", "virtual", "downloadable", None):
        return None
    more = body.part("extension_attributes") or Part({})
    stock = body.part("stock_data") or more.part("stock_item") or body.part("quantity_and_stock_status")
    if stock is None or stock.yes("manage_stock") is False:
        return None
    return 0 if stock.yes("is_in_stock") is False else stock.quantity("qty")
