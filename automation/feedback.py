"""What providers tell of our mails, applied: messages' states, suppressions, consent, engagement.

The same events end in the same state in any order, any grouping and however often they come; `mail_states` holds
the rule for messages, `consents` that for consent, `suppressions` and `soft_bounces` those for addresses.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Row, and_, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from automation import consent_policy, soft_bounces, suppressions
from automation.addresses import key_of
from automation.changes import MailEvent
from automation.consents import ConsentLine, note
from automation.insights.attribution import crediting
from automation.mail_states import moved
from automation.models import Connection, Customer, Message, MessageEvent, Rendering, Store
from automation.suppressions import Suppressed
from automation.waking import MAIL_EVENTS, stir

log = logging.getLogger(__name__)

WITHDRAWALS = {"unsubscribe": "unsubscribe", "complaint": "complaint"}
"""Event → source of the line in the consent ledger."""
_Row = Row[*tuple[Any, ...]]
_BATCH = 500
_COLUMNS = (
    Message.id,
    Message.public_id,
    Message.connection_id,
    Message.provider_id,
    Message.store_id,
    Message.customer_id,
    Message.topic,
    Message.is_test,
    Message.state,
    Message.reason,
    Message.fence,
    Message.claimed_by,
    Message.lease_until,
    Message.created_at,
    Message.accepted_at,
    Message.delivered_at,
    Message.bounced_at,
    Message.complained_at,
    Message.opened_at,
    Message.clicked_at,
    Message.unsubscribed_at,
    Rendering.to_email,
    Customer.email_key,
)


@dataclass(frozen=True)
class _Heard:
    """A message, and the events about it that were not known before."""

    message: _Row
    events: list[MailEvent] = field(default_factory=list)

    @cached_property
    def address(self) -> str | None:
        """Whom the mail went to: by our own record first."""
        told = (key_of(e.email) for e in self.events if e.email)
        return key_of(self.message.to_email) or next((t for t in told if t), None) or self.message.email_key


def apply(session: Session, connection: Connection, events: Sequence[MailEvent], now: datetime) -> int:
    """Apply what a provider told, in the caller's transaction.

    Answers how many events were new. Events about messages that this store does not have are logged as a number
    and change nothing, save an unsubscription or complaint that names an address alone. A constant number of
    statements per 500 events.
    """
    return sum(
        _apply(session, connection, events[start : start + _BATCH], now) for start in range(0, len(events), _BATCH)
    )


def _apply(session: Session, connection: Connection, events: Sequence[MailEvent], now: datetime) -> int:
    events = _followed(session, connection, events)
    by_address = [e for e in events if not e.message_id and not e.provider_id and e.event in WITHDRAWALS and e.email]
    matched = _matched(session, connection, events)
    if unknown := len(events) - len(matched) - len(by_address):
        log.info("%d events of connection %s are about messages that are not ours", unknown, connection.public_id)
    new = _record(session, connection, matched, now) if matched else set()
    heard: dict[int, _Heard] = {}
    for event, message in matched:
        if event.external_id in new:
            new.discard(event.external_id)
            heard.setdefault(message.id, _Heard(message)).events.append(event)
    if heard:
        _update_messages(session, heard.values(), connection, now)
        _update_customers(session, heard.values(), now)
        known = ((h.message.customer_id, MAIL_EVENTS.get(event.event)) for h in heard.values() for event in h.events)
        stir(session, ((customer_id, name) for customer_id, name in known if name), now)
    if heard or by_address:
        _protect(session, connection, list(heard.values()), by_address, now)
    return sum(len(h.events) for h in heard.values())


def _followed(session: Session, connection: Connection, events: Sequence[MailEvent]) -> Sequence[MailEvent]:
    """Without the opens and clicks of a store that follows nobody, should its provider do so all the same."""
    if not any(e.event in ("open", "click") for e in events):
        return events
    rules = session.scalars(select(Store.consent).where(Store.id == connection.store_id)).one()
    if consent_policy.of_store(rules).tracking == "individual":
        return events
    return [e for e in events if e.event not in ("open", "click")]


def _matched(session: Session, connection: Connection, events: Sequence[MailEvent]) -> list[tuple[MailEvent, _Row]]:
    """Each event with its message: by our id, else by the provider's. The messages are locked."""
    ours = sorted({e.message_id for e in events if e.message_id})
    theirs = sorted({e.provider_id for e in events if e.provider_id})
    rows = session.execute(
        select(*_COLUMNS)
        .outerjoin(Rendering, Rendering.message_id == Message.id)
        .join(Customer, Customer.id == Message.customer_id)
        .where(
            Message.store_id == connection.store_id,
            or_(
                Message.public_id.in_(ours),
                and_(Message.connection_id == connection.id, Message.provider_id.in_(theirs)),
            ),
        )
        .order_by(Message.id)
        .with_for_update(of=Message)
    ).all()
    by_ours = {row.public_id: row for row in rows}
    by_theirs = {row.provider_id: row for row in rows if row.provider_id}
    found = ((e, by_ours.get(e.message_id or "") or by_theirs.get(e.provider_id or "")) for e in events)
    return [(event, row) for event, row in found if row is not None]


