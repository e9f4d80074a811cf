"""Why somebody did or did not get a mail, and that it says "enters" exactly where the belt lets them in."""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from automation.actions import campaigns
from automation.app import App
from automation.clock import TurnableClock
from automation.dice import draw
from automation.explaining import Why, why
from automation.explaining.lines import FAIL, PASS, lines
from automation.models import Campaign, Customer, Enrolment, Store, Suppression
from automation.stages.advance import advance
from automation.stages.decide import decide
from automation.stages.enrol import enrol
from tests import make
from tests.automation import lived
from tests.conftest import NOW

IDLE = timedelta(minutes=30)
SEEDS = int(os.environ.get("CARTWHEEL_TEST_WHY_SEEDS", "1"))


@pytest.fixture
def store(app: App) -> Store:
    """A store."""
    with app.db.write() as session:
        return make.store(session)


def ask(app: App, campaign: Campaign, who: Customer, at: Any = NOW) -> Why:
    with app.db.read() as session:
        return why(app, session, session.get_one(Campaign, campaign.id), session.get_one(Customer, who.id), at)


def failing(answer: Why) -> list[str]:
    return [said for mark, said in lines(answer) if mark == FAIL]


def test_somebody_without_a_cart_reads_when_the_last_one_was_left(app: App, store: Store) -> None:
    with app.db.write() as session:
        row, ada = make.campaign(app, session, store), make.customer(session, store)
        make.cart(session, store, ada, left_at=NOW - timedelta(days=5))
        ben = make.customer(session, store, "Ben")
    answer = ask(app, row, ada)
    assert not answer.would_enter
    assert answer.nothing.startswith("No cart was left in time: something has to fall due within the last 48 hours")
    assert "the last one happened Thu 5 Mar 13:00" in answer.nothing
    assert [(o.key, o.is_due) for o in answer.occasions] == [("c1", False)]
    assert "nor did it in the 90 days before" in ask(app, row, ben).nothing


def test_just_after_going_live_it_is_said_that_what_was_before_does_not_count(app: App, store: Store) -> None:
    with app.db.write() as session:
        row, ada = make.campaign(app, session, store), make.customer(session, store)
        row.live_since = NOW - timedelta(minutes=10)
    assert "has to fall due after the campaign went live Tue 10 Mar 12:50" in ask(app, row, ada).nothing


def test_a_cart_that_is_still_young_is_told_with_its_hour(app: App, store: Store) -> None:
    with app.db.write() as session:
        row, ada = make.campaign(app, session, store), make.customer(session, store)
        make.cart(session, store, ada, left_at=NOW - timedelta(minutes=10))
    assert "the next falls due Tue 10 Mar 13:20" in ask(app, row, ada).nothing


def test_each_condition_has_its_mark(app: App, store: Store) -> None:
    with app.db.write() as session:
        row, ada = make.campaign(app, session, store), make.customer(session, store)
        make.cart(session, store, ada, left_at=NOW - IDLE)
        make.order(session, store, ada, NOW - timedelta(minutes=1))
    answer = ask(app, row, ada)
    assert failing(answer) == ["No order was placed since the cart was left."]
    assert answer.verdict == "They did not enter. What does not hold: no order was placed since the cart was left."
    assert (PASS, "The cart still has items.") in list(lines(answer))


def test_a_past_occasion_is_told_as_it_was_when_it_fell_due(app: App, store: Store) -> None:
    with app.db.write() as session:
        row, ada = make.campaign(app, session, store), make.customer(session, store)
        left_at = NOW - timedelta(days=9)
        make.cart(session, store, ada, left_at=left_at)
        make.order(session, store, ada, left_at + timedelta(minutes=20))
        make.cart(session, store, ada, left_at=NOW - timedelta(days=7), external_id="c2")
        make.order(session, store, ada, NOW - timedelta(days=6), "o2")
    told = {o.key: [c.sentence for c in o.checks if not c.holds] for o in ask(app, row, ada).occasions}
    assert told == {"c1": ["no order was placed since the cart was left"], "c2": []}


