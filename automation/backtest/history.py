"""What the store remembers of the customers of a replay: consents, blocked addresses, orders, other mails to them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.consents import standing
from automation.models import COUNTED, Consent, Customer, Message, Order, Suppression

_CHUNK = 5000
_BEFORE = timedelta(days=35)
"""How far before a replay other mails still count against a customer's limits."""


class OtherMail(NamedTuple):
    """A mail of another campaign that went, or is about to go."""

    at: datetime
    mail_class: str
    message_id: int


@dataclass(frozen=True, slots=True)
class Person:
    """A customer of the replay."""

    id: int
    public_id: str
    name: str
    email_key: str | None
    timezone: str
    paused_until: datetime | None
    most_per_week: int | None
    most_per_month: int | None


class History:
    """Looked up once for everybody of a replay; asked as of any moment in it."""

    def __init__(self, session: Session, store_id: int, campaign_id: int, topic: str, timezone: str) -> None:
        self._session = session
        self._store_id = store_id
        self._campaign_id = campaign_id
        self._topic = topic
        self._timezone = timezone
        self.people: dict[int, Person] = {}
        self._consents: dict[int, list[Any]] = defaultdict(list)
        self._blocked: dict[str, tuple[datetime, str]] = {}
        self._orders: dict[int, list[datetime]] = defaultdict(list)
        self._mails: dict[int, list[OtherMail]] = defaultdict(list)

    def load(self, customer_ids: Collection[int], since: datetime, until: datetime) -> None:
        """Read what is kept of these customers: five statements for each 5,000 of them."""
        for ids in _chunks(sorted(customer_ids)):
            self._load_people(ids)
            self._load_consents(ids)
            for customer_id, placed_at in self._session.execute(
                select(Order.customer_id, Order.placed_at)
                .where(Order.customer_id.in_(ids), Order.placed_at > since - _BEFORE, Order.placed_at <= until)
                .order_by(Order.placed_at)
            ):
                self._orders[customer_id or 0].append(placed_at)
            self._load_mails(ids, since, until)
        for row in self._session.execute(
            select(Suppression.email_key, Suppression.at, Suppression.reason).where(
                Suppression.store_id == self._store_id
            )
        ):
            self._blocked[row.email_key] = row.at, row.reason

    def _load_people(self, ids: Sequence[int]) -> None:
        for row in self._session.execute(
            select(
                Customer.id,
                Customer.public_id,
                Customer.first_name,
                Customer.last_name,
                Customer.email_key,
                Customer.timezone,
                Customer.paused_until,
                Customer.most_per_week,
                Customer.most_per_month,
            ).where(Customer.id.in_(ids))
        ):
            name = f"{row.first_name} {row.last_name[:1]}".strip()
            self.people[row.id] = Person(
                row.id,
                row.public_id,
                name,
                row.email_key,
                row.timezone or self._timezone,
                row.paused_until,
                row.most_per_week,
                row.most_per_month,
            )

    def _load_consents(self, ids: Sequence[int]) -> None:
        for row in self._session.execute(
            select(
                Consent.customer_id,
                Consent.status,
                Consent.source,
                Consent.at,
                Consent.basis,
                Consent.expires_at,
            )
            .where(Consent.customer_id.in_(ids), Consent.topic == self._topic)
            .order_by(Consent.id)
        ):
            self._consents[row.customer_id].append(row)

    def _load_mails(self, ids: Sequence[int], since: datetime, until: datetime) -> None:
        went_at = func.coalesce(Message.accepted_at, Message.decided_at)
        for customer_id, mail_at, mail_class, message_id in self._session.execute(
            select(Message.customer_id, went_at, Message.mail_class, Message.id)
            .where(
                Message.customer_id.in_(ids),
                Message.created_at > since - _BEFORE,
                Message.created_at <= until,
                Message.state.in_(COUNTED),
                Message.is_test.is_(False),
                func.coalesce(Message.campaign_id, 0) != self._campaign_id,
            )
            .order_by(went_at)
        ):
            if mail_at is not None:
                self._mails[customer_id].append(OtherMail(mail_at, mail_class, message_id))

    def consent(self, customer_id: int, at: datetime) -> tuple[str | None, datetime | None]:
        """What the ledger said at a moment, and since when."""
        lines = [line for line in self._consents.get(customer_id, ()) if line.at <= at]
        if not lines:
            return None, None
        held = lines[0] if len(lines) == 1 else standing(lines)
        return held.status, held.at

    def has_agreed(self, customer_id: int, at: datetime) -> bool:
        """Whether the consent to the campaign's topic stood at a moment."""
        return self.consent(customer_id, at)[0] == "granted"

    def suppression(self, email_key: str | None, at: datetime) -> str | None:
        """Why an address must not be mailed, as of a moment."""
        since, reason = self._blocked.get(email_key or "", (None, None))
        return reason if since is not None and since <= at else None

    def other_mails(self, customer_id: int, since: datetime, until: datetime) -> list[OtherMail]:
        """Mails of other campaigns in [since, until]."""
        mails = self._mails.get(customer_id)
        if not mails:
            return []
        first = bisect_left(mails, since, key=lambda m: m.at)
        return mails[first : bisect_right(mails, until, key=lambda m: m.at)]

    def has_ordered(self, customer_id: int, since: datetime, until: datetime) -> bool:
        """Whether the customer placed an order after `since`, up to `until`."""
        orders = self._orders.get(customer_id)
        return orders is not None and bisect_right(orders, since) < bisect_right(orders, until)


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
