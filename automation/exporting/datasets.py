"""What can be written out: each a query by ascending key, a page at a time, and what becomes of its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from automation.exporting import audience, beside
from automation.models import (
    Campaign,
    Cart,
    Consent,
    Customer,
    Decision,
    DueItem,
    Event,
    Identity,
    Message,
    Order,
    Product,
    Segment,
    Suppression,
)
from automation.money import decimal_text

Values = dict[str, Any]
"""A row by column: text, numbers, instants, lists, objects; None and "" are both empty in CSV."""
Rows = Select[*tuple[Any, ...]]
Page = Callable[[Session, Sequence[Any]], list[Values]]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One kind of thing that a store has."""

    name: str
    label: str
    help: str
    columns: tuple[str, ...]
    query: Callable[[int, datetime], Rows]
    """Of a store at an instant; its first column is the key that the pages ascend by."""
    page: Page
    """What becomes of a page's rows, in a constant number of statements."""
    may_be_imported: bool = False


def _day(month: int | None, day: int | None, year: int | None) -> str:
    return f"{f'{year:04}-' if year else ''}{month:02}-{day:02}" if month and day else ""


def _customers(store_id: int, _now: datetime) -> Rows:
    merged = Customer.attributes["merged_into"].as_string()
    return select(Customer.id, Customer).where(
        Customer.store_id == store_id, Customer.erased_at.is_(None), merged.is_(None)
    )


_OURS = ("notes", "engaged_at", "paused_until", "most_per_week", "most_per_month")
_PROFILE = ("email", "first_name", "last_name", "phone", "locale", "timezone", "country", "region", "city", "postcode")


def _customer_page(session: Session, rows: Sequence[Any]) -> list[Values]:
    ids = [row[0] for row in rows]
    names, dates, states = beside.names(session, ids), beside.dates(session, ids), beside.consents(session, ids)
    return [
        {
            "external_id": names[c.id],
            **{name: getattr(c, name) for name in (*_PROFILE, "currency")},
            "birthday": _day(c.birthday_month, c.birthday_day, c.birthday_year),
            "tags": c.tags,
            "attributes": c.attributes,
            "special_dates": {name: _day(*on) for name, on in dates.get(c.id, {}).items()},
            "origin": c.source,
            "created_at": c.created_at,
            "updated_at": c.external_updated_at,
            "consents": states.get(c.id, {}),
            **{name: getattr(c, name) for name in _OURS},
        }
        for _, c in rows
    ]


def _with_owner(
    model: type[Any], columns: Sequence[str], make: Callable[[Any, str], Values] = lambda _one, _currency: {}
) -> tuple[Callable[[int, datetime], Rows], Page]:
    """Rows of a model with whose they are: two columns before the model's own."""

    def query(store_id: int, _now: datetime) -> Rows:
        return (
            select(model.id, model, Customer.email)
            .outerjoin(Customer, Customer.id == model.customer_id)
            .where(model.store_id == store_id)
        )

    def page(session: Session, rows: Sequence[Any]) -> list[Values]:
        currency = beside.currency_of(session, rows[0][1].store_id)
        names = beside.names(session, [row[1].customer_id for row in rows if row[1].customer_id])
        return [
            {
                "email": email,
                "customer_id": names.get(one.customer_id),
                **{name: getattr(one, name) for name in columns},
                **make(one, currency),
            }
            for _, one, email in rows
        ]

    return query, page


_LEDGER = ("topic", "status", "at", "source", "basis", "expires_at", "wording", "ip", "agent", "detail", "recorded_at")
_DUE = ("kind", "external_id", "due_at", "done_at", "title", "url", "amount", "currency", "properties")
_MONEY = ("subtotal", "discount", "shipping", "tax", "total", "refunded")
_CART = ("recovery_url", "origin", "created_at", "last_activity_at", "checkout_at", "ordered_at", "deleted_at")
_MILESTONES = ("placed_at", "paid_at", "fulfilled_at", "delivered_at", "cancelled_at")


def _due(item: DueItem, currency: str) -> Values:
    amount = decimal_text(item.amount, item.currency or currency) if item.amount is not None else None
    return {"amount": amount, "updated_at": item.external_updated_at}


