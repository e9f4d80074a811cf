"""A customer of whom something is held nearly everywhere, and a neighbour who must not be touched."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from automation.app import App
from automation.erasing.marks import mark_of_address
from automation.models import (
    Connection,
    Customer,
    Decision,
    DueItem,
    Identity,
    Import,
    ImportRefusal,
    InboundWebhook,
    LoyaltyAccount,
    MessageEvent,
    Notice,
    OutboundWebhook,
    PrivacyRequest,
    Referral,
    Rendering,
    SpecialDate,
    Store,
    Suppression,
)
from automation.suppressions import Suppressed, suppress
from tests import make
from tests.conftest import NOW

IP, AGENT = "192.0.2.77", "Needle/1.0"
DAY = timedelta(days=1)


def lived(app: App, session: Session, store: Store, name: str) -> Customer:
    """A customer called `name` with a row in nearly every table."""
    email = f"{name.lower()}@example.com"
    who = make.customer(
        session,
        store,
        name,
        last_name=f"{name}-Lovelace",
        phone=f"{name}-555",
        notes=f"likes {name}",
        attributes={"pet": f"{name}-cat"},
        source={"referrer": f"https://{name}.example"},
        city=f"{name}ville",
    )
    shop = make.connection(app, session, store, "platform", "shopify", secret="shh", currency="EUR")
    session.add(Identity(connection_id=shop.id, external_id=f"id-{name}", customer_id=who.id))
    stamps = {"created_at": NOW, "updated_at": NOW}
    session.add(SpecialDate(store_id=store.id, customer_id=who.id, name="wedding", month=6, day=1, **stamps))
    make.cart(session, store, who, NOW - DAY, f"cart-{name}", recovery_url=f"https://x.example/{email}")
    make.order(session, store, who, NOW - DAY, f"order-{name}", email_key=email, number=f"#{name}")
    make.event(session, store, who, "review.left", NOW - DAY, text=f"{name} liked it")
    session.add(
        DueItem(
            store_id=store.id,
            customer_id=who.id,
            kind="payment",
            external_id=f"due-{name}",
            due_at=NOW + DAY,
            title=f"Rent of {name}",
            **stamps,
        )
    )
    _mailed(session, who, name, email, shop)
    _posted(session, name, email, shop)
    _asked(session, who, name, email)
    _refused(session, who, name, email, shop)
    return who


def _mailed(session: Session, who: Customer, name: str, email: str, shop: Connection) -> None:
    """A mail with all that hangs on it, and what the shop posted."""
    store = session.get_one(Store, who.store_id)
    message = make.message(session, who)
    session.add_all(
        [
            Rendering(
                message_id=message.id, to_email=email, variables={"to": email}, payload_hash="x", rendered_at=NOW
            ),
            Decision(message_id=message.id, customer_id=who.id, outcome="go", reason="go", facts={"of": name}, at=NOW),
            MessageEvent(
                message_id=message.id,
                type="click",
                at=NOW,
                external_id=f"door:{name}",
                url=f"https://x/?{email}",
                ip=IP,
                agent=AGENT,
                recorded_at=NOW,
            ),
            LoyaltyAccount(customer_id=who.id, store_id=store.id, referral_code=name.upper()),
            PrivacyRequest(
                store_id=store.id,
                connection_id=shop.id,
                customer_id=who.id,
                kind="access",
                external_id=f"id-{name}",
                requested_at=NOW,
                due_at=NOW,
                detail={"email": email},
            ),
        ]
    )
    session.flush()


def _posted(session: Session, name: str, email: str, shop: Connection) -> None:
    """What the shop posted."""
    session.add_all(
        [
            InboundWebhook(
                connection_id=shop.id,
                delivery_id=f"d1-{name}",
                topic="orders/create",
                received_at=NOW,
                body=f'{{"email":"{email.upper()}"}}'.encode(),
                state="processed",
            ),
            InboundWebhook(
                connection_id=shop.id,
                delivery_id=f"d2-{name}",
                topic="customers/update",
                received_at=NOW,
                body=f'{{"id":"id-{name}","note":"{name}"}}'.encode(),
            ),
            InboundWebhook(
                connection_id=shop.id,
                delivery_id=f"d3-{name}",
                topic="products/update",
                received_at=NOW,
                body=b'{"title":"Teacup"}',
                state="processed",
            ),
        ]
    )


def _asked(session: Session, who: Customer, name: str, email: str) -> None:
    """A referral, a complaint, a notice and an outgoing webhook."""
    store = session.get_one(Store, who.store_id)
    friend = make.customer(session, store, f"friend{len(name)}")
    session.add(
        Referral(
            store_id=store.id,
            referrer_id=friend.id,
            friend_key=email,
            friend_id=who.id,
            ip=IP,
            agent=AGENT,
            created_at=NOW,
        )
    )
    suppress(session, [Suppressed(store_id=store.id, email_key=email, reason="complaint", at=NOW, detail=email)])
    place = make.about(session, who, "welcome", None)
    common = {
        "store_id": store.id,
        "campaign_id": place["campaign_id"],
        "enrolment_id": place["enrolment_id"],
        "step_id": "s",
    }
    session.add(Notice(customer_id=who.id, text=f"{name} wants a call", created_at=NOW, **common))
    session.add(
        OutboundWebhook(
            public_id=f"w-{name}",
            url="https://crm.example",
            body=f'{{"who":"{email}"}}',
            due_at=NOW,
            created_at=NOW,
            **common,
        )
    )
    session.flush()


def _refused(session: Session, who: Customer, name: str, email: str, shop: Connection) -> None:
    """A row of a file that was not taken in."""
    store = session.get_one(Store, who.store_id)
    row = Import(
        public_id=f"imp-{name}",
        store_id=store.id,
        connection_id=shop.id,
        kind="customers",
        filename="f.csv",
        size=1,
        shape={},
        due_at=NOW,
        created_at=NOW,
        state="done",
    )
    session.add(row)
    session.flush()
    mark = mark_of_address(session, email)
    session.add(
        ImportRefusal(import_id=row.id, line=2, column="Birthday", value=f"{name} 31.2.", reason="no", person=mark)
    )
    session.flush()


@pytest.fixture
def people(app: App) -> tuple[int, int]:
    """Row ids of Ada, who will be erased, and of Bob."""
    with app.db.write() as session:
        store = make.store(session)
        ada, bob = lived(app, session, store, "Ada"), lived(app, session, store, "Bobby")
        assert session.query(Suppression).count() == 2
        return ada.id, bob.id
