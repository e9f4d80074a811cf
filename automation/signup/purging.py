"""Sign-ups that nobody confirmed: after a while nothing is kept of them but that there was one.

Who is known by nothing else is forgotten with them. The ledger's lines cannot be taken away: they keep that an answer
was awaited and when, and lose where it came from and whose it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, false, or_, select
from sqlalchemy.orm import Session

from automation import consent_policy
from automation.erasing.erase import forget
from automation.models import (
    Cart,
    ConsentState,
    Customer,
    DueItem,
    Enrolment,
    Event,
    FormDay,
    Identity,
    Message,
    Order,
    PointsEntry,
    SignUp,
    Store,
    Visitor,
)
from automation.upsert import insert_into

_KNOWN_BY = (Identity, Order, Cart, Event, Enrolment, DueItem, PointsEntry, Visitor)
"""Who has a row of these is somebody to the store by more than a form."""


def is_any_due(session: Session, now: datetime) -> bool:
    """Whether there is anything to purge."""
    return bool(_due(session, now, 1))


def purge(session: Session, now: datetime, limit: int) -> int:
    """Purge up to `limit` sign-ups whose time is over, in the caller's transaction; how many.

    A constant number of statements for each store.
    """
    rows = _due(session, now, limit, is_locked=True)
    if not rows:
        return 0
    _count(session, rows)
    session.execute(delete(SignUp).where(SignUp.id.in_([row.id for row in rows])))
    for store_id in sorted({row.store_id for row in rows}):
        ids = sorted({row.customer_id for row in rows if row.store_id == store_id})
        unknown = _unknown(session, ids)
        if unknown:
            forget(session, store_id, unknown, now)
    return len(rows)


def _due(session: Session, now: datetime, limit: int, *, is_locked: bool = False) -> Sequence[SignUp]:
    over = _over(session, now)
    found = (
        select(SignUp)
        .where(SignUp.state == "pending", SignUp.expires_at <= now, over)
        .order_by(SignUp.created_at)
        .limit(limit)
    )
    return session.scalars(found.with_for_update(skip_locked=True) if is_locked else found).all()


def _over(session: Session, now: datetime) -> ColumnElement[bool]:
    """The sign-up is older than its store keeps one."""
    stores = session.execute(select(Store.id, Store.consent)).all()
    until = {row.id: now - timedelta(days=consent_policy.of_store(row.consent).unconfirmed_days) for row in stores}
    if not until:
        return false()
    each = [and_(SignUp.store_id == store_id, SignUp.created_at <= at) for store_id, at in until.items()]
    # The first is what an index can serve.
    return and_(SignUp.created_at <= max(until.values()), or_(*each))


def _count(session: Session, rows: Sequence[SignUp]) -> None:
    counts: Counter[tuple[int, date]] = Counter((row.form_id, row.created_at.astimezone(UTC).date()) for row in rows)
    statement = insert_into(session, FormDay)
    statement = statement.on_conflict_do_update(
        index_elements=["form_id", "on_date"],
        set_={"unconfirmed": FormDay.unconfirmed + statement.excluded.unconfirmed},
    )
    session.connection().execute(
        statement,
        [
            {"form_id": form_id, "on_date": on, "views": 0, "refused": 0, "unconfirmed": count}
            for (form_id, on), count in sorted(counts.items())
        ],
    )


def _unknown(session: Session, customer_ids: Sequence[int]) -> Sequence[int]:
    """Those of whom a store knows nothing but that their address was typed into a form."""
    known = [exists().where(model.customer_id == Customer.id) for model in _KNOWN_BY]
    has_said = exists().where(ConsentState.customer_id == Customer.id, ConsentState.status != "pending")
    was_mailed = exists().where(Message.customer_id == Customer.id, Message.campaign_id.is_not(None))
    signed_up = exists().where(SignUp.customer_id == Customer.id)
    return session.scalars(
        select(Customer.id)
        .where(
            Customer.id.in_(customer_ids),
            Customer.erased_at.is_(None),
            Customer.imported_at.is_(None),
            ~or_(has_said, was_mailed, signed_up, *known),
        )
        .order_by(Customer.id)
        .with_for_update()
    ).all()
