"""What the storefront's snippet tells: looks, searches and carts of visitors who agreed to be known.

Nothing that a browser says is believed about money or words: products are named by the shop's ids, and what a mail
later shows of them is what the shop itself told us. An address that a page names identifies a visitor as a customer
whom the store knows already; it makes nobody, and the answer never says whether there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from automation import audit, intake
from automation.actions.api_keys import connection_of
from automation.addresses import key_of
from automation.app import App
from automation.changes import CartChanged, Change, EventHappened, Line, Person
from automation.insights.touches.tracing import ARRIVED
from automation.models import Customer, Product, Store, Visitor
from automation.upsert import insert_into

MOST = 20
"""Events in one request."""
SKEW = timedelta(hours=1)
"""How far back a page may say something happened; anything else happened now."""

_ORIGIN = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?")
_Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_Word = Annotated[str, StringConstraints(max_length=200)]
_Path = Annotated[str, StringConstraints(max_length=500)]


def read_origins(text: str) -> list[str]:
    """Origins as they are typed, one a line. Raises ValueError for what is none."""
    found = []
    for line in text.split():
        origin = line.lower().rstrip("/")
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"“{line[:60]}” is no origin; write it as in https://shop.example.com, without a path")
        found.append(origin)
    return list(dict.fromkeys(found))[:20]


def _origins(text: str) -> str:
    return "\n".join(read_origins(text))


class Storefront(BaseModel):
    """A store's settings for its storefront."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    origins: Annotated[str, AfterValidator(_origins)] = Field(
        "",
        max_length=2000,
        title="Addresses of the shop",
        description="One a line, as in https://shop.example.com. From others nothing is taken, and forms cannot be "
        "embedded there.",
    )
    tells: bool = Field(True, title="Take what visitors look at, once they have agreed")
    tells_carts: bool = Field(
        False,
        title="Take carts, too",
        description="Only where the shop itself does not tell of carts: else they would count twice.",
    )

    @property
    def origin_list(self) -> list[str]:
        """The origins, in lower case and without a slash."""
        return self.origins.split()


def storefront_of(store: Store) -> Storefront:
    """A store's storefront; until somebody has set it, the shop's own address alone is an origin."""
    if store.storefront:
        return Storefront.model_validate(store.storefront)
    found = _ORIGIN.match(store.url.lower())
    return Storefront(origins=found[0] if found else "")


def save(session: Session, store_id: int, wanted: Storefront, now: datetime, admin_id: int | None = None) -> None:
    """Store the settings."""
    store = session.get_one(Store, store_id)
    store.storefront = wanted.model_dump(mode="json")
    audit.note(session, admin_id, "storefront.changed", store.public_id, now)


class Piece(BaseModel):
    """A line of a cart, by the shop's own ids."""

    product_id: _Id
    variant_id: Annotated[str, StringConstraints(max_length=128)] = ""
    quantity: int = Field(1, ge=1, le=999)


class Told(BaseModel):
    """One thing that a page tells."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["page", "product", "search", "cart", "identify", "arrival"]
    at: int = Field(0, ge=0, description="Milliseconds ago.")
    path: _Path = ""
    product_id: _Id | None = None
    variant_id: _Id | None = None
    query: Annotated[str, StringConstraints(max_length=200)] = ""
    cart_id: Annotated[str, StringConstraints(max_length=64)] = ""
    items: list[Piece] = Field(default_factory=list, max_length=100)
    email: Annotated[str, StringConstraints(max_length=320)] = ""
    utm: dict[Annotated[str, StringConstraints(max_length=20)], _Word] = Field(default_factory=dict, max_length=10)
    ids: list[Annotated[str, StringConstraints(max_length=20)]] = Field(default_factory=list, max_length=10)
    """Names of the click ids that advertisers hung on the address; never their values."""
    referrer: _Path = ""


class Report(BaseModel):
    """What a page sends at once."""

    model_config = ConfigDict(extra="ignore")

    visitor: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{16,64}$")]
    events: list[Told] = Field(max_length=MOST)


@dataclass(frozen=True, slots=True)
class Heard:
    """A report, and which store it is for."""

    store_id: int
    report: Report
    tells_carts: bool
    at: datetime
    device: str = ""
    """desktop, mobile or tablet, by what the browser said."""


def hear(app: App, session: Session, heard: Sequence[Heard]) -> list[int]:
    """Record reports: how many events each left. A constant number of statements per store.

    What visitors do whom nobody knows is not kept: it could never be told whose it was.
    """
    taken = [0] * len(heard)
    by_store: dict[int, list[int]] = {}
    for index, one in enumerate(heard):
        by_store.setdefault(one.store_id, []).append(index)
    for store_id, indexes in by_store.items():
        reports = [heard[i] for i in indexes]
        known = _people(session, store_id, reports)
        pieces = (p.product_id for h in reports for told in h.report.events for p in told.items)
        wares = _wares(session, store_id, set(pieces))
        now = max(h.at for h in reports)
        changes: list[Change] = []
        for index in indexes:
            email = known.get(heard[index].report.visitor)
            made = _changes(heard[index], email, wares) if email else []
            taken[index] = len(made)
            changes += made
        if changes:
            connection = connection_of(app, session, store_id, now)
            if connection.state == "active":
                intake.record(session, connection, changes, now)
    return taken


def _people(session: Session, store_id: int, reports: Sequence[Heard]) -> dict[str, str]:
    """Addresses of the visitors who are known, by the visitor's name; those who say now who they are included."""
    said: dict[str, tuple[str, datetime]] = {}
    for h in reports:
        for told in h.report.events:
            if told.type == "identify" and (key := key_of(told.email)):
                said[h.report.visitor] = (key, h.at)
    if said:
        rows = session.execute(
            select(Customer.id, Customer.email_key).where(
                Customer.store_id == store_id, Customer.email_key.in_({key for key, _ in said.values()})
            )
        )
        ids = {row.email_key: row.id for row in rows}
        _write(session, store_id, [(name, ids[key], at) for name, (key, at) in sorted(said.items()) if key in ids])
        # Somebody else uses this browser now, whom we do not know: what they do is not the one's before them.
        strangers = sorted(name for name, (key, _) in said.items() if key not in ids)
        session.execute(delete(Visitor).where(Visitor.store_id == store_id, Visitor.name.in_(strangers)))
    found = session.execute(
        select(Visitor.name, Customer.email)
        .join(Customer, Customer.id == Visitor.customer_id)
        .where(
            Visitor.store_id == store_id,
            Visitor.name.in_({h.report.visitor for h in reports}),
            Customer.erased_at.is_(None),
            Customer.email.is_not(None),
        )
    )
    return {row.name: str(row.email) for row in found}