def _order(order: Order, _currency: str) -> Values:
    return {
        **{name: decimal_text(getattr(order, name), order.currency) for name in _MONEY},
        "origin": order.source,
        "updated_at": order.external_updated_at,
    }


_order_query, _order_owners = _with_owner(
    Order, ("external_id", "number", "currency", *_MONEY, "codes", *_MILESTONES), _order
)


def _order_page(session: Session, rows: Sequence[Any]) -> list[Values]:
    lines = beside.order_lines(session, [row[0] for row in rows])
    return [
        {**made, "lines": lines.get(row[0], [])} for made, row in zip(_order_owners(session, rows), rows, strict=True)
    ]


def _cart(cart: Cart, _currency: str) -> Values:
    return {
        "total": decimal_text(cart.total, cart.currency),
        "origin": cart.source,
        "updated_at": cart.external_updated_at,
    }


_cart_query, _cart_owners = _with_owner(
    Cart, ("external_id", "checkout_id", "currency", "item_count", *(n for n in _CART if n != "origin")), _cart
)


def _cart_page(session: Session, rows: Sequence[Any]) -> list[Values]:
    lines = beside.cart_lines(session, [row[0] for row in rows])
    return [
        {**made, "lines": lines.get(row[0], [])} for made, row in zip(_cart_owners(session, rows), rows, strict=True)
    ]


def _identities(store_id: int, _now: datetime) -> Rows:
    """Those of the store whom any platform has a name for: pages ascend by the customer, who may have several."""
    named = exists().where(Identity.customer_id == Customer.id)
    return select(Customer.id, Customer.email).where(Customer.store_id == store_id, named)


def _identity_page(session: Session, rows: Sequence[Any]) -> list[Values]:
    emails = {row.id: row.email for row in rows}
    names = beside.names(session, list(emails))
    return [
        {"email": emails[customer_id], "customer_id": names[customer_id], **named}
        for customer_id, named in beside.identities(session, list(emails))
    ]


def _event(event: Event, _currency: str) -> Values:
    told = (event.external_id or "").partition(":")[2]
    # What an import made up to know a row again is no id of anybody's.
    return {"external_id": "" if told.startswith("row-") else told}


def _products(store_id: int, _now: datetime) -> Rows:
    return select(Product.id, Product).where(Product.store_id == store_id)


def _product_page(session: Session, rows: Sequence[Any]) -> list[Values]:
    currency = beside.currency_of(session, rows[0][1].store_id)
    variants = beside.variants(session, [row[0] for row in rows])
    texts = ("external_id", "title", "description", "url", "image_url", "category", "vendor", "tags", "stock", "state")
    return [
        {
            **{name: getattr(p, name) for name in texts},
            **{
                name: decimal_text(value, currency) if (value := getattr(p, name)) is not None else None
                for name in ("price", "compare_at", "cost")
            },
            "variants": variants.get(p.id, []),
            "created_at": p.created_at,
            "updated_at": p.external_updated_at,
        }
        for _, p in rows
    ]


def _suppressions(store_id: int, _now: datetime) -> Rows:
    s = Suppression
    return select(s.id, s.email_key.label("email"), s.reason, s.detail, s.at).where(s.store_id == store_id)


def _messages(store_id: int, _now: datetime) -> Rows:
    m = Message
    return (
        select(
            m.id, m.public_id.label("message_id"), Customer.email, Campaign.name.label("campaign"), m.step_id,
            m.mail_class, m.topic, m.is_test, m.state, m.reason, m.created_at, m.decided_at, m.accepted_at,
            m.delivered_at, m.bounced_at, m.complained_at, m.opened_at, m.clicked_at, m.unsubscribed_at,
        )
        .join(Customer, Customer.id == m.customer_id)
        .outerjoin(Campaign, Campaign.id == m.campaign_id)
        .where(m.store_id == store_id)
    )  # fmt: skip


def _decisions(store_id: int, _now: datetime) -> Rows:
    d = Decision
    return (
        select(d.id, Message.public_id.label("message_id"), Customer.email, d.outcome, d.reason, d.facts, d.until, d.at)
        .join(Message, Message.id == d.message_id)
        .join(Customer, Customer.id == d.customer_id)
        .where(Message.store_id == store_id)
    )


