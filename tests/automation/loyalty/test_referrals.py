from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from automation.actions import loyalty
from automation.app import App
from automation.clock import TurnableClock
from automation.loyalty import referrals
from automation.loyalty.programme import Programme
from automation.models import Consent, Customer, Order, PointsEntry, Referral, Store
from automation.stages.settle import settle
from tests import make
from tests.conftest import NOW

DAY = timedelta(days=1)
RULES = Programme(is_on=True, referrer=300, friend=200, return_days=14, per_unit=0, friend_least=1000)


def invited(app: App, email: str = "ben@example.com", *, ip: str = "", agent: str = "", ada: Any = None) -> int:
    """Ada's store, and a friend who came by her invitation; the referral's id."""
    with app.db.write() as session:
        store = session.scalar(select(Store)) or make.store(session)
        loyalty.save_programme(session, store.id, RULES, NOW - DAY)
        giver = session.scalar(select(Customer).where(Customer.first_name == "Ada"))
        giver = giver or make.customer(session, store, **(ada or {}))
        referrals.code_for(session, giver)
        return referrals.invite(session, giver, email, NOW, ip=ip, agent=agent).id


def buys(app: App, clock: TurnableClock, *, friend: dict[str, Any] | None = None, **values: Any) -> int:
    """The friend's order, a minute later, settled; its id."""
    clock.turn(timedelta(minutes=1))
    with app.db.write() as session:
        store = session.scalars(select(Store)).one()
        ben = make.customer(session, store, "Ben", **(friend or {}))
        order = make.order(session, store, ben, clock(), **values)
        found = order.id
    settle(app, clock(), 10)
    return found


def seen(app: App, referral_id: int) -> tuple[str, list[str]]:
    with app.db.read() as session:
        row = session.get_one(Referral, referral_id)
        return row.state, row.signals


def points(app: App) -> list[int]:
    with app.db.read() as session:
        return list(session.scalars(select(PointsEntry.points).order_by(PointsEntry.points)))


def test_both_get_their_points_when_the_order_can_no_longer_be_sent_back(app: App, clock: TurnableClock) -> None:
    row = invited(app)
    buys(app, clock)
    clock.turn(14 * DAY - timedelta(seconds=1))
    settle(app, clock(), 10)
    assert (seen(app, row), points(app)) == (("pending", []), [])
    clock.turn(timedelta(seconds=1))
    settle(app, clock(), 10)
    settle(app, clock(), 10)
    assert (seen(app, row), points(app)) == (("approved", []), [200, 300])


@pytest.mark.parametrize("back", ["refunded", "cancelled"])
def test_an_order_that_goes_back_within_the_window_brings_nobody_points(
    app: App, clock: TurnableClock, back: str
) -> None:
    row = invited(app)
    order = buys(app, clock)
    clock.turn(13 * DAY)
    with app.db.write() as session:
        it = session.get_one(Order, order)
        it.is_unsettled = True
        if back == "refunded":
            it.refunded = it.total
        else:
            it.cancelled_at = clock()
    settle(app, clock(), 10)
    clock.turn(2 * DAY)
    settle(app, clock(), 10)
    assert (seen(app, row), points(app)) == (("rejected", ["sent_back"]), [])


@pytest.mark.parametrize(
    ("email", "signal"),
    [("ADA@example.com", "self"), ("ada+2@example.com", "same_mailbox")],
)
def test_nobody_is_their_own_friend(app: App, email: str, signal: str) -> None:
    assert seen(app, invited(app, email)) == ("rejected", [signal])


def test_dots_and_tags_lead_to_one_mailbox_at_gmail_alone() -> None:
    assert referrals.mailbox_of("a.d.a+x@googlemail.com") == "ada@gmail.com"
    assert referrals.mailbox_of("a.d.a+x@example.com") == "a.d.a@example.com"


@pytest.mark.parametrize(("agent", "signal"), [("Firefox", "same_device"), ("Safari", "same_network")])
def test_a_friend_at_the_customers_own_address_waits_for_a_person(app: App, agent: str, signal: str) -> None:
    invited(app, "first@example.com")
    with app.db.write() as session:
        line = session.scalars(select(Consent)).one()
        line.ip, line.agent = "203.0.113.7", "Firefox"
    assert seen(app, invited(app, ip="203.0.113.7", agent=agent)) == ("suspected", [signal])


def test_the_eleventh_friend_of_a_day_waits_for_a_person(app: App) -> None:
    rows = [invited(app, f"friend{n}@example.com") for n in range(11)]
    assert [seen(app, row) for row in rows[9:]] == [("pending", []), ("suspected", ["many"])]


def test_whoever_bought_before_is_no_new_friend(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.order(session, store, make.customer(session, store, "Ben"), NOW - DAY)
    assert seen(app, invited(app)) == ("rejected", ["not_new"])


def test_an_order_that_is_too_small_brings_nothing(app: App, clock: TurnableClock) -> None:
    row = invited(app)
    buys(app, clock, total=999)
    assert seen(app, row) == ("rejected", ["too_small"])


def test_one_home_is_a_doubt_that_a_person_can_take_away(app: App, clock: TurnableClock) -> None:
    home = {"postcode": "10115", "last_name": "Byron"}
    row = invited(app, ada=home)
    buys(app, clock, friend=home)
    assert seen(app, row) == ("suspected", ["same_home"])
    clock.turn(30 * DAY)
    settle(app, clock(), 10)
    assert points(app) == []
    with app.db.write() as session:
        loyalty.judge_referral(session, row, clock(), is_approved=True)
    assert (seen(app, row)[0], points(app)) == ("approved", [200, 300])


def test_the_same_address_answers_its_first_invitation_and_lapses_without_an_order(
    app: App, clock: TurnableClock
) -> None:
    row = invited(app)
    assert invited(app, "Ben@Example.com") == row
    clock.turn(referrals.OPEN)
    settle(app, clock(), 10)
    assert seen(app, row)[0] == "rejected"
