"""Leaving and coming back by the link in a mail. The link's token proves that it was read in that mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.addresses import key_of
from automation.consents import ConsentLine, Status, note
from automation.models import Consent, ConsentState, Customer, Message, MessageEvent, Rendering, Store, Suppression

WORDING = "Yes, send me mails again."
"""The button that gives consent back, as the ledger keeps it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who holds an unsubscribe link, and what they agreed to."""

    message_id: int
    """Row id."""
    customer_id: int
    store_id: int
    store_name: str
    store_url: str
    email: str
    topic: str
    is_test: bool
    is_out: bool
    """They get no more mails of this topic."""
    is_erased: bool
    """Nothing is kept of them any more, and nothing new is."""
    may_return: bool
    """A button can bring them back: not after a complaint, a bounce or an erasure, and not from a mailbox that was
    theirs before and may be another's by now.
    """

    @property
    def masked(self) -> str:
        """The address as it may stand on a page that was perhaps passed on: a•••@example.com."""
        name, _, domain = self.email.rpartition("@")
        return f"{name[:1]}•••@{domain}" if name else "This address"


def reader_of(session: Session, public_id: str) -> Reader | None:
    """The reader of the message with this public id; None when there is no such message."""
    found = session.execute(
        select(Message, Store, Customer, ConsentState.status, Suppression.id, Rendering.to_email)
        .join(Store, Store.id == Message.store_id)
        .join(Customer, Customer.id == Message.customer_id)
        .outerjoin(
            ConsentState, (ConsentState.customer_id == Message.customer_id) & (ConsentState.topic == Message.topic)
        )
        .outerjoin(
            Suppression, (Suppression.store_id == Message.store_id) & (Suppression.email_key == Customer.email_key)
        )
        .outerjoin(Rendering, Rendering.message_id == Message.id)
        .where(Message.public_id == public_id)
    ).one_or_none()
    if found is None:
        return None
    message, store, customer, status, suppression, to_email = found
    has_moved = to_email is not None and key_of(to_email) != customer.email_key
    return Reader(
        message_id=message.id,
        customer_id=customer.id,
        store_id=store.id,
        store_name=store.name,
        store_url=store.url,
        email=customer.email or "",
        topic=message.topic,
        is_test=message.is_test,
        is_out=status == "withdrawn" or bool(suppression) or customer.erased_at is not None,
        is_erased=customer.erased_at is not None,
        may_return=not suppression and customer.erased_at is None and not has_moved,
    )


def withdraw(session: Session, public_id: str, now: datetime, *, ip: str, agent: str, way: str) -> Reader | None:
    """Take back the consent to the topic of a message; again changes nothing. None when there is no such message.

    `way` says how, for the ledger: by one click in the mail program, or on the page. A test mail's link changes
    nothing: whoever reads that is not the customer.
    """
    reader = reader_of(session, public_id)
    if reader is None or reader.is_test or reader.is_erased:
        return reader
    # A shop's sync may have withdrawn it already; only the customer's own word holds against the next sync.
    if _standing(session, reader) != ("withdrawn", "unsubscribe"):
        _say(session, reader, "withdrawn", now, source="unsubscribe", wording="", ip=ip, agent=agent, detail=way)
        _log(session, reader, "unsubscribe", now, ip=ip, agent=agent, detail=way)
        message = session.get_one(Message, reader.message_id)
        if message.unsubscribed_at is None:
            message.unsubscribed_at = now
    return reader_of(session, public_id)


def come_back(session: Session, public_id: str, now: datetime, *, ip: str, agent: str) -> Reader | None:
    """Give the consent back that was withdrawn, by the customer's own button. None when there is no such message.

    Nothing changes for who never withdrew, for a suppressed address and for a test mail.
    """
    reader = reader_of(session, public_id)
    if reader is None or reader.is_test or not reader.may_return or _standing(session, reader)[0] != "withdrawn":
        return reader
    _say(session, reader, "granted", now, source="form", wording=WORDING, ip=ip, agent=agent, detail="unsubscribe page")
    _log(session, reader, "resubscribe", now, ip=ip, agent=agent, detail="unsubscribe page")
    return reader_of(session, public_id)


def _standing(session: Session, reader: Reader) -> tuple[str, str]:
    """Status and source of the line that holds, or two empty words."""
    # Two presses of the button: the second one waits for the first and then finds nothing to do.
    session.execute(select(Customer.id).where(Customer.id == reader.customer_id).with_for_update())
    found = session.execute(
        select(Consent.status, Consent.source)
        .join(ConsentState, ConsentState.consent_id == Consent.id)
        .where(ConsentState.customer_id == reader.customer_id, ConsentState.topic == reader.topic)
    ).one_or_none()
    return (found[0], found[1]) if found else ("", "")


def _say(
    session: Session,
    reader: Reader,
    status: Status,
    now: datetime,
    *,
    source: str,
    wording: str,
    ip: str,
    agent: str,
    detail: str,
) -> None:
    line = ConsentLine(
        store_id=reader.store_id,
        customer_id=reader.customer_id,
        topic=reader.topic,
        status=status,
        source=source,
        wording=wording,
        ip=ip[:64],
        agent=agent[:500],
        message_id=reader.message_id,
        detail=detail,
        at=now,
    )
    note(session, [line], now)


def _log(session: Session, reader: Reader, type: str, now: datetime, *, ip: str, agent: str, detail: str) -> None:  # noqa: A002  as above
    count = session.query(MessageEvent).filter_by(message_id=reader.message_id, type=type).count()
    session.add(
        MessageEvent(
            message_id=reader.message_id,
            type=type,
            at=now,
            external_id=f"door:{type}:{reader.message_id}:{count + 1}",
            reason=detail,
            ip=ip[:64],
            agent=agent[:500],
            recorded_at=now,
        )
    )
