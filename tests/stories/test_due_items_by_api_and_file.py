"""A payment falls due: told by the API or a file, reminded of, moved, paid. And a wedding day comes round."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from automation.actions import api_keys, campaigns, imports
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer, DueItem, Enrolment, Message, SpecialDate
from automation.queue.beat import drain
from tests import make
from tests.conftest import NOW
from tests.pages import open_pages

DAY = timedelta(days=1)


class Till:
    """A program that tells of due items, and the belt behind it."""

    def __init__(self, app: App, client: FlaskClient, clock: TurnableClock, recipe: str) -> None:
        self.app, self.client, self.clock = app, client, clock
        with app.db.write() as session:
            store = make.store(session, timezone="UTC", policy={"quiet_from": "00:00", "quiet_until": "00:00"})
            make.connection(app, session, store, "provider", "mailbox")
            self.store_id = store.id
            self.key = api_keys.make(
                app, session, store_id=store.id, name="till", scopes=("customers:write", "due_items:write"), now=NOW
            )[1]
            row = campaigns.create_from_recipe(app, session, store, recipe, NOW)
            campaigns.install_mails(app, session, row, NOW)
            campaigns.publish(app, session, row, NOW)

    def tell(self, collection: str, **item: Any) -> int:
        raw = orjson.dumps(item)
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.client.post(f"/api/v1/{collection}", data=raw, headers=headers).status_code

    def until(self, day: int) -> None:
        """Let the worker run to noon of a day from now."""
        while self.clock() < NOW + day * DAY:
            self.clock.turn(timedelta(hours=12))
            drain(self.app)

    def sent(self) -> list[int]:
        """On which days from now mails left."""
        with self.app.db.read() as session:
            found = session.scalars(select(Message.accepted_at).where(Message.accepted_at.is_not(None)))
            return sorted((at - NOW + timedelta(hours=12)) // DAY for at in found if at)


@pytest.fixture
def till(app: App, clock: TurnableClock) -> Any:
    flask = open_pages(app)
    yield lambda recipe: Till(app, flask.test_client(), clock, recipe)
    flask.extensions["cartwheel.writer"].close()
    flask.extensions["cartwheel.reception"].close()


ITEM = {"kind": "payment", "external_id": "r-1", "person": {"email": "ada@example.com"}, "title": "Invoice 1"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_moving_the_date_moves_the_mails_and_paying_ends_them(till: Any, app: App) -> None:
    shop = till("payment_reminder")
    assert shop.tell("due_items", **ITEM, due_at=(NOW + 5 * DAY).isoformat()) == 200
    shop.until(1)
    assert shop.tell("due_items", **ITEM, due_at=(NOW + 8 * DAY).isoformat()) == 200
    shop.until(4)
    assert shop.sent() == []
    shop.until(6)
    assert shop.sent() == [5]
    done = {"due_at": (NOW + 8 * DAY).isoformat(), "done_at": (NOW + 6 * DAY).isoformat()}
    assert shop.tell("due_items", **ITEM, **done) == 200
    shop.until(10)
    assert shop.sent() == [5]
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.key)).all() != []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_tells_of_them_as_well_and_a_refused_request_changes_nothing(
    till: Any, app: App, tmp_path: Path
) -> None:
    shop = till("payment_reminder")
    path = tmp_path / "dues.csv"
    path.write_text("email,kind,reference,due date\nada@example.com,payment,r-1,2026-03-14\n")
    with app.db.write() as session:
        row = imports.upload(
            app, session, store_id=shop.store_id, kind="due_items", path=path, filename="dues.csv", now=NOW
        )
        imports.start(session, row, NOW)
    drain(app)
    assert shop.tell("due_items", **ITEM, due_at="soon") == 422
    assert shop.tell("due_items", kind="payment", due_at=NOW.isoformat()) == 422
    assert shop.tell("orders", external_id="o", currency="EUR", total=1, placed_at=NOW.isoformat()) == 403
    with app.db.read() as session:
        assert [(i.external_id, i.title) for i in session.scalars(select(DueItem))] == [("r-1", "")]
    shop.until(5)
    assert shop.sent() == [1, 4]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_special_date_is_told_changed_and_taken_away(till: Any, app: App) -> None:
    shop = till("special_date")

    def dates() -> list[tuple[str, int | None, int, int]]:
        with app.db.read() as session:
            return [(d.name, d.year, d.month, d.day) for d in session.scalars(select(SpecialDate))]

    who = {"email": "ada@example.com"}
    assert shop.tell("customers", **who, special_dates={"wedding": "2015-06-01"}) == 200
    assert dates() == [("wedding", 2015, 6, 1)]
    assert shop.tell("customers", **who, special_dates={"wedding": "02-29", "pet_day": "04-05"}) == 200
    assert sorted(dates()) == [("pet_day", None, 4, 5), ("wedding", None, 2, 29)]
    for wrong in ("2015-02-29", "1.6.2015", "06-31"):
        assert shop.tell("customers", **who, special_dates={"wedding": wrong}) == 422
    assert shop.tell("customers", **who, special_dates={"Wedding Day": "06-01"}) == 422
    assert shop.tell("customers", **who, special_dates={"wedding": None}) == 200
    assert dates() == [("pet_day", None, 4, 5)]
    with app.db.read() as session:
        assert len(session.scalars(select(Customer)).all()) == 1
