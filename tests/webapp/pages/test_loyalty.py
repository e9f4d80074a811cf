"""The loyalty programme, as a manager uses it: rules, rewards, members, referrals; and how errors show."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from automation.actions.offers import save
from automation.app import App
from automation.loyalty import ledger, programme, rewards
from automation.models import AuditEntry, Customer, PointsEntry, Redemption, Referral, Reward, Store
from automation.offers.terms import Terms
from tests import make
from tests.automation.loyalty.test_ledger import line
from tests.conftest import NOW
from tests.webapp.visitors import Visitor, logged_in
from webapp.queries.loyalty import PAGE

# What is written is tested on both databases in tests/automation; these are about the pages.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

RULES: dict[str, Any] = {
    "is_on": "on", "per_unit": "2.5", "basis": "goods", "sign_up": "50", "birthday": "100", "expire_days": "365",
    "events": "review.left: 50: product: For your review", "window_days": "365", "grace_days": "30", "referrer": "200",
    "tiers": "Silver: 100.00\nGold: 500.00: 1.5: Free delivery", "friend": "0", "friend_offer": "",
    "friend_least": "20.00", "return_days": "14", "owe": "on", "other_currencies": "usd: 2.7",
}  # fmt: skip


def rules(app: App) -> programme.Programme:
    with app.db.read() as session:
        return programme.of(session.scalars(select(Store)).one())


@pytest.fixture
def ada(app: App, owner: Visitor, store: Store) -> Customer:
    """A member with 300 points, of a programme that is on."""
    assert owner.post("/loyalty/settings", RULES).status_code == 303
    with app.db.write() as session:
        row = make.customer(session, store)
        ledger.add(session, [line(row, 300, "a", reason="Your order")], NOW)
        return row


def test_the_rules_are_set_and_shown_as_they_were_typed(app: App, owner: Visitor) -> None:
    assert "The programme is off" in owner.get("/loyalty/").text
    assert owner.post("/loyalty/settings", RULES).status_code == 303
    found = rules(app)
    assert (found.is_on, str(found.per_unit), found.friend_least, found.started_at) == (True, "2.5", 2000, NOW)
    assert [(t.name, t.spend, str(t.factor), t.perks) for t in found.tiers] == [
        ("Silver", 10000, "1", ""),
        ("Gold", 50000, "1.5", "Free delivery"),
    ]
    assert [(e.event, e.points, e.each, e.words) for e in found.events] == [
        ("review.left", 50, "product", "For your review")
    ]
    assert {code: str(rate) for code, rate in found.other_currencies.items()} == {"USD": "2.7"}
    page = owner.get("/loyalty/settings").text
    for shown in ("Gold: 500.00: 1.5: Free delivery", "USD: 2.7", 'value="20.00"', "review.left: 50: product"):
        assert shown in page
    page = owner.get("/loyalty/").text
    assert "Free delivery" in page
    assert "No rewards yet" in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tiers": "Gold: 500\nSilver: 100"}, "Each takes more spend than the one before it"),
        ({"tiers": "Silver: 100\nGold: many"}, "Line 2: a number is missing, or is none."),
        ({"events": "review.left"}, "Line 1: a number is missing, or is none."),
        ({"events": "review.left: 5: week"}, "Line 1:"),
        ({"other_currencies": "dollars: 2"}, "String should match"),
        ({"friend_least": "x"}, "is not an amount"),
        ({"per_unit": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_is_wrong_with_the_rules_is_said_in_place(
    app: App, owner: Visitor, wrong: dict[str, str], said: str
) -> None:
    answer = owner.post("/loyalty/settings", {**RULES, **wrong})
    assert answer.status_code == 422
    assert said in answer.text
    assert "review.left" in answer.text
    assert not rules(app).is_on


def test_a_balance_is_put_right_by_a_line_with_a_reason(app: App, owner: Visitor, ada: Customer) -> None:
    path = f"/loyalty/members/{ada.public_id}"
    assert f'href="{path}"' in owner.get(f"/customers/{ada.public_id}").text
    assert "Your order" in owner.get(path).text
    assert "300" in owner.get("/loyalty/members").text
    assert "Nobody found" in owner.get("/loyalty/members?q=zoe").text
    assert "ada@example.com" in owner.get("/loyalty/members?q=AD").text
    for wrong, said in (
        ({"points": "50", "reason": ""}, "This is needed."),
        ({"points": "-400", "reason": "oops"}, "The customer has 300 points: more cannot be taken."),
        ({"points": "0", "reason": "oops"}, "points can be given or taken at once"),
    ):
        answer = owner.post(f"{path}/adjust", wrong)
        assert answer.status_code == 422
        assert said in answer.text
    assert owner.post(f"{path}/adjust", {"points": "-50", "reason": "Told twice"}).status_code == 303
    page = owner.get(path).text
    assert "Told twice" in page
    assert "250" in page
    with app.db.read() as session:
        added = session.scalars(select(PointsEntry).where(PointsEntry.kind == "adjust")).one()
        assert (added.points, added.reason) == (-50, "Told twice")
        assert session.scalars(select(AuditEntry).where(AuditEntry.action == "points.adjusted")).one().admin_id


def test_many_members_come_page_by_page(app: App, owner: Visitor, store: Store, ada: Customer) -> None:
    with app.db.write() as session:
        for number in range(60):
            ledger.add(session, [line(make.customer(session, store, f"M{number}"), 1 + number % 3)], NOW)
    first = owner.get("/loyalty/members").text
    after = first.split("after=")[1].split('"')[0]
    second = owner.get(f"/loyalty/members?after={after}").text
    names = [f"m{number}@example.com" for number in range(60)]
    assert "ada@example.com" in first
    assert all((name in first) != (name in second) for name in names)
    assert "Next page" not in second
    assert owner.get("/loyalty/members?after=x.y").status_code == 200


def test_rewards_are_made_taken_and_seen_to(app: App, owner: Visitor, store: Store, ada: Customer) -> None:
    with app.db.write() as session:
        terms = Terms(name="five", label="5 € off", kind="amount", value=500, supply="shared", shared_code="FIVE")
        offer = save(app, session, store.id, terms, NOW).public_id
    assert "5 € off" in owner.get("/loyalty/rewards/new").text
    answer = owner.post("/loyalty/rewards/", {"name": "Tea", "points": "100", "offer": "", "note": ""})
    assert answer.status_code == 422
    assert "A reward is an offer" in answer.text
    given = {"points": "100", "least_rank": "0", "is_active": "on"}
    owner.post("/loyalty/rewards/", {"name": "Tea", "offer": "", "note": "In your next parcel", **given})
    owner.post("/loyalty/rewards/", {"name": "Off", "offer": offer, "note": "", **given, "least_rank": "2"})
    page = owner.get("/loyalty/").text
    assert "Gold and above" in page
    with app.db.write() as session:
        tea = session.scalars(select(Reward).where(Reward.name == "Tea")).one()
        rewards.redeem(session, session.get_one(Customer, ada.id), tea, "k" * 10, NOW)
        number, path = session.scalars(select(Redemption.id)).one(), f"/loyalty/rewards/{tea.public_id}"
    page = owner.get("/loyalty/").text
    assert "To be seen to" in page
    assert "In your next parcel" in page
    assert owner.post(f"/loyalty/redemptions/{number}/done").status_code == 303
    assert "To be seen to" not in owner.get("/loyalty/").text
    assert 'value="100"' in owner.get(path).text
    owner.post(path, {"name": "Green tea", "points": "120", "note": "In your parcel", "least_rank": "0"})
    with app.db.read() as session:
        tea = session.scalars(select(Reward).where(Reward.points == 120)).one()
        assert (tea.name, tea.is_active) == ("Green tea", False)
    assert "Put away" in owner.get("/loyalty/").text


def test_referrals_in_doubt_get_a_persons_word(app: App, owner: Visitor, store: Store, ada: Customer) -> None:
    assert "Nobody was brought yet" in owner.get("/loyalty/referrals/").text
    with app.db.write() as session:
        order = make.order(session, store, make.customer(session, store, "Eve"), NOW)
        for name, signals, order_id in (("eve", ["same_network"], order.id), ("bob", ["many"], None)):
            session.add(
                Referral(
                    store_id=store.id, referrer_id=ada.id, friend_key=f"{name}@example.com", state="suspected",
                    signals=signals, order_id=order_id, created_at=NOW - timedelta(days=1),
                )
            )  # fmt: skip
        session.flush()
        eve, bob = session.scalars(select(Referral.id).order_by(Referral.id)).all()
    page = owner.get("/loyalty/referrals/?state=suspected").text
    assert "Both were seen at the same network address" in page
    assert owner.post(f"/loyalty/referrals/{eve}/approve").status_code == 303
    assert owner.post(f"/loyalty/referrals/{bob}/reject").status_code == 303
    with app.db.read() as session:
        assert list(session.scalars(select(Referral.state).order_by(Referral.id))) == ["approved", "rejected"]
        assert session.scalars(select(PointsEntry).where(PointsEntry.points == 200)).one().customer_id == ada.id
    assert "None of these" in owner.get("/loyalty/referrals/?state=suspected").text
    assert owner.get("/loyalty/referrals/?state=x").status_code == 404


def test_referrals_come_page_by_page_those_in_doubt_first(
    app: App, owner: Visitor, store: Store, ada: Customer
) -> None:
    with app.db.write() as session:
        for number in range(PAGE + 3):
            session.add(
                Referral(
                    store_id=store.id, referrer_id=ada.id, friend_key=f"f{number:03}@example.com", signals=[],
                    state="suspected" if number == 0 else "approved", created_at=NOW,
                )
            )  # fmt: skip
    first = owner.get("/loyalty/referrals/").text
    assert first.index("f000@") < first.index("f052@") < first.index("f004@")
    assert "f003@" not in first
    following = re.search(r'href="(/loyalty/referrals/\?[^"]*after[^"]*)"', first)
    assert following is not None
    second = owner.get(unescape(following[1])).text
    assert [name for name in ("f003@", "f002@", "f001@", "f000@", "f004@") if name in second] == [
        "f003@",
        "f002@",
        "f001@",
    ]
    assert "after=" not in second


def test_who_may_only_look_can_change_nothing(site: Flask, app: App, owner: Visitor, ada: Customer) -> None:
    viewer = logged_in(site, app, "viewer")
    assert "Put it right" not in viewer.get(f"/loyalty/members/{ada.public_id}").text
    assert "New reward" not in viewer.get("/loyalty/").text
    for refused in (
        viewer.get("/loyalty/settings"),
        viewer.get("/loyalty/rewards/new"),
        viewer.post("/loyalty/settings", RULES),
        viewer.post("/loyalty/rewards/", {"name": "Tea", "points": "1", "note": "x"}),
        viewer.post(f"/loyalty/members/{ada.public_id}/adjust", {"points": "5", "reason": "me"}),
        viewer.post("/loyalty/referrals/1/approve"),
        viewer.post("/loyalty/redemptions/1/done"),
    ):
        assert refused.status_code == 403
    with app.db.read() as session:
        assert len(session.scalars(select(PointsEntry)).all()) == 1
