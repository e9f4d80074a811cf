"""What Saleor says of customers, checkouts, orders and products.

A webhook says what its subscription asks for, so any field may be missing; bodies of old (without a subscription, and
those of NOTIFY_USER) write the same in snake_case, with amounts beside each other instead of within each other.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import orjson

from automation.changes import (
    CartChanged,
    Change,
    CustomerChanged,
    Line,
    OrderChanged,
    Person,
    ProductChanged,
    VariantState,
)
from automation.errors import Unreadable
from automation.payload import Part, readable
from automation.platform import News

_PAID = frozenset({"FULL", "OVERCHARGED", "FULLY_CHARGED", "PARTIALLY_REFUNDED", "FULLY_REFUNDED"})
_SHIPPED = frozenset({"FULFILLED", "PARTIALLY_RETURNED", "RETURNED"})
_GONE = frozenset({"CANCELED", "EXPIRED"})


def _text(part: Part, *names: str, limit: int = 200) -> str | None:
    return next((found for name in names if (found := part.text(name, limit))), None)


def _moment(part: Part, *names: str) -> datetime | None:
    return next((found for name in names if (found := part.moment(name))), None)


def _within(part: Part, *names: str) -> Part | None:
    found: Part | None = part
    for name in names:
        found = found.part(name) if found else None
    return found


def _money(part: Part, name: str, flat: str, currency: str) -> int | None:
    """An amount with its taxes: `name.gross.amount`, `name.amount`, or the flat field of old."""
    told = part.data.get(name)
    if isinstance(told, dict):
        bag = Part(told, part.where(name))
        return (bag.part("gross") or bag).amount("amount", currency)
    return part.amount(flat, currency)


def _currency(news: News, part: Part, *names: str) -> str:
    for name in names:
        bag = _within(part, name)
        bag = (bag.part("gross") or bag) if bag else None
        if bag and bag.data.get("currency"):
            return bag.currency("currency", news.settings.currency)
    return part.currency("currency", news.settings.currency)


def _person(part: Part) -> Person | None:
    user = part.part("user")
    external_id = user.id("id") if user else part.id("user_id")
    email = _text(part, "userEmail", "user_email", "email", limit=320) or (user and user.text("email", 320))
    return Person(external_id=external_id, email=email or None) if external_id or email else None


def _profile(news: News, part: Part, person: Person) -> CustomerChanged:
    """A customer: `part` is theirs, or the order or checkout that they came with."""
    user = part.part("user") or part
    places = ("defaultBillingAddress", "defaultShippingAddress", "billingAddress", "billing_address", "default_address")
    place = next((found for name in places if (found := part.part(name))), Part({}))
    land = place.part("country") if isinstance(place.data.get("country"), dict) else None
    locale = _text(part, "languageCode", "languageCodeEnum", "language_code")
    return CustomerChanged(
        external_id=person.external_id,
        email=person.email,
        first_name=_text(user, "firstName", "first_name") or _text(place, "firstName", "first_name"),
        last_name=_text(user, "lastName", "last_name") or _text(place, "lastName", "last_name"),
        phone=place.text("phone", 64),
        locale=locale.replace("_", "-").lower() if locale and len(locale) <= 16 else None,
        country=land.country("code") if land else place.country("country"),
        region=_text(place, "countryArea", "country_area", limit=64),
        city=place.text("city"),
        postcode=_text(place, "postalCode", "postal_code", limit=32),
        created_at=_moment(part, "dateJoined", "date_joined"),
        updated_at=_moment(part, "updatedAt", "updated_at") or news.at,
    )


def customer(news: News) -> list[Change]:
    """A customer."""
    person = Person(external_id=news.id("id"), email=news.body.text("email", 320))
    return [_profile(news, news.body, person)]


def _lines(body: Part, currency: str) -> list[Line]:
    found = []
    for part in body.parts("lines") or ():
        variant = part.part("variant") or Part({}, part.where("variant"))
        product = variant.part("product") or part.part("product") or Part({}, part.where("product"))
        title = _text(part, "productName", "product_name", limit=500) or product.text("name", 500)
        found.append(
            Line(
                product_external_id=product.id("id") or "",
                variant_external_id=variant.id("id") or part.id("variant_id") or "",
                title=title or _text(part, "variantName", "variant_name", limit=500) or "",
                sku=_text(part, "productSku", "product_sku", limit=128) or variant.text("sku", 128) or "",
                quantity=max(part.quantity("quantity") or 0, 0),
                price=_money(part, "unitPrice", "unit_price_gross_amount", currency) or 0,
            )
        )
    return found


def checkout(news: News) -> list[Change]:
    """A checkout, which is Saleor's cart."""
    body, person = news.body, _person(news.body)
    if body.data.get("lines") is None:
        raise body.missing("lines")
    currency = _currency(news, body, "totalPrice")
    token = news.id("id", "token")
    url = str(news.settings.recovery_url)
    found = CartChanged(
        external_id=token,
        checkout_id=token,
        checkout_at=_moment(body, "created") if person else None,
        person=person,
        currency=currency,
        total=_money(body, "totalPrice", "total_gross_amount", currency),
        lines=_lines(body, currency),
        recovery_url=url.replace("{checkout}", token) if url and re.fullmatch(r"[A-Za-z0-9=_-]+", token) else None,
        created_at=_moment(body, "created"),
        updated_at=news.moment("updatedAt", "updated_at", "last_change", "created"),
    )
    return [*([_profile(news, body, person)] if person else ()), found]


