"""Friends that customers bring, from the invitation to the points, and the signs that a friend is none.

    pending ──► approved     the friend's first order came, and can no longer be sent back
      │  └────► rejected     it was sent back, or the friend had bought before
      └► suspected ──► approved | rejected      a person decides

An invitation is a link with the customer's code. The friend leaves an address there; the first order of that address
within `OPEN` is the friend's. What is suspected waits for a person and gives nothing until then.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from automation.addresses import normal_form
from automation.errors import NotAllowed
from automation.loyalty import ledger
from automation.loyalty.ledger import Line
from automation.loyalty.programme import Programme
from automation.models import Consent, Customer, LoyaltyAccount, MessageEvent, Order, Referral, Store
from automation.models import Message as Mail
from automation.offers.codes import ALPHABET

SIGNALS: dict[str, str] = {
    "self": "the friend is the customer",
    "same_mailbox": "both addresses lead to one mailbox",
    "same_device": "both were seen at the same network address with the same browser",
    "same_network": "both were seen at the same network address",
    "many": "the customer invited unusually many friends within a day",
    "same_home": "both live at the same postcode under the same name",
    "not_new": "the friend had bought before",
    "sent_back": "the order was cancelled or refunded",
    "too_small": "the order came to less than the programme asks for",
}
"""What speaks against a referral, in a few words."""
DAMNING = frozenset({"self", "same_mailbox", "not_new"})
"""Signals that reject at once; the others make a referral suspected."""
OPEN = timedelta(days=90)
"""An invitation that leads to no order in this time is let go."""
MANY = 10
"""Invitations of one customer in a day that look like a machine's."""
CODE_LETTERS = 8
_GMAIL = ("gmail.com", "googlemail.com")

Programmes = Mapping[int, tuple[Programme, Store]]


def mailbox_of(email_key: str) -> str:
    """Where mails to an address end up: without a `+tag`, and for Gmail without dots."""
    local, _, domain = email_key.partition("@")
    local = local.split("+", 1)[0]
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), _GMAIL[0]
    return f"{local}@{domain}"


def code_for(session: Session, customer: Customer) -> str:
    """The customer's invitation code; drawn when it is asked for the first time."""
    ledger.open_accounts(session, [(customer.store_id, customer.id)])
    ledger.lock(session, [customer.id])
    account = session.get_one(LoyaltyAccount, customer.id, populate_existing=True)
    while account.referral_code is None:
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LETTERS))
        if session.scalar(select(LoyaltyAccount.customer_id).where(LoyaltyAccount.referral_code == code)) is None:
            account.referral_code = code
    session.flush()
    return account.referral_code


def referrer_of(session: Session, code: str) -> Customer | None:
    """Whose invitation code it is."""
    found = (
        select(Customer)
        .join(LoyaltyAccount, LoyaltyAccount.customer_id == Customer.id)
        .where(LoyaltyAccount.referral_code == code.strip().upper(), Customer.erased_at.is_(None))
    )
    return session.scalar(found)


def invite(
    session: Session, referrer: Customer, email: str, now: datetime, *, ip: str = "", agent: str = ""
) -> Referral:
    """Keep that somebody came by a customer's invitation. The same address again answers the first invitation.

    Raises Unreadable for what is no address.
    """
    key = normal_form(email)
    ledger.lock(session, [referrer.id])
    known = session.scalar(
        select(Referral).where(Referral.store_id == referrer.store_id, Referral.friend_key == key).with_for_update()
    )
    if known is not None:
        return known
    signals = _signals(session, referrer, key, now, ip=ip, agent=agent)
    state = "rejected" if DAMNING & set(signals) else "suspected" if signals else "pending"
    row = Referral(
        store_id=referrer.store_id,
        referrer_id=referrer.id,
        friend_key=key,
        state=state,
        signals=signals,
        ip=ip[:64],
        agent=agent[:500],
        due_at=now + OPEN if state == "pending" else None,
        created_at=now,
        decided_at=now if state == "rejected" else None,
    )
    session.add(row)
    session.flush()
    return row


