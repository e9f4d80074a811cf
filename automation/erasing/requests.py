"""What people asked for by law through their shop: erasure at once, access and a whole shop by a person's hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, not_, select
from sqlalchemy.orm import Session, aliased

from automation import audit, consent_policy
from automation.app import App
from automation.erasing.erase import erase, remember
from automation.errors import NotAllowed
from automation.models import Customer, Identity, PrivacyRequest, Store


def open_requests(session: Session, store_id: int) -> Sequence[PrivacyRequest]:
    """A store's open requests, what is due first at the top."""
    return session.scalars(
        select(PrivacyRequest)
        .where(PrivacyRequest.store_id == store_id, PrivacyRequest.done_at.is_(None))
        .order_by(PrivacyRequest.due_at, PrivacyRequest.id)
    ).all()


def carry_out(app: App, now: datetime, limit: int) -> int:
    """Erase whom their shops asked to erase, where the store lets that happen by itself; how many requests."""
    with app.db.read() as session:
        wanted = _waiting(session, limit)
    for request_id in wanted:
        with app.db.write() as session:
            request = session.scalars(
                select(PrivacyRequest).where(PrivacyRequest.id == request_id).with_for_update()
            ).one()
            if request.done_at is None:
                fulfil_erasure(session, request, now)
    return len(wanted)


def _waiting(session: Session, limit: int) -> list[int]:
    found = session.execute(
        select(PrivacyRequest.id, Store.consent)
        .join(Store, Store.id == PrivacyRequest.store_id)
        .where(PrivacyRequest.done_at.is_(None), PrivacyRequest.kind == "erasure")
        .order_by(PrivacyRequest.id)
        .limit(limit)
    )
    return [row.id for row in found if consent_policy.of_store(row.consent).erases_at_once]


def fulfil_erasure(session: Session, request: PrivacyRequest, now: datetime, admin_id: int | None = None) -> None:
    """Erase whom a request is about, and remember them where nothing is known of them yet."""
    customer = session.get(Customer, request.customer_id) if request.customer_id else None
    if customer is None:
        ids = [(request.connection_id, request.external_id)] if request.external_id else []
        remember(session, request.store_id, [request.detail.get("email") or ""], ids, now)
    else:
        erase(session, customer, now, admin_id=admin_id, by="the shop's request")
    finish(session, request, now, admin_id)


def finish(session: Session, request: PrivacyRequest, now: datetime, admin_id: int | None = None) -> None:
    """Write down that a request was answered; what it said of the person is not needed any more."""
    if request.done_at is not None:
        raise NotAllowed("This request was answered already.")
    request.done_at, request.detail = now, {}
    if request.kind != "access":
        request.external_id = ""
    audit.note(session, admin_id, f"privacy.{request.kind}.done", request.id, now)
    session.flush()


def erase_shop(session: Session, request: PrivacyRequest, now: datetime, limit: int, admin_id: int | None) -> int:
    """Erase up to `limit` customers whom only the shop of this request knows; how many.

    Call it until it answers 0: then the request is done.
    """
    if request.kind != "store_erasure" or request.done_at is not None:
        raise NotAllowed("This is no open request to erase a shop.")
    mine, other = aliased(Identity), aliased(Identity)
    elsewhere = exists().where(other.customer_id == Customer.id, other.connection_id != request.connection_id)
    found = session.scalars(
        select(Customer)
        .join(mine, mine.customer_id == Customer.id)
        .where(mine.connection_id == request.connection_id, Customer.erased_at.is_(None), not_(elsewhere))
        .distinct()
        .limit(limit)
    ).all()
    for customer in found:
        erase(session, customer, now, admin_id=admin_id, by="the shop's request")
    if not found:
        finish(session, request, now, admin_id)
    return len(found)
