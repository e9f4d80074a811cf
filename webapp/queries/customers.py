"""Customers: the search, and one customer's head and key figures."""

from __future__ import annotations

from calendar import month_name
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    ScalarSelect,
    Select,
    Subquery,
    and_,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from automation.models import (
    Cart,
    Consent,
    ConsentState,
    Customer,
    CustomerTouch,
    Order,
    Store,
    Suppression,
)
from webapp.queries.beginnings import begins
from webapp.queries.campaigns import called
from webapp.queries.paging import Mark, Page, below
from webapp.queries.scores import Standing, standing_of, with_scores

PAGE = 50


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A line of the list. `spent` is in minor units of the store's currency, net of refunds."""

    id: int
    public_id: str
    name: str
    email: str
    country: str
    consent: str
    """Of the topic marketing: granted, pending, withdrawn or none."""
    is_suppressed: bool
    orders: int
    spent: int
    created_at: datetime
    engaged_at: datetime | None


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """A line of the ledger."""

    topic: str
    status: str
    source: str
    wording: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TopicConsent:
    """Where a customer stands on a topic, and how it came to be (newest first)."""

    topic: str
    status: str
    at: datetime
    history: list[ConsentLine]


@dataclass(frozen=True, slots=True)
class CustomerDetail:
    """One customer. Money is in minor units of `currency`, the store's."""

    id: int
    public_id: str
    name: str
    email: str
    phone: str
    place: str
    locale: str
    timezone: str
    is_zone_known: bool
    """False when the zone is the store's."""
    birthday: str
    tags: tuple[str, ...]
    created_at: datetime
    engaged_at: datetime | None
    erased_at: datetime | None
    suppression: str
    """Reason of the suppression; "" when they may be mailed."""
    suppressed_at: datetime | None
    suppression_detail: str
    currency: str
    orders: int
    spent: int
    last_order_at: datetime | None
    carts: int
    open_carts: int
    consents: list[TopicConsent]
    touch: CustomerTouch | None
    """How they came first, and last."""
    standing: Standing | None
    """What is expected of them."""


LOOK = 2000
"""Whoever a word fits at most so often is sought by that word's index; a word that fits more of them is met soon on
the way from the newest customer down."""


def _places(word: str) -> list[ColumnElement[bool]]:
    """Each place where a word may begin, for an index each. SQLite makes only plain letters small: Ä stays Ä."""
    forms = dict.fromkeys((word, word if word[:1].isascii() else word[:1].upper() + word[1:]))
    names = (func.lower(Customer.first_name), func.lower(Customer.last_name))
    return [begins(Customer.email_key, word), *(begins(name, form) for form in forms for name in names)]


def looks(store_id: int, words: list[str], limit: int) -> CompoundSelect[int]:
    """The ids of whom the longest of the words fits, each place looked at by its index."""
    each = [
        select(Customer.id).where(Customer.store_id == store_id, place).limit(limit).subquery()
        for place in _places(max(words, key=len))
    ]
    return union_all(*(select(one.c.id) for one in each))


def ids_by_word(session: Session, store_id: int, words: list[str], limit: int = LOOK) -> list[int] | None:
    """Whom the longest of the words fits, by one statement; None when it fits `limit` of them or more."""
    found = set(session.scalars(looks(store_id, words, limit)))
    return sorted(found) if len(found) < limit else None


def words_of(text: str) -> list[str]:
    """What is sought: at most five words, in lower case."""
    return text.lower().split()[:5]


def fitting(session: Session, store_id: int, text: str) -> list[ColumnElement[bool]]:
    """What says that a customer's address or name begins with each word of `text`; at most one statement."""
    words = words_of(text)
    few = ids_by_word(session, store_id, words) if words else None
    found: list[ColumnElement[bool]] = [or_(*_places(word)) for word in words]
    return found if few is None else [Customer.id.in_(few), *found]


def _page_of_ids(session: Session, store_id: int, text: str, after: Mark | None) -> Subquery:
    """The page, cut out of the customers alone: its cost is an index walk, and what else is shown joins later."""
    return (
        select(Customer.id)
        .where(
            Customer.store_id == store_id,
            Customer.erased_at.is_(None),
            *fitting(session, store_id, text),
            below(Customer.created_at, Customer.id, after),
        )
        .order_by(Customer.created_at.desc(), Customer.id.desc())
        .limit(PAGE + 1)
        .subquery()
    )


def search(session: Session, store_id: int, text: str, after: Mark | None) -> Page[CustomerRow]:
    """Customers whose name or address begins with the words of `text`, newest first; at most three statements."""
    found_ids = _page_of_ids(session, store_id, text, after)
    rows = session.execute(
        select(
            Customer.id,
            Customer.public_id,
            Customer.first_name,
            Customer.last_name,
            Customer.email,
            Customer.country,
            Customer.created_at,
            Customer.engaged_at,
            ConsentState.status,
            Suppression.id.label("suppression_id"),
        )
        .join(found_ids, found_ids.c.id == Customer.id)
        .outerjoin(ConsentState, and_(ConsentState.customer_id == Customer.id, ConsentState.topic == "marketing"))
        .outerjoin(
            Suppression, and_(Suppression.store_id == Customer.store_id, Suppression.email_key == Customer.email_key)
        )
        .order_by(Customer.created_at.desc(), Customer.id.desc())
    ).all()
    shown = rows[:PAGE]
    bought = _bought(session, store_id, [row.id for row in shown])
    found = [
        CustomerRow(
            id=row.id,
            public_id=row.public_id,
            name=called(row.first_name, row.last_name, row.email),
            email=row.email or "",
            country=row.country or "",
            consent=row.status or "none",
            is_suppressed=row.suppression_id is not None,
            orders=bought.get(row.id, (0, 0))[0],
            spent=bought.get(row.id, (0, 0))[1],
            created_at=row.created_at,
            engaged_at=row.engaged_at,
        )
        for row in shown
    ]
    return Page(found, Mark(shown[-1].created_at, shown[-1].id) if len(rows) > PAGE else None)


