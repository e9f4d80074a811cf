"""Warm-up: mailbox providers distrust an address or a domain that sends much all of a sudden.

For each of them a connection has so many places a day: by default 1,000 on the first day, in equal ratios up to 10,000
on the seventh, 1.3 times as many on every day after, until it does not matter any more. A mail that finds no place is
given one on the first day that has some, once, and waits for it. Places go to those first who were active in the last
months: they open mails, and that is what mailbox providers look at. While more mails wait than can be seen at once,
half of a day is kept for them.

Transactional mails, and tests, neither wait for places nor take any.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import bulk, verdicts
from automation.arbiter import Verdict
from automation.models import Connection, Customer, Message, WarmDay
from automation.pacing import Pacing
from automation.times import MIDNIGHT, instant, local_date, zone

MAILBOXES: dict[str, tuple[str, ...]] = {
    "gmail": ("gmail.com", "googlemail.com"),
    "outlook": ("outlook.*", "hotmail.*", "live.*", "msn.com", "windowslive.com"),
    "yahoo": ("yahoo.*", "ymail.com", "rocketmail.com", "aol.*", "aim.com", "sky.com", "verizon.net"),
    "icloud": ("icloud.com", "me.com", "mac.com"),
}
"""Domains of the great mailbox providers; a star stands for any ending. All others are "other"."""
NAMES = {"gmail": "Gmail", "outlook": "Outlook", "yahoo": "Yahoo", "icloud": "iCloud", "other": "all other mailboxes"}
REACH = 4
"""How many batches are looked at to find those who go first."""
ENGAGED = timedelta(days=90)
_KEPT = 0.5
_HORIZON = 60
"""Days ahead that are looked through for a place."""


@lru_cache(maxsize=10_000)
def mailbox_of(domain: str) -> str:
    """Whose mailbox a domain's addresses are, as far as the domain tells."""
    domain = domain.lower()
    name, _, _ = domain.partition(".")
    for mailbox, domains in MAILBOXES.items():
        if domain in domains or (f"{name}.*" in domains and domain.count(".") <= 2):
            return mailbox
    return "other"


def places(pacing: Pacing, day: date) -> int | None:
    """Places on a day at each mailbox provider; None where the warm-up is over or does not apply, 0 before it began."""
    if not pacing.warm_up or pacing.warm_up_on is None:
        return None
    number = (day - pacing.warm_up_on).days
    if number < 0:
        return 0
    last = pacing.warm_days - 1
    if number <= last:
        count = pacing.warm_first * (pacing.warm_full / pacing.warm_first) ** (number / last)
    else:
        # By then it is over; a power of thousands would not be a number any more.
        enough = math.log(max(1.0, pacing.warm_ceiling / pacing.warm_full)) / math.log(pacing.warm_growth) + 1
        count = pacing.warm_full * pacing.warm_growth ** min(number - last, enough)
    return None if count >= pacing.warm_ceiling else round(count)


def is_warming(pacing: Pacing, day: date) -> bool:
    """Whether a connection's mails have to find places on a day."""
    return places(pacing, day) is not None


class Fitted(NamedTuple):
    """What became of messages that were about to be claimed."""

    going: list[Message]
    moved: int
    """How many were put off or dropped."""


class _Room:
    """Places that are taken, by mailbox provider and day."""

    def __init__(self, pacing: Pacing, taken: dict[tuple[str, date], int]) -> None:
        self.pacing = pacing
        self.taken = Counter(taken)
        self.new: Counter[tuple[str, date]] = Counter()

    def find(self, mailbox: str, today: date, part: float) -> tuple[date, int | None]:
        """Take a place on the first day with one in that part of it; the day and how many it has."""
        day = today
        for _ in range(_HORIZON):
            most = places(self.pacing, day)
            if most is None or self.taken[mailbox, day] < max(most * part, 1 if most else 0):
                break
            day += timedelta(days=1)
        self.taken[mailbox, day] += 1
        self.new[mailbox, day] += 1
        return day, places(self.pacing, day)


