"""The demo's readers use the links of real mails, and what they do comes back through the doors."""

from __future__ import annotations

from datetime import timedelta

import httpx
from sqlalchemy import select

from automation.actions import templates
from automation.app import App
from automation.demo.shop import shop_of
from automation.demo.storefront import Storefront
from automation.models import Customer, Message, MessageEvent, Order, Template
from automation.queue.beat import drain
from tests import make
from tests.conftest import NOW

HOUR = timedelta(hours=1)


def test_some_open_fewer_click_and_a_click_is_followed_by_an_order(stocked: App, doors: httpx.Client) -> None:
    with stocked.db.write() as session:
        found = shop_of(session)
        assert found is not None
        templates.install(stocked, session, found[0], NOW)
        mail = session.scalars(select(Template).where(Template.name == "newsletter")).one()
        people = session.scalars(select(Customer).where(Customer.email_key.is_not(None)).limit(40)).all()
        for customer in people:
            for _ in range(4):
                make.message(
                    session,
                    customer,
                    template_version_id=mail.latest_version_id,
                    state="accepted",
                    accepted_at=NOW,
                    decided_at=NOW,
                )
    front = Storefront(stocked, "http://shop.test", doors, "a seed")
    for quarter in range(16):
        since = NOW + quarter * HOUR / 4
        front.play(since, since + HOUR / 4, 0)
    drain(stocked)
    with stocked.db.read() as session:
        opened = session.scalars(select(Message.id).where(Message.opened_at.is_not(None))).all()
        clicked = session.scalars(select(Message.id).where(Message.clicked_at.is_not(None))).all()
        kinds = set(session.scalars(select(MessageEvent.type)))
        bought = session.scalars(select(Order.id).where(Order.recorded_at >= NOW, Order.placed_at > NOW)).all()
    assert 0 < len(clicked) < len(opened) < 160
    assert {"open", "click"} <= kinds
    assert bought


def test_nobody_reads_a_mail_twice(stocked: App, doors: httpx.Client) -> None:
    with stocked.db.write() as session:
        customer = session.scalars(select(Customer).where(Customer.email_key.is_not(None))).first()
        assert customer is not None
        make.message(session, customer, state="accepted", accepted_at=NOW, decided_at=NOW)
    front = Storefront(stocked, "http://shop.test", doors, "a seed")
    assert front._readers.read() is not None
    assert front._readers.read() == []
