"""Moves everything that one customer has to another, when a platform says that they are the same."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import aliased

from automation.consents import ConsentLine, note
from automation.insights.touches import people as touches
from automation.intake.batch import Batch, Row, latest
from automation.loyalty.accounts import merge_accounts
from automation.models import (
    Cart,
    CartVisit,
    Consent,
    Customer,
    CustomerTier,
    CustomerTouch,
    DueItem,
    Enrolment,
    Event,
    FormerAddress,
    Identity,
    JourneyStay,
    Message,
    OfferCode,
    OfferRefusal,
    Order,
    PointsEntry,
    PrivacyRequest,
    Redemption,
    SegmentMember,
    SignUp,
    SpecialDate,
    Visitor,
)
from automation.rhythms import forget, mark_stale
from automation.tags import said, standing
from automation.upsert import table_of

_FOLLOW: tuple[type[Any], ...] = (
    Identity,
    Cart,
    CartVisit,
    Order,
    Event,
    DueItem,
    PointsEntry,
    CustomerTier,
    Redemption,
    OfferCode,
    OfferRefusal,
    PrivacyRequest,
    Message,
    SignUp,
    Visitor,
)
"""What goes over with its owner. The ledger of consent and the decisions stay: they say what was true then."""


def merge(batch: Batch, kept: Row, gone: Row) -> None:
    """Give `kept` all that `gone` has. Where both are enrolled for the same thing, `gone`'s enrolment ends."""
    session = batch.session
    forget(session, gone["id"])
    mark_stale(session, batch.store_id, {kept["id"]})
    for gone_too in (SegmentMember, JourneyStay, CustomerTouch):
        # Where they stood as two says nothing of the one they are.
        session.execute(delete(table_of(gone_too)).where(table_of(gone_too).c.customer_id == gone["id"]))
    touches.mark(session, [(batch.store_id, kept["id"])])
    for model in _FOLLOW:
        table = table_of(model)
        session.execute(update(table).where(table.c.customer_id == gone["id"]).values(customer_id=kept["id"]))
    orders = table_of(Order)  # what is known before each of them is more now
    session.execute(update(orders).where(orders.c.customer_id == kept["id"]).values(is_untraced=True))
    dates, known = table_of(SpecialDate), aliased(SpecialDate)
    named = exists().where(known.customer_id == kept["id"], known.name == dates.c.name)
    session.execute(update(dates).where(dates.c.customer_id == gone["id"], ~named).values(customer_id=kept["id"]))
    _carry_addresses(batch, kept, gone)
    mine, theirs = table_of(Enrolment), aliased(Enrolment)
    twin = exists().where(
        theirs.campaign_id == mine.c.campaign_id, theirs.key == mine.c.key, theirs.customer_id == kept["id"]
    )
    session.execute(update(mine).where(mine.c.customer_id == gone["id"], ~twin).values(customer_id=kept["id"]))
    session.execute(
        update(mine)
        .where(mine.c.customer_id == gone["id"], mine.c.state == "active")
        .values(state="exited", ended_at=batch.now, exit_reason="merged with another customer")
    )
    _carry_wishes(batch, kept, gone)
    merge_accounts(session, batch.store_id, kept["id"], gone["id"], batch.now)
    _carry_consents(batch, kept, gone)


def _carry_addresses(batch: Batch, kept: Row, gone: Row) -> None:
    """Give over the addresses that the one had before; those that the other had too are there already."""
    had, known = table_of(FormerAddress), aliased(FormerAddress)
    twin = exists().where(known.customer_id == kept["id"], known.email_key == had.c.email_key)
    batch.session.execute(update(had).where(had.c.customer_id == gone["id"], ~twin).values(customer_id=kept["id"]))
    batch.session.execute(delete(had).where(had.c.customer_id == gone["id"]))


def _carry_wishes(batch: Batch, kept: Row, gone: Row) -> None:
    """Combine what others than the shop write on a customer: the longer rest, the fewer mails, all tags of ours."""
    table = table_of(Customer)
    limits = (table.c.most_per_week, table.c.most_per_month)
    columns = (table.c.id, table.c.engaged_at, table.c.paused_until, *limits, table.c.own_tags)
    found = batch.session.execute(select(*columns).where(table.c.id.in_((kept["id"], gone["id"]))))
    rows = {row.id: row for row in found}
    mine, theirs = rows[kept["id"]], rows[gone["id"]]
    own_tags = said(theirs.own_tags, dict(mine.own_tags or ())) or None
    values: Row = {
        "engaged_at": latest(mine.engaged_at, theirs.engaged_at),
        "paused_until": latest(mine.paused_until, theirs.paused_until),
        "most_per_week": _fewer(mine.most_per_week, theirs.most_per_week),
        "most_per_month": _fewer(mine.most_per_month, theirs.most_per_month),
    }
    if own_tags != mine.own_tags:
        tags = batch.session.scalar(select(table.c.tags).where(table.c.id == kept["id"]))
        values |= {"own_tags": own_tags, "tags": standing(tags or [], own_tags)}
    batch.session.execute(update(table).where(table.c.id == kept["id"]).values(values))


def _fewer(*counts: int | None) -> int | None:
    return min((count for count in counts if count is not None), default=None)


def _carry_consents(batch: Batch, kept: Row, gone: Row) -> None:
    """Repeat the lines of one ledger in the other, each with its own source: an unsubscribe stays one."""
    said = batch.session.scalars(select(Consent).where(Consent.customer_id == gone["id"]).order_by(Consent.id)).all()
    lines = [
        ConsentLine(
            store_id=batch.store_id,
            customer_id=kept["id"],
            topic=line.topic,
            status=line.status,  # type: ignore[arg-type]  # a check constraint holds it to the three
            source=line.source,
            at=line.at,
            basis=line.basis,  # type: ignore[arg-type]  # as above
            expires_at=line.expires_at,
            wording=line.wording,
            message_id=line.message_id,
            detail="Came over with a customer that was merged into this one.",
        )
        for line in said
    ]
    if lines:
        note(batch.session, lines, batch.now)
