"""Drafts become ready, wait or are dropped, and the decision log says why."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from automation import judging
from automation.actions import campaigns
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Campaign, Cart, Customer, Decision, Message, Store, Suppression
from automation.reliance import Reliance, Relying
from automation.stages.advance import advance
from automation.stages.decide import decide
from automation.stages.enrol import enrol
from tests import make
from tests.conftest import NOW


@pytest.fixture
def store(app: App) -> Store:
    with app.db.write() as session:
        return make.store(session)


def draft(app: App, store: Store, name: str = "Ada", **values: object) -> int:
    """A draft to a customer of that name; its id."""
    with app.db.write() as session:
        known = session.scalars(select(Customer).where(Customer.first_name == name)).first()
        customer = known or make.customer(session, store, name)
        return make.message(session, customer, **values).id


def message(app: App, message_id: int) -> Message:
    with app.db.read() as session:
        return session.get_one(Message, message_id)


def reasons(app: App) -> list[tuple[str, str]]:
    with app.db.read() as session:
        found = session.execute(select(Decision.outcome, Decision.reason).order_by(Decision.id))
        return [(row.outcome, row.reason) for row in found]


def test_a_draft_to_somebody_who_agreed_becomes_ready(app: App, store: Store) -> None:
    one = draft(app, store)
    assert decide(app, NOW, 100) == 1
    assert message(app, one).state == "ready"
    assert reasons(app) == [("go", "go")]
    assert decide(app, NOW, 100) == 0


def test_a_suppressed_address_is_dropped_with_its_reason(app: App, store: Store) -> None:
    one = draft(app, store)
    with app.db.write() as session:
        session.add(Suppression(store_id=store.id, email_key="ada@example.com", reason="complaint", at=NOW))
    decide(app, NOW, 100)
    assert (message(app, one).state, message(app, one).reason) == ("dropped", "suppressed")
    with app.db.read() as session:
        assert session.scalars(select(Decision)).one().facts == {"suppression": "complaint"}


def test_another_stores_suppression_does_not_count(app: App, store: Store) -> None:
    one = draft(app, store)
    with app.db.write() as session:
        other = make.store(session)
        session.add(Suppression(store_id=other.id, email_key="ada@example.com", reason="complaint", at=NOW))
    decide(app, NOW, 100)
    assert message(app, one).state == "ready"


def test_withdrawn_consent_drops_what_was_drafted_before(app: App, store: Store) -> None:
    one = draft(app, store)
    with app.db.write() as session:
        make.agree(session, session.scalars(select(Customer)).one(), "withdrawn", NOW - timedelta(minutes=1))
    decide(app, NOW, 100)
    assert (message(app, one).state, message(app, one).reason) == ("dropped", "no_consent")


def test_of_two_drafts_the_more_important_goes_and_the_other_waits_sixteen_hours(
    app: App, store: Store, clock: TurnableClock
) -> None:
    news = draft(app, store, mail_class="promotional", expires_at=NOW + timedelta(hours=72))
    cart = draft(app, store, mail_class="lifecycle")
    decide(app, NOW, 1)
    assert message(app, cart).state == "ready"
    waiting = message(app, news)
    assert (waiting.state, waiting.reason) == ("draft", "stronger_first")
    # Sixteen hours after noon it is night in Berlin; the mail goes at eight.
    assert waiting.due_at == NOW + timedelta(hours=19)
    with app.db.write() as session:
        sent = session.get_one(Message, cart)
        sent.state, sent.accepted_at = "accepted", NOW
    assert decide(app, clock.turn(timedelta(hours=16)), 100) == 0
    decide(app, message(app, news).due_at, 100)
    assert message(app, news).state == "ready"


def test_within_a_class_the_higher_priority_wins(app: App, store: Store) -> None:
    low, high = draft(app, store, priority=10), draft(app, store, priority=90)
    decide(app, NOW, 100)
    assert (message(app, low).state, message(app, high).state) == ("draft", "ready")


def test_two_receipts_go_together(app: App, store: Store) -> None:
    one, two = (draft(app, store, mail_class="transactional") for _ in range(2))
    decide(app, NOW, 100)
    assert {message(app, one).state, message(app, two).state} == {"ready"}


def test_an_accepted_mail_of_this_morning_makes_the_next_wait(app: App, store: Store) -> None:
    draft(app, store, state="accepted", accepted_at=NOW - timedelta(hours=3), decided_at=NOW - timedelta(hours=3))
    one = draft(app, store)
    decide(app, NOW, 100)
    assert (message(app, one).state, message(app, one).reason) == ("draft", "gap")
    # The gap ends at two in the night, the night at eight.
    assert message(app, one).due_at == NOW + timedelta(hours=19)


def test_a_dropped_or_test_mail_does_not_count_against_the_gap(app: App, store: Store) -> None:
    draft(app, store, state="dropped", reason="expired", decided_at=NOW)
    draft(app, store, state="accepted", is_test=True, accepted_at=NOW, decided_at=NOW)
    one = draft(app, store)
    decide(app, NOW, 100)
    assert message(app, one).state == "ready"


def test_a_cart_ordered_while_its_mail_waited_for_the_morning_is_dropped(
    app: App, store: Store, clock: TurnableClock
) -> None:
    evening = NOW.replace(hour=19, minute=30)
    clock.now = evening
    with app.db.write() as session:
        make.campaign(app, session, store)
        cart = make.cart(session, store, make.customer(session, store), left_at=evening)
    for _ in range(6):
        clock.turn(timedelta(minutes=30))
        while enrol(app, clock(), 10) + advance(app, clock(), 10) + decide(app, clock(), 10):
            pass
    assert reasons(app) == [("defer", "quiet_hours")]
    with app.db.write() as session:
        session.get_one(Cart, cart.id).ordered_at = clock()
    clock.turn(timedelta(hours=12))
    decide(app, clock(), 10)
    assert reasons(app)[-1] == ("drop", "no_longer_true")
    with app.db.read() as session:
        last = session.scalars(select(Decision).order_by(Decision.id.desc())).first()
    assert last is not None
    assert last.facts == {"condition": "the cart was not ordered"}


def test_drafts_of_a_paused_campaign_wait(app: App, store: Store) -> None:
    with app.db.write() as session:
        campaign = make.campaign(app, session, store)
    one = draft(app, store, campaign_id=campaign.id)
    with app.db.write() as session:
        session.get_one(Campaign, campaign.id).state = "paused"
    assert decide(app, NOW, 100) == 0
    assert message(app, one).state == "draft"


@pytest.mark.parametrize("how", ["resume", "publish", "stop"])
def test_mails_of_a_paused_campaign_are_not_even_looked_at_until_it_goes_on(app: App, store: Store, how: str) -> None:
    with app.db.write() as session:
        campaign_id = make.campaign(app, session, store).id
    later = NOW + timedelta(hours=5)
    due, put_off = (draft(app, store, n, campaign_id=campaign_id, due_at=d) for n, d in (("A", NOW), ("B", later)))
    ready = draft(app, store, "C", campaign_id=campaign_id, state="ready")
    other = draft(app, store, "D")
    with app.db.write() as session:
        campaigns.pause(session, session.get_one(Campaign, campaign_id), NOW)
    with app.db.read() as session:
        found = session.scalars(
            select(Message.id).where(Message.state.in_(("draft", "ready", "retry")), Message.due_at <= later)
        )
        assert list(found) == [other]
    with app.db.write() as session:
        row = session.get_one(Campaign, campaign_id)
        if how == "resume":
            campaigns.resume(session, row, later)
        elif how == "publish":
            campaigns.publish(app, session, row, later)
        else:
            campaigns.stop(session, row, later)
    assert decide(app, later, 100) == 3
    assert [message(app, i).state for i in (due, put_off, ready)] == ["ready"] * 3
    assert message(app, ready).due_at == later


def test_what_a_broken_connection_keeps_goes_first_afterwards_and_gives_way_when_it_expires(
    app: App, store: Store
) -> None:
    cart = draft(app, store, mail_class="lifecycle", expires_at=NOW + timedelta(hours=2))
    decide(app, NOW, 100)
    news = draft(app, store, expires_at=NOW + timedelta(hours=72))
    # Hours later the connection still does not work: nothing leaves, so nobody loses anything by the order.
    decide(app, NOW + timedelta(hours=1), 100)
    assert (message(app, cart).state, message(app, news).reason) == ("ready", "stronger_first")
    decide(app, message(app, news).due_at, 100)
    assert (message(app, cart).state, message(app, cart).reason) == ("dropped", "expired")
    assert message(app, news).state == "ready"


def test_a_hundred_drafts_take_as_many_statements_as_one(app: App, store: Store) -> None:
    statements: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    counts = []
    for batch in (1, 100):
        for i in range(batch):
            draft(app, store, f"C{batch}x{i}")
        statements.clear()
        assert decide(app, NOW, 1000) == batch
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 14
    with app.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 101


def customer(app: App, **values: object) -> None:
    with app.db.write() as session:
        row = session.scalars(select(Customer)).one()
        for name, value in values.items():
            setattr(row, name, value)


def test_a_stronger_draft_pushes_back_what_is_ready_and_not_yet_claimed(app: App, store: Store) -> None:
    news = draft(app, store, expires_at=NOW + timedelta(hours=48))
    decide(app, NOW, 100)
    assert message(app, news).state == "ready"
    cart = draft(app, store, mail_class="lifecycle")
    decide(app, NOW + timedelta(minutes=1), 100)
    assert (message(app, cart).state, message(app, news).state) == ("ready", "draft")
    assert message(app, news).reason == "stronger_first"


def test_a_weaker_draft_leaves_what_is_ready_alone(app: App, store: Store) -> None:
    cart = draft(app, store, mail_class="lifecycle")
    decide(app, NOW, 100)
    news = draft(app, store)
    decide(app, NOW + timedelta(minutes=1), 100)
    assert (message(app, cart).state, message(app, news).state) == ("ready", "draft")
    assert reasons(app) == [("go", "go"), ("defer", "stronger_first")]


@pytest.mark.parametrize(
    ("days", "reason"), [((0, 0), "daily_limit"), ((1, 1, 0), "weekly_limit")], ids=["day", "week"]
)
def test_limits_of_a_day_and_a_week_hold_a_mail_back(
    app: App, store: Store, days: tuple[int, ...], reason: str
) -> None:
    with app.db.write() as session:
        session.get_one(Store, store.id).policy = {"gap_hours": 0, "most_per_week": 3}
    for ago in days:
        at = NOW - timedelta(days=ago)
        draft(app, store, state="accepted", accepted_at=at, decided_at=at, created_at=at)
    one = draft(app, store, expires_at=None)
    decide(app, NOW, 100)
    assert (message(app, one).state, message(app, one).reason) == ("draft", reason)
    # Midnight in Berlin is quiet: it goes at eight, on the next day or on the Monday after this Tuesday.
    on = 11 if reason == "daily_limit" else 16
    assert message(app, one).due_at == NOW.replace(day=on, hour=7)


def test_a_customer_who_wants_a_rest_or_fewer_mails_gets_no_newsletter(app: App, store: Store) -> None:
    at = NOW - timedelta(days=1)
    draft(app, store, state="accepted", accepted_at=at, decided_at=at, created_at=at)
    customer(app, most_per_week=1)
    one, receipt = draft(app, store, expires_at=None), draft(app, store, mail_class="transactional")
    decide(app, NOW, 100)
    assert message(app, one).reason == "own_limit"
    assert message(app, receipt).state == "ready"
    customer(app, most_per_week=None, paused_until=NOW + timedelta(days=30))
    two = draft(app, store)
    decide(app, NOW, 100)
    assert (message(app, two).state, message(app, two).reason) == ("dropped", "expired")


def test_a_customer_who_wants_one_mail_a_month_gets_the_next_one_on_the_first(app: App, store: Store) -> None:
    now = NOW + timedelta(days=18)
    draft(app, store, state="accepted", accepted_at=NOW, decided_at=NOW, created_at=NOW)
    one = draft(app, store, expires_at=None)
    customer(app, most_per_month=1)
    decide(app, now, 100)
    assert (message(app, one).state, message(app, one).reason) == ("draft", "own_month")
    # Midnight in Berlin is quiet, and by then it is summer there: it goes at eight.
    assert message(app, one).due_at == NOW.replace(month=4, day=1, hour=6)
    customer(app, most_per_month=2)
    with app.db.write() as session:
        session.execute(update(Message).where(Message.id == one).values(due_at=now))
    decide(app, now, 100)
    assert message(app, one).state == "ready"


class Offer(Reliance):
    """An offer that has ended."""

    names = frozenset({"customer"})

    def broken(self, session: Session, mails: Sequence[Relying], now: datetime) -> dict[int, str]:  # noqa: ARG002  the contract's
        return {mail.message_id: "the offer is still valid" for mail in mails}


def test_what_else_a_mail_relies_on_is_asked(app: App, store: Store) -> None:
    one = draft(app, store)
    decide(replace(app, reliances={"offer": Offer()}), NOW, 100)
    assert (message(app, one).state, message(app, one).reason) == ("dropped", "no_longer_true")


def test_two_workers_never_both_find_the_gap_free(app: App, store: Store) -> None:
    for i in range(40):
        draft(app, store, f"C{i}", priority=10)
        draft(app, store, f"C{i}", priority=90)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(6):
            list(pool.map(lambda _: decide(app, NOW, 7), range(2)))
    while decide(app, NOW, 7):
        pass
    with app.db.read() as session:
        went = session.execute(
            select(func.count(), func.min(Message.priority))
            .where(Message.state == "ready")
            .group_by(Message.customer_id)
        ).all()
    assert [tuple(row) for row in went] == [(1, 90)] * 40


def test_what_waited_long_to_leave_is_asked_again(app: App, store: Store) -> None:
    asleep, well = draft(app, store, "Ada"), draft(app, store, "Bob")
    decide(app, NOW, 100)
    later = NOW + timedelta(hours=9)
    assert message(app, asleep).stale_at == NOW + timedelta(minutes=15)
    with app.db.write() as session:
        session.scalars(select(Customer).where(Customer.first_name == "Bob")).one().timezone = "America/New_York"
    with app.db.write() as session:
        may_go, changed = judging.again(app, session, {asleep, well}, later)
    assert (may_go, changed) == ({well}, 1)
    # It is ten in the evening in Berlin.
    assert (message(app, asleep).state, message(app, asleep).reason) == ("draft", "quiet_hours")
    assert message(app, well).stale_at == later + timedelta(minutes=15)
