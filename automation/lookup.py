"""What a program may read of a customer, by the names it knows them by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from automation.addresses import key_of
from automation.models import Connection, ConsentState, Customer, Identity


class CustomerFound(BaseModel):
    """A customer as the API tells of them."""

    model_config = ConfigDict(frozen=True)

    id: str
    email: str | None
    first_name: str
    last_name: str
    locale: str | None
    timezone: str | None
    country: str | None
    tags: list[str]
    attributes: dict[str, Any]
    consents: dict[str, str]
    """{topic: granted, withdrawn or pending}"""
    engaged_at: datetime | None
    created_at: datetime
    updated_at: datetime


def customer_called(session: Session, store_id: int, text: str) -> Customer | None:
    """A store's customer by mail address or public id; None for nobody."""
    return session.scalars(
        select(Customer).where(
            Customer.store_id == store_id, or_(Customer.email_key == key_of(text), Customer.public_id == text.strip())
        )
    ).first()


def customer_row(session: Session, connection: Connection, who: str) -> Customer | None:
    """The row of the customer whom a connection's shop calls `who`, or whose address that is; None for nobody."""
    if not who.isprintable():
        return None
    named = select(Identity.customer_id).where(Identity.connection_id == connection.id, Identity.external_id == who)
    return session.scalar(
        select(Customer)
        .where(
            Customer.store_id == connection.store_id,
            Customer.erased_at.is_(None),
            or_(Customer.id.in_(named), Customer.email_key == key_of(who)),
        )
        .order_by(Customer.id.in_(named).desc())
        .limit(1)
    )


def customer_of(session: Session, connection: Connection, who: str) -> CustomerFound | None:
    """The customer whom a connection's shop calls `who`, or whose address that is; None for nobody."""
    row = customer_row(session, connection, who)
    if row is None:
        return None
    standing = session.execute(
        select(ConsentState.topic, ConsentState.status).where(ConsentState.customer_id == row.id)
    ).all()
    return CustomerFound(
        id=row.public_id,
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        locale=row.locale,
        timezone=row.timezone,
        country=row.country,
        tags=row.tags,
        attributes=row.attributes,
        consents=dict(standing),
        engaged_at=row.engaged_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
