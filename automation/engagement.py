"""Clicks and opens at our own doors: kept raw, with our verdict on whether a person did it beside them.

Link scanners follow every link of a mail within a second of its delivery, and mail programs' proxies fetch its
pictures whoever looks. Both are kept, marked, and count for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from automation import consent_policy
from automation.agents import is_machine
from automation.consent_policy import TRACKING_TOPIC
from automation.insights import hits
from automation.insights.attribution import crediting
from automation.models import ConsentState, Customer, HitCount, Message, MessageEvent, Store
from automation.security import random_id
from automation.upsert import insert_into
from automation.waking import MAIL_EVENTS, stir

MOST = 500
"""Hits kept of each kind per message: a link that went viral, or a bored stranger, does not fill the table."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One request at the click or the open door."""

    public_id: str
    """Of the message."""
    type: Literal["click", "open"]
    at: datetime
    agent: str = ""
    ip: str = ""
    link: int | None = None
    url: str = ""
    is_prefetch: bool = False
    """The browser said itself that nobody has clicked yet."""


def note(session: Session, hit: Hit) -> bool:
    """Keep a hit; True when it counts as a person's. A test mail's are not kept: its reader is not the customer.

    Where the store follows nobody, or this customer does not want to be followed, it is only counted, or not even that.
    """
    found = _known(session, hit.public_id)
    if found is None or found[0].is_test:
        return False
    message, rules, wish, erased_at = found
    mode = consent_policy.of_store(rules).tracking
    if mode == "off" or erased_at is not None:
        return False
    if mode == "aggregate" or wish == "withdrawn":
        return _only_count(session, message, hit)
    rows = hits.rows_of(session, [message.id])
    if sum(row.type == hit.type for row in rows) >= MOST:
        return False
    told = "prefetch" if hit.is_prefetch else ""
    mine = hits.Raw(-1, hit.type, hit.at, hit.agent[:500], hit.link, told)
    verdicts = hits.judge([*map(hits.raw_of, rows), mine])
    by_machine = bool(verdicts[mine.id])
    session.add(
        MessageEvent(
            message_id=message.id,
            type=hit.type,
            at=hit.at,
            external_id=f"door:{random_id()}",
            link=hit.link,
            url=hit.url[:2000],
            agent=mine.agent,
            ip=hit.ip[:64],
            is_machine=by_machine,
            machine_reason=verdicts[mine.id],
            told=told,
            recorded_at=hit.at,
        )
    )
    session.flush()
    # What came before may have been taken for a person's: the first clicks of a burst, for example.
    hits.settle(session, rows, verdicts)
    if not by_machine:
        _count(session, message, hit)
    return not by_machine


def _known(session: Session, public_id: str) -> Any:
    """The message, its store's rules, what the customer said of being followed, and when they were erased."""
    return session.execute(
        select(Message, Store.consent, ConsentState.status, Customer.erased_at)
        .join(Store, Store.id == Message.store_id)
        .join(Customer, Customer.id == Message.customer_id)
        .outerjoin(
            ConsentState,
            (ConsentState.customer_id == Message.customer_id) & (ConsentState.topic == TRACKING_TOPIC),
        )
        .where(Message.public_id == public_id)
    ).one_or_none()


def _only_count(session: Session, message: Message, hit: Hit) -> bool:
    by_machine = hit.is_prefetch or is_machine(hit.type, hit.agent)
    statement = insert_into(session, HitCount).values(
        store_id=message.store_id,
        template_version_id=message.template_version_id,
        campaign_id=message.campaign_id or 0,
        type=hit.type,
        link=hit.link or 0,
        on_date=hit.at.date(),
        count=1,
        machine_count=int(by_machine),
        last_at=hit.at,
    )
    old, new = HitCount.__table__.c, statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["template_version_id", "campaign_id", "type", "link", "on_date"],
            set_={
                "count": old.count + new.count,
                "machine_count": old.machine_count + new.machine_count,
                "last_at": new.last_at,
            },
        )
    )
    return not by_machine


def _count(session: Session, message: Message, hit: Hit) -> None:
    if hit.type == "open":
        if message.opened_at is None or hit.at < message.opened_at:
            message.opened_at = hit.at
        return
    if message.clicked_at is None or hit.at < message.clicked_at:
        message.clicked_at = hit.at
    # An order that the shop's clock placed after this click may have been looked at already.
    crediting.mark(session, [message.customer_id], hit.at)
    stir(session, [(message.customer_id, MAIL_EVENTS["click"])], hit.at)
    session.execute(
        update(Customer)
        .where(Customer.id == message.customer_id, or_(Customer.engaged_at.is_(None), Customer.engaged_at < hit.at))
        .values(engaged_at=hit.at)
        .execution_options(synchronize_session=False)
    )