def _signals(session: Session, referrer: Customer, key: str, now: datetime, *, ip: str, agent: str) -> list[str]:
    found = []
    own = referrer.email_key or ""
    if key == own:
        found.append("self")
    elif own and mailbox_of(key) == mailbox_of(own):
        found.append("same_mailbox")
    bought = exists().where(Order.store_id == referrer.store_id, Order.email_key == key)
    if session.scalar(select(bought)):
        found.append("not_new")
    if ip:
        seen = _seen_at(session, referrer.id, ip)
        if agent and agent in seen:
            found.append("same_device")
        elif seen:
            found.append("same_network")
    lately = session.scalars(
        select(Referral.id)
        .where(Referral.referrer_id == referrer.id, Referral.created_at > now - timedelta(days=1))
        .limit(MANY)
    ).all()
    if len(lately) >= MANY:
        found.append("many")
    return found


def _seen_at(session: Session, customer_id: int, ip: str) -> set[str]:
    """The browsers with which a customer was seen at a network address: consents, clicks, other friends."""
    consents = select(Consent.agent).where(Consent.customer_id == customer_id, Consent.ip == ip)
    clicks = (
        select(MessageEvent.agent)
        .join(Mail, Mail.id == MessageEvent.message_id)
        .where(
            Mail.customer_id == customer_id,
            MessageEvent.ip == ip,
            MessageEvent.type == "click",
            MessageEvent.is_machine.is_(False),
        )
    )
    friends = select(Referral.agent).where(Referral.referrer_id == customer_id, Referral.ip == ip)
    return set(session.scalars(consents.union(clicks, friends)))


def match(session: Session, orders: Sequence[Any], programmes: Programmes, now: datetime) -> int:
    """Tie first orders of invited addresses to their referrals, and reject those whose order came back.

    How many referrals changed. `orders` are rows of `orders`. Four statements at most.
    """
    by_key = {(o.store_id, o.email_key): o for o in sorted(orders, key=_newest_first) if o.email_key}
    ids = {o.id: o for o in orders}
    rows = session.scalars(
        select(Referral)
        .where(
            or_(
                Referral.order_id.in_(ids),
                (Referral.friend_key.in_({key for _, key in by_key})) & Referral.order_id.is_(None),
            ),
            Referral.state.in_(("pending", "suspected")),
        )
        .order_by(Referral.id)
        .with_for_update()
    ).all()
    if not rows:
        return 0
    earlier = _bought_before(session, rows)
    homes = _homes(session, rows, by_key)
    changed = 0
    for row in rows:
        order = ids.get(row.order_id or 0) or by_key.get((row.store_id, row.friend_key))
        if order is None or order.placed_at < row.created_at:
            continue
        programme, store = programmes[row.store_id]
        changed += _matched(row, order, programme, store, now, has_bought=row.id in earlier, is_home=row.id in homes)
    session.flush()
    return changed


def _newest_first(order: Any) -> Any:
    # The last one of a key in a mapping stays: that is the oldest.
    return -order.placed_at.timestamp()


def _matched(
    row: Referral, order: Any, programme: Programme, store: Store, now: datetime, *, has_bought: bool, is_home: bool
) -> bool:
    row.order_id, row.friend_id = order.id, order.customer_id
    worth = programme.worth(max(0, order.total - order.refunded), order.currency, store.currency)
    if order.cancelled_at is not None or (order.total and order.refunded >= order.total):
        _reject(row, "sent_back", now)
    elif has_bought:
        _reject(row, "not_new", now)
    elif order.customer_id == row.referrer_id:
        _reject(row, "self", now)
    elif worth < programme.friend_least:
        _reject(row, "too_small", now)
    elif is_home and "same_home" not in row.signals:
        row.state, row.signals, row.due_at = "suspected", [*row.signals, "same_home"], None
    elif row.state == "pending":
        row.due_at = order.placed_at + timedelta(days=programme.return_days)
    return True


