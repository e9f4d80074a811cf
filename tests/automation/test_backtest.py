"""A backtest says what there would have been: held against the same days, lived through the real stages."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy

from automation.app import App
from automation.backtest import backtest
from automation.clock import TurnableClock
from automation.models import Campaign
from tests import make
from tests.automation import lived

DAYS = int(os.environ.get("CARTWHEEL_TEST_BACKTEST_DAYS", "6"))
EVERY = timedelta(minutes=int(os.environ.get("CARTWHEEL_TEST_BACKTEST_MINUTES", "240")))
LATELY = {"event": "order.placed", "within": {"last_days": 12}}
KINDS: dict[str, dict[str, Any]] = {
    "cart": {"kind": "cart_abandoned"},
    "checked cart": {
        "kind": "cart_abandoned",
        "settings": {"minimum": 1000},
        "cooldown_days": 0.5,
        "mail_class": "reminder",
        "audience": {"any": [{"not": LATELY}, {"event": "product.viewed", "within": {"calendar": "today"}}]},
    },
    "order": {
        "kind": "order_placed",
        "cooldown_days": 0,
        "mail_class": "transactional",
        "settings": {"which": "later"},
    },
    "first": {
        "kind": "first_purchase",
        "cooldown_days": 0,
        "holdout_percent": 30,
        "goal": {"event": "order.placed", "within_days": 2},
        "exits": [{"rule": {"event": "product.viewed", "within": {"last_days": 1}}}],
        "settings": {"after_hours": 3},
    },
    "nth": {
        "kind": "nth_order",
        "cooldown_days": 0,
        "mail_class": "reminder",
        "settings": {"number": 2, "delay_hours": 5},
    },
    "gone": {"kind": "win_back", "cooldown_days": 0, "settings": {"days": 14, "least_days": 8}},
    "birthday": {"kind": "date_anniversary", "cooldown_days": 0, "settings": {"offset_days": -2}},
    "due": {
        "kind": "due_item",
        "cooldown_days": 0,
        "mail_class": "reminder",
        "settings": {"days": [-3, -1], "at": "09:00"},
    },
    "welcome": {"kind": "welcome", "cooldown_days": 0, "settings": {"when": "known"}},
    "agreed": {"kind": "welcome", "cooldown_days": 0},
    "looked": {"kind": "browse_abandoned", "cooldown_days": 1},
    "news": {
        "kind": "newsletter",
        "settings": {"schedule": {"every": "days", "days": 3, "from_on": "2026-03-01"}, "local_time": True},
        "audience": {"field": "country", "is": "is", "value": "DE"},
    },
    "weekly": {"kind": "newsletter", "settings": {"schedule": {"every": "week", "weekdays": ["wed", "fri"]}}},
}


@pytest.mark.parametrize("seed", range(int(os.environ.get("CARTWHEEL_TEST_BACKTEST_SEEDS", "1"))))
def test_a_replay_enrols_and_mails_as_the_live_belt_did(app: App, clock: TurnableClock, seed: int) -> None:
    shop = lived.shop(app, clock, seed)
    began = clock()
    with app.db.write() as session:
        ids = {
            name: lived.campaign(app, session, shop.store, began, **dict(values)).id for name, values in KINDS.items()
        }
    lived.busy(shop, DAYS)
    shop.live(began + timedelta(days=DAYS), EVERY)
    wrong: dict[str, Any] = {}
    for name, campaign_id in ids.items():
        with app.db.read() as session:
            found = backtest(app, session, session.get_one(Campaign, campaign_id), began, clock(), EVERY)
        now = {(e.customer, e.key, e.entered_at) for e in found.entrants}
        then = lived.entered(app, campaign_id)
        wrong |= {} if then else {name: "nobody entered"}
        if now != then:
            wrong[name] = sorted(now - then), sorted(then - now)
            continue
        mails = {(e.customer, e.key, m.step_id, m.at) for e in found.entrants for m in e.mails if m.went}
        sent = lived.mailed(app, campaign_id, clock())
        if mails != sent:
            wrong[name] = sorted(mails - sent), sorted(sent - mails)
    assert not wrong


def test_a_backtest_only_reads_whatever_the_flow_does(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        make.cart(session, store, ada, clock() - timedelta(days=3))
        row = make.campaign(app, session, store)
        kinds = sorted(set(app.steps) - {"mail", "exit", "go_to", "hold_out", "wait_for"})
        nodes = [{"id": kind, "kind": kind, "settings": {}} for kind in kinds]
        mail = {"id": "m", "kind": "mail", "settings": {"template": "cart_reminder_1"}}
        row.draft = {**row.draft, "flow": [*nodes, mail]}
    told: list[str] = []

    @sqlalchemy.event.listens_for(app.db.engine, "before_cursor_execute")
    def tell(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        told.append(statement.split(maxsplit=1)[0].upper())

    with app.db.read() as session:
        found = backtest(app, session, session.get_one(Campaign, row.id), clock() - timedelta(days=9), clock())
    sqlalchemy.event.remove(app.db.engine, "before_cursor_execute", tell)
    assert set(told) <= {"SELECT", "WITH", "BEGIN"}
    assert (found.entered, found.offers) == (1, 1)
    assert found.steps[0].step_id == "m"


def test_a_mail_of_another_campaign_that_is_in_the_way_is_a_collision(app: App, clock: TurnableClock) -> None:
    left_at = clock() - timedelta(days=3)
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        make.cart(session, store, ada, left_at)
        make.message(
            session,
            ada,
            state="accepted",
            created_at=left_at,
            decided_at=left_at,
            accepted_at=left_at + timedelta(minutes=20),
        )
        row = make.campaign(app, session, store)
    with app.db.read() as session:
        found = backtest(app, session, session.get_one(Campaign, row.id), clock() - timedelta(days=9), clock())
    assert (found.entered, found.collisions) == (1, 1)
    assert found.steps[0].put_off == 1


def test_an_order_before_the_mail_is_counted_as_bought_anyway(app: App, clock: TurnableClock) -> None:
    left_at = clock() - timedelta(days=3)
    with app.db.write() as session:
        store = make.store(session)
        ada, ben = make.customer(session, store), make.customer(session, store, "Ben")
        make.cart(session, store, ada, left_at)
        make.cart(session, store, ben, left_at, "c2")
        make.order(session, store, ada, left_at + timedelta(minutes=50))
        make.order(session, store, ben, left_at + timedelta(minutes=10), "o2")
        row = make.campaign(app, session, store)
    with app.db.read() as session:
        found = backtest(app, session, session.get_one(Campaign, row.id), clock() - timedelta(days=9), clock())
    assert (found.occurrences, found.entered, found.mails, found.ordered_within_hour) == (2, 1, 0, 2)
    assert found.kept_out == {"no order was placed since the cart was left": 1}
    assert found.steps[0].not_sent == {"no longer true: no order was placed since the cart was left": 1}
    assert found.steps[0].ordered == 1


@pytest.mark.parametrize("days", [0, 400])
def test_a_span_that_makes_no_sense_is_refused(app: App, clock: TurnableClock, days: int) -> None:
    with app.db.write() as session:
        row = make.campaign(app, session, make.store(session))
    with app.db.read() as session, pytest.raises(ValueError, match="up to 365 days"):
        backtest(app, session, session.get_one(Campaign, row.id), clock() - timedelta(days=days), clock())
