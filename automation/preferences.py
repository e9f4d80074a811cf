"""What a customer wants of the mails: which topics, how many a week, and whether to rest from them for a while.

Topics are lines of the consent ledger, with the evidence of who said so and how; `decide` and the last look before
sending honour all three. The store's topics stand in `automation.consent_policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.consents import ConsentLine, Status, note
from automation.errors import NotAllowed
from automation.models import Consent, ConsentState, Customer

LONGEST_PAUSE = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Preferences:
    """A customer's wishes. `topics` are those they were ever asked about, or those that are to change."""

    topics: Mapping[str, Status] = field(default_factory=dict)
    """{topic: granted, withdrawn or pending}"""
    frequency: int | None = None
    """Most lifecycle and promotional mails a week, a whole number from 1; None leaves it to the store."""
    paused_until: datetime | None = None
    """No lifecycle or promotional mail before this instant; None for no rest."""
    per_month: int | None = None
    """Like `frequency`, for a calendar month."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How it is known that the customer said so, as the ledger keeps it."""

    source: str = "form"
    """form, unsubscribe, complaint, admin, api … as in `automation.consents`."""
    wording: str = ""
    """The words that they agreed to."""
    ip: str = ""
    agent: str = ""
    message_id: int | None = None
    """Row id of the message whose link they followed."""
    detail: str = ""


def preferences_of(session: Session, customer_id: int) -> Preferences:
    """What a customer wants now. Raises NotAllowed when there is no such customer."""
    row = session.execute(
        select(Customer.most_per_week, Customer.most_per_month, Customer.paused_until).where(Customer.id == customer_id)
    ).one_or_none()
    if row is None:
        raise NotAllowed("There is no such customer.")
    states = select(ConsentState.topic, ConsentState.status).where(ConsentState.customer_id == customer_id)
    topics: dict[str, Status] = dict(session.execute(states.order_by(ConsentState.topic)).all())  # type: ignore[arg-type]  # a check constraint holds it to the three
    return Preferences(topics, row.most_per_week, row.paused_until, row.most_per_month)


def set_preferences(
    session: Session, customer_id: int, wish: Preferences, evidence: Evidence, now: datetime
) -> Preferences:
    """Bring a customer's wishes about, in the caller's transaction; what holds afterwards.

    Topics that `wish` does not name stay as they are; frequency and pause are set as they are named, a pause that is
    over already is none. What holds already leaves no new line, save a withdrawal that only a shop's sync had told
    of: their own word holds against the next sync. Raises NotAllowed for an erased customer, a frequency below 1 and
    a pause of more than a year.
    """
    customer = session.get(Customer, customer_id)
    if customer is None or customer.erased_at is not None:
        raise NotAllowed("There is no such customer.")
    if wish.frequency is not None and wish.frequency < 1:
        raise NotAllowed("For no mails at all, unsubscribe; else at least one a week.")
    if wish.per_month is not None and wish.per_month < 1:
        raise NotAllowed("For no mails at all, unsubscribe; else at least one a month.")
    if wish.paused_until is not None and wish.paused_until > now + LONGEST_PAUSE:
        raise NotAllowed("A rest may last a year at most.")
    standing = _standing(session, customer_id)
    lines = [
        ConsentLine(
            store_id=customer.store_id,
            customer_id=customer_id,
            topic=topic,
            status=status,
            source=evidence.source,
            at=now,
            wording=evidence.wording,
            ip=evidence.ip,
            agent=evidence.agent,
            message_id=evidence.message_id,
            detail=evidence.detail,
        )
        for topic, status in sorted(wish.topics.items())
        if not _holds(standing.get(topic), status, evidence.source)
    ]
    if lines:
        note(session, lines, now)
    customer.most_per_week, customer.most_per_month = wish.frequency, wish.per_month
    customer.paused_until = wish.paused_until if wish.paused_until is not None and wish.paused_until > now else None
    customer.updated_at = now
    session.flush()
    return preferences_of(session, customer_id)


def _standing(session: Session, customer_id: int) -> dict[str, tuple[str, str, str]]:
    """Status, source and basis of the line that holds, by topic."""
    found = session.execute(
        select(ConsentState.topic, ConsentState.status, Consent.source, Consent.basis)
        .join(Consent, Consent.id == ConsentState.consent_id)
        .where(ConsentState.customer_id == customer_id)
    )
    return {row.topic: (row.status, row.source, row.basis) for row in found}


def _holds(known: tuple[str, str, str] | None, wish: Status, source: str) -> bool:
    if known is None:
        # Not to want what one was never asked about is no news, and still their word.
        return False
    status, known_source, basis = known
    if status != wish or basis != "express":
        return False
    return status != "withdrawn" or known_source == source
