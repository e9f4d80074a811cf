"""Plain functions that make rows with sensible defaults; each flushes and answers the row."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.actions import campaigns
from automation.app import App
from automation.campaigns import read, walk
from automation.connections import connect
from automation.models import (
    CLASSES,
    Admin,
    Campaign,
    CampaignVersion,
    Cart,
    CartItem,
    Connection,
    Consent,
    ConsentState,
    Customer,
    Enrolment,
    Event,
    Message,
    MessageEvent,
    Order,
    OrderItem,
    Product,
    Store,
    Template,
    TemplateVersion,
)
from automation.security import random_id
from tests.conftest import NOW


def store(session: Session, **values: Any) -> Store:
    """A store in Berlin that may mail at any hour."""
    defaults: dict[str, Any] = {
        "public_id": random_id(),
        "name": "Wren & Thistle",
        "url": "https://wren.example.com",
        "sender_name": "Wren & Thistle",
        "sender_email": "hello@wren.example.com",
        "postal_address": "1 Market Street, 10115 Berlin",
        "currency": "EUR",
        "timezone": "Europe/Berlin",
        "created_at": NOW - timedelta(days=400),
    }
    row = Store(**{**defaults, **values})
    session.add(row)
    session.flush()
    return row


def connection(
    app: App, session: Session, store: Store, role: str, kind: str, now: datetime = NOW, **settings: Any
) -> Connection:
    """A connection of a kind, with its settings."""
    return connect(app, session, store_id=store.id, role=role, kind=kind, name=kind.title(), settings=settings, now=now)


def customer(session: Session, store: Store, name: str = "Ada", *, consent: bool = True, **values: Any) -> Customer:
    """A customer who agreed to marketing, unless told otherwise."""
    email = f"{name.lower()}@example.com"
    defaults: dict[str, Any] = {
        "public_id": random_id(),
        "store_id": store.id,
        "email": email,
        "email_key": email,
        "first_name": name,
        "created_at": NOW - timedelta(days=100),
        "updated_at": NOW - timedelta(days=100),
    }
    row = Customer(**{**defaults, **values})
    session.add(row)
    session.flush()
    if consent:
        agree(session, row, "granted")
    return row


def agree(session: Session, customer: Customer, status: str, at: datetime = NOW - timedelta(days=100)) -> None:
    """A line in the consent ledger, and the state that follows from it."""
    line = Consent(
        store_id=customer.store_id,
        customer_id=customer.id,
        topic="marketing",
        status=status,
        source="form",
        wording="Yes, send me news.",
        at=at,
        recorded_at=at,
    )
    session.add(line)
    session.flush()
    session.merge(
        ConsentState(
            customer_id=customer.id,
            topic="marketing",
            store_id=customer.store_id,
            status=status,
            at=at,
            consent_id=line.id,
        )
    )
    session.flush()


def product(session: Session, store: Store, external_id: str = "p1", **values: Any) -> Product:
    """Something to sell."""
    defaults: dict[str, Any] = {
        "store_id": store.id,
        "external_id": external_id,
        "title": f"Teacup {external_id}",
        "url": f"https://wren.example.com/products/{external_id}",
        "image_url": f"https://wren.example.com/images/{external_id}.png",
        "price": 1295,
        "stock": 10,
        "created_at": NOW - timedelta(days=200),
        "updated_at": NOW - timedelta(days=200),
    }
    row = Product(**{**defaults, **values})
    session.add(row)
    session.flush()
    return row


def cart(
    session: Session,
    store: Store,
    customer: Customer | None,
    left_at: datetime,
    external_id: str = "c1",
    *,
    products: tuple[Product, ...] = (),
    **values: Any,
) -> Cart:
    """A cart last touched at `left_at`, with one piece of each product, or with one nameless thing."""
    count = len(products) or 1
    defaults: dict[str, Any] = {
        "store_id": store.id,
        "customer_id": customer.id if customer else None,
        "external_id": external_id,
        "currency": store.currency,
        "total": sum(p.price for p in products) or 1295,
        "item_count": count,
        "recovery_url": f"https://wren.example.com/recover/{external_id}",
        "created_at": left_at,
        "last_activity_at": left_at,
    }
    row = Cart(**{**defaults, **values})
    session.add(row)
    session.flush()
    for position in range(row.item_count and count):
        item = products[position] if products else None
        session.add(
            CartItem(
                cart_id=row.id,
                position=position,
                product_id=item.id if item else None,
                product_external_id=item.external_id if item else "",
                title=item.title if item else "Teacup",
                quantity=1,
                price=item.price if item else 1295,
            )
        )
    session.flush()
    return row


def order(
    session: Session,
    store: Store,
    customer: Customer | None,
    placed_at: datetime,
    external_id: str = "o1",
    *,
    products: tuple[Product, ...] = (),
    **values: Any,
) -> Order:
    """A paid order, with one piece of each product."""
    defaults: dict[str, Any] = {
        "store_id": store.id,
        "customer_id": customer.id if customer else None,
        "external_id": external_id,
        "email_key": customer.email_key if customer else None,
        "currency": store.currency,
        "subtotal": 2590,
        "discount": 0,
        "shipping": 0,
        "tax": 0,
        "total": 2590,
        "placed_at": placed_at,
        "paid_at": placed_at,
        "recorded_at": placed_at,
    }
    row = Order(**{**defaults, **values})
    session.add(row)
    session.flush()
    for position, item in enumerate(products):
        session.add(
            OrderItem(
                order_id=row.id,
                position=position,
                product_id=item.id,
                product_external_id=item.external_id,
                title=item.title,
                quantity=1,
                price=item.price,
            )
        )
    session.flush()
    return row


def event(
    session: Session,
    store: Store,
    customer: Customer | None,
    name: str,
    at: datetime,
    *,
    product: Product | None = None,
    **properties: Any,
) -> Event:
    """Something that happened, about a product or not."""
    row = Event(
        store_id=store.id,
        customer_id=customer.id if customer else None,
        name=name,
        at=at,
        product_id=product.id if product else None,
        properties={**({"product_id": product.external_id} if product else {}), **properties},
        recorded_at=at,
    )
    session.add(row)
    session.flush()
    return row


def template(session: Session, store: Store, name: str = "cart_reminder_1") -> TemplateVersion:
    """A mail with a first version: short, but with a link, a variable and an unsubscribe."""
    row = Template(public_id=random_id(), store_id=store.id, name=name, title=name, created_at=NOW, updated_at=NOW)
    session.add(row)
    session.flush()
    version = TemplateVersion(
        template_id=row.id,
        number=1,
        subject="Hello {{ customer.first_name }}",
        mjml="<mjml></mjml>",
        html="<p>Hello {{ customer.first_name }}</p>",
        text="Hello {{ customer.first_name }}",
        links=[],
        names=["customer"],
        created_at=NOW,
    )
    session.add(version)
    session.flush()
    row.latest_version_id = version.id
    session.flush()
    return version


def edited_template(session: Session, store: Store, name: str) -> None:
    """A mail that an admin has changed: it stays as it is when others are installed, and nothing has to be compiled."""
    author = session.scalar(select(Admin).limit(1))
    if author is None:
        author = Admin(email="author@example.com", name="Author", role="editor", created_at=NOW)
        session.add(author)
        session.flush()
    template(session, store, name).created_by = author.id
    session.flush()


def message(session: Session, customer: Customer, **values: Any) -> Message:
    """A promotional draft to a customer."""
    store = session.get_one(Store, customer.store_id)
    if "template_version_id" not in values:
        known = session.scalar(select(TemplateVersion.id).limit(1))
        values["template_version_id"] = known or template(session, store).id
    mail_class = values.get("mail_class", "promotional")
    defaults: dict[str, Any] = {
        "public_id": random_id(),
        "store_id": customer.store_id,
        "customer_id": customer.id,
        "mail_class": mail_class,
        "rank": CLASSES.index(mail_class),
        "due_at": NOW,
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=48),
    }
    row = Message(**{**defaults, **values})
    session.add(row)
    session.flush()
    return row


def campaign(app: App, session: Session, store: Store, recipe: str = "cart_abandoned", **changes: Any) -> Campaign:
    """A live campaign from a recipe, with the mails it names; `changes` replace parts of its definition."""
    row = campaigns.create_from_recipe(app, session, store, recipe, NOW - timedelta(days=30))
    row.draft = {**row.draft, **changes}
    have = set(session.scalars(select(Template.name).where(Template.store_id == store.id)))
    for node in walk(read(row.draft).flow):
        name = node.settings.get("template")
        if name and name not in have:
            template(session, store, name)
            have.add(name)
    campaigns.publish(app, session, row, NOW - timedelta(days=30))
    return row


def about(
    session: Session,
    customer: Customer,
    kind: str,
    subject_id: int | None,
    *,
    key: str = "1",
    anchor_at: datetime = NOW,
    **settings: Any,
) -> dict[str, Any]:
    """What a message holds that a campaign with a trigger of a kind drafted about a row: its origin, by field."""
    started = _started(session, customer.store_id, kind, settings)
    same = (Enrolment.campaign_id == started.id, Enrolment.customer_id == customer.id, Enrolment.key == key)
    enrolment = session.scalars(select(Enrolment).where(*same)).one_or_none()
    if enrolment is None:
        enrolment = Enrolment(
            store_id=customer.store_id,
            campaign_id=started.id,
            version_id=started.live_version_id,
            customer_id=customer.id,
            key=key,
            subject_id=subject_id,
            anchor_at=anchor_at,
            due_at=NOW,
            entered_at=min(anchor_at, NOW),
        )
        session.add(enrolment)
        session.flush()
    return {
        "campaign_id": started.id,
        "version_id": started.live_version_id,
        "enrolment_id": enrolment.id,
        "subject_id": subject_id,
    }


def _started(session: Session, store_id: int, kind: str, settings: dict[str, Any]) -> Campaign:
    name = f"About {kind} {settings}"
    row = session.scalars(select(Campaign).where(Campaign.store_id == store_id, Campaign.name == name)).one_or_none()
    if row is None:
        definition = {"trigger": {"kind": kind, "settings": settings}, "flow": []}
        row = Campaign(
            public_id=random_id(),
            store_id=store_id,
            name=name,
            draft=definition,
            state="live",
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(row)
        session.flush()
        version = CampaignVersion(campaign_id=row.id, number=1, definition=definition, created_at=NOW)
        session.add(version)
        session.flush()
        row.live_version_id = version.id
    return row


def hit(session: Session, message: Message, kind: str, at: datetime, **values: Any) -> MessageEvent:
    """A click or an open at our own door, by a person unless told otherwise."""
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    defaults: dict[str, Any] = {"external_id": f"door:{random_id()}", "agent": agent, "recorded_at": at}
    row = MessageEvent(**{**defaults, "message_id": message.id, "type": kind, "at": at, **values})
    session.add(row)
    session.flush()
    return row
