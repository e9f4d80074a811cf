"""Wakes the enrolments that wait for what has just been recorded.

Whoever writes down that something happened to customers calls `stir()` in the same transaction. It makes due the few
enrolments of those customers that wait for an event of that name, found along a partial index: the cost is that of
what happened, never of how many wait. Whether it was what they wait for (since when, with which properties) is asked
again by the step, from the tables, so stirring too often is harmless.

Stirring too seldom is caught too: an enrolment may begin to wait while the transaction that records its event is
still under way, and neither sees the other. So whoever waits looks once more after two minutes, and then each time
that it has waited four times as long as at the look before (`next_look`): some nine looks in a month.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from automation import bulk
from automation.models import Enrolment
from automation.rules.families import FAMILIES
from automation.rules.fields import FIELDS
from automation.rules.language import Bought, Compare, Happened, Rule, leaves
from automation.upsert import table_of

FIRST_LOOK = timedelta(minutes=2)
"""Longer than a transaction that records events may take."""

ORDER_EVENTS = {
    "order.placed": "placed_at",
    "order.paid": "paid_at",
    "order.fulfilled": "fulfilled_at",
    "order.delivered": "delivered_at",
    "order.cancelled": "cancelled_at",
}
"""What an order's row tells, by the column that says when."""
MAIL_EVENTS = {
    "click": "mail.clicked",
    "delivered": "mail.delivered",
    "hard_bounce": "mail.bounced",
    "unsubscribe": "mail.unsubscribed",
}
"""What became of a mail, by the word that providers' events have for it."""
VISIT = "visit"
ANY = "*"
"""Waits for whatever happens to the customer: where more than one event may bring on what it waits for."""
AWAITED = frozenset({*ORDER_EVENTS, *MAIL_EVENTS.values(), VISIT})
"""The store's own families of events that stir; events of any other name do too."""


def stir(session: Session, happened: Iterable[tuple[int | None, str]], now: datetime) -> None:
    """Make due whoever waits for one of these: (customer's id, event's name). One statement.

    An enrolment that is being moved at this moment is left alone: its own transaction, or its next look, sees it.
    """
    pairs = {(customer_id, name) for customer_id, name in happened if customer_id is not None}
    if not pairs:
        return
    table = table_of(Enrolment)
    pairs |= {(customer_id, ANY) for customer_id, _ in pairs}
    rows = [{"customer_id": customer_id, "waits_for": name} for customer_id, name in sorted(pairs)]
    given = bulk.table(session, [table.c.customer_id, table.c.waits_for], rows)
    waiting = (
        select(table.c.id)
        .join(given, (given.c.customer_id == table.c.customer_id) & (given.c.waits_for == table.c.waits_for))
        .where(table.c.state == "active", table.c.waits_for.is_not(None), table.c.due_at > now)
        .with_for_update(of=table, skip_locked=True)
    )
    session.execute(update(table).where(table.c.id.in_(waiting)).values(due_at=now))


def awaited_by(rule: Rule) -> frozenset[str]:
    """The events of which each may make a rule come to hold, as far as they stir.

    A field, a consent or a segment that changes stirs nobody: such a rule is asked before each step only.
    """
    found = set()
    for leaf in leaves(rule):
        match leaf:
            case Happened():
                found.add(leaf.event)
            case Bought():
                found.add("order.placed")
            case Compare() if leaf.field in FIELDS and (tally := FIELDS[leaf.field].tally) is not None:
                found.add(tally.event)
    return frozenset(name for name in found if name in AWAITED or name not in FAMILIES)


def one_of(names: Iterable[str]) -> str | None:
    """What an enrolment waits for that waits for any of some events; None for none."""
    known = set(names)
    return ANY if len(known) > 1 else next(iter(known), None)


def next_look(since: datetime, now: datetime) -> datetime:
    """When someone who has waited since an instant looks again without having been stirred."""
    return now + max(FIRST_LOOK, 3 * (now - since))