def test_every_node_of_the_audience_tells_what_it_saw(app: App, store: Store) -> None:
    rule = {"all": [{"field": "country", "is": "is", "value": "DE"}, {"event": "order.placed"}]}
    with app.db.write() as session:
        row = make.campaign(app, session, store, audience=rule)
        ada = make.customer(session, store, country="DE")
        make.cart(session, store, ada, left_at=NOW - IDLE)
    reason = ask(app, row, ada).occasions[0].audience
    assert reason is not None
    assert (reason.holds, [part.holds for part in reason.parts]) == (False, [True, False])
    assert reason.parts[0].seen == {"value": "DE"}


def test_the_entry_that_blocks_another_is_named(app: App, store: Store, clock: TurnableClock) -> None:
    with app.db.write() as session:
        row, ada = make.campaign(app, session, store), make.customer(session, store)
        make.cart(session, store, ada, left_at=NOW - IDLE)
    enrol(app, NOW, 10)
    now = clock.turn(timedelta(days=2))
    with app.db.write() as session:
        make.cart(session, store, ada, left_at=now - IDLE, external_id="c2")
    answer = ask(app, row, ada, now)
    assert not answer.would_enter
    said = (
        "Nobody enters again within 7 days; they entered Tue 10 Mar 13:00 for “c1” and may again from Tue 17 Mar 13:00."
    )
    assert said in failing(answer)


def test_a_mail_is_told_with_each_decision_and_its_fate(app: App, store: Store, clock: TurnableClock) -> None:
    with app.db.write() as session:
        row, ada = make.campaign(app, session, store), make.customer(session, store)
        make.cart(session, store, ada, left_at=NOW - IDLE)
        ada_key = ada.email_key or ""
    enrol(app, NOW, 10)
    now = clock.turn(timedelta(hours=1))
    with app.db.write() as session:
        session.add(Suppression(store_id=store.id, email_key=ada_key, reason="complaint", at=NOW))
    advance(app, now, 10)
    decide(app, now, 10)
    answer = ask(app, row, ada, now)
    (mail,) = answer.ways[0].mails
    assert mail.sentence == "It was not sent, because the address must not be mailed (its owner called a mail spam)."
    assert [said for _, said in mail.decisions] == [
        "Not sent: the address must not be mailed (its owner called a mail spam)."
    ]
    assert "The address must not be mailed: its owner called a mail spam." in failing(answer)
    assert answer.ways[0].step == "Send “cart_reminder_2”"


def test_drafts_paused_campaigns_and_other_times_are_told_apart(app: App, store: Store) -> None:
    with app.db.write() as session:
        draft = campaigns.create_from_recipe(app, session, store, "cart_abandoned", NOW)
        row, ada = make.campaign(app, session, store), make.customer(session, store)
        make.cart(session, store, ada, left_at=NOW - IDLE)
        campaigns.pause(session, row, NOW)
    assert "The campaign is a draft: nobody enters." in failing(ask(app, draft, ada))
    assert "The campaign is paused: nobody enters, nobody moves." in failing(ask(app, row, ada))
    assert ask(app, row, ada, NOW - timedelta(seconds=1)).campaign_checks[0].holds
    assert not ask(app, row, ada, NOW - timedelta(days=31)).campaign_checks[0].holds


def test_who_is_held_out_or_has_been_in_once_is_told(app: App, store: Store, clock: TurnableClock) -> None:
    with app.db.write() as session:
        row, ada = make.campaign(app, session, store, entry="once", holdout_percent=50), None
        for n in range(20):
            ada = make.customer(session, store, f"Ada{n}")
            if draw(f"campaign {row.id}, holdout", ada.id) < 0.5:
                break
        assert ada is not None
        make.cart(session, store, ada, left_at=NOW - IDLE)
    held = "The customer is held out of the campaign, for comparison: they enter, and are not mailed."
    answer = ask(app, row, ada)
    assert (answer.would_enter, failing(answer)) == (True, [held])
    enrol(app, NOW, 10)
    now = clock.turn(timedelta(days=20))
    with app.db.write() as session:
        make.cart(session, store, ada, left_at=now - IDLE, external_id="c2")
    answer = ask(app, row, ada, now)
    assert not answer.would_enter
    assert "Nobody enters twice; they entered Tue 10 Mar 13:00 for “c1”." in failing(answer)
    assert answer.ways[0].state == "held"


