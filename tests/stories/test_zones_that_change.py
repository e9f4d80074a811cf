"""Customers move between time zones while their flows run, over a change of clocks; what must hold holds all the same.

CARTWHEEL_TEST_ZONES_SEEDS and CARTWHEEL_TEST_ZONES_MINUTES make it longer and finer.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Consent, Customer, Decision, Enrolment, Message, Store
from automation.policy import Policy
from tests.automation import lived

SEEDS = range(int(os.environ.get("CARTWHEEL_TEST_ZONES_SEEDS", "1")))
EVERY = timedelta(minutes=int(os.environ.get("CARTWHEEL_TEST_ZONES_MINUTES", "480")))
CHANGES = {
    "spring in Europe": datetime(2026, 3, 27, 12, tzinfo=UTC),
    "autumn in America": datetime(2026, 10, 30, 12, tzinfo=UTC),
}
"""Two days before clocks are changed there."""
DAYS = 3
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland", "America/St_Johns", None)
WAIT = {"id": "w", "kind": "wait_until", "settings": {"at": "09:30"}}
MAIL = {"id": "m1", "kind": "mail", "settings": {"template": "cart_reminder_1"}}
KINDS: dict[str, dict[str, Any]] = {
    "birthday": {"kind": "date_anniversary", "flow": [WAIT, MAIL, {**MAIL, "id": "m2"}]},
    "news": {
        "kind": "newsletter",
        "settings": {"schedule": {"every": "days", "days": 2, "from_on": "2026-01-01"}, "local_time": True},
    },
    "cart": {"kind": "cart_abandoned"},
}


class Moves:
    """Where each customer lived, and since when."""

    def __init__(self, shop: lived.Shop) -> None:
        self.shop = shop
        self.by_customer = {who.id: [(shop.clock(), who.timezone)] for who in shop.people}

    def plan(self, dice: Random, count: int) -> None:
        """So many moves at random instants."""
        began = self.shop.clock()
        for _ in range(count):
            at = began + timedelta(days=DAYS) * dice.random()
            who, zone = dice.choice(self.shop.people).id, dice.choice(ZONES)
            self.shop.add(at, lambda session, who=who, zone=zone: self._move(session, who, zone))  # type: ignore[misc]  # bound now

    def _move(self, session: Session, who: int, zone: str | None) -> None:
        session.execute(update(Customer).where(Customer.id == who).values(timezone=zone))
        self.by_customer[who].append((self.shop.clock(), zone))

    def zone(self, who: int, at: datetime) -> ZoneInfo:
        """Where a customer lived at an instant, as far as it had been told."""
        moves = self.by_customer.get(who, [])
        place = bisect_right(moves, at, key=lambda move: move[0])
        return ZoneInfo((moves[place - 1][1] if place else None) or self.shop.store.timezone)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("when", list(CHANGES))
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_sent_twice_or_at_night_while_zones_change(
    app: App, clock: TurnableClock, when: str, seed: int
) -> None:
    clock.now = CHANGES[when]
    shop = lived.shop(app, clock, seed, customers=14)
    with app.db.write() as session:
        policy = {"quiet_from": "21:00", "quiet_until": "08:00"}
        session.execute(update(Store).values(policy={**shop.store.policy, **policy}))
        for kind in KINDS.values():
            lived.campaign(app, session, shop.store, clock(), **dict(kind))
        for n, who in enumerate(shop.people):
            born = clock() + timedelta(days=n % DAYS)
            values = {"birthday_month": born.month, "birthday_day": born.day}
            session.execute(update(Customer).where(Customer.id == who.id).values(values))
    moves = Moves(shop)
    moves.plan(Random(seed), 40)
    lived.busy(shop, DAYS, per_day=8)
    shop.live(clock() + timedelta(days=DAYS), EVERY)
    with app.db.read() as session:
        _hold(session, moves, Policy.model_validate(session.scalars(select(Store.policy)).one()))


def _hold(session: Session, moves: Moves, policy: Policy) -> None:
    sent = session.scalars(select(Message).where(Message.state == "accepted").order_by(Message.decided_at)).all()
    assert len(sent) > 10
    keys = session.execute(select(Enrolment.campaign_id, Enrolment.customer_id, Enrolment.key)).all()
    assert len(keys) == len(set(keys)), "a key fired twice"
    birthdays = Counter((c, who) for c, who, key in keys if key.isdigit())
    assert birthdays
    assert max(birthdays.values()) == 1, "a birthday came twice"
    steps = Counter((m.enrolment_id, m.step_id, m.round) for m in sent)
    assert max(steps.values()) == 1, "a step was mailed twice"
    consents: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for who, said_at, status in session.execute(select(Consent.customer_id, Consent.at, Consent.status)):
        consents[who].append((said_at, status))
    by_customer: dict[int, list[datetime]] = defaultdict(list)
    for mail in sent:
        at = mail.decided_at
        assert at is not None
        local = at.astimezone(moves.zone(mail.customer_id, at)).time()
        assert policy.quiet_until <= local < policy.quiet_from, f"at night: {local} at {at}"
        said = [line for line in consents[mail.customer_id] if line[0] <= at]
        assert said, "nobody asked them"
        assert max(said)[1] == "granted", "they had withdrawn"
        by_customer[mail.customer_id].append(at)
    gaps = [b - a for times in by_customer.values() for a, b in pairwise(times)]
    assert all(gap >= policy.gap for gap in gaps), "two mails too close to each other"
    silent = select(func.count(Message.id)).where(Message.state == "dropped", Message.reason == "")
    assert session.scalar(silent) == 0, "dropped without a reason"
    unsaid = select(func.count(Message.id)).where(
        Message.state.in_(("accepted", "dropped")), Message.id.not_in(select(Decision.message_id))
    )
    assert session.scalar(unsaid) == 0, "decided without a decision"
