"""Finding anything of a store by a few letters: what has a name, customers, orders and codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, literal, select, union_all
from sqlalchemy.orm import Session

from automation.models import (
    Campaign,
    Connection,
    Customer,
    Feed,
    Form,
    Offer,
    OfferCode,
    Order,
    Persona,
    Reward,
    Template,
)
from automation.offers.codes import key_of
from webapp.queries.campaigns import called
from webapp.queries.customers import search

EACH = 5
"""How many of a kind are shown."""


@dataclass(frozen=True, slots=True)
class Named:
    """A kind of thing that has a name and a page of its own."""

    title: str
    icon: str
    endpoint: str
    model: Any
    name: Any


NAMED = (
    Named("Campaigns", "send", "campaigns.one", Campaign, Campaign.name),
    Named("Templates", "template", "templates.one", Template, Template.title),
    Named("Forms", "forms", "forms.one", Form, Form.name),
    Named("Offers", "discount", "offers.one", Offer, Offer.name),
    Named("Rewards", "trophy", "rewards.edit", Reward, Reward.name),
    Named("Personas", "users-group", "personas.one", Persona, Persona.name),
    Named("Feeds", "rss", "feeds.one", Feed, Feed.title),
    Named("Connections", "plug-connected", "connections.one", Connection, Connection.name),
)


@dataclass(frozen=True, slots=True)
class Found:
    """Something that fits; its page is `endpoint` with `public_id`."""

    title: str
    note: str
    icon: str
    endpoint: str
    public_id: str


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of a kind."""

    title: str
    rows: list[Found]


def find(session: Session, store_id: int, text: str) -> list[Group]:
    """What fits `text`, by kind; six statements at most, whatever there is."""
    if not text:
        return []
    groups = [*_named(session, store_id, text), _customers(session, store_id, text), _numbers(session, store_id, text)]
    return [group for group in groups if group.rows]


def _named(session: Session, store_id: int, text: str) -> list[Group]:
    """What has `text` in its name, what begins with it first. These tables hold what people made: they are small."""

    def one(number: int, kind: Named) -> Select[Any]:
        at_start = case((kind.name.istartswith(text, autoescape=True), 0), else_=1)
        found = (
            select(
                literal(number).label("kind"), kind.name.label("name"), kind.model.public_id, at_start.label("place")
            )
            .where(kind.model.store_id == store_id, kind.name.icontains(text, autoescape=True))
            .order_by(at_start, func.lower(kind.name), kind.model.id)
            .limit(EACH)
            .subquery()
        )
        return select(found)

    rows = session.execute(union_all(*(one(number, kind) for number, kind in enumerate(NAMED)))).all()
    groups = []
    for number, kind in enumerate(NAMED):
        fits = sorted((r for r in rows if r.kind == number), key=lambda r: (r.place, r.name.lower()))
        groups.append(Group(kind.title, [Found(r.name, "", kind.icon, kind.endpoint, r.public_id) for r in fits]))
    return groups


def _customers(session: Session, store_id: int, text: str) -> Group:
    rows = search(session, store_id, text, None).rows[:EACH]
    return Group(
        "Customers",
        [Found(r.name, r.email if r.email != r.name else "", "user", "customers.one", r.public_id) for r in rows],
    )


def _numbers(session: Session, store_id: int, text: str) -> Group:
    """Orders by their number, as written or with #; and whose a code is."""
    if " " in text:
        return Group("Orders and codes", [])
    who = (Customer.public_id, Customer.first_name, Customer.last_name, Customer.email)
    orders = session.execute(
        select(Order.number, *who)
        .join(Customer, Customer.id == Order.customer_id)
        .where(Order.store_id == store_id, Order.number.in_({text, f"#{text}", text.removeprefix("#")}))
        .order_by(Order.id.desc())
        .limit(EACH)
    ).all()
    codes = session.execute(
        select(OfferCode.code, *who)
        .join(Customer, Customer.id == OfferCode.customer_id)
        .where(OfferCode.store_id == store_id, OfferCode.code_key == key_of(text))
        .order_by(OfferCode.id.desc())
        .limit(EACH)
    ).all()
    found = [
        Found(f"Order {r.number}", called(r.first_name, r.last_name, r.email), "receipt", "customers.one", r.public_id)
        for r in orders
    ]
    found += [
        Found(f"Code {r.code}", called(r.first_name, r.last_name, r.email), "discount", "customers.one", r.public_id)
        for r in codes
    ]
    return Group("Orders and codes", found)