def recognise(session: Session, store_id: int, name: str, customer_id: int, now: datetime) -> None:
    """Let a visitor be this customer from now on."""
    _write(session, store_id, [(name, customer_id, now)])


def _write(session: Session, store_id: int, visitors: Sequence[tuple[str, int, datetime]]) -> None:
    if not visitors:
        return
    statement = insert_into(session, Visitor)
    statement = statement.on_conflict_do_update(
        index_elements=["store_id", "name"],
        set_={"customer_id": statement.excluded.customer_id, "known_at": statement.excluded.known_at},
    )
    rows = [
        {"store_id": store_id, "name": name, "customer_id": customer_id, "known_at": at}
        for name, customer_id, at in visitors
    ]
    session.connection().execute(statement, rows)


def _wares(session: Session, store_id: int, ids: Iterable[str]) -> dict[str, Any]:
    wanted = set(ids)
    if not wanted:
        return {}
    rows = session.execute(
        select(Product.external_id, Product.title, Product.price).where(
            Product.store_id == store_id, Product.external_id.in_(wanted), Product.state == "active"
        )
    )
    return {row.external_id: row for row in rows}


_NAMES = {
    "page": "page.viewed",
    "product": "product.viewed",
    "search": "site.searched",
    "cart": "cart.seen",
    "arrival": ARRIVED,
}


def _arrival(heard: Heard, told: Told) -> dict[str, Any]:
    """How a visit began, as `touches.channels` reads it."""
    said = {"utm": told.utm, "ids": told.ids, "referrer": told.referrer, "landing": told.path, "device": heard.device}
    return {name: value for name, value in said.items() if value}


def _changes(heard: Heard, email: str, wares: dict[str, Any]) -> list[Change]:
    person = Person(email=email)
    changes: list[Change] = []
    for told in heard.report.events:
        name = _NAMES.get(told.type)
        if name is None or (told.type == "product" and not told.product_id):
            continue
        ago = timedelta(milliseconds=min(told.at, 2**40))
        at = heard.at - ago if ago <= SKEW else heard.at
        if told.type == "cart" and heard.tells_carts and told.cart_id:
            changes.append(_cart(told, person, at, wares))
            continue
        if told.type == "arrival":
            changes.append(EventHappened(name=name, person=person, at=at, properties=_arrival(heard, told)))
            continue
        said: dict[str, Any] = {"path": told.path, "product_id": told.product_id, "variant_id": told.variant_id}
        if told.type == "search":
            said["query"] = told.query
        if told.type == "cart":
            said["product_ids"] = [piece.product_id for piece in told.items]
        properties = {name: value for name, value in said.items() if value}
        changes.append(EventHappened(name=name, person=person, at=at, properties=properties))
    return changes


def _cart(told: Told, person: Person, at: datetime, wares: dict[str, Any]) -> CartChanged:
    """A cart of things that the shop has told us of; their words and prices are the shop's."""
    lines = [
        Line(
            product_external_id=piece.product_id,
            variant_external_id=piece.variant_id,
            title=wares[piece.product_id].title,
            quantity=piece.quantity,
            price=wares[piece.product_id].price,
        )
        for piece in told.items
        if piece.product_id in wares
    ]
    return CartChanged(external_id=f"storefront:{told.cart_id}", person=person, lines=lines, updated_at=at)
