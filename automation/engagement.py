"""Clicks and opens at our own doors: kept raw, with our verdict on whether a person did it beside them.

Link scanners follow every link of a mail within a second of its delivery, and mail programs' proxies fetch its
pictures whoever looks. Both are kept, marked, and count for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from automation import consent_policy
from automation.consent_policy import TRACKING_TOPIC
from automation.models import ConsentState, Customer, Event, HitCount, Message, MessageEvent, Order, Store
from automation.security import random_id
from automation.upsert import insert_into
from automation.waking import MAIL_EVENTS, stir

BURST = 5
"""This many clicks on one mail within `BURST_SPAN` are a scanner's."""
BURST_SPAN = timedelta(seconds=1)
MOST = 500
"""Hits kept of each kind per message: a link that went viral, or a bored stranger, does not fill the table."""

_SCANNERS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|preview|scan|monitor|barracuda|proofpoint|mimecast|safelinks|fireeye|trendmicro"
    r"|symantec|cloudmark|ironport|sophos|headlesschrome|phantomjs|python|curl|wget|java/|go-http|okhttp|libwww"
    r"|httpclient|facebookexternalhit|whatsapp|telegram|skypeuripreview",
    re.IGNORECASE,
)
_PROXIES = re.compile(r"googleimageproxy|ggpht\.com|yahoomailproxy|outlook-?proxy|duckduckgo", re.IGNORECASE)
_APPLE = re.compile(r"Mozilla/5\.0( \(Macintosh; Intel Mac OS X [\d_]+\) AppleWebKit/[\d.]+ \(KHTML, like Gecko\))?")
"""Apple's mail privacy proxy says this and no more: no browser's name, no version."""


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


@lru_cache(maxsize=4096)
def is_machine(type: str, agent: str) -> bool:  # noqa: A002  a hit's type, as everywhere
    """Whether programs, not people, introduce themselves like this."""
    if not agent or _SCANNERS.search(agent):
        return True
    return type == "open" and bool(_PROXIES.search(agent) or _APPLE.fullmatch(agent))


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
    total, recent = session.execute(
        select(
            func.count(), func.coalesce(func.sum(case((MessageEvent.at > hit.at - BURST_SPAN, 1), else_=0)), 0)
        ).where(MessageEvent.message_id == message.id, MessageEvent.type == hit.type)
    ).one()
    if total >= MOST:
        return False
    is_burst = hit.type == "click" and recent + 1 >= BURST
    by_machine = hit.is_prefetch or is_burst or is_machine(hit.type, hit.agent)
    session.add(
        MessageEvent(
            message_id=message.id,
            type=hit.type,
            at=hit.at,
            external_id=f"door:{random_id()}",
            link=hit.link,
            url=hit.url[:2000],
            agent=hit.agent[:500],
            ip=hit.ip[:64],
            is_machine=by_machine,
            recorded_at=hit.at,
        )
    )
    session.flush()
    if is_burst:
        _take_back(session, message, hit.at)
    elif not by_machine:
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
        if message.opened_at is None:
            message.opened_at = hit.at
        return
    if message.clicked_at is None:
        message.clicked_at = hit.at
    stir(session, [(message.customer_id, MAIL_EVENTS["click"])], hit.at)
    session.execute(
        update(Customer)
        .where(Customer.id == message.customer_id, or_(Customer.engaged_at.is_(None), Customer.engaged_at < hit.at))
        .values(engaged_at=hit.at)
        .execution_options(synchronize_session=False)
    )


def _take_back(session: Session, message: Message, at: datetime) -> None:
    """The first clicks of a burst were taken for a person's: undo what they did."""
    changed = session.execute(
        update(MessageEvent)
        .where(
            MessageEvent.message_id == message.id,
            MessageEvent.type == "click",
            MessageEvent.at > at - BURST_SPAN,
            MessageEvent.is_machine.is_(False),
        )
        .values(is_machine=True)
        .execution_options(synchronize_session=False)
        .returning(MessageEvent.id)
    ).all()
    if not changed:
        return
    person = (MessageEvent.type == "click", MessageEvent.is_machine.is_(False))
    message.clicked_at = session.scalar(
        select(func.min(MessageEvent.at)).where(MessageEvent.message_id == message.id, *person)
    )
    customer_id = message.customer_id
    others = (
        select(func.max(MessageEvent.at))
        .join(Message, Message.id == MessageEvent.message_id)
        .where(Message.customer_id == customer_id, *person),
        select(func.max(Order.placed_at)).where(Order.customer_id == customer_id),
        select(func.max(Event.at)).where(Event.customer_id == customer_id),
    )
    known = [found for query in others if (found := session.scalar(query)) is not None]
    session.execute(
        update(Customer)
        .where(Customer.id == customer_id)
        .values(engaged_at=max(known, default=None))
        .execution_options(synchronize_session=False)
    )
