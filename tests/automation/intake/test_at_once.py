"""Two workers that change one customer at the same time lose nothing of what either knew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from automation import versions
from automation.app import App
from automation.changes import CustomerChanged
from automation.desk import BatchDesk
from automation.intake import record
from automation.models import Customer
from automation.step import Place
from tests import make
from tests.automation.intake.shop import ADA, Shop


def told(tag: str, **attributes: str) -> CustomerChanged:
    return CustomerChanged(external_id=ADA.external_id, email=ADA.email, tags_added=[tag], attributes=attributes)


def while_open(app: App, first: Callable[[Session], object], second: Callable[[], object]) -> None:
    """Do something and leave its transaction open until a second worker has come upon the customer."""
    reached = threading.Event()

    def hear(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if threading.current_thread() is worker and (" customers" in statement or "advisory" in statement):
            reached.set()

    worker = threading.Thread(target=second)
    event.listen(app.db.engine, "before_cursor_execute", hear)
    with app.db.write() as session:
        first(session)
        worker.start()
        # On SQLite it cannot even begin.
        assert reached.wait(0.1 if app.db.is_sqlite else 20) or app.db.is_sqlite
        time.sleep(0.2)
    worker.join(20)
    assert not worker.is_alive()


@pytest.fixture
def known(shop: Shop) -> Shop:
    """A shop whose customer is known already."""
    shop.tell(told("first", size="42"))
    return shop


def test_tags_and_attributes_from_two_webhooks_are_both_kept(known: Shop) -> None:
    def first(session: Session) -> None:
        record(session, known.connection, [told("gold", color="red")], known.app.clock())

    while_open(known.app, first, lambda: known.tell(told("new", shape="round")))
    row = known.one(Customer)
    assert sorted(row.tags) == ["first", "gold", "new"]
    assert row.attributes == {"size": "42", "color": "red", "shape": "round"}


@pytest.mark.parametrize("is_flow_first", [True, False])
def test_a_flow_and_a_webhook_keep_each_others_tags(known: Shop, app: App, is_flow_first: bool) -> None:
    who = known.one(Customer)
    with app.db.write() as session:
        campaign = make.campaign(app, session, known.store)
        assert campaign.live_version_id is not None
        version = versions.of_ids(app, session, [campaign.live_version_id])[campaign.live_version_id]

    def flow(session: Session) -> None:
        desk = BatchDesk(session, app.clock(), version)
        desk.tag(Place(1, who.id, "UTC", app.clock(), app.clock(), None), add=["left a cart"])
        desk.flush()

    def webhook(session: Session) -> None:
        record(session, known.connection, [told("gold")], app.clock())

    def alone(act: Callable[[Session], object]) -> None:
        with app.db.write() as session:
            act(session)

    first, second = (flow, webhook) if is_flow_first else (webhook, flow)
    while_open(app, first, lambda: alone(second))
    assert sorted(known.one(Customer).tags) == ["first", "gold", "left a cart"]
