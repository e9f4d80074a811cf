"""What a person may do with offers and their codes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy import update as sql_update
from sqlalchemy.orm import Session

from automation import audit
from automation.app import App
from automation.errors import NotAllowed
from automation.models import Connection, Offer, OfferCode
from automation.offers import codes
from automation.offers.codes import Imported
from automation.offers.holding import find
from automation.offers.terms import Terms
from automation.security import random_id


def save(
    app: App,
    session: Session,
    store_id: int,
    terms: Terms,
    now: datetime,
    *,
    offer: Offer | None = None,
    connection: Connection | None = None,
    admin_id: int | None = None,
) -> Offer:
    """Store an offer, a new one or a changed one. Codes that are out keep what was promised with them.

    Raises NotAllowed for a name that is taken, for another way of supply while codes are out, and where the shop
    that is to make codes cannot.
    """
    taken = find(session, store_id, terms.name)
    if taken is not None and taken is not offer:
        raise NotAllowed(f"There is an offer called {terms.name} already.")
    if terms.supply == "shop":
        _check_shop(app, connection, store_id)
    shared = codes.key_of(terms.shared_code)
    if terms.supply == "shared" and _is_in_a_pool(session, store_id, shared):
        raise NotAllowed("That code stands in a pool already: it is good once.")
    if offer is None:
        offer = Offer(public_id=random_id(), store_id=store_id, created_at=now)
        session.add(offer)
    elif offer.supply != terms.supply and _has_codes(session, offer):
        raise NotAllowed("Its codes are out: withdraw this offer and make another one.")
    values = terms.model_dump(exclude={"guard"})
    values["guard"] = terms.guard.model_dump(mode="json", exclude_defaults=True)
    for name, value in values.items():
        setattr(offer, name, value)
    offer.connection_id = connection.id if connection and terms.supply == "shop" else None
    offer.updated_at = offer.look_at = now
    session.flush()
    audit.note(session, admin_id, "offer.saved", offer.public_id, now, name=terms.name)
    return offer


def _check_shop(app: App, connection: Connection | None, store_id: int) -> None:
    kind = app.platforms.get(connection.kind) if connection and connection.store_id == store_id else None
    if kind is None:
        raise NotAllowed("Choose the connected shop that is to make the codes.")
    if not kind.code_batch:
        raise NotAllowed(f"{kind.label} makes no codes: import them, or use one code for everybody.")


def _is_in_a_pool(session: Session, store_id: int, key: str) -> bool:
    found = select(OfferCode.id).where(
        OfferCode.store_id == store_id, OfferCode.code_key == key, OfferCode.is_shared.is_(False)
    )
    return session.scalar(found.limit(1)) is not None


def _has_codes(session: Session, offer: Offer) -> bool:
    return session.scalar(select(OfferCode.id).where(OfferCode.offer_id == offer.id).limit(1)) is not None


def _pool(offer: Offer) -> None:
    if offer.supply != "pool":
        raise NotAllowed("Only an offer with a pool of your own codes takes more of them.")


def import_codes(
    session: Session, offer: Offer, lines: Iterable[str], now: datetime, admin_id: int | None = None
) -> Imported:
    """Add a file's codes, one a line, to an offer's pool; answers what was refused and why."""
    _pool(offer)
    report = codes.bring_in(session, offer, lines, now)
    offer.look_at = now
    audit.note(session, admin_id, "offer.codes_imported", offer.public_id, now, added=report.added)
    return report


def generate_codes(session: Session, offer: Offer, count: int, now: datetime, admin_id: int | None = None) -> list[str]:
    """Draw new codes into an offer's pool; answers them, for the shop to be told. Raises NotAllowed."""
    _pool(offer)
    made = codes.generate(session, offer, count, now)
    offer.look_at = now
    audit.note(session, admin_id, "offer.codes_generated", offer.public_id, now, count=len(made))
    return made


def withdraw(session: Session, offer: Offer, now: datetime, admin_id: int | None = None) -> int:
    """End an offer: nobody gets it any more, and codes whose mail has not left are void. How many those were.

    Codes that customers have in their hands stay theirs.
    """
    offer.is_active, offer.updated_at, offer.low_since = False, now, None
    ended = session.execute(
        sql_update(OfferCode)
        .where(OfferCode.offer_id == offer.id, OfferCode.state.in_(("free", "reserved", "making")))
        .values(state="void", look_at=None)
    )
    audit.note(session, admin_id, "offer.withdrawn", offer.public_id, now)
    return int(getattr(ended, "rowcount", 0))


def counts(session: Session, offer_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """How many codes of each offer are in which state."""
    found: dict[int, dict[str, int]] = {offer_id: {} for offer_id in offer_ids}
    rows: Any = session.execute(
        select(OfferCode.offer_id, OfferCode.state, func.count())
        .where(OfferCode.offer_id.in_(found))
        .group_by(OfferCode.offer_id, OfferCode.state)
    )
    for offer_id, state, count in rows:
        found[offer_id][state] = count
    return found