def _segments(store_id: int, _now: datetime) -> Rows:
    s = Segment
    return select(s.id, s.name, s.description, s.rule, s.created_at, s.updated_at).where(s.store_id == store_id)


def _plain(_session: Session, rows: Sequence[Any]) -> list[Values]:
    return [{name: value for name, value in row._mapping.items() if name != "id"} for row in rows]  # noqa: SLF001  SQLAlchemy's public name


_OWNED = ("email", "customer_id")
_MAIL_COLUMNS = tuple(c.name for c in _messages(0, datetime.min).selected_columns)[1:]  # noqa: DTZ901  only the names are asked for
_DATASETS = (
    Dataset(
        "customers",
        "Customers",
        "Everybody, with what is known of them and what they agreed to.",
        (
            "external_id",
            *_PROFILE,
            "currency",
            "birthday",
            "tags",
            "attributes",
            "special_dates",
            "origin",
            "created_at",
            "updated_at",
            "consents",
            *_OURS,
        ),
        _customers,
        _customer_page,
        may_be_imported=True,
    ),
    Dataset(
        "consents",
        "Consent ledger",
        "Every line: who agreed to what, when, where and by which words.",
        (*_OWNED, *_LEDGER),
        *_with_owner(Consent, _LEDGER),
        may_be_imported=True,
    ),
    Dataset(
        "suppressions",
        "Suppressions",
        "Addresses that must not be mailed, and why.",
        ("email", "reason", "detail", "at"),
        _suppressions,
        _plain,
        may_be_imported=True,
    ),
    Dataset(
        "orders",
        "Orders",
        "Every order with its lines.",
        (*_OWNED, "external_id", "number", "currency", *_MONEY, "codes", "lines", "origin", *_MILESTONES, "updated_at"),
        _order_query,
        _order_page,
        may_be_imported=True,
    ),
    Dataset(
        "carts",
        "Carts",
        "Every cart as it is now, with its lines.",
        (*_OWNED, "external_id", "checkout_id", "currency", "total", "item_count", "lines", *_CART, "updated_at"),
        _cart_query,
        _cart_page,
    ),
    Dataset(
        "identities",
        "Identities",
        "What each connected platform calls a customer.",
        (*_OWNED, "connection", "platform", "external_id"),
        _identities,
        _identity_page,
    ),
    Dataset(
        "events",
        "Events",
        "Everything else that happened.",
        (*_OWNED, "name", "at", "external_id", "properties"),
        *_with_owner(Event, ("name", "at", "properties"), _event),
        may_be_imported=True,
    ),
    Dataset(
        "due_items",
        "Due items",
        "What customers are to be reminded of.",
        (*_OWNED, *_DUE, "updated_at"),
        *_with_owner(DueItem, _DUE, _due),
        may_be_imported=True,
    ),
    Dataset(
        "products",
        "Products",
        "What the store sells, with variants.",
        (
            "external_id",
            "title",
            "description",
            "url",
            "image_url",
            "category",
            "vendor",
            "tags",
            "price",
            "compare_at",
            "cost",
            "stock",
            "state",
            "variants",
            "created_at",
            "updated_at",
        ),
        _products,
        _product_page,
        may_be_imported=True,
    ),
    Dataset(
        "messages", "Mails", "Every mail: whether, when and why it was sent or not.", _MAIL_COLUMNS, _messages, _plain
    ),
    Dataset(
        "decisions",
        "Decisions",
        "What the arbiter said of every mail, with the facts it saw.",
        ("message_id", "email", "outcome", "reason", "facts", "until", "at"),
        _decisions,
        _plain,
    ),
    Dataset(
        "segments",
        "Segments",
        "Their rules.",
        ("name", "description", "rule", "created_at", "updated_at"),
        _segments,
        _plain,
    ),
    Dataset(
        "audience",
        "Hashed audience",
        "SHA-256 of the addresses of all who agreed to marketing, for ad platforms.",
        ("email_sha256", "google_email_sha256"),
        audience.query,
        audience.page,
    ),
)

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _DATASETS}
"""Everything that can be written out, by name."""
