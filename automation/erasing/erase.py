"""Erases one person: what names or describes them is blanked or deleted in every table; figures stay without a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from automation import audit
from automation.addresses import key_of
from automation.erasing.bodies import naming
from automation.erasing.marks import mark_of_address, marks_of_ids
from automation.erasing.personal import HELD, Whose
from automation.models import (
    Customer,
    Enrolment,
    ErasedPerson,
    FormerAddress,
    Identity,
    InboundWebhook,
    Message,
    OutboundWebhook,
    Record,
    Suppression,
)
from automation.upsert import insert_into

_DROPPED = ("draft", "ready", "retry")


def whose(session: Session, customer: Customer) -> Whose:
    """Everything by which a customer's rows are found, those of customers merged into them among them."""
    merged = session.scalars(
        select(Customer.id).where(
            Customer.store_id == customer.store_id,
            Customer.email_key.is_(None),
            Customer.attributes["merged_into"].as_string() == customer.public_id,
        )
    ).all()
    ids = [customer.id, *merged]
    addresses = [*filter(None, [customer.email_key]), *_former(session, customer.store_id, ids)]
    marks = [mark for address in addresses if (mark := mark_of_address(session, address))]
    return Whose(customer.store_id, ids, addresses, marks)


def _former(session: Session, store_id: int, ids: Sequence[int]) -> list[str]:
    """Addresses that a customer had before; not those that are another's by now."""
    others = aliased(Customer)
    taken = exists().where(others.store_id == store_id, others.email_key == FormerAddress.email_key)
    had = select(FormerAddress.email_key).where(FormerAddress.customer_id.in_(ids), ~taken).distinct()
    return list(session.scalars(had.order_by(FormerAddress.email_key)))


def identities(session: Session, person: Whose) -> list[tuple[int, str]]:
    """What shops call them: (connection, external id)."""
    found = select(Identity.connection_id, Identity.external_id).where(Identity.customer_id.in_(person.customer_ids))
    return [(row.connection_id, row.external_id) for row in session.execute(found)]


def forget(session: Session, store_id: int, customer_ids: Sequence[int], now: datetime) -> None:
    """Blank people of whom nothing but an address is known, in the caller's transaction.

    For those who never said yes: unlike after an erasure no mark is kept, so that a shop may tell of them again, and
    their addresses stay on the suppression list. A constant number of statements.
    """
    _stop(session, customer_ids, now)
    _blank(session, Whose(store_id, customer_ids, [], []))
    session.execute(
        update(Customer)
        .where(Customer.id.in_(customer_ids))
        .values(erased_at=now, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()


def erase(
    session: Session, customer: Customer, now: datetime, *, admin_id: int | None = None, by: str = "admin"
) -> bool:
    """Erase a customer, in the caller's transaction; False when they were erased already.

    What is on its way to them stops. What stays of them is a keyed hash, so that no sync or import brings them back;
    they themselves may come back by a form. The number of statements does not depend on what they did, save that
    every stored webhook is looked through.
    """
    row = session.scalars(select(Customer).where(Customer.id == customer.id).with_for_update()).one()
    if row.erased_at is not None:
        return False
    person = whose(session, row)
    ids = identities(session, person)
    remember(session, row.store_id, person.addresses, ids, now)
    _stop(session, person.customer_ids, now)
    addresses = {*person.addresses, *filter(None, [row.email])}
    found = [webhook_id for webhook_id, _ in naming(session, row.store_id, addresses, ids)]
    if found:
        session.execute(
            update(InboundWebhook)
            .where(InboundWebhook.id.in_(found))
            .values(**HELD["inbound_webhooks"].blanked)
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(InboundWebhook)
            .where(InboundWebhook.id.in_(found), InboundWebhook.state.in_(("received", "bare")))
            .values(state="ignored", processed_at=now)
            .execution_options(synchronize_session=False)
        )
    _blank(session, person)
    session.execute(
        update(Customer)
        .where(Customer.id.in_(person.customer_ids))
        .values(erased_at=now, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    audit.note(session, admin_id, "customer.erased", customer.public_id, now, by=by)
    return True


def remember(
    session: Session, store_id: int, emails: Iterable[str], ids: Sequence[tuple[int, str]], now: datetime
) -> None:
    """Write down by their marks who must not come back with a sync, and why their addresses were not to be mailed."""
    keys = {key for email in emails if (key := key_of(email))}
    listed = select(Suppression.email_key, Suppression.reason).where(
        Suppression.store_id == store_id, Suppression.email_key.in_(keys)
    )
    reasons = {row.email_key: row.reason for row in session.execute(listed)}
    rows = [{"mark": mark_of_address(session, key), "suppression": reasons.get(key, "")} for key in sorted(keys)]
    rows += [{"mark": one, "suppression": ""} for one in marks_of_ids(session, ids)]
    if rows:
        statement = insert_into(session, ErasedPerson).on_conflict_do_nothing()
        session.connection().execute(statement, [{"store_id": store_id, "erased_at": now, **r} for r in rows])


def _stop(session: Session, customer_ids: Sequence[int], now: datetime) -> None:
    options = {"synchronize_session": False}
    session.execute(
        update(Enrolment)
        .where(Enrolment.customer_id.in_(customer_ids), Enrolment.state == "active")
        .values(state="exited", ended_at=now, exit_reason="the customer was erased", waits_for=None)
        .execution_options(**options)
    )
    session.execute(
        update(Message)
        .where(Message.customer_id.in_(customer_ids), Message.state.in_(_DROPPED))
        .values(state="dropped", reason="erased", claimed_by=None, lease_until=None, fence=Message.fence + 1)
        .execution_options(**options)
    )
    mine = select(Enrolment.id).where(Enrolment.customer_id.in_(customer_ids))
    session.execute(
        update(OutboundWebhook)
        .where(OutboundWebhook.enrolment_id.in_(mine), OutboundWebhook.state == "waiting")
        .values(state="failed", fence=OutboundWebhook.fence + 1)
        .execution_options(**options)
    )


def _blank(session: Session, person: Whose) -> None:
    """Table by table, what refers before what is referred to; the customer's own row last."""
    tables = [t for t in reversed(Record.metadata.sorted_tables) if t.name in HELD and t.name != "customers"]
    for table in (*tables, Record.metadata.tables["customers"]):
        held = HELD[table.name]
        where = held.where(table, person)
        if held.is_deleted:
            session.execute(delete(table).where(where))
        elif held.blanked:
            values: dict[str, Any] = {n: v(table) if callable(v) else v for n, v in held.blanked.items()}
            session.execute(update(table).where(where).values(values))