def fit(
    session: Session,
    connection: Connection,
    pacing: Pacing,
    timezone: str,
    messages: Sequence[Message],
    now: datetime,
    *,
    is_all: bool,
) -> Fitted:
    """Give messages places, and put off those whose day is another; the caller holds their locks.

    `is_all`: no more wait than these. A constant number of statements. Those that go keep their order, the engaged
    first within a class.
    """
    today = local_date(now, zone(timezone))
    needing = [
        m
        for m in messages
        if m.rank > 0 and not m.is_test and not (m.warm_on == today and m.connection_id == connection.id)
    ]
    if not needing:
        return Fitted(list(messages), 0)
    known = _recipients(session, needing)
    needing.sort(key=lambda m: (m.rank, -known[m.id].engaged_at.timestamp() if known[m.id].engaged_at else 0.0))
    room = _Room(pacing, _taken(session, connection.id, today))
    judged: list[tuple[Any, Verdict]] = []
    booked = []
    for m in needing:
        mailbox = mailbox_of(known[m.id].domain)
        is_first = is_all or (known[m.id].engaged_at is not None and now - known[m.id].engaged_at < ENGAGED)
        day, _ = room.find(mailbox, today, 1.0 if is_first else 1.0 - _KEPT)
        booked.append({"id": m.id, "warm_on": day, "connection_id": connection.id})
        m.warm_on, m.connection_id = day, connection.id
        if day > today:
            until = instant(day, MIDNIGHT, zone(timezone))
            judged.append((m, _put_off(m, mailbox, today, room, until)))
    bulk.update(session, Message, booked)
    verdicts.write(session, judged, now)
    _book(session, connection.id, room)
    off = {m.id for m, _ in judged}
    rank = {m.id: n for n, m in enumerate(needing)}
    going = sorted((m for m in messages if m.id not in off), key=lambda m: (m.rank, rank.get(m.id, -1)))
    return Fitted(going, len(off))


def _put_off(m: Message, mailbox: str, today: date, room: _Room, until: datetime) -> Verdict:
    """The verdict, with the numbers that it rests on."""
    if m.expires_at is not None and until >= m.expires_at:
        return Verdict("drop", "expired", {"expires_at": m.expires_at.isoformat(), "kept_by": "warm_up"})
    facts = {
        "mailbox": NAMES[mailbox],
        "day": today.isoformat(),
        "most": places(room.pacing, today),
        "taken": room.taken[mailbox, today],
    }
    return Verdict("defer", "warm_up", facts, until)


class _Recipient(NamedTuple):
    domain: str
    engaged_at: Any


def _recipients(session: Session, messages: Iterable[Message]) -> dict[int, _Recipient]:
    given = bulk.table(session, [Message.id], [{"id": m.id} for m in messages])
    rows = session.execute(
        select(Message.id, Customer.email_key, Customer.engaged_at)
        .join(given, given.c.id == Message.id)
        .join(Customer, Customer.id == Message.customer_id)
    )
    return {i: _Recipient((email or "").rpartition("@")[2], engaged_at) for i, email, engaged_at in rows}


def _taken(session: Session, connection_id: int, today: date) -> dict[tuple[str, date], int]:
    """The connection is locked, so that two workers do not give away the same places."""
    session.execute(select(Connection.id).where(Connection.id == connection_id).with_for_update(key_share=True))
    rows = session.scalars(select(WarmDay).where(WarmDay.connection_id == connection_id, WarmDay.day_on >= today))
    return {(row.mailbox, row.day_on): row.taken for row in rows}


def _book(session: Session, connection_id: int, room: _Room) -> None:
    rows = [
        {"connection_id": connection_id, "mailbox": mailbox, "day_on": day, "taken": room.taken[mailbox, day]}
        for mailbox, day in sorted(room.new)
    ]
    bulk.insert(session, WarmDay, rows, skip=("connection_id", "mailbox", "day_on"), replace=("taken",))