def order(news: News) -> list[Change]:
    """An order with its customer."""
    body, person = news.body, _person(news.body)
    currency = _currency(news, body, "total")
    total = _money(body, "total", "total_gross_amount", currency)
    if total is None:
        raise body.missing("total.gross.amount")
    seen_at = news.moment("updatedAt", "updated_at", "created", "created_at")
    state = (body.text("status") or "").upper().replace(" ", "_")
    charged = {(_text(body, name) or "").upper() for name in ("chargeStatus", "paymentStatus", "charge_status")}
    before = _money(body, "undiscountedTotal", "undiscounted_total_gross_amount", currency)
    is_paid = body.yes("isPaid") or bool(charged & _PAID)
    code = _text(body, "voucherCode", "voucher_code")
    found = OrderChanged(
        external_id=news.id("id", "token"),
        number=body.text("number", 64) or "",
        person=person,
        cart_external_id=body.id("checkoutId"),
        checkout_external_id=body.id("checkoutId"),
        currency=currency,
        subtotal=_money(body, "subtotal", "subtotal_gross_amount", currency) or 0,
        discount=max(before - total, 0) if before is not None else 0,
        shipping=_money(body, "shippingPrice", "shipping_price_gross_amount", currency) or 0,
        tax=_tax(body, currency),
        total=total,
        # The sum of all that went back; a refund of its own is not told.
        refunded=_money(body, "totalRefunded", "total_refunded_amount", currency),
        codes=[code] if code else [],
        lines=_lines(body, currency) if body.data.get("lines") is not None else None,
        placed_at=_moment(body, "created", "created_at") or seen_at,
        paid_at=seen_at if is_paid else None,
        fulfilled_at=seen_at if state in _SHIPPED else None,
        cancelled_at=seen_at if state in _GONE else None,
        updated_at=_moment(body, "updatedAt", "updated_at") or news.at,
    )
    return [*([_profile(news, body, person)] if person else ()), found]


def _tax(body: Part, currency: str) -> int:
    bag = _within(body, "total", "tax") if isinstance(body.data.get("total"), dict) else None
    return (bag.amount("amount", currency) if bag else body.amount("tax_amount", currency)) or 0


def product(news: News) -> list[Change]:
    """A product, at what it costs in the connection's channel."""
    body, settings = news.body, news.settings
    variants = [found for part in body.parts("variants") or () if (found := _variant(news, part)) is not None]
    root, slug = str(settings.storefront_url).rstrip("/"), body.text("slug", 255)
    shown = _listing(news, body)
    picture = body.part("thumbnail")
    kind = body.part("category")
    return [
        ProductChanged(
            external_id=news.id("id"),
            title=body.text("name", 500) or "",
            description=_words(body),
            url=f"{root}/products/{slug}" if root.startswith("https://") and slug else None,
            image_url=picture.url("url") if picture else None,
            category=kind.text("name") if kind else None,
            state="draft" if shown is not None and shown.data.get("isPublished") is False else "active",
            variants=variants or None,
            created_at=_moment(body, "created"),
            updated_at=_moment(body, "updatedAt", "updated_at") or news.at,
        )
    ]


def _listing(news: News, part: Part) -> Part | None:
    """How it is sold in the connection's channel, or in the first there is."""
    listings = part.parts("channelListings") or []
    for one in listings:
        channel = one.part("channel")
        if channel and channel.text("slug") == news.settings.channel:
            return one
    return listings[0] if listings and not news.settings.channel else None


def _variant(news: News, part: Part) -> VariantState | None:
    shown = _listing(news, part)
    bag = shown.part("price") if shown else None
    price = bag.amount("amount", bag.currency("currency", news.settings.currency)) if bag else None
    external_id = part.id("id")
    if external_id is None or price is None:  # not for sale in this channel
        return None
    return VariantState(
        external_id=external_id,
        title=part.text("name", 500) or "",
        sku=part.text("sku", 128) or "",
        price=price,
        stock=part.count("quantityAvailable"),
    )


def _words(body: Part) -> str | None:
    """A description is kept as the JSON of an editor (https://editorjs.io): its blocks' texts."""
    text = body.text("description", 50_000)
    if text is None:
        return None
    try:
        said: Any = orjson.loads(text)
        blocks = Part.whole(said).parts("blocks") or []
        pieces = [(block.part("data") or Part({})).text("text", 5000) for block in blocks]
    except (orjson.JSONDecodeError, Unreadable):
        return readable(text)
    return readable(" ".join(piece for piece in pieces if piece)) or None