def test_of_a_newsletter_that_is_out_it_is_said_whom_it_was_not_for(
    app: App, store: Store, clock: TurnableClock
) -> None:
    with app.db.write() as session:
        ada = make.customer(session, store, "Ada", country="DE")
        ben = make.customer(session, store, "Ben", country="PT")
        cleo = make.customer(session, store, "Cleo", country="DE", consent=False)
        audience = {"field": "country", "is": "is", "value": "DE"}
        row = make.campaign(app, session, store, "newsletter", audience=audience)
        campaigns.publish(app, session, row, NOW)
    enrol(app, clock(), 100)
    clock.turn(timedelta(hours=1))
    assert ask(app, row, ada, clock()).verdict.startswith("They entered")
    assert ask(app, row, ben, clock()).verdict == "They did not enter. They are not in the audience."
    assert "marketing" in ask(app, row, cleo, clock()).verdict
    with app.db.write() as session:
        make.agree(session, session.get_one(Customer, cleo.id), "granted", clock())
    clock.turn(timedelta(hours=1))
    assert ask(app, row, cleo, clock()).verdict.startswith("They did not enter. It has gone out")


def test_a_customer_of_another_store_is_refused(app: App, store: Store) -> None:
    with app.db.write() as session:
        row, stranger = make.campaign(app, session, store), make.customer(session, make.store(session, name="B"))
    with pytest.raises(ValueError, match="different stores"):
        ask(app, row, stranger)


KINDS: list[dict[str, Any]] = [
    {"kind": "cart_abandoned"},
    {
        "kind": "cart_abandoned",
        "settings": {"minimum": 1000},
        "entry": "once",
        "audience": {"not": {"event": "order.placed", "within": {"last_days": 9}}},
    },
    {"kind": "order_placed", "cooldown_days": 0},
    {"kind": "date_anniversary", "cooldown_days": 0, "settings": {"offset_days": -1}},
    {"kind": "due_item", "cooldown_days": 0, "settings": {"days": [-3, -1], "at": "09:00"}},
    {"kind": "browse_abandoned", "cooldown_days": 2},
    {
        "kind": "newsletter",
        "settings": {"schedule": {"every": "days", "days": 2, "from_on": "2026-03-01"}, "local_time": True},
        "audience": {"field": "country", "is": "is", "value": "DE"},
    },
]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_it_says_who_enters_exactly_where_the_belt_lets_them_in(app: App, clock: TurnableClock, seed: int) -> None:
    shop = lived.shop(app, clock, 100 + seed, customers=10)
    began = clock()
    with app.db.write() as session:
        chosen = KINDS if SEEDS > 3 else Random(seed).sample(KINDS, 5)
        rows = [lived.campaign(app, session, shop.store, began, **dict(values)) for values in chosen]
    lived.busy(shop, 4, per_day=14)
    for hours in (30, 90):
        shop.live(began + timedelta(hours=hours - 10), timedelta(hours=8))
        now = shop.tell(began + timedelta(hours=hours))
        with app.db.read() as session:
            people = session.scalars(select(Customer)).all()
            known = set(session.scalars(select(Enrolment.id)))
        said = {(row.id, who.id) for row in rows for who in people if ask(app, row, who, now).would_enter}
        enrol(app, now, 1000)
        with app.db.read() as session:
            fresh = session.execute(
                select(Enrolment.campaign_id, Enrolment.customer_id).where(Enrolment.id.not_in(known))
            )
            assert said == {(row[0], row[1]) for row in fresh}
        assert all(ask(app, row, who, now).ways for row in rows for who in people if (row.id, who.id) in said)
