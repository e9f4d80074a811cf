"""Orders and the mails they count for, in the database: orders that changed, and all of them when the rules do.

While a change of the rules goes through the orders, the figures stay those of the old rules: what becomes different is
kept beside them (`next_conversions`) and takes their place at once when the last order was looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from automation import bulk
from automation.insights.attribution.rules import Hit, Window, choose, window_of
from automation.models import Attribution, Conversion, Message, MessageEvent, NextConversion, Order, Store
from automation.models.touches import CREDIT
from automation.policy import Policy
from automation.upsert import insert_into

Credits = dict[int, dict[str, Any] | None]
"""Id of an order → the columns of its conversion; None where it counts for no mail."""

ORDER = (
    Order.id,
    Order.store_id,
    Order.customer_id,
    Order.placed_at,
    Order.source,
    Order.cart_external_id,
    Order.checkout_external_id,
)
"""What has to be known of an order to trace and to credit it."""


def mark(session: Session, customer_ids: Collection[int], since: datetime) -> None:
    """Have the orders of these customers looked at again that were placed at or after an instant."""
    if customer_ids:
        session.execute(
            update(Order)
            .where(Order.customer_id.in_(customer_ids), Order.placed_at >= since)
            .values(is_untraced=True)
            .execution_options(synchronize_session=False)
        )


def windows(session: Session) -> dict[int, Window]:
    """Each store's window by its settings."""
    rows = session.execute(select(Store.id, Store.policy))
    return {row.id: window_of(Policy.model_validate(row.policy)) for row in rows}


def ways(session: Session, store_ids: Collection[int]) -> dict[int, Attribution]:
    """The rules by which each store's figures are made now; a store that is new here begins with its settings."""
    wanted = windows(session)
    rows = [
        {
            "store_id": i,
            "seconds": wanted[i].seconds,
            "wanted_seconds": wanted[i].seconds,
            "opens": wanted[i].opens,
            "wanted_opens": wanted[i].opens,
            "last": 0,
        }
        for i in sorted(store_ids)
    ]
    session.execute(insert_into(session, Attribution).values(rows).on_conflict_do_nothing())
    found = session.scalars(select(Attribution).where(Attribution.store_id.in_(store_ids))).all()
    return {row.store_id: row for row in found}


def credited_to(session: Session, orders: Sequence[Any], windows: Sequence[Mapping[int, Window]]) -> list[Credits]:
    """What each order counts for, by each of several sets of rules (the store's window by its id). One statement."""
    known = [order for order in orders if order.customer_id is not None]
    hits: dict[int, list[Hit]] = {}
    if known:
        longest = max(window.span for by_store in windows for window in by_store.values())
        with_opens = any(window.opens for by_store in windows for window in by_store.values())
        found = session.execute(
            select(
                Message.customer_id,
                MessageEvent.id,
                MessageEvent.message_id,
                Message.campaign_id,
                MessageEvent.type,
                MessageEvent.at,
                MessageEvent.link,
            )
            .join(MessageEvent, MessageEvent.message_id == Message.id)
            .where(
                Message.customer_id.in_({order.customer_id for order in known}),
                Message.is_test.is_(False),
                MessageEvent.type.in_(("click", "open") if with_opens else ("click",)),
                MessageEvent.is_machine.is_(False),
                MessageEvent.at > min(order.placed_at for order in known) - longest,
                MessageEvent.at <= max(order.placed_at for order in known),
            )
        )
        for row in found:
            hit = Hit(row.id, row.message_id, row.campaign_id, row.type, row.at, row.link)
            hits.setdefault(row.customer_id, []).append(hit)
    made: list[Credits] = []
    for by_store in windows:
        chosen: Credits = {}
        for order in orders:
            won = choose(hits.get(order.customer_id, ()), order.placed_at, by_store[order.store_id])
            chosen[order.id] = _credit(order, won) if won else None
        made.append(chosen)
    return made


def _credit(order: Any, hit: Hit) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "store_id": order.store_id,
        "campaign_id": hit.campaign_id,
        "message_id": hit.message_id,
        "event_id": hit.id,
        "kind": hit.type,
        "link": hit.link,
        "clicked_at": hit.at,
        "at": order.placed_at,
    }


def write(session: Session, model: type[Conversion | NextConversion], credited: Credits) -> None:
    """Make a table's rows of these orders be these, in at most two statements."""
    gone = [order_id for order_id, row in credited.items() if row is None]
    if gone:
        session.execute(delete(model).where(model.order_id.in_(gone)).execution_options(synchronize_session=False))
    rows = [row for row in credited.values() if row is not None]
    if rows:
        columns = [name for name in CREDIT if name not in ("order_id", "store_id")]
        bulk.insert(session, model, rows, skip=["order_id"], replace=columns)


def prepare(session: Session, orders: Sequence[Any], wanted: Credits) -> None:
    """Keep of what these orders will count for whatever differs from what they count for now."""
    rows = session.execute(
        select(*(getattr(Conversion, name) for name in CREDIT)).where(Conversion.order_id.in_([o.id for o in orders]))
    )
    now = {row.order_id: row._asdict() for row in rows}
    kept: Credits = {}
    for order in orders:
        will = wanted[order.id]
        nothing = {**dict.fromkeys(CREDIT), "order_id": order.id, "store_id": order.store_id, "kind": "click"}
        differs = will != now.get(order.id)
        kept[order.id] = (will or {**nothing, "at": order.placed_at}) if differs else None
    write(session, NextConversion, kept)


def put_in_place(session: Session, store_id: int) -> None:
    """Let what was prepared take the place of what the figures are made of: three statements over what differs."""
    mine = NextConversion.store_id == store_id
    changed = select(NextConversion.order_id).where(mine)
    plain = {"synchronize_session": False}
    session.execute(delete(Conversion).where(Conversion.order_id.in_(changed)).execution_options(**plain))
    columns = [getattr(NextConversion, name) for name in CREDIT]
    session.execute(
        insert(Conversion).from_select(CREDIT, select(*columns).where(mine, NextConversion.message_id.is_not(None)))
    )
    session.execute(delete(NextConversion).where(mine).execution_options(**plain))


def differing(session: Session) -> list[int]:
    """Stores whose settings are not what their figures are made with, or are on their way to."""
    wanted = windows(session)
    rows = session.scalars(select(Attribution).order_by(Attribution.store_id)).all()
    return [
        row.store_id
        for row in rows
        if row.position is not None or Window(row.seconds, row.opens) != wanted[row.store_id]
    ]


def newest(session: Session) -> int:
    """Id of the last order there is, of whichever store."""
    return session.scalar(select(func.max(Order.id))) or 0


def untraced() -> Any:
    """Orders that have to be looked at, the oldest first."""
    return select(*ORDER).where(Order.is_untraced).order_by(Order.id)


def slice_of(store_id: int, after: int, until: int, limit: int) -> Any:
    """A store's orders with ids in (after, until], the lowest first."""
    return (
        select(*ORDER)
        .where(Order.store_id == store_id, Order.id > after, Order.id <= until)
        .order_by(Order.id)
        .limit(limit)
    )
