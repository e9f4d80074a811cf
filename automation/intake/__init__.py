"""The only way an event or a change of state gets in, once each.

`store()` keeps a verified webhook; the listen stage translates it later and hands the changes to `record()`.
Forms, imports, the API and the simulator's purchases all end in `record()` too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation import feedback
from automation.changes import (
    CartChanged,
    CartDeleted,
    Change,
    ConsentChanged,
    CustomerDeleted,
    CustomersMerged,
    DueItemChanged,
    EventHappened,
    MailEvent,
    OrderChanged,
    OrderDeleted,
    OrderDelivered,
    OrderRefunded,
    PrivacyRequested,
    ProductChanged,
    ProductDeleted,
    Uninstalled,
)
from automation.intake.batch import Batch, cleaned, sliced
from automation.intake.carts import take_carts, take_deleted_carts
from automation.intake.erased import without_erased
from automation.intake.happenings import take_due_items, take_events
from automation.intake.implied import take_implied
from automation.intake.inbox import count_topics, store, store_all
from automation.intake.orders import take_deleted_orders, take_orders
from automation.intake.people import take_deleted, take_merges, take_people
from automation.intake.products import take_deleted_products, take_products
from automation.intake.requests import take_consents, take_privacy, take_uninstalled
from automation.models import Connection

__all__ = ["Receipt", "count_topics", "record", "store", "store_all"]

_AT_ONCE = 1000
"""Changes that share their statements."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch of changes."""

    applied: int = 0
    stale: int = 0
    """Older than what is stored."""
    repeated: int = 0
    """Told before."""
    unmatched: int = 0
    """About something or somebody that cannot be known."""
    erased: int = 0
    """About somebody who was erased; of those nothing is kept but what they bought, without a name."""


def record(
    session: Session,
    connection: Connection,
    changes: Sequence[Change],
    now: datetime,
    *,
    imported_at: datetime | None = None,
) -> Receipt:
    """Apply changes in the caller's transaction, with a constant number of statements per 1,000.

    Changes of state may come in any order and more than once: newer news wins, older fills what is missing. A run of
    them is applied by family (products, people, consents, carts, orders, events), so that each finds what it refers
    to; what deletes or joins things is applied where it stands. `imported_at` marks whom a file makes known.
    """
    _wait_in_line(session, connection.store_id)
    batch = Batch(session, connection, now, imported_at=imported_at)
    for part in sliced(changes, _AT_ONCE):
        for take, run in groupby(
            without_erased(batch, [cleaned(c) for c in part]),
            key=lambda change: _TAKEN_ALONE.get(type(change), _take_state),
        ):
            take(batch, list(run))
    return Receipt(batch.applied, batch.stale, batch.repeated, batch.unmatched, batch.erased)


def _wait_in_line(session: Session, store_id: int) -> None:
    """One writer per store, as on SQLite: who a guest is must not depend on a race."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(0x1A7A, store_id)))


def _take_state(batch: Batch, changes: Sequence[Change]) -> None:
    def only(*types: type[Any]) -> list[Any]:
        return [change for change in changes if isinstance(change, types)]

    take_products(batch, only(ProductChanged))
    people = take_people(batch, changes)
    take_consents(batch, people, only(ConsentChanged))
    take_carts(batch, people, only(CartChanged))
    take_orders(batch, people, only(OrderChanged, OrderRefunded, OrderDelivered))
    take_events(batch, people, only(EventHappened))
    take_implied(batch, people, only(OrderChanged, EventHappened))
    take_due_items(batch, people, only(DueItemChanged))
    people.flush_engagement()


def _take_mail(batch: Batch, changes: Sequence[MailEvent]) -> None:
    new = feedback.apply(batch.session, batch.connection, changes, batch.now)
    batch.applied += new
    batch.repeated += len(changes) - new


_TAKEN_ALONE: dict[type[Change], Callable[[Batch, Any], None]] = {
    CustomerDeleted: take_deleted,
    CustomersMerged: take_merges,
    CartDeleted: take_deleted_carts,
    OrderDeleted: take_deleted_orders,
    ProductDeleted: take_deleted_products,
    PrivacyRequested: take_privacy,
    Uninstalled: take_uninstalled,
    MailEvent: _take_mail,
}