def _reject(row: Referral, signal: str, now: datetime) -> None:
    row.state, row.decided_at, row.due_at = "rejected", now, None
    row.signals = [*(s for s in row.signals if s != signal), signal]


def _bought_before(session: Session, rows: Sequence[Referral]) -> set[int]:
    return set(
        session.scalars(
            select(Referral.id).where(
                Referral.id.in_({row.id for row in rows}),
                exists().where(
                    Order.store_id == Referral.store_id,
                    Order.email_key == Referral.friend_key,
                    Order.placed_at < Referral.created_at,
                    Order.cancelled_at.is_(None),
                ),
            )
        )
    )


def _homes(session: Session, rows: Sequence[Referral], by_key: Mapping[Any, Any]) -> set[int]:
    """Referrals whose two people share postcode, city and last name."""
    friend, giver = aliased(Customer), aliased(Customer)
    friends = {(o.store_id, key): o.customer_id for (_, key), o in by_key.items() if o.customer_id}
    found = session.execute(
        select(giver.id, friend.id)
        .join(friend, friend.store_id == giver.store_id)
        .where(
            giver.id.in_({row.referrer_id for row in rows}),
            friend.id.in_(set(friends.values())),
            giver.postcode != "",
            giver.postcode == friend.postcode,
            giver.last_name != "",
            giver.last_name == friend.last_name,
        )
    )
    pairs = {(a, b) for a, b in found}
    return {row.id for row in rows if (row.referrer_id, friends.get((row.store_id, row.friend_key))) in pairs}


def decide_due(session: Session, programmes: Programmes, now: datetime, limit: int) -> int:
    """Approve referrals whose order can no longer be sent back, and let go of those without one; how many."""
    rows = session.scalars(
        select(Referral)
        .where(Referral.state == "pending", Referral.due_at <= now)
        .order_by(Referral.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    approved = [row for row in rows if row.order_id is not None]
    _approve(session, approved, programmes, now)
    for row in rows:
        if row.order_id is None:
            row.state, row.due_at, row.decided_at = "rejected", None, now
    session.flush()
    return len(rows)


def _approve(session: Session, rows: Sequence[Referral], programmes: Programmes, now: datetime) -> None:
    lines = []
    for row in rows:
        programme, _ = programmes[row.store_id]
        row.state, row.decided_at, row.due_at = "approved", now, None
        for who, points, role in (
            (row.referrer_id, programme.referrer, "referrer"),
            (row.friend_id, programme.friend, "friend"),
        ):
            if who is not None and points and programme.is_on:
                lines.append(
                    Line(
                        store_id=row.store_id,
                        customer_id=who,
                        kind="earn",
                        points=points,
                        reason="A friend you brought" if role == "referrer" else "Welcome from a friend",
                        key=f"referral:{row.id}:{role}",
                        expires_at=programme.expires_at(now),
                    )
                )
    ledger.add(session, lines, now)


def judge(
    session: Session,
    referral_id: int,
    programmes: Programmes,
    now: datetime,
    *,
    is_approved: bool,
    admin_id: int | None = None,
) -> Referral:
    """A person's word on a referral that is pending or suspected. Raises NotAllowed for one that is decided."""
    row = session.get_one(Referral, referral_id, with_for_update=True)
    if row.state not in ("pending", "suspected"):
        raise NotAllowed(f"This referral is {row.state} already.")
    row.decided_by = admin_id
    if not is_approved:
        row.state, row.decided_at, row.due_at = "rejected", now, None
    elif row.order_id is None:
        # The doubt is gone; the order is still to come.
        row.state, row.due_at = "pending", row.created_at + OPEN
    else:
        _approve(session, [row], programmes, now)
    session.flush()
    return row