def _record(
    session: Session, connection: Connection, matched: Sequence[tuple[MailEvent, _Row]], now: datetime
) -> set[str]:
    """Keep the events raw; answers the ids of those that were not kept before."""
    upsert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    mark = f"{connection.id}:"
    kept = session.scalars(
        upsert(MessageEvent)
        .values(
            [
                {
                    "message_id": message.id,
                    "type": event.event,
                    "at": event.at,
                    "external_id": mark + event.external_id,
                    "reason": _cut(event.reason, 1000) if _is_named(message) else "",
                    "is_policy": event.is_policy,
                    "url": _cut(event.url, 2000) if _is_named(message) else "",
                    "agent": _cut(event.agent, 500) if _is_named(message) else "",
                    "ip": _cut(event.ip, 64) if _is_named(message) else "",
                    "is_machine": event.is_machine,
                    "told": "provider" if event.is_machine else "",
                    "machine_reason": "told" if event.is_machine else "",
                    "recorded_at": now,
                }
                for event, message in matched
            ]
        )
        .on_conflict_do_nothing(index_elements=["external_id"])
        .returning(MessageEvent.external_id)
    )
    return {external_id.removeprefix(mark) for external_id in kept}


def _is_named(message: _Row) -> bool:
    """Whether it is known whose the message was; of the erased nothing is written down again."""
    return message.to_email is not None or message.email_key is not None


def _cut(text: str, length: int) -> str:
    # PostgreSQL's text cannot hold a zero byte.
    return text.replace("\x00", "")[:length]


def _update_messages(session: Session, heard: Iterable[_Heard], connection: Connection, now: datetime) -> None:
    session.execute(
        update(Message), [{"id": h.message.id, **moved(h.message, h.events, connection.id, now)} for h in heard]
    )
    for stale in [row for row in session.identity_map.values() if isinstance(row, Message)]:
        session.expire(stale)


def _update_customers(session: Session, heard: Iterable[_Heard], now: datetime) -> None:
    """A click by a person is a sign of life; an open is none."""
    clicks: dict[int, datetime] = {}
    # News of a hit may come later than the order that it brought.
    hits = [
        (h.message.customer_id, event.at)
        for h in heard
        for event in h.events
        if event.event in ("click", "open") and not event.is_machine and not h.message.is_test
    ]
    if hits:
        crediting.mark(session, {customer for customer, _ in hits}, min(at for _, at in hits))
    for h in heard:
        for event in h.events:
            if event.event == "click" and not event.is_machine and not h.message.is_test:
                at = min(event.at, now)
                clicks[h.message.customer_id] = max(clicks.get(h.message.customer_id, at), at)
    if not clicks:
        return
    table = Customer.__table__
    session.connection().execute(
        update(Customer)
        .where(table.c.id == bindparam("customer"))
        .where(or_(table.c.engaged_at.is_(None), table.c.engaged_at < bindparam("clicked_at")))
        .values(engaged_at=bindparam("clicked_at")),
        [{"customer": customer, "clicked_at": at} for customer, at in sorted(clicks.items())],
    )
    for stale in [row for row in session.identity_map.values() if isinstance(row, Customer)]:
        session.expire(stale)


