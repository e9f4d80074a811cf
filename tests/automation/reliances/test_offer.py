"""A mail that shows a code goes only while the code is good: before it is made ready, and again before it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import reasons
from automation.actions import offers
from automation.app import App
from automation.models import Decision, Message, Offer, OfferCode, Store
from automation.offers.holding import Claim, Held, reserve
from automation.stages.decide import decide
from automation.stages.deliver import deliver
from automation.stages.settle import settle
from tests import make
from tests.automation.offers.test_holding import offer
from tests.automation.rendering.named import message
from tests.automation.stages.outbox import states
from tests.conftest import NOW
from tests.fakes import Post, scripted

HOUR = timedelta(hours=1)


@pytest.fixture
def post(app: App) -> tuple[App, Post]:
    """(app, post) with a scripted provider of class B."""
    return scripted(app, "B")


@dataclass
class Run:
    """A run that holds a code, and its mail."""

    store_id: int
    customer_id: int
    code: Held


def run(app: App, session: Session, *names: str, **terms: Any) -> Run:
    store = make.store(session)
    make.connection(app, session, store, "provider", "scripted")
    ada = make.customer(session, store, birthday_month=3, birthday_day=10)
    origin = make.about(session, ada, "date_anniversary", ada.id)
    ten = offer(app, session, store, **terms)
    holder = f"enrolment:{origin['enrolment_id']}"
    held = reserve(session, ten, store.id, [Claim(holder, ada.id, origin["enrolment_id"])], NOW)[holder]
    assert isinstance(held, Held)
    message(session, ada, *names, **origin)
    return Run(store.id, ada.id, held)


def _used(app: App, it: Run) -> None:
    with app.db.write() as session:
        store = session.get_one(Store, it.store_id)
        make.order(session, store, None, NOW, codes=[it.code.code])
    settle(app, NOW, 10)


def _withdrawn(app: App, it: Run) -> None:
    with app.db.write() as session:
        offers.withdraw(session, session.scalars(select(Offer).where(Offer.store_id == it.store_id)).one(), NOW)


def _over(app: App, it: Run) -> None:
    with app.db.write() as session:
        session.get_one(OfferCode, it.code.code_id).expires_at = NOW + HOUR


CASES = {
    "its code has not been used": _used,
    "its offer was not withdrawn": _withdrawn,
    "its code is still good": _over,
}


def said(app: App) -> str:
    """The last verdict in words."""
    with app.db.read() as session:
        last = session.scalars(select(Decision).order_by(Decision.id.desc())).first()
    assert last is not None
    return reasons.verdict(last.outcome, last.reason, last.facts)


@pytest.mark.parametrize(("condition", "happen"), CASES.items(), ids=list(CASES))
def test_a_mail_whose_code_went_bad_before_it_was_decided_on_is_dropped(
    post: tuple[App, Post], condition: str, happen: Callable[[App, Run], None]
) -> None:
    app, world = post
    with app.db.write() as session:
        it = run(app, session, "customer", "offer")
    happen(app, it)
    decide(app, NOW + HOUR, 10)
    assert states(app) == [("dropped", "no_longer_true")]
    assert said(app) == f"Not sent: it no longer holds that {condition}."
    assert deliver(app, NOW + HOUR, 10) == 0
    assert world.recipients == []


@pytest.mark.parametrize(("condition", "happen"), CASES.items(), ids=list(CASES))
def test_a_ready_mail_whose_code_went_bad_while_it_waited_does_not_leave(
    post: tuple[App, Post], condition: str, happen: Callable[[App, Run], None]
) -> None:
    app, world = post
    with app.db.write() as session:
        it = run(app, session, "customer", "offer")
    decide(app, NOW, 10)
    assert states(app) == [("ready", "go")]
    happen(app, it)
    deliver(app, NOW + HOUR, 10)
    assert (world.recipients, states(app)) == ([], [("dropped", "no_longer_true")])
    assert said(app) == f"Not sent: it no longer holds that {condition}."


def test_a_mail_with_a_good_code_or_without_any_leaves(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        run(app, session, "customer", "offer")
        bob = make.customer(session, session.scalars(select(Store)).one(), "Bob")
        message(session, bob, "customer", "offer")
    decide(app, NOW, 10)
    deliver(app, NOW + HOUR, 10)
    assert sorted(world.recipients) == ["ada@example.com", "bob@example.com"]


def test_a_mail_of_the_run_that_shows_no_code_leaves_whatever_became_of_it(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        it = run(app, session, "customer")
    _withdrawn(app, it)
    decide(app, NOW, 10)
    deliver(app, NOW, 10)
    assert world.recipients == ["ada@example.com"]
    with app.db.read() as session:
        assert session.scalars(select(Message.state)).all() == ["accepted"]
