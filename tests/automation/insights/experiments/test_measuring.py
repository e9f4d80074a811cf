"""Experiments as they are found in campaigns' versions, counted in enrolments and orders, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from automation import audit
from automation.actions import campaigns as actions
from automation.app import App
from automation.clock import TurnableClock
from automation.dice import draw
from automation.holdouts import store_lot
from automation.insights.experiments.finding import find
from automation.models import Campaign, Measurement
from automation.stages.measure import EVERY, measure
from tests.automation.insights.experiments.shop import DAY, Shop, some
from tests.automation.steps.flows import mail, node
from tests.conftest import NOW

START = NOW - 30 * DAY
"""When the campaign was published."""


@pytest.fixture
def session(app: App) -> Iterator[Session]:
    # The stage opens transactions of its own, which must not stand inside another.
    with Session(app.db.engine, expire_on_commit=False) as session:
        yield session


def looked(app: App, session: Session, clock: TurnableClock) -> dict[str, Measurement]:
    """What the stage finds, by what comes before the date in its key."""
    session.commit()
    while measure(app, clock(), 100):
        pass
    session.expire_all()
    return {row.key.rpartition("/")[0]: row for row in session.scalars(select(Measurement))}


def groups(row: Measurement) -> list[tuple[str, int, int, int]]:
    return [(g["arm"], g["people"], g["converted"], g["revenue"]) for g in row.figures["groups"]]


def test_a_holdout_counts_everybody_who_was_drawn_with_all_orders_of_the_window(
    app: App, session: Session, clock: TurnableClock
) -> None:
    shop = Shop(app, session, holdout_percent=20, policy={"lift_days": 10})
    people = shop.people(400)
    shop.enter(people, NOW - 20 * DAY, percent=20)
    shop.enter(people[:50], NOW - 5 * DAY, percent=20)  # a second cart, in the same group
    held = [who for who in people if shop.is_held(who, 20)]
    mailed = [who for who in people if not shop.is_held(who, 20)]
    shop.buy(mailed[:60], NOW - 15 * DAY, 10_000)
    shop.buy(mailed[:10], NOW - 14 * DAY, 4_000, refunded=1_000)
    shop.buy(held[:5], NOW - 19 * DAY, 8_000)
    # None of these counts: too late, before, cancelled, in other money, given back, not there yet.
    shop.buy(mailed[60:80], NOW - 9 * DAY)
    shop.buy(held[5:15], NOW - 21 * DAY)
    shop.buy(held[5:15], NOW - 15 * DAY, cancelled_at=NOW)
    shop.buy(held[5:15], NOW - 15 * DAY, currency="USD")
    shop.buy(held[5:15], NOW - 15 * DAY, 5_000, refunded=5_000)
    shop.buy(held[5:15], NOW + 1 * DAY)
    row = looked(app, session, clock)[f"campaign/{shop.campaign.id}"]
    assert groups(row) == [("mailed", len(mailed), 60, 630_000), ("held", len(held), 5, 40_000)]
    assert row.figures["revenue"]["mailed"] == pytest.approx(630_000 / len(mailed))
    assert row.figures["conversion"]["estimate"] == pytest.approx(60 / len(mailed) - 5 / len(held))
    assert row.figures["conversion"]["verdict"] in ("leaning_more", "wait")
    assert (row.settings["percent"], row.settings["window_days"], row.ended_at) == (20, 10, None)


def test_an_effect_that_is_plain_is_settled_and_none_is_said_to_be_none(
    app: App, session: Session, clock: TurnableClock
) -> None:
    shop = Shop(app, session, holdout_percent=50)
    people = shop.people(3_000)
    shop.enter(people, NOW - 20 * DAY, percent=50)
    mailed = [who for who in people if not shop.is_held(who, 50)]
    held = [who for who in people if shop.is_held(who, 50)]
    shop.buy(some(mailed, 0.30), NOW - 15 * DAY, 5_000)
    shop.buy(some(held, 0.20), NOW - 15 * DAY, 7_500)
    figures = looked(app, session, clock)[f"campaign/{shop.campaign.id}"].figures
    assert figures["conversion"]["verdict"] == "more"
    assert figures["conversion"]["missing"] is None
    assert figures["revenue"]["verdict"] == "alike", "a third more orders of two thirds the size"


def test_with_few_customers_it_says_how_many_are_missing(app: App, session: Session, clock: TurnableClock) -> None:
    shop = Shop(app, session, holdout_percent=10)
    shop.enter(shop.people(60), NOW - 2 * DAY, percent=10)
    figures = looked(app, session, clock)[f"campaign/{shop.campaign.id}"].figures
    assert figures["conversion"]["verdict"] == figures["revenue"]["verdict"] == "few"
    assert figures["conversion"]["missing"] >= 40
    shop.enter(shop.people(240), NOW - 1 * DAY, percent=10)
    for is_held in (True, False):
        group = [who for who in shop.customers if shop.is_held(who, 10) == is_held]
        shop.buy(group[: round(len(group) / 10)], NOW - 1 * DAY)
    clock.turn(1 * DAY)
    figures = looked(app, session, clock)[f"campaign/{shop.campaign.id}"].figures
    assert figures["conversion"]["verdict"] == "wait"
    # 10 % buy, a tenth is held out: (1.96 + 0.84)² · 0.09 · (1/0.9 + 1/0.1) / 0.02² people in all, about 19,600.
    assert figures["conversion"]["missing"] == pytest.approx(19_300, rel=0.2)


def test_the_store_s_holdout_is_told_from_the_campaign_s(app: App, session: Session, clock: TurnableClock) -> None:
    shop = Shop(app, session, holdout_percent=20, mail_class="lifecycle", policy={"holdout_percent": 10})
    people = shop.people(500)
    shop.enter(people, NOW - 10 * DAY, percent=20)
    apart = {who for who in people if draw(store_lot(shop.store.id), who) < 0.1}
    found = looked(app, session, clock)
    own, store = found[f"campaign/{shop.campaign.id}"], found["store"]
    in_neither = [who for who in people if who in apart]
    assert sum(people for _, people, *_ in groups(own)) == 500 - len(in_neither)
    assert [people for _, people, *_ in groups(store)] == [500 - len(apart), len(apart)]
    assert store.campaign_id is None


def test_the_store_s_holdout_begins_when_the_rule_was_set(app: App, session: Session, clock: TurnableClock) -> None:
    shop = Shop(app, session, mail_class="lifecycle", policy={"holdout_percent": 10})
    for days, percent in ((20, 5), (15, 10), (10, 10)):
        audit.note(
            session,
            None,
            "policy.changed",
            shop.store.public_id,
            NOW - days * DAY,
            holdout_percent=percent,
            gap_hours=1,
        )
    session.flush()
    found = [(e.settings["percent"], e.started_at, e.ended_at) for e in find(session, shop.store)]
    assert found == [(5, NOW - 20 * DAY, NOW - 15 * DAY), (10, NOW - 15 * DAY, None)]


def test_a_changed_share_is_another_experiment_and_the_one_before_stays(
    app: App, session: Session, clock: TurnableClock
) -> None:
    shop = Shop(app, session, holdout_percent=10)
    shop.enter(shop.people(120), NOW - 20 * DAY, percent=10)
    shop.campaign.draft = {**shop.campaign.draft, "holdout_percent": 0}
    actions.publish(app, session, shop.campaign, NOW - 15 * DAY)
    shop.campaign.draft = {**shop.campaign.draft, "holdout_percent": 30}
    actions.publish(app, session, shop.campaign, NOW - 10 * DAY)
    shop.enter(shop.people(80), NOW - 5 * DAY, percent=30)
    session.commit()
    measure(app, clock(), 100)
    rows = session.scalars(select(Measurement).order_by(Measurement.started_at)).all()
    assert [(r.settings["percent"], sum(g["people"] for g in r.figures["groups"])) for r in rows] == [
        (10, 120),
        (30, 80),
    ]
    assert [r.ended_at for r in rows] == [NOW - 15 * DAY, None]


def test_a_step_that_holds_out_is_measured_too(app: App, session: Session, clock: TurnableClock) -> None:
    shop = Shop(app, session, flow=[node("h", "hold_out", percent=50), mail("m")])
    shop.enter(shop.people(200), NOW - 10 * DAY)
    drawn = shop.pick("h", ["mailed", "held"], NOW - 10 * DAY)
    shop.buy([who for who, arm in drawn.items() if arm == "mailed"][:20], NOW - 9 * DAY)
    row = looked(app, session, clock)[f"step/{shop.campaign.id}/h"]
    counted = list(drawn.values())
    assert [(g[0], g[1], g[2]) for g in groups(row)] == [
        ("mailed", counted.count("mailed"), 20),
        ("held", counted.count("held"), 0),
    ]


def test_a_test_is_counted_by_arm_and_its_arms_judged_by_every_metric(
    app: App, session: Session, clock: TurnableClock
) -> None:
    flow = [node("t", "ab_test", {"a": [mail("x")], "b": [mail("y")]}, metric="conversion", at_least=50)]
    shop = Shop(app, session, flow=flow, policy={"attribution_days": 5})
    shop.enter(shop.people(300), NOW - 10 * DAY)
    drawn = shop.pick("t", ["a", "b"], NOW - 10 * DAY)
    arms = {arm: [who for who, found in drawn.items() if found == arm] for arm in "ab"}
    shop.buy(arms["a"][:10], NOW - 9 * DAY, 3_000)
    shop.buy(arms["b"][:40], NOW - 8 * DAY, 2_000)
    shop.buy(arms["a"][10:60], NOW - 4 * DAY)  # after the window
    shop.click(arms["a"][:25], NOW - 9 * DAY)
    row = looked(app, session, clock)[f"step/{shop.campaign.id}/t"]
    assert groups(row) == [("a", len(arms["a"]), 10, 30_000), ("b", len(arms["b"]), 40, 80_000)]
    assert row.figures["groups"][0]["clicked"] == 25
    by_orders, by_clicks = row.figures["conversion"], row.figures["click"]
    assert (by_orders["winner"], by_orders["leader"], by_clicks["leader"]) == ("b", "b", "a")
    assert by_orders["arms"][1]["chance"] > 0.99
    assert by_orders["gap_low"] > 0
    assert (row.figures["metric"], row.figures["winner"]) == ("conversion", None)


def test_it_is_looked_at_more_seldom_the_longer_it_runs_and_once_it_is_over_no_more(
    app: App, session: Session, clock: TurnableClock
) -> None:
    shop = Shop(app, session, holdout_percent=10, policy={"lift_days": 2})
    shop.enter(shop.people(150), NOW - 25 * DAY, percent=10)
    row = looked(app, session, clock)[f"campaign/{shop.campaign.id}"]
    assert row.due_at == NOW + 30 * DAY / 50
    clock.turn(EVERY)
    session.commit()
    assert measure(app, clock(), 10) == 0
    session.execute(update(Campaign).values(state="archived", updated_at=clock()))
    clock.turn(3 * DAY)
    row = looked(app, session, clock)[f"campaign/{shop.campaign.id}"]
    assert (row.ended_at, row.due_at) == (NOW + EVERY, None)
    clock.turn(300 * DAY)
    session.commit()
    assert measure(app, clock(), 10) == 0


def test_a_look_takes_as_many_statements_for_many_as_for_few(app: App, session: Session, clock: TurnableClock) -> None:
    shop = Shop(app, session, holdout_percent=20)
    counts = []
    statements: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    for size in (20, 800):
        people = shop.people(size)
        shop.enter(people, NOW - 10 * DAY, percent=20)
        shop.buy(people[::3], NOW - 9 * DAY)
        session.commit()
        statements.clear()
        assert measure(app, clock.turn(2 * DAY), 10) == 1
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_another_store_s_customers_are_nobody_s_business(app: App, session: Session, clock: TurnableClock) -> None:
    shop = Shop(app, session, holdout_percent=20)
    other = Shop(app, session, holdout_percent=20)
    other.customers = shop.customers
    shop.enter(shop.people(110), NOW - 5 * DAY, percent=20)
    other.enter(other.people(130), NOW - 5 * DAY, percent=20)
    found: dict[int, Any] = {row.store_id: row for row in looked(app, session, clock).values()}
    assert {i: sum(g["people"] for g in row.figures["groups"]) for i, row in found.items()} == {
        shop.store.id: 110,
        other.store.id: 130,
    }