def _bought(session: Session, store_id: int, ids: list[int]) -> dict[int | None, tuple[int, int]]:
    rows = session.execute(
        select(Order.customer_id, func.count(), func.sum(Order.total - Order.refunded))
        .join(Store, Store.id == Order.store_id)
        .where(
            Order.customer_id.in_(ids),
            Order.store_id == store_id,
            Order.cancelled_at.is_(None),
            Order.currency == Store.currency,
        )
        .group_by(Order.customer_id)
    )
    return {customer: (count, int(total)) for customer, count, total in rows}


def has_any(session: Session, store_id: int) -> bool:
    """Whether the store knows anybody at all."""
    return session.execute(select(Customer.id).where(Customer.store_id == store_id).limit(1)).first() is not None


def _asked() -> Select[Any]:
    """Who they are, with what they bought and left in carts."""
    counted = (Order.customer_id == Customer.id, Order.cancelled_at.is_(None), Order.currency == Store.currency)
    is_open = and_(Cart.ordered_at.is_(None), Cart.deleted_at.is_(None), Cart.item_count > 0)
    return (
        select(
            Customer,
            Store.timezone,
            Store.currency,
            Suppression,
            CustomerTouch,
            _of_theirs(func.count(Order.id), *counted),
            _of_theirs(func.coalesce(func.sum(Order.total - Order.refunded), 0), *counted),
            _of_theirs(func.max(Order.placed_at), *counted),
            _of_theirs(func.count(Cart.id), Cart.customer_id == Customer.id),
            _of_theirs(func.count(Cart.id), Cart.customer_id == Customer.id, is_open),
        )
        .join(Store, Store.id == Customer.store_id)
        .outerjoin(CustomerTouch, CustomerTouch.customer_id == Customer.id)
        .outerjoin(
            Suppression, and_(Suppression.store_id == Customer.store_id, Suppression.email_key == Customer.email_key)
        )
    )


def one(session: Session, store_id: int, public_id: str) -> CustomerDetail | None:
    """A customer of a store by public id; two statements."""
    found = session.execute(
        with_scores(_asked()).where(Customer.store_id == store_id, Customer.public_id == public_id)
    ).one_or_none()
    if found is None:
        return None
    row, zone, currency, suppression, touch, orders, spent, last_order_at, carts, open_carts, *scores = found
    return CustomerDetail(
        id=row.id,
        public_id=row.public_id,
        name=called(row.first_name, row.last_name, row.email),
        email=row.email or "",
        phone=row.phone,
        place=", ".join(part for part in (row.city, row.region, row.country) if part),
        locale=row.locale or "",
        timezone=row.timezone or zone,
        is_zone_known=row.timezone is not None,
        birthday=_birthday(row),
        tags=tuple(row.tags),
        created_at=row.created_at,
        engaged_at=row.engaged_at,
        erased_at=row.erased_at,
        suppression=suppression.reason if suppression else "",
        suppressed_at=suppression.at if suppression else None,
        suppression_detail=suppression.detail if suppression else "",
        currency=currency,
        orders=orders,
        spent=int(spent),
        last_order_at=last_order_at,
        carts=carts,
        open_carts=open_carts,
        consents=_consents(session, row.id),
        touch=touch,
        standing=standing_of(*scores),
    )


def _of_theirs(what: Any, *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    return select(what).where(*conditions).correlate(Customer, Store).scalar_subquery()


def _birthday(row: Customer) -> str:
    if not row.birthday_month or not row.birthday_day:
        return ""
    year = f" {row.birthday_year}" if row.birthday_year else ""
    return f"{row.birthday_day} {month_name[row.birthday_month]}{year}"


def _consents(session: Session, customer_id: int) -> list[TopicConsent]:
    rows = session.execute(
        select(Consent, ConsentState.status.label("now"), ConsentState.at.label("since"))
        .outerjoin(
            ConsentState, and_(ConsentState.customer_id == Consent.customer_id, ConsentState.topic == Consent.topic)
        )
        .where(Consent.customer_id == customer_id)
        .order_by(Consent.topic, Consent.at.desc(), Consent.id.desc())
        .limit(200)
    )
    topics: dict[str, TopicConsent] = {}
    for line, now, since in rows:
        topic = topics.setdefault(line.topic, TopicConsent(line.topic, now or line.status, since or line.at, []))
        topic.history.append(ConsentLine(line.topic, line.status, line.source, line.wording, line.detail, line.at))
    return list(topics.values())
