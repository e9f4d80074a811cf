"""What templates know: for a whole batch of messages, in a constant number of statements, and only what is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Campaign, Cart, CartItem, Customer, Message, Product, Store, Variant
from automation.rendering.versions import versions

Variables = dict[str, Any]
"""{"envelope": {…}, "values": {…}}: plain JSON, stored as `Rendering.variables`.

`envelope` holds sender, recipient, base URL and what the headers need; `values` the template's top-level names.
Nothing else than these, the template version and the message's public id goes into a mail.
"""

PICKS = 6
"""How many products `products` holds."""
_LINES = 20
"""How many lines of a cart are shown; a mail of hundreds would be cut off anyway."""


def load(app: App, session: Session, messages: Sequence[Message], now: datetime) -> dict[int, Variables]:
    """Each message's variables, by message id. Only the names that its template version uses are loaded.

    A message whose customer has no address (any more) is left out.
    """
    compiled = versions(app, session, {m.template_version_id for m in messages})
    names = {
        m.id: frozenset(compiled[m.template_version_id].names) for m in messages if m.template_version_id in compiled
    }
    used = frozenset[str]().union(*names.values())
    stores = _stores(session, {m.store_id for m in messages})
    customers = _customers(session, {m.customer_id for m in messages})
    campaigns = _campaigns(session, {m.campaign_id for m in messages if m.campaign_id})
    carts = _carts(session, {m.subject_id for m in messages if m.subject_id}) if "cart" in used else {}
    picks = _picks(session, stores) if "products" in used else {}

    sources: dict[str, Callable[[Message], Any]] = {
        "store": lambda m: _store_value(stores[m.store_id]),
        "customer": lambda m: _customer_value(customers[m.customer_id]),
        "cart": lambda m: carts.get((m.customer_id, m.subject_id or 0)) or _NO_CART,
        "products": lambda m: picks.get(m.store_id, []),
        "campaign": lambda m: {"name": campaigns[m.campaign_id].name if m.campaign_id else ""},
        "today": lambda m: _today(customers[m.customer_id], stores[m.store_id], now),
    }
    loaded: dict[int, Variables] = {}
    for message in messages:
        if message.id not in names or not customers[message.customer_id].email:
            continue
        campaign = campaigns[message.campaign_id] if message.campaign_id else None
        loaded[message.id] = {
            "envelope": _envelope(app, message, stores[message.store_id], customers[message.customer_id], campaign),
            "values": {name: sources[name](message) for name in names[message.id] if name in sources},
        }
    return loaded


NAMES = ("store", "customer", "cart", "products", "campaign", "today")
"""Every top-level name that `load` fills; others are empty in a mail."""

_NO_CART: dict[str, Any] = {"items": [], "total": 0, "count": 0, "currency": "", "recovery_url": ""}


def _stores(session: Session, ids: Iterable[int]) -> dict[int, Store]:
    return {s.id: s for s in session.scalars(select(Store).where(Store.id.in_(sorted(ids))))}


def _customers(session: Session, ids: Iterable[int]) -> dict[int, Any]:
    columns = (
        Customer.id,
        Customer.email,
        Customer.first_name,
        Customer.last_name,
        Customer.locale,
        Customer.timezone,
        Customer.country,
        Customer.city,
        Customer.birthday_month,
        Customer.birthday_day,
    )
    return {row.id: row for row in session.execute(select(*columns).where(Customer.id.in_(sorted(ids))))}


def _campaigns(session: Session, ids: Iterable[int]) -> dict[int, Any]:
    found = select(Campaign.id, Campaign.public_id, Campaign.name).where(Campaign.id.in_(sorted(ids)))
    return {row.id: row for row in session.execute(found)}


def _store_value(store: Store) -> dict[str, Any]:
    return {
        "name": store.name,
        "url": store.url,
        "postal_address": store.postal_address,
        "reply_to": store.reply_to or store.sender_email,
        "currency": store.currency,
        "locale": store.locale,
        "brand": store.brand,
    }


def _customer_value(customer: Any) -> dict[str, Any]:
    return {
        "email": customer.email,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "locale": customer.locale or "",
        "country": customer.country or "",
        "city": customer.city or "",
        "birthday_month": customer.birthday_month,
        "birthday_day": customer.birthday_day,
    }


def _today(customer: Any, store: Store, now: datetime) -> str:
    return now.astimezone(ZoneInfo(customer.timezone or store.timezone)).date().isoformat()


def _carts(session: Session, ids: Iterable[int]) -> dict[tuple[int, int], dict[str, Any]]:
    """Carts by customer and id, so that nobody is shown another's; with their lines as the products are now."""
    wanted = sorted(ids)
    carts = {
        (cart.customer_id, cart.id): {
            "items": [],
            "total": cart.total,
            "count": cart.item_count,
            "currency": cart.currency,
            "recovery_url": cart.recovery_url,
        }
        for cart in session.execute(
            select(Cart.id, Cart.customer_id, Cart.total, Cart.item_count, Cart.currency, Cart.recovery_url).where(
                Cart.id.in_(wanted)
            )
        )
    }
    by_id = {cart_id: value for (_, cart_id), value in carts.items()}
    for line in session.execute(_lines(wanted)):
        if line.cart_id in by_id:
            by_id[line.cart_id]["items"].append(_line_value(line))
    return carts


