"""What a Shopify shop posts, as far as the demo's storefront needs it: bodies, headers and their signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

VERSION = "2026-07"


@dataclass(frozen=True, slots=True)
class Piece:
    """So many pieces of a product in a cart."""

    product_id: int
    variant_id: int
    title: str
    sku: str
    price: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Shopper:
    """A customer as the shop knows them."""

    external_id: int
    email: str
    first_name: str
    last_name: str
    country: str
    locale: str


def money(pence: int) -> str:
    """Decimal text, as Shopify writes it."""
    return f"{pence // 100}.{pence % 100:02d}"


def total(pieces: Sequence[Piece]) -> int:
    """Of all pieces, in pence."""
    return sum(p.price * p.quantity for p in pieces)


def _lines(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    return [
        {
            "id": p.variant_id,
            "key": str(p.variant_id),
            "product_id": p.product_id,
            "variant_id": p.variant_id,
            "title": p.title,
            "variant_title": None,
            "sku": p.sku,
            "quantity": p.quantity,
            "price": money(p.price),
            "line_price": money(p.price * p.quantity),
            "total_discount": "0.00",
            "vendor": "Wren & Thistle",
            "properties": {},
        }
        for p in pieces
    ]


def cart(token: str, pieces: Sequence[Piece], created_at: datetime, at: datetime) -> dict[str, Any]:
    """carts/create and carts/update: nobody's, as all carts are until the checkout."""
    return {
        "id": token,
        "token": token,
        "line_items": _lines(pieces),
        "note": None,
        "created_at": created_at.isoformat(),
        "updated_at": at.isoformat(),
    }


def customer(shopper: Shopper, at: datetime) -> dict[str, Any]:
    """customers/update, and the customer inside other bodies."""
    return {
        "id": shopper.external_id,
        "email": shopper.email,
        "first_name": shopper.first_name,
        "last_name": shopper.last_name,
        "state": "enabled",
        "verified_email": True,
        "currency": "GBP",
        "updated_at": at.isoformat(),
        "default_address": {
            "customer_id": shopper.external_id,
            "first_name": shopper.first_name,
            "last_name": shopper.last_name,
            "country_code": shopper.country,
            "default": True,
        },
        "admin_graphql_api_id": f"gid://shopify/Customer/{shopper.external_id}",
    }


def checkout(
    token: str, pieces: Sequence[Piece], shopper: Shopper, url: str, created_at: datetime, at: datetime
) -> dict[str, Any]:
    """checkouts/create and checkouts/update."""
    amount = money(total(pieces))
    return {
        "id": _number(token),
        "token": f"c{token}",
        "cart_token": token,
        "email": shopper.email,
        "abandoned_checkout_url": url,
        "customer_locale": shopper.locale,
        "currency": "GBP",
        "presentment_currency": "GBP",
        "line_items": _lines(pieces),
        "subtotal_price": amount,
        "total_line_items_price": amount,
        "total_discounts": "0.00",
        "total_tax": "0.00",
        "total_price": amount,
        "discount_codes": [],
        "note_attributes": [],
        "source_name": "web",
        "buyer_accepts_marketing": False,
        "created_at": created_at.isoformat(),
        "updated_at": at.isoformat(),
        "completed_at": None,
        "closed_at": None,
        "customer": customer(shopper, at),
    }


def order(token: str, pieces: Sequence[Piece], shopper: Shopper, at: datetime) -> dict[str, Any]:
    """orders/create, paid at once."""
    amount = money(total(pieces))
    number = _number(token)
    return {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/Order/{number}",
        "name": f"#W{number % 1_000_000}",
        "order_number": number % 1_000_000,
        "email": shopper.email,
        "contact_email": shopper.email,
        "currency": "GBP",
        "cart_token": token,
        "checkout_token": f"c{token}",
        "checkout_id": number,
        "financial_status": "paid",
        "fulfillment_status": None,
        "line_items": _lines(pieces),
        "discount_codes": [],
        "refunds": [],
        "fulfillments": [],
        "subtotal_price": amount,
        "total_discounts": "0.00",
        "total_tax": "0.00",
        "total_price": amount,
        "customer_locale": shopper.locale,
        "source_name": "web",
        "test": False,
        "created_at": at.isoformat(),
        "processed_at": at.isoformat(),
        "updated_at": at.isoformat(),
        "customer": customer(shopper, at),
    }


def consent(shopper: Shopper, at: datetime, *, is_given: bool) -> dict[str, Any]:
    """customers_email_marketing_consent/update."""
    return {
        "customer_id": shopper.external_id,
        "email_address": shopper.email,
        "email_marketing_consent": {
            "state": "subscribed" if is_given else "unsubscribed",
            "opt_in_level": "single_opt_in",
            "consent_updated_at": at.isoformat(),
        },
    }


def _number(token: str) -> int:
    return 8_000_000_000_000 + int(hashlib.sha256(token.encode()).hexdigest()[:10], 16)


def signed(
    topic: str, body: Mapping[str, Any], *, secret: str, shop: str, delivery_id: str, at: datetime
) -> tuple[bytes, dict[str, str]]:
    """The raw bytes and the headers that a shop would post."""
    raw = orjson.dumps(body)
    digest = hmac.digest(secret.encode(), raw, "sha256")
    return raw, {
        "Content-Type": "application/json",
        "User-Agent": "Wren and Thistle storefront",
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
        "X-Shopify-Shop-Domain": shop,
        "X-Shopify-Webhook-Id": delivery_id,
        "X-Shopify-Triggered-At": at.isoformat(),
        "X-Shopify-API-Version": VERSION,
    }
