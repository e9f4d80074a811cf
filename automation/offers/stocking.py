"""Keeping codes in stock: shops make them ahead of time, and a pool that runs low is an alert.

Codes are drawn and stored as `making` before the shop is asked, so that after a crash the same ones are asked for
again rather than others. No request leaves inside a transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation import bulk
from automation.app import App
from automation.connections import platform_of
from automation.errors import CartwheelError, Later
from automation.faults import declare, fault
from automation.models import Connection, Offer, OfferCode
from automation.offers.codes import generate, key_of
from automation.platform import CodeTerms, Platform

declare("stock.ordered", "stock.made")

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)
"""How often an offer's stock is looked at."""
PATIENCE = timedelta(minutes=10)
"""How long after a failure, or a start without an end, the shop is asked again."""


@dataclass(frozen=True, slots=True)
class Order:
    """Codes that a shop is to make."""

    offer_id: int
    connection: Connection
    terms: CodeTerms
    codes: Sequence[str]


def stock(app: App, now: datetime, limit: int) -> int:
    """Look at up to `limit` offers that are due for it, and have shops make what is missing; how many codes came."""
    with app.db.read() as session:
        if session.scalar(select(Offer.id).where(Offer.is_active, Offer.look_at <= now).limit(1)) is None:
            return 0
    with app.db.write() as session:
        orders = _look(app, session, now, limit)
    made = 0
    for order in orders:
        fault("stock.ordered")
        made += _make(app, order, now)
    return made


def _look(app: App, session: Session, now: datetime, limit: int) -> list[Order]:
    offers = session.scalars(
        select(Offer)
        .where(Offer.is_active, Offer.look_at <= now)
        .order_by(Offer.look_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    counted = _free(session, [o.id for o in offers if o.supply != "shared"])
    orders = []
    for offer in offers:
        offer.look_at = now + EVERY
        if offer.supply == "shared":
            continue
        free = counted.get(offer.id, 0)
        _alert(offer, free, now)
        if offer.supply == "shop" and free < offer.keep_ahead:
            order = _order(app, session, offer, offer.keep_ahead - free, now)
            orders += [order] if order else []
    return orders


def _free(session: Session, offers: Sequence[int]) -> dict[int, int]:
    rows = session.execute(
        select(OfferCode.offer_id, func.count())
        .where(OfferCode.offer_id.in_(offers), OfferCode.state == "free")
        .group_by(OfferCode.offer_id)
    )
    return {row[0]: row[1] for row in rows}


def _alert(offer: Offer, free: int, now: datetime) -> None:
    if free >= offer.low_stock:
        offer.low_since = None
    elif offer.low_since is None:
        offer.low_since = now
        log.warning("The offer %s has %d free codes left, fewer than %d", offer.name, free, offer.low_stock)


def _order(app: App, session: Session, offer: Offer, missing: int, now: datetime) -> Order | None:
    connection = session.get(Connection, offer.connection_id) if offer.connection_id else None
    kind = app.platforms.get(connection.kind) if connection else None
    if connection is None or kind is None or not kind.code_batch or connection.state != "active":
        offer.trouble = "No connected shop makes codes for this offer."
        return None
    begun = session.execute(
        select(OfferCode.id, OfferCode.code)
        .where(OfferCode.offer_id == offer.id, OfferCode.state == "making", OfferCode.look_at <= now)
        .order_by(OfferCode.id)
        .limit(kind.code_batch)
    ).all()
    codes = [row.code for row in begun] or generate(session, offer, min(missing, kind.code_batch), now, state="making")
    bulk.update(
        session,
        OfferCode,
        [{"store_id": offer.store_id, "code_key": key_of(code)} for code in codes],
        key=("store_id", "code_key"),
        where=OfferCode.state == "making",
        values={"look_at": now + PATIENCE},
    )
    offer.look_at = now + PATIENCE
    terms = CodeTerms(
        offer_id=offer.public_id,
        title=offer.label,
        kind=offer.kind,  # type: ignore[arg-type]  # a check constraint holds it to the three
        value=offer.value,
        currency=offer.currency,
        minimum=offer.minimum,
        starts_at=offer.created_at,
        ends_at=offer.ends_at,
    )
    return Order(offer.id, connection, terms, codes)


def _make(app: App, order: Order, now: datetime) -> int:
    there: list[str] = []
    trouble, again = "", now
    try:
        with app.http() as http:
            there = _ask(platform_of(app, order.connection, http), order)
        if not there:
            trouble, again = "The shop made none of the codes.", now + PATIENCE
    except Later as error:
        trouble, again = str(error), now + max(error.after or EVERY, EVERY)
    except CartwheelError as error:
        trouble, again = str(error), now + PATIENCE
    fault("stock.made")
    with app.db.write() as session:
        offer = session.get_one(Offer, order.offer_id, with_for_update=True)
        offer.trouble, offer.look_at = trouble[:500], again
        rows = [{"store_id": offer.store_id, "code_key": key_of(code)} for code in there]
        is_made = OfferCode.state == "making"
        key = ("store_id", "code_key")
        bulk.update(session, OfferCode, rows, key=key, where=is_made, values={"state": "free", "look_at": None})
    if trouble:
        log.warning("The offer %s got no codes from its shop: %s", order.terms.title, trouble)
    return len(there)


def _ask(platform: Platform, order: Order) -> list[str]:
    wanted = {key_of(code) for code in order.codes}
    return [code for code in platform.create_codes(order.terms, order.codes) if key_of(code) in wanted]
