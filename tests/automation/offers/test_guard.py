"""Who goes without an offer: by the rule alone, and as `reserve` sees customers, their runs and their carts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Customer, Offer, OfferCode, Store
from automation.offers.guard import Basket, Refusal, Seen, discount, refusal
from automation.offers.holding import Claim, Held, find, reserve
from automation.offers.terms import Guard
from tests import make
from tests.automation.offers.test_holding import offer
from tests.conftest import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "value", "basket", "least", "left"),
    [
        ("percent", 10, Basket(10_000, 7_000, "EUR"), 22, None),
        ("percent", 10, Basket(10_000, 7_000, "EUR"), 23, 22.2),
        ("amount", 2_000, Basket(10_000, 7_000, "EUR"), 12, None),
        ("amount", 2_000, Basket(10_000, 7_000, "EUR"), 13, 12.5),
        ("amount", 20_000, Basket(10_000, 0, "EUR"), 1, -100.0),
        ("shipping", 0, Basket(10_000, 7_000, "EUR"), 30, None),
        ("percent", 10, Basket(10_000, None, "EUR"), 99, None),
        ("amount", 2_000, Basket(10_000, 7_000, "USD"), 99, None),
        ("percent", 90, None, 99, None),
    ],
)
def test_the_margin_that_a_discount_leaves_is_judged_where_it_is_known(
    kind: str, value: int, basket: Basket | None, least: int, left: float | None
) -> None:
    found = refusal(Guard(least_margin=least), kind, value, "EUR", Seen(basket=basket))
    assert found == (None if left is None else Refusal("margin", {"left_percent": left, "least_percent": least}))


def test_a_discount_never_takes_more_than_there_is() -> None:
    assert [discount("amount", 500, 300), discount("percent", 15, 999), discount("shipping", 0, 999)] == [300, 149, 0]


def test_a_guard_that_is_turned_off_refuses_nobody() -> None:
    seen = Seen(recent=50, bought_back=50, is_about_cart=True, basket=Basket(100, 100, "EUR"))
    assert refusal(Guard(most=0, serial_after=0), "percent", 10, "EUR", seen) is None


def ask(session: Session, name: str, who: Customer, about: dict[str, Any], at: Any = NOW) -> str:
    """What a run gets from the store's offer of that name: `code`, or the reason why not."""
    holder = f"enrolment:{about['enrolment_id']}"
    row = find(session, who.store_id, name)
    got = reserve(session, row, who.store_id, [Claim(holder, who.id, about["enrolment_id"])], at)[holder]
    return "code" if isinstance(got, Held) else got.reason


def test_a_customer_gets_so_many_offers_in_a_period_and_then_again(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        offer(app, session, store, codes=9, guard={"most": 2, "period_days": 30})
        offer(app, session, store, codes=9, name="other", guard={"most": 2, "period_days": 30})
        runs = [make.about(session, ada, "date_anniversary", ada.id, key=str(n)) for n in range(4)]
        assert ask(session, "ten", ada, runs[0]) == "code"
        assert ask(session, "other", ada, runs[1], NOW + DAY) == "code"
        assert ask(session, "ten", ada, runs[2], NOW + 2 * DAY) == "too_many"
        # The same run keeps what it has, whatever the guard says by now.
        assert ask(session, "ten", ada, runs[0], NOW + 2 * DAY) == "code"
        assert ask(session, "ten", ada, runs[3], NOW + 30 * DAY) == "code"


def test_two_runs_of_one_batch_share_what_the_guard_allows(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        ten = offer(app, session, store, codes=9)
        runs = [make.about(session, ada, "date_anniversary", ada.id, key=str(n))["enrolment_id"] for n in range(3)]
        got = reserve(session, ten, store.id, [Claim(f"enrolment:{n}", ada.id, n) for n in runs], NOW)
        assert sorted(type(g).__name__ for g in got.values()) == ["Held", "Refusal", "Refusal"]


def bought_back(session: Session, store: Store, who: Customer, number: int, at: Any, kind: str) -> None:
    """A code that a run brought, and that the customer then used."""
    about = make.about(session, who, kind, number, key=f"old{number}")
    key = f"OLD{number}"
    session.add(
        OfferCode(
            store_id=store.id,
            offer_id=session.scalar(select(Offer.id)),
            code=key,
            code_key=key,
            state="redeemed",
            customer_id=who.id,
            enrolment_id=about["enrolment_id"],
            issued_at=at,
            redeemed_at=at,
            created_at=at,
        )
    )
    session.flush()


@pytest.mark.parametrize(
    ("kind", "ago", "asked", "answer"),
    [
        ("cart_abandoned", 100 * DAY, "cart_abandoned", "serial_abandoner"),
        ("cart_abandoned", 366 * DAY, "cart_abandoned", "code"),
        ("date_anniversary", 100 * DAY, "cart_abandoned", "code"),
        ("cart_abandoned", 100 * DAY, "date_anniversary", "code"),
    ],
    ids=["twice within a year", "long ago", "codes of birthdays", "an offer for no cart"],
)
def test_whoever_leaves_carts_to_be_paid_for_coming_back_gets_no_more(
    app: App, kind: str, ago: timedelta, asked: str, answer: str
) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        offer(app, session, store)
        for number in (1, 2):
            bought_back(session, store, ada, number, NOW - ago, kind)
        cart = make.cart(session, store, ada, NOW)
        assert ask(session, "ten", ada, make.about(session, ada, asked, cart.id)) == answer


@pytest.mark.parametrize(("least", "answer"), [(14, "code"), (15, "margin")])
def test_the_cart_itself_says_what_margin_is_left(app: App, least: int, answer: str) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        offer(app, session, store, guard={"least_margin": least})
        cup, tray = (make.product(session, store, name, price=1000, cost=770) for name in ("cup", "tray"))
        cart = make.cart(session, store, ada, NOW, products=(cup, tray))
        assert ask(session, "ten", ada, make.about(session, ada, "cart_abandoned", cart.id)) == answer


def test_one_unknown_cost_leaves_the_margin_unjudged(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        offer(app, session, store, guard={"least_margin": 90})
        goods = (make.product(session, store, "cup", price=1000, cost=990), make.product(session, store, "tray"))
        cart = make.cart(session, store, ada, NOW, products=goods)
        assert ask(session, "ten", ada, make.about(session, ada, "cart_abandoned", cart.id)) == "code"


def test_an_erased_customer_gets_none(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, erased_at=NOW)
        offer(app, session, store)
        assert ask(session, "ten", ada, make.about(session, ada, "date_anniversary", ada.id)) == "erased"
