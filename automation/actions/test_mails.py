"""A mail to the admin who pressed the button: it goes the whole way through the provider and counts nowhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import audit
from automation.addresses import normal_form
from automation.errors import NotAllowed
from automation.models import CLASSES, Admin, Connection, Customer, Message, Store, Template
from automation.security import random_id

TAG = "test recipient"
LIFE = timedelta(hours=1)


def send(session: Session, store: Store, admin: Admin, template_id: int, now: datetime) -> Message:
    """Put a template's newest version on the belt, ready to leave for the admin's own address.

    The admin becomes a customer of the store without any consent, so that no campaign mails them. Raises NotAllowed
    when there is no active provider, no sender, or no such template.
    """
    provider = session.scalars(
        select(Connection).where(Connection.store_id == store.id, Connection.is_default.is_(True))
    ).first()
    if provider is None or provider.state != "active":
        raise NotAllowed("There is no active mail provider to send it through.")
    if not store.sender_email:
        raise NotAllowed("The store has no sender's address yet: fill it in under Settings.")
    template = session.scalars(
        select(Template).where(Template.id == template_id, Template.store_id == store.id)
    ).first()
    if template is None or template.latest_version_id is None:
        raise NotAllowed("This mail has no version that could be sent.")
    row = Message(
        public_id=random_id(),
        store_id=store.id,
        customer_id=_recipient(session, store, admin, now).id,
        template_version_id=template.latest_version_id,
        mail_class="transactional",
        rank=CLASSES.index("transactional"),
        topic="service",
        is_test=True,
        state="ready",
        reason="test",
        due_at=now,
        expires_at=now + LIFE,
        created_at=now,
        decided_at=now,
    )
    session.add(row)
    session.flush()
    audit.note(session, admin.id, "test_mail.sent", row.public_id, now, template=template.name)
    return row


def _recipient(session: Session, store: Store, admin: Admin, now: datetime) -> Customer:
    key = normal_form(admin.email)
    found = session.scalars(select(Customer).where(Customer.store_id == store.id, Customer.email_key == key)).first()
    if found is not None:
        return found
    row = Customer(
        public_id=random_id(),
        store_id=store.id,
        email=admin.email,
        email_key=key,
        first_name=admin.name,
        tags=[TAG],
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    return row
