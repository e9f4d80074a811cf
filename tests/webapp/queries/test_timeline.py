from __future__ import annotations

from datetime import timedelta

import pytest

from automation.app import App
from automation.models import Decision, Event, MessageEvent
from automation.security import random_id
from tests import make
from tests.conftest import NOW
from tests.webapp.queries.test_campaigns import campaign, enrolment, sent, version
from tests.webapp.statements import counted
from webapp.moments import tell
from webapp.queries.timeline import GROUPS, PAGE, SOURCES, timeline

HOUR = timedelta(hours=1)


def a_life(app: App) -> int:
    """A customer with one moment of each kind, an hour apart."""
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, "Ada", consent=False)
        make.agree(session, ada, "granted", NOW - 9 * HOUR)
        session.add(Event(
            store_id=store.id, customer_id=ada.id, name="product.viewed", at=NOW - 8 * HOUR,
            properties={"title": "Blue teapot"}, recorded_at=NOW,
        ))  # fmt: skip
        teapot = make.product(session, store)
        make.cart(session, store, ada, NOW - 7 * HOUR, products=(teapot,))
        live = version(session, campaign(session, store))
        enrolment(
            session, live, ada, entered_at=NOW - 6 * HOUR, ended_at=NOW, state="exited",
            exit_reason="no order was placed since the cart was left",
        )  # fmt: skip
        mail = sent(session, ada, live, created_at=NOW - 6 * HOUR, accepted_at=NOW - 3 * HOUR)
        session.add_all([
            Decision(
                message_id=mail.id, customer_id=ada.id, campaign_id=live.campaign_id, outcome="defer",
                reason="quiet_hours", until=NOW - 4 * HOUR, at=NOW - 5 * HOUR,
                facts={"timezone": "Europe/Berlin", "from": "21:00", "until": "08:00", "local_time": "22:10"},
            ),
            MessageEvent(
                message_id=mail.id, type="click", at=NOW - 2 * HOUR, external_id=random_id(),
                url="https://wren.example.com/recover/c1", recorded_at=NOW,
            ),
        ])  # fmt: skip
        make.order(session, store, ada, NOW - HOUR, number="1001", refunded=500)
        return ada.id


def test_everything_that_happened_is_told_in_words_newest_first(app: App) -> None:
    customer_id = a_life(app)
    with app.db.read() as session, counted(app) as statements:
        page = timeline(session, customer_id, None, None)
    told = [tell(moment, "Europe/Berlin") for moment in page.rows]
    assert [(t.title, t.detail) for t in told] == [
        ("Left “Cart reminder”", "No order was placed since the cart was left."),
        ("Ordered #1001", "€25.90 · €5.00 refunded"),
        ("Clicked: “cart_reminder_1”", "https://wren.example.com/recover/c1"),
        ("Mail “cart_reminder_1” sent", ""),
        (
            "Decision on “cart_reminder_1”",
            "Not now: it is 22:10 there, and mails rest from 21:00 to 08:00 (Europe/Berlin); "
            "put off until Tue 10 Mar 09:00.",
        ),
        ("Entered “Cart reminder”", ""),
        ("Left a cart", "Teacup p1 · 1 piece · €12.95"),
        ("Looked at a product", "Blue teapot"),
        ("Agreed to marketing", "by a form"),
    ]
    assert len(statements) == len(SOURCES) == 8


@pytest.mark.parametrize("group", GROUPS)
def test_a_chip_shows_its_kinds_only(app: App, group: str) -> None:
    customer_id = a_life(app)
    with app.db.read() as session:
        page = timeline(session, customer_id, group, None)
    assert page.rows
    assert {moment.kind for moment in page.rows} <= set(GROUPS[group])


def test_pages_lose_nothing_also_when_all_happened_in_one_instant(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, "Ada", consent=False)
        for number in range(PAGE):
            session.add(Event(store_id=store.id, customer_id=ada.id, name=f"e{number}", at=NOW, recorded_at=NOW))
            make.order(session, store, ada, NOW, f"o{number}")
            make.cart(session, store, ada, NOW, f"c{number}")
    with app.db.read() as session:
        seen, after = [], None
        for _ in range(3):
            page = timeline(session, ada.id, None, after)
            seen += [(m.kind, m.id) for m in page.rows]
            after = page.next
    assert after is None
    assert len(seen) == len(set(seen)) == 3 * PAGE