def _lines(cart_ids: Sequence[int]) -> Any:
    is_variant = and_(Variant.product_id == Product.id, Variant.external_id == CartItem.variant_external_id)
    return (
        select(
            CartItem.cart_id,
            CartItem.title.label("written"),
            CartItem.quantity,
            CartItem.price,
            Product.title,
            Product.url,
            Product.image_url,
            Product.state,
            Product.stock,
            Variant.id.label("variant_id"),
            Variant.title.label("variant"),
            Variant.image_url.label("variant_image"),
            Variant.stock.label("variant_stock"),
        )
        .join_from(CartItem, Product, Product.id == CartItem.product_id, isouter=True)
        .join(Variant, is_variant, isouter=True)
        .where(CartItem.cart_id.in_(cart_ids), CartItem.position < _LINES)
        .order_by(CartItem.cart_id, CartItem.position)
    )


def _line_value(line: Any) -> dict[str, Any]:
    stock = line.variant_stock if line.variant_id else line.stock
    variant = line.variant or ""
    return {
        "title": line.title or line.written,
        "variant": "" if variant == "Default Title" else variant,
        "quantity": line.quantity,
        "price": line.price,
        "url": line.url or "",
        "image_url": line.variant_image or line.image_url or "",
        "is_available": line.state in (None, "active") and (stock is None or stock > 0),
    }


def _picks(session: Session, stores: Mapping[int, Store]) -> dict[int, list[dict[str, Any]]]:
    """A few products of each store: new, to be had, with a picture."""
    place = func.row_number().over(
        partition_by=Product.store_id, order_by=(Product.created_at.desc(), Product.id.desc())
    )
    ranked = (
        select(
            Product.store_id,
            Product.title,
            Product.url,
            Product.image_url,
            Product.price,
            Product.compare_at,
            place.label("place"),
        )
        .where(
            Product.store_id.in_(sorted(stores)),
            Product.state == "active",
            Product.image_url != "",
            Product.url != "",
            or_(Product.stock.is_(None), Product.stock > 0),
        )
        .subquery()
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in session.execute(
        select(ranked).where(ranked.c.place <= PICKS).order_by(ranked.c.store_id, ranked.c.place)
    ):
        found[row.store_id].append(
            {
                "title": row.title,
                "url": row.url,
                "image_url": row.image_url,
                "price": row.price,
                "compare_at": row.compare_at,
            }
        )
    return found


def _plain(text: str) -> str:
    """A name as it may stand in a header: in one line, without control characters."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


def _envelope(app: App, message: Message, store: Store, customer: Any, campaign: Any | None) -> dict[str, Any]:
    domain = store.sender_email.rpartition("@")[2] or "localhost"
    campaign_id = campaign.public_id if campaign else ""
    return {
        "base_url": app.settings.public_url,
        "from_email": store.sender_email,
        "from_name": _plain(store.sender_name or store.name),
        "reply_to": _plain(store.reply_to),
        "to_email": customer.email,
        "to_name": _plain(f"{customer.first_name} {customer.last_name}"),
        "mail_class": message.mail_class,
        "campaign": campaign_id,
        "list_id": f"{message.topic}.{store.public_id}.{domain}",
        "feedback_id": f"{campaign_id or 'none'}:{store.public_id}:{message.mail_class}:cartwheel",
    }
