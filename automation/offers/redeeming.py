"""Orders' discount codes: which of ours they were, who used them, and which mail had brought them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import bulk
from automation.models import OfferCode
from automation.offers.codes import key_of
from automation.offers.following import LEFT, carriers


def redeem(session: Session, orders: Sequence[Any]) -> int:
    """Mark the codes of these orders as redeemed; how many were ours.

    `orders` are rows with `id`, `store_id`, `customer_id`, `codes`, `placed_at` and `cancelled_at`. A code of a pool
    is redeemed by whoever used it, the one it was given to or another; a shared one only for customers who were
    given it. The first order counts: a second one with the same code changes nothing. Three statements at most.
    """
    used = {
        (order.store_id, key_of(str(code))): order
        for order in sorted(orders, key=lambda o: (o.placed_at, o.id), reverse=True)
        for code in order.codes or ()
        if order.cancelled_at is None
    }
    shared = {
        (order.store_id, key_of(str(code)), order.customer_id): order
        for order in orders
        for code in order.codes or ()
        if order.cancelled_at is None and order.customer_id is not None
    }
    if not used:
        return 0
    rows = _ours(session, {store for store, _ in used}, {key for _, key in used})
    found = {
        row: order
        for row in rows
        if (
            order := shared.get((row.store_id, row.code_key, row.customer_id))
            if row.is_shared
            else used.get((row.store_id, row.code_key))
        )
    }
    brought = _brought(session, found)
    bulk.update(
        session,
        OfferCode,
        [
            {
                "id": row.id,
                "state": "redeemed",
                "redeemed_at": order.placed_at,
                "redeemed_by": order.customer_id,
                "order_id": order.id,
                "message_id": brought.get(row.id),
                "look_at": None,
            }
            for row, order in found.items()
        ],
    )
    return len(found)


def _ours(session: Session, stores: set[int], keys: set[str]) -> Sequence[Any]:
    return session.execute(
        select(
            OfferCode.id,
            OfferCode.store_id,
            OfferCode.code_key,
            OfferCode.is_shared,
            OfferCode.customer_id,
            OfferCode.enrolment_id,
        )
        .where(
            OfferCode.store_id.in_(stores),
            OfferCode.code_key.in_(keys),
            OfferCode.state.in_(("free", "reserved", "given", "expired")),
        )
        .order_by(OfferCode.id)
        .with_for_update()
    ).all()


def _brought(session: Session, found: Mapping[Any, Any]) -> Mapping[int, int]:
    """By code: the last mail of its run that showed it and was written before the order."""
    mails = carriers(session, {row.enrolment_id for row in found if row.enrolment_id is not None})
    brought = {}
    for row, order in found.items():
        before = [m for m in mails.get(row.enrolment_id, ()) if m.state in LEFT and m.created_at <= order.placed_at]
        if before:
            brought[row.id] = before[-1].message_id
    return brought
