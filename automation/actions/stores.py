"""What a person may set of a store: who writes, in which zone and currency, how often and when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from sqlalchemy.orm import Session

from automation import audit
from automation.addresses import normal_form
from automation.errors import Unreadable
from automation.models import Installation, Store
from automation.policy import Policy
from automation.security import random_id
from automation.upsert import insert_into


def _address(value: str) -> str:
    if value:
        try:
            normal_form(value)
        except Unreadable as error:
            raise ValueError(str(error)) from error
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"“{value}” is not a time zone; write it as in Europe/Berlin")
    return value


def _single_line(value: str) -> str:
    if any(ord(c) < 32 for c in value):
        raise ValueError("this must be one line")
    return value


Line = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_single_line)]


class Sender(BaseModel):
    """The store's identity, as its mails show it."""

    name: Annotated[Line, Field(min_length=1, max_length=200)] = Field(title="Name of the store")
    url: Annotated[Line, Field(max_length=500, pattern=r"^(https?://\S+)?$")] = Field("", title="Address of the shop")
    sender_name: Annotated[Line, Field(max_length=200)] = Field("", description="What the inbox shows as the sender.")
    sender_email: Annotated[Line, Field(max_length=320), AfterValidator(_address)] = Field(
        title="Sender's address", description="Of a domain that your mail provider has verified."
    )
    reply_to: Annotated[Line, Field(max_length=320), AfterValidator(_address)] = Field(
        "", title="Replies go to", description="The sender's address when this is empty."
    )
    postal_address: str = Field(
        max_length=500, min_length=1, description="Stands in every mail's footer, as the law of most countries wants."
    )
    timezone: Annotated[Line, AfterValidator(_zone)] = Field("UTC", title="Time zone")
    currency: Annotated[Line, Field(pattern=r"^[A-Z]{3}$")] = Field("EUR", description="Three letters, such as EUR.")


def save_sender(
    session: Session, store_id: int | None, sender: Sender, now: datetime, admin_id: int | None = None
) -> Store:
    """Store who writes; without a store yet, this makes it."""
    store = session.get(Store, store_id) if store_id is not None else None
    if store is None:
        store = Store(public_id=random_id(), name=sender.name, created_at=now)
        session.add(store)
    for name, value in sender.model_dump().items():
        setattr(store, name, value)
    session.flush()
    audit.note(session, admin_id, "store.changed", store.public_id, now)
    return store


def save_policy(session: Session, store_id: int, policy: Policy, now: datetime, admin_id: int | None = None) -> None:
    """Store the sending rules; only what differs from the defaults is kept, so that better defaults reach everybody."""
    store = session.get_one(Store, store_id)
    store.policy = policy.model_dump(mode="json", exclude_defaults=True)
    audit.note(session, admin_id, "policy.changed", store.public_id, now, **store.policy)


def set_paused(session: Session, *, is_paused: bool, now: datetime, admin_id: int | None = None) -> None:
    """Stop or resume all sending of this installation."""
    row = installation(session, now)
    row.is_paused = is_paused
    audit.note(session, admin_id, "sending.paused" if is_paused else "sending.resumed", "", now)


def set_store_paused(
    session: Session, store_id: int, *, is_paused: bool, now: datetime, admin_id: int | None = None
) -> None:
    """Stop or resume the sending of one store."""
    store = session.get_one(Store, store_id)
    store.is_paused = is_paused
    audit.note(session, admin_id, "sending.paused" if is_paused else "sending.resumed", store.public_id, now)


def installation(session: Session, now: datetime) -> Installation:
    """The one row of this installation, made at its first use; two processes may ask for it at once."""
    row = session.get(Installation, 1)
    if row is None:
        first = insert_into(session, Installation).values(
            id=1, instance_id=random_id(), is_paused=False, created_at=now
        )
        session.execute(first.on_conflict_do_nothing())
        row = session.get_one(Installation, 1)
    return row