def _protect(
    session: Session, connection: Connection, heard: Sequence[_Heard], by_address: Sequence[MailEvent], now: datetime
) -> None:
    """Suppress addresses and withdraw consent, as the events demand."""
    store_id = connection.store_id
    found: list[Suppressed] = []
    lines: list[ConsentLine] = []
    for h in heard:
        for event in h.events:
            reason = _suppression(event)
            if reason and h.address:
                found.append(
                    Suppressed(
                        store_id=store_id,
                        email_key=h.address,
                        reason=reason,
                        at=min(event.at, now),
                        message_id=h.message.id,
                        detail=event.reason,
                    )
                )
            if not h.message.is_test and _is_named(h.message):
                topics = {h.message.topic, "marketing"}
                lines += _withdrawals(event, store_id, h.message.customer_id, topics, h.message.id)
    for event in by_address:
        if event.event == "complaint" and (key := key_of(event.email)):
            found.append(Suppressed(store_id=store_id, email_key=key, reason="complaint", at=min(event.at, now)))
    lines += _withdrawals_by_address(session, store_id, by_address)
    found += _soft_bounced(session, store_id, heard, now)
    suppressions.suppress(session, found)
    note(session, lines, now)


def _suppression(event: MailEvent) -> str:
    if event.event == "complaint":
        return "complaint"
    if event.event == "hard_bounce" and not event.is_policy:
        return "hard_bounce"
    return "provider" if event.event == "rejected" and event.is_suppressed else ""


def _withdrawals(
    event: MailEvent, store_id: int, customer_id: int, topics: Iterable[str], message_id: int | None
) -> list[ConsentLine]:
    source = WITHDRAWALS.get(event.event)
    if source is None:
        return []
    return [
        ConsentLine(
            store_id=store_id,
            customer_id=customer_id,
            topic=topic,
            status="withdrawn",
            source=source,
            at=event.at,
            agent=_cut(event.agent, 500),
            ip=_cut(event.ip, 64),
            message_id=message_id,
            detail=_cut(event.reason, 500),
        )
        for topic in sorted(topics)
    ]


def _withdrawals_by_address(session: Session, store_id: int, events: Sequence[MailEvent]) -> list[ConsentLine]:
    addresses = {key: event for event in events if (key := key_of(event.email))}
    if not addresses:
        return []
    customers = session.execute(
        select(Customer.id, Customer.email_key).where(
            Customer.store_id == store_id, Customer.email_key.in_(sorted(addresses))
        )
    )
    return [
        line
        for customer_id, key in customers
        for event in events
        if key_of(event.email) == key
        for line in _withdrawals(event, store_id, customer_id, {"marketing"}, None)
    ]


def _soft_bounced(session: Session, store_id: int, heard: Sequence[_Heard], now: datetime) -> list[Suppressed]:
    """Addresses whose soft bounces are enough now; takes back those where a late delivery breaks the run."""
    bounced = {h.message.id for h in heard if any(e.event == "soft_bounce" and not e.is_policy for e in h.events)}
    delivered = {h.message.id for h in heard if any(e.event == "delivered" for e in h.events)}
    addresses = {h.message.id: h.address for h in heard if h.address}
    suspect = {a for m, a in addresses.items() if m in delivered}
    if suspect:
        suspect = suppressions.listed(session, store_id, suspect, "soft_bounces")
    customers = {
        h.message.customer_id: a
        for h in heard
        if (a := addresses.get(h.message.id)) and (h.message.id in bounced or a in suspect)
    }
    if not customers:
        return []
    found: list[Suppressed] = []
    for address, signs in soft_bounces.signs_of(session, customers).items():
        runs = soft_bounces.runs(signs)
        if address in suspect and any(soft_bounces.enough(run) for run in runs):
            suspect.discard(address)
        for run in runs:
            last = soft_bounces.enough(run)
            if last and any(sign.message_id in bounced for sign in run):
                found.append(
                    Suppressed(
                        store_id=store_id,
                        email_key=address,
                        reason="soft_bounces",
                        at=min(last.at, now),
                        message_id=last.message_id,
                        detail=f"{len(run)} mails in a row since {run[0].at:%Y-%m-%d}",
                    )
                )
    if suspect:
        suppressions.take_back(session, store_id, suspect, "soft_bounces")
    return found
